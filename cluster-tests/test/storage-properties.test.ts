import { expect, test } from 'vitest'
import { exceed, firstSeed, fulfil } from './support/plans.ts'

// Long runs: npm run chaos -- sim --kind sim-storage.
const damagePlans = 28
const beyondPlans = 12

test('a cluster keeps its promises while files are damaged within the bound', {
  timeout: 300_000,
}, () => {
  const totals = fulfil(firstSeed, damagePlans, 'sim-storage')
  expect(totals.counted).toBe(damagePlans)
  const damages = ['flip', 'zero', 'truncate', 'delete', 'swap', 'stale']
  const done = damages.map((kind) => totals.of(`damage ${kind}`))
  expect(done.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(damagePlans / 2)
  expect(totals.of('away')).toBeGreaterThan(0)
  expect(totals.of('storage.repaired')).toBeGreaterThan(0)
})

test('a cluster that is damaged beyond the bound serves all, or stops and names what it lacks', {
  timeout: 300_000,
}, () => {
  const totals = exceed(firstSeed, beyondPlans)
  expect(totals.of('beyond')).toBeGreaterThan(beyondPlans)
  // Entries that no disk holds any more: each is named, and nobody gets it.
  expect(totals.of('lost')).toBeGreaterThan(beyondPlans / 2)
  expect(totals.of('stopped')).toBeGreaterThan(0)
})
