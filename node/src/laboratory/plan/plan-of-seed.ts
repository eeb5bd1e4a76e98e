// Plans by number: seed n always draws the same plan, so a report, a test and a person can name it by
// one number. Through fast-check; the way from a failing plan to a small one is smallest-plan.ts.
import fc from 'fast-check'
import type { Plan } from './plan.ts'
import { planArbitrary } from './plan-arbitrary.ts'
import { damagePlans } from './plan-damage.ts'
import type { PlanKind } from './plan-kinds.ts'
import { longPlans } from './plan-long.ts'
import { membershipPlans } from './plan-membership.ts'
import { mixedPlans } from './plan-mixed.ts'
import { shapedPlans } from './plan-shapes.ts'

const drawings: Readonly<Record<PlanKind, fc.Arbitrary<Plan>>> = {
  sim: planArbitrary,
  'sim-storage': damagePlans.within,
  'sim-beyond': damagePlans.beyond,
  'sim-membership': membershipPlans,
  'sim-mixed': fc.oneof({ weight: 9, arbitrary: mixedPlans }, { weight: 1, arbitrary: longPlans }),
  'sim-shaped': shapedPlans,
}

export function planOfSeed(seed: number, kind: PlanKind = 'sim'): Plan {
  return draw(drawings[kind], seed)
}

function draw(plans: fc.Arbitrary<Plan>, seed: number): Plan {
  let drawn: Plan | undefined
  const property = fc.property(plans, (plan) => {
    drawn = plan
  })
  fc.assert(property, { seed, numRuns: 1 })
  return drawn!
}
