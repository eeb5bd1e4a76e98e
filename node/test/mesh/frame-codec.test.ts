import { type Chunks, chunksOf, QuorateError } from '@quorate/protocol'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  HeaderList,
  type MeshReply,
  type PreparedItem,
  prepareActor,
  prepareMessage,
  prepareReply,
  prepareRequest,
  writePrepared,
} from '../../src/mesh/call-codec.ts'
import { decodeFrame, type MeshItem } from '../../src/mesh/frame-codec.ts'
import { FrameWriter } from '../../src/mesh/frame-writer.ts'
import { raftBodyBytes, writeRaft } from '../../src/mesh/raft-codec.ts'
import {
  anyMessage,
  comparable,
  cutAt,
  entriesAfter,
  heartbeat,
  joined,
  logStart,
  type Message,
} from './entries.ts'

const group = { topicId: 2 ** 40 + 7, partition: 11 }
const cuts = fc.array(fc.nat({ max: 20_000 }), { maxLength: 8, size: 'small' })

function frameOf(messages: readonly Message[]): Chunks {
  const writer = new FrameWriter()
  for (const message of messages) writeRaft(writer, group, 2 ** 41, 3, message)
  return writer.finish()
}

function prepared(item: PreparedItem): MeshItem {
  const writer = new FrameWriter()
  writePrepared(writer, item)
  const [decoded] = decodeFrame(writer.finish())
  return decoded!
}

describe('raft messages', () => {
  test('every message comes back as it was, whatever pieces its frame arrives in', () => {
    fc.assert(
      fc.property(
        fc.array(anyMessage, { minLength: 1, maxLength: 5 }),
        cuts,
        (messages, places) => {
          const items = decodeFrame(cutAt(frameOf(messages), places))
          expect(items.map((item) => item.type === 'raft' && comparable(item.message))).toEqual(
            messages.map(comparable),
          )
          for (const item of items) {
            expect(item).toMatchObject({ type: 'raft', group, from: 2 ** 41, to: 3 })
          }
        },
      ),
      { numRuns: 150 },
    )
  })

  test('a frame has the length its items were announced with', () => {
    fc.assert(
      fc.property(fc.array(anyMessage, { minLength: 1, maxLength: 5 }), (messages) => {
        const writer = new FrameWriter()
        let expected = 0
        for (const message of messages) {
          expected = writer.sizeWith(raftBodyBytes(message))
          writeRaft(writer, group, 1, 2, message)
          expect(writer.byteLength).toBe(expected)
        }
        const frame = writer.finish()
        expect(frame.byteLength).toBe(expected)
        expect(joined(frame)).toHaveLength(expected)
      }),
      { numRuns: 100 },
    )
  })

  test('payloads of 512 bytes and more are passed by reference in both directions', () => {
    const entries = entriesAfter(logStart, 1, [4000, 10, 70_000])
    const message: Message = { type: 'append', term: 1, previous: logStart, entries, commit: 0 }
    const frame = frameOf([message])
    const large = entries.flatMap(({ payload }) =>
      payload.pieces.filter((piece) => piece.byteLength >= 512),
    )
    expect(large).toHaveLength(2)
    for (const piece of large) expect(frame.pieces).toContain(piece)
    const [item] = decodeFrame(frame)
    if (item?.type !== 'raft' || item.message.type !== 'append') throw new Error('no append')
    for (const piece of large) {
      const holders = item.message.entries.flatMap((entry) => entry.payload.pieces)
      expect(holders.some((held) => held.buffer === piece.buffer)).toBe(true)
    }
  })

  test('one writer makes many frames, and none changes an earlier one', () => {
    const writer = new FrameWriter()
    const frames: Chunks[] = []
    for (let term = 1; term <= 2_000; term++) {
      writeRaft(writer, group, 1, 2, { ...heartbeat, term } as Message)
      frames.push(writer.finish())
    }
    frames.forEach((frame, index) => {
      expect(decodeFrame(frame)).toMatchObject([{ message: { term: index + 1 } }])
    })
  })
})

