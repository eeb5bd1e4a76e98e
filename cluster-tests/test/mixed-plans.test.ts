import { parsePlan, planOfSeed } from 'quorate/laboratory'
import { expect, test } from 'vitest'

test('mixed plans are valid, and together have every fault that stays within the bound', () => {
  const names = new Set<string>()
  const pausesMs: number[] = []
  for (let seed = 1; seed <= 400; seed += 1) {
    const plan = planOfSeed(seed, 'sim-mixed')
    expect(parsePlan(JSON.parse(JSON.stringify(plan)))).toEqual(plan)
    for (const { fault, atMs, forMs } of plan.steps) {
      names.add(fault)
      // What healing ends early is no long pause.
      if (fault === 'pause' && atMs + forMs < plan.workload.durationMs) pausesMs.push(forMs)
    }
  }
  expect([...names]).toEqual(
    expect.arrayContaining(['ring', 'swap', 'crash-client', 'drift-clock']),
  )
  expect(names.size).toBeGreaterThanOrEqual(60)
  for (const menuMs of [5_000, 20_000, 60_000]) expect(pausesMs).toContain(menuMs)
})

test('no mixed plan sends record by record over slow disks, one batch after the other', () => {
  let tiny = 0
  for (let seed = 1; seed <= 2000; seed += 1) {
    const { settings } = planOfSeed(seed, 'sim-mixed')
    const { batchBytes, inflightMessagesMax, inflightBytesMax, diskMaxMs } = settings
    const oneByOne = inflightMessagesMax === 1 || inflightBytesMax === 1
    if (batchBytes === undefined) continue
    tiny += 1
    expect(oneByOne && diskMaxMs > 5, `seed ${seed}`).toBe(false)
  }
  expect(tiny).toBeGreaterThan(100)
})
