// Randomness by key: the n-th value for a purpose is a hash of (seed, purpose, n). A pure function
// of its inputs, it needs no host and is the same on every machine; it is not for secrets.
import type { Random } from './host.ts'

/** Two 32-bit halves of a purpose's hash and how many values it has given. */
interface Stream {
  readonly high: number
  readonly low: number
  count: number
}

/** Purposes must come from a bounded set (no request ids in them): each keeps a counter here. */
export function keyedRandom(seed: string): Random {
  const streams = new Map<string, Stream>()
  const streamOf = (purpose: string): Stream => {
    let stream = streams.get(purpose)
    if (stream === undefined) {
      // The length keeps ('a', 'bc') apart from ('ab', 'c').
      stream = { ...hashText(`${seed.length}:${seed}${purpose}`), count: 0 }
      streams.set(purpose, stream)
    }
    return stream
  }
  return {
    integer(purpose, bound) {
      if (!Number.isSafeInteger(bound) || bound < 1) {
        throw new RangeError(`bound must be a safe integer of 1 or more, not ${bound}`)
      }
      const stream = streamOf(purpose)
      const count = stream.count
      stream.count += 1
      return Math.floor(fraction(stream, count) * bound)
    },
  }
}

/** A multiple of 2^-53 in [0, 1); times a safe integer it never rounds up to that integer. */
function fraction(stream: Stream, count: number): number {
  const lowCount = count >>> 0
  const highCount = Math.floor(count / 0x1_0000_0000)
  const first = mix(stream.low ^ mix((lowCount + 0x9e37_79b9) ^ highCount))
  const second = mix(stream.high ^ mix((lowCount ^ 0x85eb_ca6b) + first))
  return ((first >>> 11) * 0x1_0000_0000 + second) / 0x20_0000_0000_0000
}

/** Two FNV-like lanes over UTF-16 units, each finished by a full mixer. */
function hashText(text: string): { high: number; low: number } {
  let high = 0x811c_9dc5
  let low = 0x1234_5679
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i)
    high = Math.imul(high ^ unit, 0x0100_0193)
    low = Math.imul((low << 5) ^ (low >>> 27) ^ unit, 0x9e37_79b1)
  }
  return { high: mix(high ^ low), low: mix(low + text.length) }
}

/** MurmurHash3's 32-bit finisher: each input bit changes each output bit with probability ~1/2. */
function mix(value: number): number {
  let hash = value >>> 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