describe('damage', () => {
  const entries = entriesAfter(logStart, 2, [30, 700])
  const append: Message = { type: 'append', term: 2, previous: logStart, entries, commit: 1 }

  test('a frame changed in any byte that is no payload is refused as a whole', () => {
    const bytes = Uint8Array.from(joined(frameOf([heartbeat, append, heartbeat])))
    const sizes = entries.map(({ payload }) => payload.byteLength)
    const first = 4 + (4 + 52) + (4 + 36 + 36) + 64
    const second = first + sizes[0]! + 64
    const isPayload = (position: number): boolean =>
      (position >= first && position < first + sizes[0]!) ||
      (position >= second && position < second + sizes[1]!)
    for (let position = 0; position < bytes.byteLength; position++) {
      const changed = bytes.slice()
      changed[position]! ^= 0x10
      if (isPayload(position)) expect(decodeFrame(chunksOf(changed))).toHaveLength(3)
      else expect(() => decodeFrame(chunksOf(changed))).toThrow(QuorateError)
    }
  })

  test('a snapshot changed in any byte, of its data too, is refused', () => {
    const data = new Uint8Array(700).fill(9)
    const configuration = { voters: [1, 2], outgoing: [1, 3], learners: [4] }
    const at = { ...logStart, configuration }
    const chunk: Message = {
      type: 'snapshot',
      term: 3,
      snapshot: at,
      offset: 0,
      totalBytes: 9000,
      data,
    }
    const bytes = Uint8Array.from(joined(frameOf([chunk])))
    for (let position = 0; position < bytes.byteLength; position++) {
      const changed = bytes.slice()
      changed[position]! ^= 0x10
      expect(() => decodeFrame(chunksOf(changed))).toThrow(QuorateError)
    }
  })

  test('a frame cut off anywhere is refused', () => {
    const bytes = Uint8Array.from(joined(frameOf([append, heartbeat])))
    for (let length = 0; length < bytes.byteLength; length++) {
      expect(() => decodeFrame(chunksOf(bytes.slice(0, length)))).toThrow(QuorateError)
    }
  })

  test('arbitrary bytes, in arbitrary pieces, give items or one QuorateError and nothing else', () => {
    const bytes = fc.uint8Array({ maxLength: 300, size: 'max' })
    const mutation = fc.record({ at: fc.nat({ max: 2_000 }), bytes })
    fc.assert(
      fc.property(fc.option(mutation), bytes, cuts, (change, garbage, places) => {
        let input = garbage
        if (change !== null) {
          input = Uint8Array.from(joined(frameOf([append, heartbeat])))
          const at = change.at % input.byteLength
          input.set(change.bytes.subarray(0, input.byteLength - at), at)
        }
        try {
          expect(Array.isArray(decodeFrame(cutAt(chunksOf(input), places)))).toBe(true)
        } catch (error) {
          expect(error).toMatchObject({ code: 'QUORATE_INVALID_REQUEST' })
        }
      }),
      { numRuns: 500 },
    )
  })

  test('fields that make no sense are refused even under a good checksum', () => {
    const item = (kind: number, body: number[]): Chunks => {
      const writer = new FrameWriter()
      writer.begin(kind, body.length)
      const at = writer.head(body.length)
      writer.headBytes(at, body.length).set(body)
      return writer.finish()
    }
    const zeros = (count: number): number[] => new Array<number>(count).fill(0)
    const ones = (count: number): number[] => new Array<number>(count).fill(0xff)
    const refused: [Chunks, string][] = [
      [item(99, []), 'unknown item kind 99'],
      [item(0, [1, 2, 3]), 'unknown item kind 0'],
      [item(5, zeros(52)), 'replica id 0'],
      [item(5, ones(52)), 'integer above'],
      [item(7, [...zeros(19), 1, ...zeros(7), 1, ...zeros(9)]), 'longer than its fields'],
      [item(3, [...zeros(19), 1, ...zeros(7), 1, ...zeros(8), ...zeros(32), ...ones(4)]), 'count'],
      [item(2, [...zeros(19), 1, ...zeros(7), 1, ...zeros(8), 4, ...zeros(4)]), 'unknown flags'],
      [item(16, [0, 0, 0, 9, 1]), 'cut off'],
      [item(17, zeros(4)), 'cut off'],
      [item(48, [0, 0, 0, 5, 2, 0, 0, 0, 0]), 'unknown flags'],
    ]
    for (const [frame, text] of refused) expect(() => decodeFrame(frame)).toThrow(text)
  })
})

