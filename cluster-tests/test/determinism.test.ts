import { planOfSeed, runPlan } from 'quorate/laboratory'
import { describe, expect, test } from 'vitest'

describe('one plan', () => {
  test.each([3, 8])('plan %i run twice gives the same hash of all events', (seed) => {
    const [first, second] = [runPlan(planOfSeed(seed)), runPlan(planOfSeed(seed))]
    expect(second.hash).toBe(first.hash)
    expect(second.events).toBe(first.events)
    expect(second.history).toEqual(first.history)
  })

  test('another seed is another run', () => {
    const plan = planOfSeed(3)
    const other = runPlan({ ...plan, seed: plan.seed + 1 })
    expect(other.hash).not.toBe(runPlan(plan).hash)
    expect(other.violations).toEqual([])
  })

  test('without faults every send is acked and nothing fails', () => {
    const plan = planOfSeed(3)
    // Tiny WAL files on a slow disk refuse writes now and then, as they should.
    const settings = { ...plan.settings, walFileBytes: 1024 * 1024, deliveryTimeoutMs: 30_000 }
    const result = runPlan({ ...plan, settings, steps: [] })
    expect(result.violations).toEqual([])
    expect(result.unknown + result.notApplied).toBe(0)
    expect(result.copiesChecked).toBe(result.acked)
  })
})
