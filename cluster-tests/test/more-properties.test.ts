import { expect, test } from 'vitest'
import { firstSeed, fulfil, plansPerFile } from './support/plans.ts'
import { missed } from './support/rare-probes.ts'

test('a cluster keeps its promises under 100 other random plans', { timeout: 300_000 }, () => {
  const totals = fulfil(firstSeed + 1_000, plansPerFile)
  expect(totals.counted).toBe(plansPerFile)
  expect(missed(totals)).toEqual([])
})
