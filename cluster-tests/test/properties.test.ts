import { expect, test } from 'vitest'
import { firstSeed, fulfil, plansPerFile } from './support/plans.ts'
import { missed } from './support/rare-probes.ts'

// Two files run plans, so that both cores of a machine are used: see more-properties.test.ts.
test('a cluster keeps its promises under 100 random plans', { timeout: 300_000 }, () => {
  const totals = fulfil(firstSeed, plansPerFile)
  expect(totals.counted).toBe(plansPerFile)
  expect(missed(totals)).toEqual([])
})
