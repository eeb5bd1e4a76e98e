import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ChunkCursor, chunksOf, emptyChunks, joinChunks, sliceChunks } from '../src/index.ts'
import { PieceGatherer } from '../src/piece-gatherer.ts'
import { bytes, cutAt, cuts } from './arbitraries.ts'

describe('chunks', () => {
  test('a slice has the bytes of the joined slice and copies none', () => {
    fc.assert(
      fc.property(bytes(60), cuts, fc.nat(), fc.nat(), (whole, places, a, b) => {
        const [start, end] = [a % (whole.length + 1), b % (whole.length + 1)].sort((x, y) => x - y)
        const slice = sliceChunks(cutAt(whole, places), start!, end)
        expect(slice.byteLength).toBe(end! - start!)
        expect(joinChunks(slice)).toEqual(whole.slice(start, end))
        for (const piece of slice.pieces) expect(piece.buffer).toBe(whole.buffer)
      }),
      { numRuns: 200 },
    )
    expect(() => sliceChunks(chunksOf(new Uint8Array(2)), 1, 3)).toThrow(RangeError)
    expect(() => sliceChunks(chunksOf(new Uint8Array(2)), -1)).toThrow(RangeError)
  })

  test('a cursor gives the bytes in order, by reference, and never past the end', () => {
    fc.assert(
      fc.property(bytes(60), cuts, fc.array(fc.nat({ max: 20 })), (whole, places, takes) => {
        const cursor = new ChunkCursor(cutAt(whole, places))
        let position = 0
        for (const byteLength of takes) {
          if (byteLength > whole.length - position) {
            expect(() => cursor.take(byteLength)).toThrow(RangeError)
            continue
          }
          expect(cursor.peekJoined(byteLength)).toEqual(
            whole.slice(position, position + byteLength),
          )
          const taken = cursor.take(byteLength)
          expect(joinChunks(taken)).toEqual(whole.slice(position, position + byteLength))
          for (const piece of taken.pieces) expect(piece.buffer).toBe(whole.buffer)
          position += byteLength
          expect(cursor.remaining).toBe(whole.length - position)
        }
      }),
      { numRuns: 200 },
    )
  })
})

describe('a gathered payload', () => {
  test('keeps large pieces by reference and the order of all bytes', () => {
    const sizes = fc.array(fc.oneof(fc.nat({ max: 20 }), fc.integer({ min: 500, max: 1500 })), {
      maxLength: 30,
      size: 'max',
    })
    fc.assert(
      fc.property(sizes, (lengths) => {
        const gatherer = new PieceGatherer()
        const pieces = lengths.map((length, index) => new Uint8Array(length).fill(index))
        for (const piece of pieces) gatherer.add(piece)
        const gathered = gatherer.finish()
        expect(joinChunks(gathered)).toEqual(joinChunks(chunksOf(new Uint8Array(0), ...pieces)))
        const large = pieces.filter((piece) => piece.byteLength >= 512)
        for (const piece of large) expect(gathered.pieces).toContain(piece)
        expect(gathered.pieces.length).toBeLessThanOrEqual(2 * large.length + 1)
        expect(gatherer.finish()).toBe(emptyChunks)
      }),
      { numRuns: 100 },
    )
  })

  test('of single bytes needs a piece per 4 KiB, not one per byte', () => {
    const gatherer = new PieceGatherer()
    for (let index = 0; index < 100_000; index++) gatherer.add(new Uint8Array(1).fill(index))
    const gathered = gatherer.finish()
    expect(gathered.byteLength).toBe(100_000)
    expect(gathered.pieces.length).toBeLessThanOrEqual(100_000 / 4096 + 1)
    expect(joinChunks(gathered).every((byte, index) => byte === (index & 0xff))).toBe(true)
  })
})
