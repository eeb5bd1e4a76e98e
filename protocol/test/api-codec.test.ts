import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FetchReply, WriteResult } from '../src/index.ts'
import {
  chunksOf,
  decodeFetchReply,
  decodeFetchRequest,
  decodeWriteReply,
  decodeWriteRequest,
  emptyChunks,
  encodeFetchReply,
  encodeFetchRequest,
  encodeWriteReply,
  encodeWriteRequest,
  errorTable,
  joinChunks,
  viewOf,
} from '../src/index.ts'
import type { Damage } from './arbitraries.ts'
import { bytes, codeOf, cutAt, cuts, damage, damaged, decodesOrRefuses } from './arbitraries.ts'

const uint32 = fc.nat({ max: 0xffff_ffff })
const uint53 = fc.nat({ max: Number.MAX_SAFE_INTEGER })
const place = { topicId: uint53, partition: uint32 }
const chunks = fc.tuple(bytes(80), cuts).map(([whole, places]) => cutAt(whole, places))
const text = fc.string({ unit: 'grapheme', maxLength: 30 })
const optional = {
  error: fc.constantFrom(...errorTable.map(({ code }) => code)),
  leader: fc.record({ node: text, address: text, term: uint53 }),
  detail: text,
}

const item = fc.record({ ...place, batch: chunks })
const items = fc.array(item, { maxLength: 5 })
const result: fc.Arbitrary<WriteResult> = fc.record(
  { ...place, offset: fc.oneof(fc.constant(-1), uint53), duplicate: fc.boolean(), ...optional },
  { requiredKeys: ['topicId', 'partition', 'offset', 'duplicate'] },
)
const results = fc.array(result, { maxLength: 5 })
const fetchRequest = fc.record({ ...place, offset: uint53, maxBytes: uint32, waitMs: uint32 })
const position = fc.oneof(fc.constant(-1), uint53)
const fetchReply: fc.Arbitrary<FetchReply> = fc.record(
  { highWatermark: position, logStartOffset: position, batches: chunks, ...optional },
  { requiredKeys: ['highWatermark', 'logStartOffset', 'batches'] },
)

/** Pieces joined, so that equality is of bytes and not of cuts. */
const joined = <T>(value: T): unknown =>
  Array.isArray(value)
    ? value.map(joined)
    : Object.fromEntries(
        Object.entries(value as object).map(([name, field]) => [
          name,
          field?.pieces ? new Uint8Array(joinChunks(field)) : field,
        ]),
      )

describe('write', () => {
  test('requests come back the same however they are cut', () => {
    fc.assert(
      fc.property(items, cuts, (sent, places) => {
        const encoded = joinChunks(encodeWriteRequest(sent))
        expect(joined(decodeWriteRequest(cutAt(encoded, places)))).toEqual(joined(sent))
      }),
      { numRuns: 100 },
    )
  })

  test('requests refer to the batches, on both ways', () => {
    const batch = chunksOf(new Uint8Array(1000), new Uint8Array(2000))
    const encoded = encodeWriteRequest([{ topicId: 1, partition: 2, batch }])
    expect(encoded.pieces.slice(1)).toEqual(batch.pieces)
    expect(encoded.pieces[1]).toBe(batch.pieces[0])
    expect(decodeWriteRequest(encoded)[0]!.batch.pieces[1]).toBe(batch.pieces[1])
  })

  test('replies come back the same, in order', () => {
    fc.assert(
      fc.property(results, cuts, (sent, places) => {
        const encoded = joinChunks(encodeWriteReply(sent))
        expect(decodeWriteReply(cutAt(encoded, places))).toEqual(sent)
      }),
      { numRuns: 100 },
    )
  })
})

describe('fetch', () => {
  test('requests and replies come back the same however they are cut', () => {
    fc.assert(
      fc.property(fetchRequest, fetchReply, cuts, (request, reply, places) => {
        const sent = joinChunks(encodeFetchRequest(request))
        expect(decodeFetchRequest(cutAt(sent, places))).toEqual(request)
        const answered = joinChunks(encodeFetchReply(reply))
        expect(joined(decodeFetchReply(cutAt(answered, places)))).toEqual(joined(reply))
      }),
      { numRuns: 100 },
    )
  })

  test('replies refer to the batches, on both ways', () => {
    const batches = chunksOf(new Uint8Array(1000), new Uint8Array(2000))
    const encoded = encodeFetchReply({ highWatermark: 3, logStartOffset: 0, batches })
    expect(encoded.pieces[1]).toBe(batches.pieces[0])
    expect(decodeFetchReply(encoded).batches.pieces[1]).toBe(batches.pieces[1])
  })
})

