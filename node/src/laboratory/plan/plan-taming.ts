// What is simpler than what in a plan: the tamest world (the first entry of each menu), shorter runs,
// steps that last a round time, wait for nothing and aim at one node. Values go down short ladders,
// never one by one: each candidate costs a whole run. Pure. Used by plan-shrink.ts.
import { type FaultRow, faultTable } from './fault-table.ts'
import type { Plan, PlanSettings, Step, Workload } from './plan.ts'
import { type LimitName, limitNames } from './plan-limits.ts'
import {
  appends,
  deliveries,
  disks,
  durationsMs,
  latencies,
  sizes,
  splitsPerMille,
  usualTiming,
} from './plan-menu.ts'
import { type ProvokeSite, provokeSites, sitesOf } from './probe-table.ts'
import { parseTarget } from './target-grammar.ts'

const work =
  (change: Partial<Workload>) =>
  (plan: Plan): Plan => ({ ...plan, workload: { ...plan.workload, ...change } })
const knobs =
  (change: Partial<PlanSettings>) =>
  (plan: Plan): Plan => ({ ...plan, settings: { ...plan.settings, ...change } })

function usualEnds(plan: Plan): Plan {
  const { endsEveryMs: _, ...workload } = plan.workload
  return { ...plan, workload }
}

/** One site less; the others go on as they did. */
const without =
  (site: ProvokeSite) =>
  (plan: Plan): Plan => {
    const sites = sitesOf(plan)
    return sites.includes(site) ? { ...plan, provoke: sites.filter((each) => each !== site) } : plan
  }

const withoutLimit =
  (name: LimitName) =>
  (plan: Plan): Plan => {
    const { [name]: limit, ...settings } = plan.settings
    return limit === undefined ? plan : { ...plan, settings }
  }

/** Each makes one thing tame; a plan in which it is already stays as it is. */
export const tamings: readonly ((plan: Plan) => Plan)[] = [
  ({ provoke: _, ...plan }) => plan,
  ...provokeSites.map(without),
  ({ heal: _, ...plan }) => plan,
  (plan) => (plan.nodes === 5 ? { ...work({ replicas: 3 })(plan), nodes: 3 } : plan),
  work({ churnEveryMs: 0 }),
  usualEnds,
  work({ partitions: 1 }),
  work({ producers: 1 }),
  work({ keys: 0 }),
  work({ burst: 1 }),
  work({ valueBytes: 32 }),
  ...limitNames.map(withoutLimit),
  knobs({ splitPerMille: splitsPerMille[0]! }),
  knobs(sizes[0]!),
  knobs(deliveries[0]!),
  knobs(appends[0]!),
  knobs(latencies[0]!),
  knobs(disks[0]!),
  knobs(usualTiming),
]

/** Runs end this early, and steps behind that are left out. */
const endsMs = [1_000, 2_000, 4_000, 7_000, durationsMs[0]] as const

/** Shortest first: a run that ends early is also cheap to try. */
export function* shorterRuns(plan: Plan, from: number): Generator<readonly [Plan, number]> {
  for (let number = from; number < endsMs.length; number += 1) {
    const durationMs = endsMs[number]!
    if (durationMs >= plan.workload.durationMs) return
    const steps = plan.steps.filter(({ atMs }) => atMs < durationMs)
    yield [{ ...work({ durationMs })(plan), steps }, endsMs.length]
  }
}

type Easing = (step: Step) => Step

const easings: readonly Easing[] = [
  (step) => ({ ...step, target: calmTarget(step.target) }),
  (step) => ({ ...step, target: singleTarget(step) }),
  // A fault that lasts long reads better than one of odd length, if it does the same.
  (step) => (step.forMs === 0 ? step : { ...step, forMs: step.forMs <= 100 ? 100 : 1_000 }),
]

/** The same role, without waiting for so long. */
function calmTarget(target: string): string {
  return target.replace(/\+\d+$/, '')
}

/** One node in place of several, if the fault takes one. */
function singleTarget({ fault, target }: Step): string {
  const row: FaultRow = faultTable[fault]
  const isWide = target === 'all' || parseTarget(target)?.kind === 'minority'
  return isWide && row.targets.includes('one') ? 'leader:0' : target
}

/** One easing of one step at a time. */
export function* easedSteps(plan: Plan, from: number): Generator<readonly [Plan, number]> {
  const { steps } = plan
  for (let number = from; number < steps.length * easings.length; number += 1) {
    const place = Math.floor(number / easings.length)
    const step = steps[place]!
    const eased = easings[number % easings.length]!(step)
    if (JSON.stringify(eased) === JSON.stringify(step)) continue
    yield [{ ...plan, steps: steps.with(place, eased) }, number + 1]
  }
}
