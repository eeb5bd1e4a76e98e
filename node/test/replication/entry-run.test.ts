import { readBatchHeader, stampBatch } from '@quorate/protocol'
import { expect, test } from 'vitest'
import { EntryRun, firstDamage } from '../../src/replication/entry-run.ts'
import { logBegin } from '../../src/storage/chain.ts'
import { EntryType, type LogEntry } from '../../src/storage/log-entry.ts'
import { batchOf, LogBuilder } from '../partition/log-builder.ts'

test('each entry of a run is chained to the one before it and carries the same time and term', () => {
  const run = new EntryRun(logBegin, 3, 1234)
  const payload = stampBatch(batchOf({ count: 2 }), 0, 3)
  run.add(EntryType.termStart, { pieces: [], byteLength: 0 })
  run.addRecords(payload, readBatchHeader(payload))
  expect(run.entries).toMatchObject([
    { index: 1, term: 3, appendTimeMs: 1234, type: EntryType.termStart, nextOffset: -1 },
    {
      index: 2,
      term: 3,
      appendTimeMs: 1234,
      type: EntryType.records,
      baseOffset: 0,
      nextOffset: 2,
    },
  ])
  expect(firstDamage(logBegin, run.entries, () => false)).toBeUndefined()
})

test('damage is found wherever it is, and entries that are held already are not hashed again', () => {
  const builder = new LogBuilder()
  for (let at = 0; at < 4; at++) builder.records()
  const { entries } = builder
  const damaged = entries.map(
    (entry, at): LogEntry => (at === 2 ? { ...entry, payloadCrc: 1 } : entry),
  )
  expect(firstDamage(logBegin, damaged, () => false)).toBe('chain at index 3')
  const looked: number[] = []
  firstDamage(logBegin, entries, ({ index }) => {
    looked.push(index)
    return index <= 2
  })
  expect(looked).toEqual([1, 2, 3, 4])
  expect(firstDamage(logBegin, damaged, ({ index }) => index === 3)).toBeUndefined()
  expect(firstDamage(logBegin, entries.slice(1), () => false)).toBe('index 2 after 0')
})
