import type { FaultName, Plan } from 'quorate/laboratory'
import { checkLostEntries, parsePlan, runPlan } from 'quorate/laboratory'
import { describe, expect, test } from 'vitest'
import kept from './support/beyond-plans.json' with { type: 'json' }

const numbers = [1, 2, 3, 4]

/** Drawn once and kept, so that a change of what is drawn changes nothing here. */
const plans = kept.map((each) => parsePlan(each))

/** Nothing happens but this, in the middle of the traffic. */
function plan(number: number, fault: FaultName): Plan {
  const drawn = plans[number - 1]!
  const workload = { ...drawn.workload, partitions: 2, keys: 0, replicas: 3 } as const
  const steps = [{ atMs: 5_000, fault, target: 'all', forMs: 200, detail: String(number) }]
  return { ...drawn, nodes: 3, workload, damage: 'beyond', steps }
}

test('an entry that is lost on all disks is named and served to nobody, and other groups go on', () => {
  const stopped = numbers.map((number) => {
    const result = runPlan(plan(number, 'spoil-all'))
    expect(result.violations, `plan ${number}`).toEqual([])
    expect(result.lost).toBe(1)
    return result.stopped
  })
  expect(Math.max(...stopped)).toBe(1)
})

// Retention deletes while the lost entry is asked for.
test('what retention deletes in a run that has lost an entry is not taken for lost', () => {
  const drawn = plan(5, 'spoil-all')
  const settings = { ...drawn.settings, retentionBytes: 65_536, segmentBytes: 16_384 }
  const result = runPlan({ ...drawn, settings })
  expect(result.violations).toEqual([])
  expect(result.retired).toBeGreaterThan(0)
})

test('one whole copy is enough to get back what a majority lost', () => {
  const repaired = numbers.map((number) => {
    const result = runPlan(plan(number, 'spoil-majority'))
    expect(result.violations, `plan ${number}`).toEqual([])
    expect(result).toMatchObject({ lost: 0, stopped: 0 })
    expect(result.beyond).toBeGreaterThan(0)
    return result.recoveries['storage.repaired']
  })
  expect(Math.max(...repaired)).toBeGreaterThan(0)
})

describe('of an entry that no disk holds any more', () => {
  const entry = { group: '7-0', partition: 0, index: 5, baseOffset: 40 }
  const named = { group: '7-0', file: '/data/wal/wal-1', firstIndex: 4, lastIndex: 5 }
  const reading = (...offsets: readonly number[]) => ({
    reader: 'r',
    records: offsets.map((offset) => ({ partition: 0, offset, value: '', key: undefined })),
    failure: undefined,
  })
  const attempts = [{ entry, readings: [reading(38, 39), reading()] }]
  const hurt = new Set([0])
  const outcome = { attempts, stopped: new Set([0]), hurt, only: true, events: [named] }

  test('a name and the records before it are right', () => {
    expect(checkLostEntries(outcome)).toEqual([])
  })

  test('it may have been retired since its partition stopped', () => {
    expect(checkLostEntries({ ...outcome, attempts: [] })).toEqual([])
  })

  test.each([
    ['r was given 40', { attempts: [{ entry, readings: [reading(40)] }] }],
    ['r was given 41', { attempts: [{ entry, readings: [reading(38, 39, 41)] }] }],
    ['no node names', { events: [] }],
    ['no node names', { events: [{ ...named, group: '7-1' }] }],
    ['no node names', { events: [{ ...named, lastIndex: 4 }] }],
    ['no node names', { events: [{ group: '7-0', firstIndex: 4, lastIndex: 5 }] }],
    ['partition 1 has lost nothing', { stopped: new Set([0, 1]) }],
  ])('it is wrong that %s', (why, change) => {
    const violations = checkLostEntries({ ...outcome, ...change })
    expect(violations).toHaveLength(1)
    expect(violations[0]).toContain(why)
  })
})
