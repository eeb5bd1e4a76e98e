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

test('no mixed plan sends record by record over slow disks or links, one batch after the other', () => {
  let tiny = 0
  for (let seed = 1; seed <= 2000; seed += 1) {
    const { settings } = planOfSeed(seed, 'sim-mixed')
    if (settings.batchBytes === undefined) continue
    tiny += 1
    const areStored = settings.inflightMessagesMax === 1 || settings.inflightBytesMax === 1
    const areRead = settings.readerBufferBytes !== undefined || settings.fetchBytes !== undefined
    const { diskMaxMs, latencyMaxMs } = settings
    const isSlow = diskMaxMs + 2 * latencyMaxMs > 10
    expect((areStored || areRead) && isSlow, `seed ${seed}`).toBe(false)
  }
  expect(tiny).toBeGreaterThan(50)
})
