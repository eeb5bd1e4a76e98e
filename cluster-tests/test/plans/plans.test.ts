// The plans of every run of the suite. Long runs: npm run chaos -- sim.
import { type PlanKind, planKinds, type Totals } from 'quorate/laboratory'
import { describe, expect, test } from 'vitest'
import { runPlans } from '../support/plans.ts'
import { missed } from '../support/rare-probes.ts'

/** Plans without damage are the many; every other kind has the same share. */
const plansInAll = 550
const plansOfOtherKind = 36
const countedMin = 500
const zeroAcksMax = 0.01
const timeoutMs = 600_000

const plansOf = (kind: PlanKind) =>
  kind === 'sim' ? plansInAll - (planKinds.length - 1) * plansOfOtherKind : plansOfOtherKind

/** What plans of a kind must have met besides. */
const met: Readonly<Partial<Record<PlanKind, (totals: Totals) => void>>> = {
  sim: (totals) => {
    expect(missed(totals)).toEqual([])
  },
  'sim-storage': (totals) => {
    const damages = ['flip', 'zero', 'truncate', 'delete', 'swap', 'stale']
    const done = damages.map((kind) => totals.of(`damage ${kind}`))
    expect(done.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(totals.runs / 2)
    expect(totals.of('away')).toBeGreaterThan(0)
    expect(totals.of('storage.repaired')).toBeGreaterThan(0)
  },
  'sim-beyond': (totals) => {
    expect(totals.of('beyond')).toBeGreaterThan(totals.runs)
    // Entries that no disk holds any more: each is named, and nobody gets it.
    expect(totals.of('lost')).toBeGreaterThan(totals.runs / 2)
    expect(totals.of('stopped')).toBeGreaterThan(0)
  },
  'sim-membership': (totals) => {
    for (const kind of ['add-node', 'remove-node', 'replace-node', 'move-partition', 'rebalance']) {
      expect(totals.of(`change ${kind}`), kind).toBeGreaterThan(0)
    }
    expect(totals.of('snapshot.installed')).toBeGreaterThan(0)
  },
}

describe('a cluster keeps its promises', () => {
  const all = new Map<PlanKind, Totals>()

  test.each(planKinds)(
    'under random plans of the kind %s',
    { timeout: timeoutMs },
    async (kind) => {
      const totals = await runPlans(kind, plansOf(kind))
      all.set(kind, totals)
      met[kind]?.(totals)
    },
  )

  test(`under at least ${countedMin} plans that count, of every kind`, () => {
    const sum = (of: (totals: Totals) => number) =>
      [...all.values()].reduce((total, each) => total + of(each), 0)
    const [runs, counted, zeroAcks] = [
      sum((each) => each.runs),
      sum((each) => each.counted),
      sum((each) => each.zeroAcks),
    ]
    const hours = (sum((each) => each.of('simulatedSeconds')) / 3_600).toFixed(2)
    process.stdout.write(`${runs} plans, ${counted} of them count, ${hours} simulated hours\n`)
    expect([...all.keys()]).toEqual(planKinds)
    expect(counted).toBeGreaterThanOrEqual(countedMin)
    expect(zeroAcks).toBeLessThan(runs * zeroAcksMax)
  })
})
