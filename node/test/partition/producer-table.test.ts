import type { BatchHeader } from '@quorate/protocol'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { limits } from '../../src/limits.ts'
import { ProducerTable, type SequenceVerdict } from '../../src/partition/producer-table.ts'

const small = { producersMax: 3, producerExpiryMs: 1000 }

function header(producerId: number, epoch: number, sequence: number, count = 1): BatchHeader {
  return {
    baseOffset: 0,
    byteLength: 100,
    leaderEpoch: -1,
    crc: 0,
    attributes: 0,
    compression: 'none',
    lastOffsetDelta: count - 1,
    baseTimestampMs: 0,
    maxTimestampMs: 0,
    producerId,
    producerEpoch: epoch,
    baseSequence: sequence,
    recordCount: count,
  }
}

/** A table that takes what it judges to come next, at rising indexes and offsets. */
class Partition {
  readonly table: ProducerTable
  index = 0
  offset = 0
  timeMs = 0

  constructor(tableLimits = small) {
    this.table = new ProducerTable(tableLimits)
  }

  send(batch: BatchHeader): SequenceVerdict {
    const verdict = this.table.judge(batch, this.timeMs)
    if (verdict.kind !== 'next') return verdict
    this.index += 1
    this.table.record(batch, this.index, this.offset, this.timeMs)
    this.table.expire(this.index, this.timeMs)
    this.offset += batch.lastOffsetDelta + 1
    return verdict
  }
}

const next = { kind: 'next' }
const refusal = (code: string) => expect.objectContaining({ kind: 'refused', code })

describe('a producer', () => {
  test('begins at sequence 0 and goes on without a gap', () => {
    const partition = new Partition()
    expect(partition.send(header(7, 0, 0, 3))).toEqual(next)
    expect(partition.send(header(7, 0, 3, 2))).toEqual(next)
    expect(partition.send(header(7, 0, 6))).toEqual(refusal('QUORATE_OUT_OF_ORDER_SEQUENCE'))
    expect(partition.send(header(7, 0, 5))).toEqual(next)
  })

  test('that is not known is refused at any sequence but 0', () => {
    const partition = new Partition()
    expect(partition.send(header(7, 3, 1))).toEqual(refusal('QUORATE_UNKNOWN_PRODUCER'))
    expect(partition.send(header(7, 3, 0))).toEqual(next)
  })

  test('begins a new epoch at sequence 0 only, and is fenced in an older one', () => {
    const partition = new Partition()
    partition.send(header(7, 1, 0, 4))
    expect(partition.send(header(7, 2, 4))).toEqual(refusal('QUORATE_OUT_OF_ORDER_SEQUENCE'))
    expect(partition.send(header(7, 2, 0))).toEqual(next)
    expect(partition.send(header(7, 1, 4))).toEqual(refusal('QUORATE_PRODUCER_FENCED'))
    expect(partition.send(header(7, 1, 0, 4))).toEqual(refusal('QUORATE_PRODUCER_FENCED'))
    expect(partition.send(header(7, 2, 1))).toEqual(next)
  })

  test('with id -1 is always next and never remembered', () => {
    const partition = new Partition()
    for (let round = 0; round < 3; round++) expect(partition.send(header(-1, -1, -1))).toEqual(next)
    expect(partition.table.size).toBe(0)
  })

  test('with an id but no epoch or sequence is refused', () => {
    const partition = new Partition()
    expect(partition.send(header(7, -1, 0))).toEqual(refusal('QUORATE_CORRUPT_BATCH'))
    expect(partition.send(header(7, 0, -1))).toEqual(refusal('QUORATE_CORRUPT_BATCH'))
  })
})

describe('a duplicate', () => {
  test.each([0, 1, 2, 3, 4])('%i batches back gets the original offset and index', (back) => {
    const partition = new Partition()
    for (let batch = 0; batch < 9; batch++) partition.send(header(7, 0, 2 * batch, 2))
    const batch = 8 - back
    const expected = { kind: 'duplicate', offset: 2 * batch, index: batch + 1 }
    expect(partition.send(header(7, 0, 2 * batch, 2))).toEqual(expected)
  })

  test('older than the window is applied at an unknown offset, not before the window is', () => {
    const partition = new Partition()
    for (let batch = 0; batch < 9; batch++) partition.send(header(7, 0, batch))
    expect(limits.producerWindowBatches).toBe(5)
    expect(partition.send(header(7, 0, 3))).toEqual({ kind: 'duplicate', offset: -1, index: 5 })
    expect(partition.send(header(7, 0, 0))).toEqual({ kind: 'duplicate', offset: -1, index: 5 })
  })

  test('cut otherwise than the original gets no offset, and none is said of a part', () => {
    const partition = new Partition()
    partition.send(header(7, 0, 0, 4))
    partition.send(header(7, 0, 4, 4))
    const spanning = { kind: 'duplicate', offset: -1, index: 2 }
    expect(partition.send(header(7, 0, 0, 8))).toEqual(spanning)
    expect(partition.send(header(7, 0, 2, 2))).toEqual({ ...spanning, index: 1 })
    expect(partition.send(header(7, 0, 4, 5))).toEqual(refusal('QUORATE_OUT_OF_ORDER_SEQUENCE'))
  })

  test('is never claimed of a sequence that was not sent in this epoch', () => {
    const partition = new Partition()
    partition.send(header(7, 0, 0))
    const beforeZero = header(7, 0, 2 ** 31 - 1)
    expect(partition.send(beforeZero)).toEqual(refusal('QUORATE_OUT_OF_ORDER_SEQUENCE'))
  })
})