describe('binary bodies', () => {
  test('have the bytes of the reference page', () => {
    const batch = chunksOf(new Uint8Array([0xaa]))
    const hex = (encoded: { pieces: readonly Uint8Array[]; byteLength: number }): string =>
      Buffer.from(joinChunks(encoded)).toString('hex')
    expect(hex(encodeWriteRequest([{ topicId: 2 ** 32 + 7, partition: 3, batch }]))).toBe(
      '01000001' + '01000000' + '00000003' + '0000000100000007' + '00000001' + 'aa',
    )
    const leader = { node: 'n1', address: 'h:1', term: 9 }
    const refused = { topicId: 7, partition: 3, offset: -1, duplicate: false } as const
    expect(
      hex(encodeWriteReply([{ ...refused, error: 'QUORATE_NOT_LEADER', leader, detail: 'x' }])),
    ).toBe(
      '01000001' +
        '06000014' +
        '00000003' +
        '0000000000000007' +
        'ffffffffffffffff' +
        '0000000000000009' +
        '00026e31' +
        '0003683a31' +
        '000178',
    )
    const request = { topicId: 7, partition: 3, offset: 5, maxBytes: 256, waitMs: 500 }
    expect(hex(encodeFetchRequest(request))).toBe(
      '01000000' + '00000003' + '0000000000000007' + '0000000000000005' + '00000100' + '000001f4',
    )
    expect(
      hex(encodeFetchReply({ highWatermark: 6, logStartOffset: 1, detail: 'x', batches: batch })),
    ).toBe('01040000' + '00000003' + '0000000000000006' + '0000000000000001' + '000178' + 'aa')
  })

  test('with an error of a newer version become QUORATE_INTERNAL and keep its number', () => {
    const sent = { topicId: 7, partition: 3, offset: -1, duplicate: false, detail: 'why' }
    const encoded = joinChunks(encodeWriteReply([{ ...sent, error: 'QUORATE_INTERNAL' }]))
    viewOf(encoded).setUint16(6, 60_000)
    expect(decodeWriteReply(encoded)).toEqual([
      { ...sent, error: 'QUORATE_INTERNAL', detail: 'error 60000 why' },
    ])
  })

  test('cut a long detail off instead of failing', () => {
    const reply = { highWatermark: 0, logStartOffset: 0, batches: emptyChunks }
    const decoded = decodeFetchReply(encodeFetchReply({ ...reply, detail: '€'.repeat(70_000) }))
    expect(decoded.detail).toBe('€'.repeat(1024))
  })

  test('refuse another version, reserved bits, and bytes missing or left over', () => {
    const bodies = [
      {
        decode: decodeWriteRequest,
        body: encodeWriteRequest([
          { topicId: 1, partition: 0, batch: chunksOf(new Uint8Array(9)) },
        ]),
      },
      {
        decode: decodeWriteReply,
        body: encodeWriteReply([{ topicId: 1, partition: 0, offset: 0, duplicate: true }]),
      },
      {
        decode: decodeFetchRequest,
        body: encodeFetchRequest({ topicId: 1, partition: 0, offset: 0, maxBytes: 1, waitMs: 0 }),
      },
      {
        decode: decodeFetchReply,
        body: encodeFetchReply({ highWatermark: 0, logStartOffset: 0, batches: emptyChunks }),
      },
    ]
    for (const { decode, body } of bodies) {
      const whole = joinChunks(body)
      for (let end = 0; end < whole.length; end++) {
        expect(codeOf(() => decode(whole.subarray(0, end)))).toBe('QUORATE_INVALID_REQUEST')
      }
      const version2 = whole.slice()
      version2[0] = 2
      expect(codeOf(() => decode(version2))).toBe('QUORATE_INVALID_REQUEST')
      const reserved = whole.slice()
      reserved[1] = 0x80
      expect(codeOf(() => decode(reserved))).toBe('QUORATE_INVALID_REQUEST')
      if (decode === decodeFetchReply) continue
      const longer = chunksOf(whole, new Uint8Array(1))
      expect(codeOf(() => decode(longer))).toBe('QUORATE_INVALID_REQUEST')
    }
  })

  test('decode or are refused with QUORATE_INVALID_REQUEST, on random and on damaged bytes', () => {
    const valid = fc.oneof(
      items.map((sent) => joinChunks(encodeWriteRequest(sent))),
      results.map((sent) => joinChunks(encodeWriteReply(sent))),
      fetchRequest.map((sent) => joinChunks(encodeFetchRequest(sent))),
      fetchReply.map((sent) => joinChunks(encodeFetchReply(sent))),
    )
    const broken = fc.oneof(
      bytes(80),
      fc.tuple(valid, damage).map(([whole, hurt]: [Uint8Array, Damage]) => damaged(whole, hurt)),
    )
    const decoders = [decodeWriteRequest, decodeWriteReply, decodeFetchRequest, decodeFetchReply]
    fc.assert(
      fc.property(broken, cuts, (input, places) => {
        for (const decode of decoders) {
          const outcome = decodesOrRefuses<unknown>(() => decode(cutAt(input, places)))
          if (outcome instanceof Error)
            expect(outcome).toMatchObject({ code: 'QUORATE_INVALID_REQUEST' })
        }
      }),
      { numRuns: 500 },
    )
  })
})
