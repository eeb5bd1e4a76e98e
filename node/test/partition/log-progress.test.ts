import { emptyChunks } from '@quorate/protocol'
import { expect, test } from 'vitest'
import { limits } from '../../src/limits.ts'
import { LogProgress } from '../../src/partition/log-progress.ts'
import { EntryType, type LogEntry } from '../../src/storage/log-entry.ts'

function entryAt(index: number): LogEntry {
  return {
    index,
    term: 1,
    chain: { high: 0, low: index },
    sizeBytes: 64,
    type: EntryType.termStart,
    appendTimeMs: index,
    payload: emptyChunks,
    payloadCrc: 0,
    baseOffset: -1,
    nextOffset: -1,
  }
}

test('segment ends are remembered up to a bound; the log can still begin at every later one', () => {
  const progress = new LogProgress({ segmentBytes: 0, segmentMs: 1000 })
  const last = limits.rollPointsMax + 10
  for (let index = 1; index <= last; index++) {
    expect(progress.advance(entryAt(index), 0, false)).toBe(true)
  }
  expect(progress.rolls).toHaveLength(limits.rollPointsMax)
  expect(progress.rolls[0]?.index).toBe(11)
  const start = (index: number) => ({ index, offset: 0, chain: { high: 0, low: index } })
  expect(() => progress.checkLogStart(entryAt(last + 1), start(10))).toThrow(/ends no segment/)
  progress.checkLogStart(entryAt(last + 1), start(11))
  expect(progress.begin(start(11))).toBe(true)
  expect(progress.rolls).toHaveLength(limits.rollPointsMax - 1)
})

test('the state comes back whole and is no view of the original', () => {
  const rule = { segmentBytes: 0, segmentMs: 1000 }
  const progress = new LogProgress(rule)
  for (let index = 1; index <= 3; index++) progress.advance(entryAt(index), index, false)
  const state = progress.state()
  const copy = new LogProgress(rule, state)
  copy.advance(entryAt(4), 4, false)
  expect(progress.state()).toEqual(state)
  expect(copy.rolls).toHaveLength(4)
})
