import { expect, test } from 'vitest'
import { fulfil } from './support/plans.ts'

// Two files run plans, so that both cores of a machine are used: see more-properties.test.ts.
test('a cluster keeps its promises under 100 random plans', { timeout: 300_000 }, () => {
  const totals = fulfil(1, 100)
  expect(totals.counted).toBe(100)
})
