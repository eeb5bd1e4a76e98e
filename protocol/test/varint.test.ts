import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  VarintReader,
  varintByteLength,
  varlongByteLength,
  writeVarint,
  writeVarlong,
} from '../src/varint.ts'
import { bytes, codeOf } from './arbitraries.ts'

/** The definition, in BigInt: zigzag, then groups of 7 bits, lowest first. */
function model(value: number): number[] {
  let zigzag = value >= 0 ? 2n * BigInt(value) : -2n * BigInt(value) - 1n
  const encoded: number[] = []
  for (; zigzag >= 0x80n; zigzag >>= 7n) encoded.push(Number(zigzag & 0x7fn) | 0x80)
  return [...encoded, Number(zigzag)]
}

const int32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff })
const edges = [
  0,
  -1,
  63,
  64,
  -64,
  -65,
  8191,
  8192,
  -8192,
  2 ** 20,
  2 ** 27,
  2 ** 31 - 1,
  -(2 ** 31),
]

describe('varint and varlong', () => {
  test('encode any int32 as defined and read it back', () => {
    const check = (value: number) => {
      const room = new Uint8Array(8)
      const end = writeVarint(room, 1, value)
      expect([...room.slice(1, end)]).toEqual(model(value))
      expect(varintByteLength(value)).toBe(end - 1)
      expect(new VarintReader(room, 1).varint()).toBe(value)
    }
    for (const value of edges) check(value)
    fc.assert(fc.property(int32, check), { numRuns: 300 })
  })

  test('encode any safe integer as defined and read it back', () => {
    const check = (value: number) => {
      const room = new Uint8Array(12)
      const end = writeVarlong(room, 1, value)
      expect([...room.slice(1, end)]).toEqual(model(value))
      expect(varlongByteLength(value)).toBe(end - 1)
      expect(new VarintReader(room, 1).varlong()).toBe(value)
    }
    for (const value of [...edges, Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER]) check(value)
    fc.assert(fc.property(fc.maxSafeInteger(), check), { numRuns: 300 })
  })

  test('refuse integers that are too wide or cut off, on any bytes', () => {
    const tooWide = new Uint8Array(20).fill(0xff)
    expect(codeOf(() => new VarintReader(tooWide).varint())).toBe('QUORATE_CORRUPT_BATCH')
    expect(codeOf(() => new VarintReader(tooWide).varlong())).toBe('QUORATE_CORRUPT_BATCH')
    expect(codeOf(() => new VarintReader(tooWide.subarray(0, 2)).varint())).toBe(
      'QUORATE_CORRUPT_BATCH',
    )
    fc.assert(
      fc.property(bytes(14), (input) => {
        for (const read of ['varint', 'varlong'] as const) {
          const result = codeOf(() => new VarintReader(input)[read]())
          if (result !== 'QUORATE_CORRUPT_BATCH') expect(result).toSatisfy(Number.isInteger)
        }
      }),
      { numRuns: 300 },
    )
  })
})
