import { describe, expect, test } from 'vitest'
import type { Batch } from '../src/core/batch.ts'
import { Outbox } from '../src/core/outbox.ts'

const batch = (partition: number, sizeBytes: number, sentBefore = false): Batch => ({
  topicId: 1,
  partition,
  entries: [],
  bytes: new Uint8Array(sizeBytes),
  deadlineMs: 0,
  attempts: 0,
  last: sentBefore ? { address: 'a', sentMs: 0, dueMs: 0, partitions: [], batches: [] } : undefined,
  uncertain: false,
  needsSend: true,
  settled: false,
})

const requests = (outbox: Outbox, maxBytes = 10_000) =>
  [...outbox.requests(maxBytes)].map(({ address, batches }) => [
    address,
    ...batches.map((b) => b.partition),
  ])

describe('an outbox', () => {
  test('puts all batches for one node into one request', () => {
    const outbox = new Outbox()
    outbox.add('a', [batch(0, 100), batch(0, 100)])
    outbox.add('b', [batch(1, 100)])
    outbox.add('a', [batch(2, 100)])
    expect(requests(outbox)).toEqual([
      ['a', 0, 0, 2],
      ['b', 1],
    ])
  })

  test('keeps a partition that is retried, with everything behind it, apart from healthy ones', () => {
    const outbox = new Outbox()
    outbox.add('a', [batch(0, 100)])
    outbox.add('a', [batch(1, 100, true), batch(1, 100)])
    outbox.add('a', [batch(2, 100)])
    expect(requests(outbox)).toEqual([
      ['a', 1, 1],
      ['a', 0, 2],
    ])
  })

  test('begins another request at the bound, in order; a larger batch travels alone', () => {
    const outbox = new Outbox()
    outbox.add('a', [batch(0, 400), batch(0, 400), batch(0, 400)])
    outbox.add('a', [batch(1, 5_000)])
    outbox.add('a', [batch(2, 10)])
    expect(requests(outbox, 1_000)).toEqual([
      ['a', 0, 0],
      ['a', 0],
      ['a', 1],
      ['a', 2],
    ])
  })

  test('has no request without batches', () => {
    const outbox = new Outbox()
    outbox.add('a', [])
    expect(requests(outbox)).toEqual([])
  })
})
