import { QuorateError, type TopicSummary } from '@quorate/protocol'
import { beforeEach, describe, expect, test } from 'vitest'
import { ObservedHistory } from '../../src/testing/observed-history.ts'

const unbounded = { retentionMs: -1, retentionBytes: -1, segmentBytes: 65_536, segmentMs: -1 }

function summary(topicId: number): TopicSummary {
  return { topic: 't', topicId, partitions: 1, replicas: 3, ...unbounded }
}

let nowMs = 0
let history: ObservedHistory

beforeEach(() => {
  nowMs = 0
  history = new ObservedHistory(() => nowMs)
  history.topicCreated(summary(1))
})

function acked(producer: string, offset: number): void {
  const send = history.send(producer, 't')
  nowMs += 1
  history.acked(send, 0, offset)
  nowMs += 1
}

function read(reader: string, offset: number, content = `content ${offset}`): void {
  history.read(reader, { topic: 't', partition: 0, offset }, content)
  nowMs += 1
}

describe('what clients observe', () => {
  test('is in order when readers begin anywhere, leave early, and sends are unknown', () => {
    acked('p', 0)
    history.send('p', 't')
    acked('p', 2)
    acked('p', 3)
    for (const offset of [0, 1]) read('early', offset)
    for (const offset of [2, 3]) read('late', offset)
    read('later', 9)
    expect(history.violations()).toEqual([])
  })

  test('is refused when two sends get one place', () => {
    acked('p', 4)
    acked('q', 4)
    expect(history.violations().join()).toMatch(/inconsistent-offsets/)
  })

  test('is refused when two readers get different records at one place', () => {
    acked('p', 0)
    read('one', 0)
    read('two', 0, 'something else')
    expect(history.violations().join()).toMatch(/inconsistent-offsets/)
  })

  test('is refused when a reader skips a record or goes back', () => {
    for (const offset of [0, 1, 2]) acked('p', offset)
    read('skips', 0)
    read('skips', 2)
    read('returns', 1)
    read('returns', 0)
    expect(history.violations().join()).toMatch(/poll-skip.*nonmonotonic-poll/)
  })

  test('is refused when a later send gets a lower offset', () => {
    acked('p', 5)
    acked('q', 3)
    expect(history.violations().join()).toMatch(/real-time-order/)
  })

  test('says nothing of sends that failed, and of names that are used again', () => {
    const refused = history.send('p', 't')
    history.refused(refused, new QuorateError('QUORATE_CLOSED', 'x', { outcome: 'not-applied' }))
    acked('p', 0)
    acked('q', 0)
    expect(history.violations()).not.toEqual([])
    history.topicCreated(summary(1))
    expect(history.violations()).not.toEqual([])
    history.topicCreated(summary(2))
    expect(history.violations()).toEqual([])
  })
})
