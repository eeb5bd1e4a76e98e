import { expect, test } from 'vitest'
import { fulfil } from './support/plans.ts'

test('a cluster keeps its promises under 100 other random plans', { timeout: 300_000 }, () => {
  const totals = fulfil(1001, 100)
  expect(totals.counted).toBe(100)
})
