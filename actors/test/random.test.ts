import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { keyedRandom } from '../src/index.ts'

const draw = (seed: string, purpose: string, count: number, bound: number) => {
  const random = keyedRandom(seed)
  return Array.from({ length: count }, () => random.integer(purpose, bound))
}

describe('keyed random', () => {
  test('the n-th value of a purpose does not depend on other purposes', () => {
    const random = keyedRandom('seed')
    const mixed: number[] = []
    for (let i = 0; i < 50; i += 1) {
      if (i % 3 === 0) random.integer('other', 10)
      mixed.push(random.integer('purpose', 1_000))
    }
    expect(mixed).toEqual(draw('seed', 'purpose', 50, 1_000))
  })

  test('values lie in range for every bound, and a bad bound throws', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
        (seed, bound) => {
          for (const value of draw(seed, 'p', 5, bound)) {
            expect(Number.isSafeInteger(value) && value >= 0 && value < bound).toBe(true)
          }
        },
      ),
      { numRuns: 300 },
    )
    for (const bound of [0, -1, 1.5, Number.NaN, 2 ** 53]) {
      expect(() => keyedRandom('s').integer('p', bound)).toThrow(RangeError)
    }
  })

  test('neighbouring seeds, purposes and counters give unrelated values', () => {
    const bound = 16
    const samples = {
      counters: draw('seed', 'purpose', 4_096, bound),
      seeds: Array.from({ length: 4_096 }, (_, i) => draw(`${i}`, 'p', 1, bound)[0]!),
      purposes: Array.from({ length: 4_096 }, (_, i) => draw('s', `g-${i}`, 1, bound)[0]!),
    }
    for (const values of Object.values(samples)) {
      const counts = new Array(bound).fill(0)
      for (const value of values) counts[value] += 1
      // Expected 256 each with a deviation of 15.5: seven deviations never happen by chance.
      for (const count of counts) expect(Math.abs(count - 256)).toBeLessThan(110)
      const repeats = values.filter((value, i) => value === values[i + 1]).length
      expect(Math.abs(repeats - 256)).toBeLessThan(110)
    }
  })

  test('low bits of large bounds are as mixed as high ones', () => {
    const values = draw('seed', 'wide', 4_096, 2 ** 52)
    for (let bit = 0; bit < 52; bit += 1) {
      const ones = values.filter((value) => Math.floor(value / 2 ** bit) % 2 === 1).length
      expect(Math.abs(ones - 2_048)).toBeLessThan(230)
    }
  })

  test('seed and purpose cannot be confused with each other', () => {
    expect(draw('a', 'bc', 8, 1_000)).not.toEqual(draw('ab', 'c', 8, 1_000))
  })
})
