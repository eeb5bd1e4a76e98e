import { expect, test } from 'vitest'
import { firstSeed, fulfil } from './support/plans.ts'

const plans = 20

test('a cluster keeps its promises while nodes come, go and lose their disks', {
  timeout: 300_000,
}, () => {
  const totals = fulfil(firstSeed, plans, 'sim-membership')
  expect(totals.counted).toBe(plans)
  for (const kind of ['add-node', 'remove-node', 'replace-node', 'move-partition', 'rebalance']) {
    expect(totals.of(`change ${kind}`), kind).toBeGreaterThan(0)
  }
  expect(totals.of('snapshot.installed')).toBeGreaterThan(0)
})
