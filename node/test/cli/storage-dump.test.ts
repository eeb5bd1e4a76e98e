import { describe, expect, test } from 'vitest'
import { dumpFields, selectGroups, type TopicNames } from '../../src/cli/storage-dump.ts'
import { UsageError } from '../../src/cli/usage-error.ts'
import type { DumpedGroup, DumpRow } from '../../src/storage/dump.ts'

const row: DumpRow = {
  group: { topicId: 9, partition: 4 },
  replicaId: 1002,
  index: 7,
  term: 3,
  type: 'records',
  appendTimeMs: 1_700_000_000_000,
  chain: '0123456789abcdef',
  payloadCrc: '00c0ffee',
  payloadBytes: 120,
  baseOffset: 17,
  place: 'wal',
}

describe('a dumped entry', () => {
  test('says what it is, where it stands in its log, and where its records lie', () => {
    expect(dumpFields('orders', row)).toEqual({
      topic: 'orders',
      topicId: 9,
      partition: 4,
      index: 7,
      term: 3,
      type: 'records',
      appendTime: '2023-11-14T22:13:20.000Z',
      chain: '0123456789abcdef',
      payloadCrc: '00c0ffee',
      payloadBytes: 120,
      baseOffset: 17,
    })
    expect(
      dumpFields('orders', { ...row, type: 'termStart', baseOffset: -1 }).baseOffset,
    ).toBeNull()
  })

  test('is the same on every replica: nothing in it belongs to one node', () => {
    const elsewhere: DumpRow = { ...row, replicaId: 1003, place: 'segment' }
    expect(dumpFields('orders', elsewhere)).toEqual(dumpFields('orders', row))
  })
})

describe('the logs that are dumped', () => {
  const group = (topicId: number, partition: number) =>
    ({ group: { topicId, partition } }) as unknown as DumpedGroup
  const groups = [group(0, 0), group(5, 0), group(9, 0), group(9, 1), group(12, 0)]
  const names: TopicNames = new Map([
    [0, '$metadata'],
    [5, 'orders'],
    [9, 'orders'],
    [12, '5'],
  ])
  const select = (topic?: string, partition?: number) =>
    selectGroups(groups, names, { topic, partition }).map(
      ({ group: { topicId, partition: number } }) => `${topicId}-${number}`,
    )

  test('are all of them, or those of a topic', () => {
    expect(select()).toHaveLength(5)
    expect(select('$metadata')).toEqual(['0-0'])
    expect(select('9')).toEqual(['9-0', '9-1'])
    expect(select('9', 1)).toEqual(['9-1'])
  })

  test('of a name that was given twice are those of both topics', () => {
    expect(select('orders')).toEqual(['5-0', '9-0', '9-1'])
  })

  test('are found by name before they are found by id', () => {
    expect(select('5')).toEqual(['12-0'])
  })

  test('must be on this node, and the error says which are', () => {
    expect(() => select('nowhere')).toThrow(UsageError)
    expect(() => select('nowhere')).toThrow('this node, which has $metadata, orders, 5')
    expect(() => select('9', 7)).toThrow('--topic 9 --partition 7')
  })
})
