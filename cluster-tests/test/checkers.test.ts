import {
  checkAckedOnce,
  checkDenseOffsets,
  checkOrder,
  checkOutcomes,
  checkPositions,
  checkStableReads,
  type History,
  makeValue,
  newHistory,
  OneLeader,
  type ReadRecord,
  type Send,
  valueMark,
  valueMarks,
} from 'quorate/laboratory'
import { describe, expect, test } from 'vitest'

const send = (sequence: number, offset: number, change: Partial<Send> = {}): Send => ({
  producer: 0,
  sequence,
  value: makeValue(0, sequence, 12),
  key: undefined,
  invokedMs: sequence,
  outcome: 'acked',
  settledMs: sequence + 10,
  partition: 0,
  offset,
  code: undefined,
  ...change,
})
const read = ({ value }: Send, offset: number, partition = 0): ReadRecord => ({
  partition,
  offset,
  value,
  key: undefined,
})

/** Two acked records, read during the run and at the end. */
function goodHistory(): History {
  const history = newHistory(false)
  const [first, second] = [send(0, 0), send(1, 1)]
  history.sends.push(first, second)
  history.final.records.push(read(first, 0), read(second, 1))
  history.readings.push({ reader: 'r', records: [read(first, 0)], failure: undefined })
  history.positions.push({ client: 0, partition: 0, invokedMs: 20, answeredMs: 21, offset: 2 })
  return history
}

const checks = [
  checkAckedOnce,
  checkOutcomes,
  checkOrder,
  checkDenseOffsets,
  checkStableReads,
  checkPositions,
]

describe('checkers of the history', () => {
  test('a good history has no violations', () => {
    expect(checks.flatMap((check) => check(goodHistory()))).toEqual([])
  })

  type Spoil = (history: History) => void
  const bad: readonly [string, (history: History) => string[], Spoil, string][] = [
    ['a lost record', checkAckedOnce, (h) => h.final.records.pop(), 'is lost'],
    [
      'a doubled record',
      checkAckedOnce,
      (h) => h.final.records.push(read(h.sends[0]!, 2)),
      'is there 2 times',
    ],
    [
      'a record at another offset',
      checkAckedOnce,
      (h) => {
        h.sends[1]!.offset = 5
      },
      'was acked at 0@5 and is at 0@1',
    ],
    [
      'a record that nobody sent',
      checkOutcomes,
      (h) => h.final.records.push(read(send(9, 2), 2)),
      'which nobody sent',
    ],
    [
      'a record that was reported as not applied',
      checkOutcomes,
      (h) => {
        h.sends[1]!.outcome = 'not-applied'
      },
      'which was not applied',
    ],
    [
      'a record of unknown outcome, twice',
      checkOutcomes,
      (h) => {
        h.sends[0]!.outcome = 'unknown'
        h.final.records.push(read(h.sends[0]!, 2))
      },
      'unknown, 2 times',
    ],
    [
      'a record with the key of another',
      checkOutcomes,
      (h) => h.final.records.splice(0, 1, { ...h.final.records[0]!, key: 'k' }),
      'whose key was undefined',
    ],
    [
      'records of one producer in another order',
      checkOrder,
      (h) => h.sends.push(send(2, 0, { settledMs: 99 })),
      'was sent before',
    ],
    [
      'a gap between offsets',
      checkDenseOffsets,
      (h) => h.final.records.splice(0, 1),
      'went on at 1, not 0',
    ],
    [
      'a record that was read and is gone',
      checkStableReads,
      (h) => h.readings[0]!.records.push(read(send(7, 2), 2)),
      'at 0@2, now undefined',
    ],
    [
      'an end of the partition before an acked record',
      checkPositions,
      (h) =>
        h.positions.push({ client: 1, partition: 0, invokedMs: 30, answeredMs: 31, offset: 1 }),
      'ends at 1',
    ],
  ]
  test.each(bad)('%s is found', (_, check, spoil, words) => {
    const history = goodHistory()
    spoil(history)
    const violations = check(history)
    expect(violations).toHaveLength(1)
    expect(violations[0]).toContain(words)
  })
})

test('two leaders of one term are found, and one leader may be reported twice', () => {
  const leaders = new OneLeader()
  const election = { group: '3-0', term: 4, node: 'n1', atMs: 1 }
  expect(leaders.observe(election)).toBeUndefined()
  expect(leaders.observe(election)).toBeUndefined()
  expect(leaders.observe({ ...election, term: 5, node: 'n2' })).toBeUndefined()
  expect(leaders.observe({ ...election, group: '3-1', node: 'n2' })).toBeUndefined()
  expect(leaders.observe({ ...election, node: 'n2' })).toContain('lead 3-0 in term 4')
})

test('values are recognised in the bytes of a file', () => {
  const values = [makeValue(0, 12, 40), makeValue(11, 3, 4)]
  const bytes = new TextEncoder().encode(`\0<\0${values[0]}\0${values[1]}<p1`)
  expect(valueMarks(bytes)).toEqual(values.map(valueMark))
})