describe('sequences', () => {
  test('wrap to 0 after 2^31 - 1, within a batch or between two', () => {
    const partition = new Partition()
    const half = 2 ** 30
    partition.send(header(7, 0, 0, half))
    partition.send(header(7, 0, half, half - 2))
    expect(partition.send(header(7, 0, 2 ** 31 - 2, 5))).toEqual(next)
    expect(partition.send(header(7, 0, 2 ** 31 - 2, 5))).toMatchObject({
      kind: 'duplicate',
      offset: 2 ** 31 - 2,
    })
    expect(partition.send(header(7, 0, 3))).toEqual(next)
    expect(partition.send(header(7, 0, 2 ** 31 - 5, 2))).toMatchObject({
      kind: 'duplicate',
      offset: -1,
    })
    expect(partition.send(header(7, 0, 5))).toEqual(refusal('QUORATE_OUT_OF_ORDER_SEQUENCE'))
  })
})

describe('the table', () => {
  test('forgets a producer after its expiry in log time, not before', () => {
    const partition = new Partition()
    partition.send(header(7, 0, 0))
    partition.timeMs = 999
    expect(partition.table.judge(header(7, 0, 0), 999)).toMatchObject({ kind: 'duplicate' })
    partition.timeMs = 1000
    expect(partition.send(header(7, 0, 1))).toEqual(refusal('QUORATE_UNKNOWN_PRODUCER'))
    expect(partition.send(header(7, 0, 0))).toEqual(next)
    expect(partition.send(header(7, 0, 1))).toEqual(next)
  })

  test('that is full refuses newcomers and evicts nobody', () => {
    const partition = new Partition()
    for (const id of [1, 2, 3]) partition.send(header(id, 0, 0))
    expect(partition.send(header(4, 0, 0))).toEqual(refusal('QUORATE_PRODUCER_TABLE_FULL'))
    for (const id of [1, 2, 3]) expect(partition.send(header(id, 0, 1))).toEqual(next)
  })

  test('that is full takes a newcomer once somebody has expired', () => {
    const partition = new Partition()
    partition.send(header(1, 0, 0))
    partition.timeMs = 500
    for (const id of [2, 3]) partition.send(header(id, 0, 0))
    partition.timeMs = 1000
    expect(partition.send(header(4, 0, 0))).toEqual(next)
    expect(partition.table.size).toBe(3)
    expect(partition.send(header(5, 0, 0))).toEqual(refusal('QUORATE_PRODUCER_TABLE_FULL'))
  })

  test('frees expired producers in bounded rounds', () => {
    const many = 3 * limits.producerPurgeMax
    const partition = new Partition({ producersMax: 10_000, producerExpiryMs: 1000 })
    for (let id = 0; id < many; id++) partition.send(header(id, 0, 0))
    partition.timeMs = 5000
    const sizes = new Set<number>()
    for (let round = 0; round < 4 * limits.producerPurgeEveryEntries; round++) {
      partition.send(header(-1, -1, -1))
      sizes.add(partition.table.size)
      if (partition.index % limits.producerPurgeEveryEntries !== 0) partition.table.expire(-1, 5000)
      else partition.table.expire(partition.index, 5000)
    }
    expect(partition.table.size).toBe(0)
    expect(sizes.size).toBeGreaterThan(1)
  })

  test('judging changes nothing, and a fork is independent', () => {
    const partition = new Partition()
    partition.send(header(7, 0, 0))
    const before = JSON.stringify([...partition.table.entries()])
    const fork = partition.table.fork()
    fork.record(header(7, 0, 1), 2, 1, 0)
    fork.record(header(8, 0, 0), 3, 2, 0)
    partition.table.judge(header(9, 0, 0), 5000)
    expect(JSON.stringify([...partition.table.entries()])).toBe(before)
    expect(fork.size).toBe(2)
  })
})

// ── against a reference that keeps every batch ever accepted and looks at all of them ───────────

interface Accepted {
  readonly epoch: number
  /** Position of the first record in its epoch. */
  readonly first: number
  readonly count: number
  readonly offset: number
  readonly index: number
  readonly timeMs: number
}

class Reference {
  readonly #expiryMs: number
  readonly #producersMax: number
  readonly #accepted = new Map<number, Accepted[]>()

  constructor(producersMax: number, expiryMs: number) {
    this.#producersMax = producersMax
    this.#expiryMs = expiryMs
  }

