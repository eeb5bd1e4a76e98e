import { parsePlan, runPlan } from 'quorate/laboratory'
import { expect, test } from 'vitest'
import kept from './support/beyond-plans.json' with { type: 'json' }

test('a disk that is full too briefly for any write does not count for what a later one refused', () => {
  const plan = parsePlan(kept[0])
  const fault = { fault: 'full-disk', target: 'all' } as const
  const brief = { ...fault, atMs: 1_000, forMs: 0 }
  const long = { ...fault, atMs: 2_000, forMs: 4_000 }
  const workload = { ...plan.workload, durationMs: 6_000 }
  const { applied } = runPlan({ ...plan, workload, damage: 'within', steps: [brief, long] })
  expect(applied['full-disk']).toBe(1)
})
