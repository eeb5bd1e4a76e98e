// Random bytes, cuts, records and damage for property tests, and the assertion that a decoder is
// total: it decodes or throws a QuorateError, whatever it is given.
import fc from 'fast-check'
import type { BatchFields, Chunks, RecordInput } from '../src/index.ts'
import { chunksOf, QuorateError } from '../src/index.ts'

export const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ maxLength, size: 'max' })

/** The same bytes as pieces, cut at the given places; pieces may be empty. */
export function cutAt(whole: Uint8Array, places: readonly number[]): Chunks {
  const sorted = places.map((place) => place % (whole.length + 1)).sort((a, b) => a - b)
  const pieces: Uint8Array[] = []
  let from = 0
  for (const place of [...sorted, whole.length]) {
    pieces.push(whole.subarray(from, place))
    from = place
  }
  return chunksOf(...pieces)
}

export const cuts: fc.Arbitrary<number[]> = fc.array(fc.nat(), { maxLength: 6, size: 'max' })

const nullable = (maxLength: number): fc.Arbitrary<Uint8Array | null> =>
  fc.option(bytes(maxLength), { nil: null })

export const record: fc.Arbitrary<RecordInput> = fc.record({
  key: nullable(20),
  value: nullable(300),
  timestampMs: fc.oneof(
    fc.integer({ min: 1_700_000_000_000, max: 1_700_000_010_000 }),
    fc.integer({ min: 0, max: 8.64e15 }),
  ),
  headers: fc.array(fc.record({ key: fc.string({ unit: 'grapheme' }), value: nullable(20) }), {
    maxLength: 3,
  }),
})

export const records: fc.Arbitrary<RecordInput[]> = fc.array(record, { minLength: 1, maxLength: 8 })

export const fields: fc.Arbitrary<BatchFields> = fc.oneof(
  fc.constant({ producerId: -1, producerEpoch: -1, baseSequence: -1 }),
  fc.record({
    producerId: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
    producerEpoch: fc.nat({ max: 0x7fff }),
    baseSequence: fc.nat({ max: 0x7fff_ffff }),
  }),
)

/** Overwrites, cuts off and appends: what a broken sender or a broken disk does. */
export interface Damage {
  readonly overwrite: readonly (readonly [place: number, byte: number])[]
  readonly cutOff: number
  readonly append: Uint8Array
}

export const damage: fc.Arbitrary<Damage> = fc.record({
  overwrite: fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 }),
  cutOff: fc.oneof(fc.constant(0), fc.nat({ max: 80 })),
  append: fc.oneof(fc.constant(new Uint8Array(0)), bytes(20)),
})

export function damaged(whole: Uint8Array, { overwrite, cutOff, append }: Damage): Uint8Array {
  const kept = whole.slice(0, Math.max(0, whole.length - cutOff))
  for (const [place, byte] of overwrite) if (kept.length > 0) kept[place % kept.length] = byte
  const joined = new Uint8Array(kept.length + append.length)
  joined.set(kept)
  joined.set(append, kept.length)
  return joined
}

/** Runs a decoder; anything thrown but a QuorateError fails the test. */
export function decodesOrRefuses<T>(decode: () => T): T | QuorateError {
  try {
    return decode()
  } catch (error) {
    if (error instanceof QuorateError) return error
    throw error
  }
}

export const utf8 = (text: string): Uint8Array => new Uint8Array(new TextEncoder().encode(text))

/** The code of the QuorateError that `run` throws, or what it returns. */
export function codeOf(run: () => unknown): unknown {
  const result = decodesOrRefuses(run)
  return result instanceof QuorateError ? result.code : result
}