  #live(id: number, timeMs: number): Accepted[] {
    const all = this.#accepted.get(id) ?? []
    let start = 0
    for (let at = 1; at < all.length; at++) {
      if (all[at]!.timeMs - all[at - 1]!.timeMs >= this.#expiryMs) start = at
    }
    const last = all.at(-1)
    return last === undefined || timeMs - last.timeMs >= this.#expiryMs ? [] : all.slice(start)
  }

  judge(batch: BatchHeader, timeMs: number): string {
    if (batch.producerId < 0) return 'next'
    const live = this.#live(batch.producerId, timeMs)
    const last = live.at(-1)
    if (last === undefined) {
      if (batch.baseSequence !== 0) return 'QUORATE_UNKNOWN_PRODUCER'
      const others = [...this.#accepted.keys()].filter((id) => this.#live(id, timeMs).length > 0)
      return others.length >= this.#producersMax ? 'QUORATE_PRODUCER_TABLE_FULL' : 'next'
    }
    if (batch.producerEpoch < last.epoch) return 'QUORATE_PRODUCER_FENCED'
    if (batch.producerEpoch > last.epoch) {
      return batch.baseSequence === 0 ? 'next' : 'QUORATE_OUT_OF_ORDER_SEQUENCE'
    }
    const epoch = live.filter((each) => each.epoch === last.epoch)
    const end = last.first + last.count
    const count = batch.lastOffsetDelta + 1
    if (batch.baseSequence === end) return 'next'
    if (batch.baseSequence + count > end) return 'QUORATE_OUT_OF_ORDER_SEQUENCE'
    const same = epoch
      .slice(-5)
      .find((each) => each.first === batch.baseSequence && each.count === count)
    return `duplicate ${same?.offset ?? -1}`
  }

  /** Highest index any record of the duplicate was appended at. */
  indexOf(batch: BatchHeader): number {
    const all = this.#accepted.get(batch.producerId)!
    const end = batch.baseSequence + batch.lastOffsetDelta + 1
    return all.findLast((each) => each.epoch === batch.producerEpoch && each.first < end)!.index
  }

  record(batch: BatchHeader, index: number, offset: number, timeMs: number): void {
    if (batch.producerId < 0) return
    const { producerId, producerEpoch: epoch, baseSequence: first } = batch
    const all = this.#accepted.get(producerId) ?? []
    all.push({ epoch, first, count: batch.lastOffsetDelta + 1, offset, index, timeMs })
    this.#accepted.set(producerId, all)
  }
}

const step = fc.record({
  producerId: fc.constantFrom(-1, 1, 2, 3, 4, 5),
  /** Mostly the next sequence, else something near it. */
  skip: fc.oneof(
    { weight: 5, arbitrary: fc.constant(0) },
    { weight: 4, arbitrary: fc.integer({ min: -14, max: 2 }) },
  ),
  bump: fc.oneof(
    { weight: 8, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: -1, max: 1 }) },
  ),
  count: fc.integer({ min: 1, max: 3 }),
  waitMs: fc.oneof(
    { weight: 9, arbitrary: fc.integer({ min: 0, max: 20 }) },
    { weight: 1, arbitrary: fc.constant(600) },
  ),
  repeat: fc.boolean(),
})

test('the table judges every batch as a reference that remembers everything', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 120, size: 'max' }), (steps) => {
      const partition = new Partition()
      const reference = new Reference(small.producersMax, small.producerExpiryMs)
      const heads = new Map<number, { epoch: number; end: number; sent: BatchHeader[] }>()
      for (const { producerId, skip, bump, count, waitMs, repeat } of steps) {
        partition.timeMs += waitMs
        const head = heads.get(producerId) ?? { epoch: 0, end: 0, sent: [] }
        const epoch = Math.max(0, head.epoch + bump)
        const expected = bump > 0 ? 0 : head.end
        const earlier = head.sent.at(-1 - (Math.abs(skip) % 8))
        const fresh = header(producerId, epoch, Math.max(0, expected + skip), count)
        const batch =
          producerId < 0 ? header(-1, -1, -1) : repeat && earlier !== undefined ? earlier : fresh
        const promised = reference.judge(batch, partition.timeMs)
        const verdict = partition.send(batch)
        if (verdict.kind === 'next') {
          const offset = partition.offset - batch.lastOffsetDelta - 1
          reference.record(batch, partition.index, offset, partition.timeMs)
          const end = batch.baseSequence + batch.lastOffsetDelta + 1
          heads.set(producerId, { epoch: batch.producerEpoch, end, sent: [...head.sent, batch] })
          expect(promised).toBe('next')
        } else if (verdict.kind === 'refused') {
          expect(verdict.code).toBe(promised)
          // A producer that was forgotten or fenced starts over, as a client would.
          heads.set(producerId, { ...head, epoch: head.epoch, end: skip < -10 ? 0 : head.end })
        } else {
          expect(`duplicate ${verdict.offset}`).toBe(promised)
          // Waiting for that index is enough, and exact where the offset is known.
          expect(verdict.index).toBeGreaterThanOrEqual(reference.indexOf(batch))
          if (verdict.offset >= 0) expect(verdict.index).toBe(reference.indexOf(batch))
        }
      }
    }),
    { numRuns: 400 },
  )
})
