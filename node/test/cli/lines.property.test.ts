import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lines } from '../../src/cli/lines.ts'

/** Bytes with many newlines, cut anywhere. */
const chunked = fc
  .array(fc.oneof(fc.constant(10), fc.integer({ min: 0, max: 255 })), { maxLength: 80 })
  .chain((bytes) =>
    fc.tuple(
      fc.constant(Uint8Array.from(bytes)),
      fc.array(fc.nat({ max: bytes.length }), { maxLength: 6 }),
    ),
  )

async function* pieces(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  const ends = [...cuts, bytes.byteLength].sort((one, other) => one - other)
  let start = 0
  for (const end of ends) {
    yield bytes.slice(start, end)
    start = end
  }
}

async function cut(bytes: Uint8Array, cuts: readonly number[], max = 1000): Promise<Uint8Array[]> {
  const found: Uint8Array[] = []
  for await (const line of lines(pieces(bytes, cuts), max)) found.push(line)
  return found
}

describe('cutting into lines', () => {
  test('keeps every byte, wherever the input is cut into pieces', async () => {
    await fc.assert(
      fc.asyncProperty(chunked, async ([bytes, cuts]) => {
        const found = await cut(bytes, cuts)
        const again = found.flatMap((line) => [...line, 10])
        const ended = bytes.byteLength === 0 || bytes.at(-1) === 10
        expect(again).toEqual(ended ? [...bytes] : [...bytes, 10])
        for (const line of found) expect(line.includes(10)).toBe(false)
      }),
      { numRuns: 300 },
    )
  })

  test('does not depend on where the input is cut', async () => {
    await fc.assert(
      fc.asyncProperty(chunked, async ([bytes, cuts]) => {
        const numbers = (found: readonly Uint8Array[]) => found.map((line) => [...line])
        expect(numbers(await cut(bytes, cuts))).toEqual(numbers(await cut(bytes, [])))
      }),
      { numRuns: 200 },
    )
  })

  test('keeps a carriage return and what is no text', async () => {
    const bytes = Uint8Array.of(0xff, 0, 13, 10, 0xc3, 10, 10, 0x41)
    const found = await cut(bytes, [])
    expect(found.map((line) => [...line])).toEqual([[0xff, 0, 13], [0xc3], [], [0x41]])
  })

  test('refuses a line beyond the bound by its number and keeps no more of it', async () => {
    const bytes = new TextEncoder().encode(`short\n${'x'.repeat(50)}\nshort\n`)
    expect(await cut(bytes, [], 50)).toHaveLength(3)
    await expect(cut(bytes, [20, 30], 49)).rejects.toMatchObject({
      code: 'QUORATE_RECORD_TOO_LARGE',
      detail: expect.stringContaining('line 2'),
    })
  })
})