describe('calls', () => {
  const payload = chunksOf(Uint8Array.of(1, 2, 3), new Uint8Array(700).fill(9))
  const text = fc.string({ unit: 'binary', maxLength: 30 })

  test('requests keep subject, headers in order with repeats, and payload', () => {
    const headers = fc.array(fc.tuple(text, text), { maxLength: 5, size: 'small' })
    fc.assert(
      fc.property(text, headers, fc.nat({ max: 100_000 }), (subject, entries, timeoutMs) => {
        const item = prepared(prepareRequest(77, timeoutMs, subject, entries, payload))
        if (item.type !== 'request') throw new Error('no request')
        expect(item).toMatchObject({ id: 77, timeoutMs, subject })
        expect(item.headers?.entries ?? []).toEqual(entries)
        expect(joined(item.payload)).toEqual(joined(payload))
      }),
      { numRuns: 100 },
    )
  })

  test('a header is found whatever its case', () => {
    const headers = new HeaderList([
      ['Q-Key', 'a'],
      ['q-key', 'b'],
    ])
    expect(headers.get('q-KEY')).toBe('a')
    expect(headers.get('other')).toBeUndefined()
  })

  test('replies keep headers and payload', () => {
    const reply: MeshReply = { headers: { 'q-error': 'x', b: '' }, payload }
    const item = prepared(prepareReply(5, 0xffff_ffff, reply))
    if (item.type !== 'reply' || item.outcome instanceof QuorateError) throw new Error('no reply')
    expect(item).toMatchObject({ id: 5, session: 0xffff_ffff })
    expect(item.outcome.headers).toEqual(reply.headers)
    expect(joined(item.outcome.payload)).toEqual(joined(payload))
  })

  test('an error keeps its code, detail and outcome, also one other than the table has', () => {
    const error = new QuorateError('QUORATE_DISK_FULL', 'n2', { outcome: 'unknown' })
    const item = prepared(prepareReply(5, 1, error))
    if (item.type !== 'reply') throw new Error('no reply')
    expect(item.outcome).toBeInstanceOf(QuorateError)
    expect(item.outcome).toMatchObject({
      code: 'QUORATE_DISK_FULL',
      detail: 'n2',
      outcome: 'unknown',
      retriable: true,
    })
  })

  test('messages and actor envelopes keep their bytes', () => {
    for (const kind of ['interest', 'core', 'leaders'] as const) {
      const item = prepared(prepareMessage(kind, payload))
      expect(item).toMatchObject({ type: 'message', kind })
      expect(joined((item as { bytes: Chunks }).bytes)).toEqual(joined(payload))
    }
    const envelope = { path: 'node/x#17', type: 'ping', reply: true, body: payload }
    const item = prepared(prepareActor(envelope))
    if (item.type !== 'actor') throw new Error('no envelope')
    expect(item.envelope).toMatchObject({ path: 'node/x#17', type: 'ping', reply: true })
    expect(joined(item.envelope.body as Chunks)).toEqual(joined(payload))
  })

  test('a header too long to travel fails at its caller', () => {
    const entries = [['name', 'x'.repeat(70_000)]] as const
    expect(() => prepareRequest(1, 1, 's', entries, payload)).toThrow(QuorateError)
  })
})
