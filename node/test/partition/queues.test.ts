import type { FetchReply, WriteResult } from '@quorate/protocol'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FetchQueue } from '../../src/partition/fetch-queue.ts'
import type { FetchCommand, WriteCommand } from '../../src/partition/partition-message.ts'
import { WriteQueue } from '../../src/partition/write-queue.ts'
import { batchOf, headerOf } from './log-builder.ts'

const group = { topicId: 4, partition: 1 }
const leader = { node: 'n2', address: 'h:1', term: 9 }

function writeCommand(answers: WriteResult[]): WriteCommand {
  const respond = (result: WriteResult) => answers.push(result)
  return { type: 'write', header: headerOf(), batch: batchOf(), respond }
}

describe('write queue', () => {
  test('counts the bytes that wait for the next run, and nothing else', () => {
    const queue = new WriteQueue(group)
    const { byteLength } = batchOf()
    queue.gather(writeCommand([]))
    queue.gather(writeCommand([]))
    expect(queue.gatheredBytes).toBe(2 * byteLength)
    expect(queue.takeGathered()).toHaveLength(2)
    expect(queue.gatheredBytes).toBe(0)
    expect(queue.takeGathered()).toEqual([])
  })

  test('a write is answered when its entry commits, together with its resends', () => {
    const queue = new WriteQueue(group)
    const answers: WriteResult[] = []
    queue.await(7, writeCommand(answers), 30)
    queue.await(7, writeCommand(answers), 30)
    queue.await(8, writeCommand(answers), 31)
    queue.committed(6)
    expect(answers).toEqual([])
    queue.committed(7)
    expect(answers).toEqual([
      { ...group, offset: 30, duplicate: false },
      { ...group, offset: 30, duplicate: false },
    ])
    queue.committed(7)
    expect(answers).toHaveLength(2)
    expect(queue.waiting).toBe(1)
  })

  test('at the end of leadership what is in the log is unknown, what is not is certain', () => {
    const queue = new WriteQueue(group)
    const gathered: WriteResult[] = []
    const waiting: WriteResult[] = []
    queue.gather(writeCommand(gathered))
    queue.await(7, writeCommand(waiting), 30)
    queue.abandon(leader)
    expect(gathered).toEqual([
      { ...group, error: 'QUORATE_NOT_LEADER', offset: -1, duplicate: false, leader },
    ])
    expect(waiting).toMatchObject([{ error: 'QUORATE_UNKNOWN_OUTCOME', leader }])
    queue.committed(7)
    queue.abandon(undefined)
    expect([gathered.length, waiting.length]).toEqual([1, 1])
  })

  test('whatever is asked of it, every write is answered exactly once', () => {
    const action = fc.oneof(
      fc.record({ do: fc.constant('gather') }),
      fc.record({ do: fc.constant('propose') }),
      fc.record({ do: fc.constant('commit'), index: fc.integer({ min: 1, max: 12 }) }),
      fc.record({ do: fc.constant('abandon') }),
    )
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
        const queue = new WriteQueue(group)
        const answers: WriteResult[][] = []
        let index = 0
        for (const each of actions) {
          if (each.do === 'gather') {
            const own: WriteResult[] = []
            answers.push(own)
            queue.gather(writeCommand(own))
          } else if (each.do === 'propose') {
            for (const write of queue.takeGathered()) queue.await(++index, write, index)
          } else if (each.do === 'commit') queue.committed((each as { index: number }).index)
          else queue.abandon(undefined)
        }
        queue.abandon(undefined)
        expect(answers.every((own) => own.length === 1)).toBe(true)
      }),
      { numRuns: 200 },
    )
  })
})

describe('fetch queue', () => {
  const fetchAt = (offset: number): FetchCommand => {
    const respond = (_reply: FetchReply) => {}
    return { type: 'fetch', request: { ...group, offset, maxBytes: 1, waitMs: 1 }, respond }
  }

  test('the deadline is the earliest of those that wait, also when a later one comes after', () => {
    const queue = new FetchQueue()
    expect(queue.deadlineMs).toBe(Number.POSITIVE_INFINITY)
    queue.wait(fetchAt(5), 300)
    queue.wait(fetchAt(5), 900)
    expect(queue.deadlineMs).toBe(300)
    expect(queue.takeExpired(299)).toEqual([])
    expect(queue.takeExpired(300)).toHaveLength(1)
    expect(queue.deadlineMs).toBe(900)
    expect(queue.takeAll()).toHaveLength(1)
    expect(queue.deadlineMs).toBe(Number.POSITIVE_INFINITY)
  })

  test('gives out what records can answer, in the order of arrival, and keeps the rest', () => {
    const queue = new FetchQueue()
    const fetches = [5, 9, 6, 7].map(fetchAt)
    for (const [at, fetch] of fetches.entries()) queue.wait(fetch, 1000 + at)
    expect(queue.takeServable(5)).toEqual([])
    expect(queue.takeServable(7)).toEqual([fetches[0], fetches[2]])
    expect(queue.size).toBe(2)
    expect(queue.deadlineMs).toBe(1001)
  })
})
