import { parsePlan, planOfSeed } from 'quorate/laboratory'
import { expect, test } from 'vitest'

test('mixed plans are valid, and together have every fault that stays within the bound', () => {
  const names = new Set<string>()
  for (let seed = 1; seed <= 400; seed += 1) {
    const plan = planOfSeed(seed, 'sim-mixed')
    expect(parsePlan(JSON.parse(JSON.stringify(plan)))).toEqual(plan)
    for (const { fault } of plan.steps) names.add(fault)
  }
  expect([...names]).toEqual(
    expect.arrayContaining(['ring', 'swap', 'crash-client', 'drift-clock']),
  )
  expect(names.size).toBeGreaterThanOrEqual(57)
})
