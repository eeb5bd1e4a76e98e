import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  durationMs,
  durationText,
  optionalWholeNumber,
  sizeBytes,
  sizeText,
  wholeNumber,
} from '../../src/cli/arguments.ts'
import { UsageError } from '../../src/cli/usage-error.ts'

describe('values of options', () => {
  test('a size or duration is printed in a form that reads back as the same', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 2 ** 36 }),
        fc.constantFrom(1, 1000, 1024, 60_000),
        (count, unit) => {
          const value = count * unit
          expect(sizeBytes('--size', sizeText(value))).toBe(value)
          if (value > 0) expect(durationMs('--time', durationText(value))).toBe(value)
        },
      ),
      { numRuns: 300 },
    )
  })

  test.each([
    ['64MiB', 64 * 1024 ** 2],
    ['10GiB', 10 * 1024 ** 3],
    ['1TiB', 1024 ** 4],
    ['512B', 512],
    ['512', 512],
  ])('%s is a size', (text, bytes) => {
    expect(sizeBytes('--size', text)).toBe(bytes)
  })

  test.each([
    ['250ms', 250],
    ['30s', 30_000],
    ['5m', 300_000],
    ['12h', 43_200_000],
    ['7d', 604_800_000],
  ])('%s is a duration', (text, ms) => {
    expect(durationMs('--time', text)).toBe(ms)
    expect(durationText(ms)).toBe(text)
  })

  test.each(['', '7', '-1d', '1.5d', '7 d', '7D', 'd', '1e3s', '9007199254740993d'])(
    '%j is no duration, and the error names the option',
    (text) => {
      expect(() => durationMs('--retention', text)).toThrow(UsageError)
      expect(() => durationMs('--retention', text)).toThrow(/^--retention is a duration/)
    },
  )

  test.each(['', '-1', '1.5GiB', '64mib', '64MB', 'MiB', '0x10', '9007199254740993'])(
    '%j is no size, and the error names the option',
    (text) => {
      expect(() => sizeBytes('--segment-bytes', text)).toThrow(UsageError)
      expect(() => sizeBytes('--segment-bytes', text)).toThrow(/^--segment-bytes is a size/)
    },
  )

  test('a whole number is one within its range', () => {
    expect(wholeNumber('--max', '0', 0, 5)).toBe(0)
    expect(wholeNumber('--max', '5', 0, 5)).toBe(5)
    expect(optionalWholeNumber('--max', undefined, 0, 5)).toBeUndefined()
    for (const text of ['6', '-1', '1.0', '', ' 1', '1e0', 'one']) {
      expect(() => wholeNumber('--max', text, 0, 5)).toThrow(
        `--max is a whole number from 0 to 5, not ${text}`,
      )
    }
  })
})
