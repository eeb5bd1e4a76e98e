// Which partition a key belongs to: Kafka's murmur2 over the key bytes, so that a producer of Kafka
// and one of quorate put the same key into the same partition. Records without a key are the
// producer's business: it stays with one partition per batch.

import { utf8Bytes } from './utf8.ts'

const seed = 0x9747b28c
const multiplier = 0x5bd1e995

/** Kafka's `Utils.murmur2`, as a signed 32-bit integer. */
export function murmur2(bytes: Uint8Array): number {
  const { length } = bytes
  let hash = seed ^ length
  const whole = length & ~3
  for (let position = 0; position < whole; position += 4) {
    let word =
      bytes[position]! |
      (bytes[position + 1]! << 8) |
      (bytes[position + 2]! << 16) |
      (bytes[position + 3]! << 24)
    word = Math.imul(word, multiplier)
    word ^= word >>> 24
    hash = Math.imul(hash, multiplier) ^ Math.imul(word, multiplier)
  }
  const rest = length - whole
  if (rest === 3) hash ^= bytes[whole + 2]! << 16
  if (rest >= 2) hash ^= bytes[whole + 1]! << 8
  if (rest >= 1) hash = Math.imul(hash ^ bytes[whole]!, multiplier)
  hash ^= hash >>> 13
  hash = Math.imul(hash, multiplier)
  return hash ^ (hash >>> 15)
}

/** `partitions` is at least 1. Strings are hashed as UTF-8. */
export function partitionForKey(key: Uint8Array | string, partitions: number): number {
  const bytes = typeof key === 'string' ? utf8Bytes(key) : key
  return (murmur2(bytes) & 0x7fff_ffff) % partitions
}
