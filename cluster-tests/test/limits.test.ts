import { limitNames, type Plan, type PlanLimits, runPlan, tinyLimits } from 'quorate/laboratory'
import { describe, expect, test } from 'vitest'
import { smallPlan } from './support/small-plan.ts'

/** Bursts, many files of groups with one leader, a follower that has to catch up, and a replica that begins with a snapshot. */
function plan(limits: PlanLimits): Plan {
  const drawn = smallPlan([
    { fault: 'add-node' },
    { fault: 'power', target: 'follower:0:0', forMs: 3_000 },
    { fault: 'move-partition', target: 'node:3', detail: '1', atMs: 6_500 },
  ])
  const files = { walFileBytes: 64 * 1024, retentionBytes: 128 * 1024 }
  const sizes = { ...files, appendBytesMax: 1, readerBufferBytes: 4096, batchBytes: 2048 }
  const workload = { ...drawn.workload, partitions: 4, durationMs: 8_000, burst: 40, everyMs: 100 }
  return { ...drawn, settings: { ...drawn.settings, ...sizes, ...limits }, workload }
}

describe('tiny limits of a plan', { timeout: 60_000 }, () => {
  const usual = runPlan(plan({}))

  test.each(limitNames)('%s is met by something, and the cluster goes on', (name) => {
    const result = runPlan(plan({ [name]: tinyLimits[name] }))
    expect(result.violations).toEqual([])
    expect(result.hash).not.toBe(usual.hash)
    expect(result.acked).toBeGreaterThan(usual.acked / 4)
  })

  test('all together leave a cluster that goes on', () => {
    const result = runPlan(plan(tinyLimits))
    expect(result.violations).toEqual([])
    expect(result.acked).toBeGreaterThan(usual.acked / 4)
  })
})
