import { type Chunks, chunksOf, joinChunks } from '@quorate/protocol'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CoreAssembler, encodeCore, partBodyBytes } from '../../src/core-messaging/core-codec.ts'
import {
  decodeInterest,
  encodeInterest,
  type InterestMessage,
} from '../../src/core-messaging/interest-codec.ts'
import type { CoreMessage } from '../../src/core-messaging/subscription.ts'
import { patternArbitrary, subjectArbitrary } from './patterns.ts'

const queueArbitrary = fc.constantFrom('q', 'warehouse', 'größe')
const bytesArbitrary = fc.uint8Array({ maxLength: 40, size: 'max' })

const interestArbitrary: fc.Arbitrary<InterestMessage> = fc.record({
  kind: fc.constantFrom('change' as const, 'reset' as const, 'part' as const, 'ask' as const),
  sequence: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  changes: fc.array(
    fc.record({
      wanted: fc.boolean(),
      pattern: patternArbitrary,
      queue: fc.option(queueArbitrary, { nil: undefined }),
    }),
    { maxLength: 5, size: 'max' },
  ),
})

const messageArbitrary: fc.Arbitrary<CoreMessage> = fc.record({
  subject: subjectArbitrary,
  reply: fc.option(subjectArbitrary, { nil: undefined }),
  headers: fc.option(bytesArbitrary, { nil: undefined }),
  payload: fc.array(bytesArbitrary, { maxLength: 3, size: 'max' }).map((all) => chunksOf(...all)),
})

/** The same bytes in pieces of the given length. */
function cut(bytes: Chunks, pieceBytes: number): Chunks {
  const whole = joinChunks(bytes)
  const pieces: Uint8Array[] = []
  for (let start = 0; start < whole.byteLength; start += pieceBytes) {
    pieces.push(whole.subarray(start, start + pieceBytes))
  }
  return chunksOf(...pieces)
}

function plain(message: CoreMessage): unknown {
  const { subject, reply, headers, payload } = message
  return { subject, reply, headers: headers && [...headers], payload: [...joinChunks(payload)] }
}

describe('an interest message', () => {
  test('reads back as written, however its bytes are cut', () => {
    fc.assert(
      fc.property(interestArbitrary, fc.integer({ min: 1, max: 50 }), (message, pieceBytes) => {
        expect(decodeInterest(cut(encodeInterest(message), pieceBytes))).toEqual(message)
      }),
      { numRuns: 300 },
    )
  })

  test('is refused, not thrown at, when it is garbage, cut off or names no valid pattern', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60, size: 'max' }), (bytes) => {
        const decoded = decodeInterest(chunksOf(bytes))
        for (const { pattern } of decoded?.changes ?? []) expect(pattern).not.toMatch(/\s/)
      }),
      { numRuns: 500 },
    )
    const changes = [{ wanted: true, pattern: 'a.b', queue: 'q' }]
    const whole = joinChunks(encodeInterest({ kind: 'change', sequence: 1, changes }))
    for (let length = 7; length < whole.byteLength; length += 1) {
      expect(decodeInterest(chunksOf(whole.subarray(0, length)))).toBeUndefined()
    }
    const forged = [{ wanted: true, pattern: 'a\r\nPUB b', queue: undefined }]
    const bytes = encodeInterest({ kind: 'change', sequence: 1, changes: forged })
    expect(decodeInterest(bytes)).toBeUndefined()
  })
})

describe('a core message between nodes', () => {
  test('reads back as published, however its bytes are cut', () => {
    const queues = fc.array(queueArbitrary, { maxLength: 3 })
    fc.assert(
      fc.property(
        messageArbitrary,
        queues,
        fc.integer({ min: 1, max: 50 }),
        (message, names, pieceBytes) => {
          const parts = encodeCore(message, names)
          expect(parts).toHaveLength(1)
          const arrived = new CoreAssembler().push(cut(parts[0]!, pieceBytes))
          if (typeof arrived === 'string') throw new Error(arrived)
          expect(plain(arrived.message)).toEqual(plain(message))
          expect(arrived.queues).toEqual(names)
        },
      ),
      { numRuns: 300 },
    )
  })

  test('larger than a frame travels in parts that each fit, by reference', () => {
    const headers = new Uint8Array(1000).fill(1)
    const payload = chunksOf(new Uint8Array(partBodyBytes).fill(2), new Uint8Array(70_000).fill(3))
    const message: CoreMessage = { subject: 'big', reply: 'r', headers, payload }
    const parts = encodeCore(message, [])
    expect(parts.map((part) => part.byteLength <= 1024 * 1024 - 4096)).toEqual([true, true])
    const assembler = new CoreAssembler()
    expect(assembler.push(parts[0]!)).toBe('incomplete')
    const arrived = assembler.push(parts[1]!)
    if (typeof arrived === 'string') throw new Error(arrived)
    expect(plain(arrived.message)).toEqual(plain(message))
    const source = payload.pieces[1]!.buffer
    expect(arrived.message.payload.pieces.some((piece) => piece.buffer === source)).toBe(true)
  })

  test('is refused, not thrown at, when it is garbage or cut off, and the next one is read', () => {
    const good = encodeCore(
      { subject: 'a', reply: undefined, headers: undefined, payload: chunksOf() },
      [],
    )
    const assembler = new CoreAssembler()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60, size: 'max' }), (bytes) => {
        assembler.push(chunksOf(bytes))
        expect(assembler.push(good[0]!)).toMatchObject({ message: { subject: 'a' } })
      }),
      { numRuns: 500 },
    )
    const whole = joinChunks(good[0]!)
    for (let length = 0; length < whole.byteLength; length += 1) {
      expect(assembler.push(chunksOf(whole.subarray(0, length)))).toBe('malformed')
    }
  })

  test('cannot smuggle a line end into a subject or bytes into an endless body', () => {
    const assembler = new CoreAssembler()
    const message = { subject: 'a b', reply: undefined, headers: undefined, payload: chunksOf() }
    expect(assembler.push(encodeCore(message, [])[0]!)).toBe('malformed')
    const later = chunksOf(Uint8Array.of(1, 128, 9))
    expect(assembler.push(later)).toBe('malformed')
    const large = { ...message, subject: 'a', payload: chunksOf(new Uint8Array(partBodyBytes + 1)) }
    expect(assembler.push(encodeCore(large, [])[0]!)).toBe('incomplete')
    expect(assembler.push(chunksOf(Uint8Array.of(1, 128)))).toBe('malformed')
  })
})
