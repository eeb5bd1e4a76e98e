// CRC-32C (Castagnoli) over one buffer or a run of pieces. Native code for whole payloads, an own
// slice-by-8 for short runs (faster below 200 bytes) and where the native package has no binary.
// Both give the same number for the same bytes, however the bytes are cut.

import { createRequire } from 'node:module'
import type { Chunks } from './chunks.ts'

type Checksum = (bytes: Uint8Array, previous: number) => number

/** Below this many bytes the call into native code costs more than it saves. */
const nativeFromBytes = 200

/** The native implementation; `undefined` where the platform has no binary of it. */
export const nativeCrc32c: Checksum | undefined = loadNative()

function loadNative(): Checksum | undefined {
  try {
    const native = createRequire(import.meta.url)('@node-rs/crc32') as { crc32c: Checksum }
    return native.crc32c(new Uint8Array([0x61]), 0) === 0xc1d04330 ? native.crc32c : undefined
  } catch {
    return undefined
  }
}

/** Eight tables of 256: table k advances a byte through k further zero bytes. */
const tables = makeTables()

function makeTables(): Uint32Array {
  const polynomial = 0x82f63b78
  const made = new Uint32Array(8 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1
    made[byte] = value
  }
  for (let index = 256; index < made.length; index++) {
    const before = made[index - 256]!
    made[index] = (before >>> 8) ^ made[before & 0xff]!
  }
  return made
}

export function softwareCrc32c(bytes: Uint8Array, previous = 0): number {
  let crc = ~previous
  let position = 0
  for (const end = bytes.length - 7; position < end; position += 8) {
    const low =
      crc ^
      (bytes[position]! |
        (bytes[position + 1]! << 8) |
        (bytes[position + 2]! << 16) |
        (bytes[position + 3]! << 24))
    crc =
      tables[0x700 + (low & 0xff)]! ^
      tables[0x600 + ((low >>> 8) & 0xff)]! ^
      tables[0x500 + ((low >>> 16) & 0xff)]! ^
      tables[0x400 + (low >>> 24)]! ^
      tables[0x300 + bytes[position + 4]!]! ^
      tables[0x200 + bytes[position + 5]!]! ^
      tables[0x100 + bytes[position + 6]!]! ^
      tables[bytes[position + 7]!]!
  }
  for (; position < bytes.length; position++) {
    crc = (crc >>> 8) ^ tables[(crc ^ bytes[position]!) & 0xff]!
  }
  return ~crc >>> 0
}

/** `previous` is the CRC of the bytes before these: chaining equals hashing the whole. */
export function crc32c(bytes: Uint8Array | Chunks, previous = 0): number {
  if (bytes instanceof Uint8Array) return one(bytes, previous)
  let crc = previous
  for (const piece of bytes.pieces) crc = one(piece, crc)
  return crc
}

function one(bytes: Uint8Array, previous: number): number {
  if (nativeCrc32c === undefined || bytes.length < nativeFromBytes) {
    return softwareCrc32c(bytes, previous)
  }
  return nativeCrc32c(bytes, previous)
}
