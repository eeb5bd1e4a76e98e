import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readInt64, readUint64, writeInt64, writeUint64 } from '../src/index.ts'

const view = () => new DataView(new ArrayBuffer(8))
const limit = Number.MAX_SAFE_INTEGER

describe('64-bit fields as Numbers', () => {
  test('have the bytes that BigInt gives them', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const ours = view()
        writeInt64(ours, 0, value)
        expect(ours.getBigInt64(0)).toBe(BigInt(value))
        expect(readInt64(ours, 0)).toBe(value)
        writeUint64(ours, 0, Math.abs(value))
        expect(ours.getBigUint64(0)).toBe(BigInt(Math.abs(value)))
        expect(readUint64(ours, 0)).toBe(Math.abs(value))
      }),
      { numRuns: 300 },
    )
  })

  test('are refused beyond 2^53 - 1 when read and when written', () => {
    for (const value of [limit + 1, -limit - 1, 1.5, Number.NaN]) {
      expect(() => writeInt64(view(), 0, value)).toThrow(RangeError)
      expect(() => writeUint64(view(), 0, value)).toThrow(RangeError)
    }
    expect(() => writeUint64(view(), 0, -1)).toThrow(RangeError)
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const field = view()
        field.setBigInt64(0, value)
        const safe = value >= -BigInt(limit) && value <= BigInt(limit)
        if (safe) expect(readInt64(field, 0)).toBe(Number(value))
        else expect(() => readInt64(field, 0)).toThrow(RangeError)
        const unsigned = field.getBigUint64(0)
        if (unsigned <= BigInt(limit)) expect(readUint64(field, 0)).toBe(Number(unsigned))
        else expect(() => readUint64(field, 0)).toThrow(RangeError)
      }),
      {
        numRuns: 300,
        examples: [[2n ** 53n], [2n ** 53n - 1n], [-(2n ** 53n)], [-(2n ** 53n) + 1n]],
      },
    )
  })
})
