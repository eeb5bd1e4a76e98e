// Makes a failing plan smaller: first steps are taken away, halves before quarters before single
// ones, then everything around them is tamed, one knob at a time. Each candidate says where to go on
// when it fails too, so that nothing is tried twice. Knows nothing of running plans.
import type { Plan, PlanSettings, Workload } from './plan.ts'
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

/** Where shrinking goes on. `chunk` steps are taken away at once; 0 when steps are done with. */
export interface Cursor {
  readonly chunk: number
  readonly position: number
  readonly simplification: number
}

export interface Candidate {
  readonly plan: Plan
  readonly next: Cursor
}

/** `chunk` is halved before its first use. */
export const firstCursor: Cursor = {
  chunk: Number.POSITIVE_INFINITY,
  position: 0,
  simplification: 0,
}

export function* simpler(plan: Plan, from: Cursor): Generator<Candidate> {
  yield* fewerSteps(plan, from)
  const first = from.simplification
  for (let each = first; each < simplifications.length; each += 1) {
    const tamer = simplifications[each]!(plan)
    const next = { chunk: 0, position: 0, simplification: each + 1 }
    if (JSON.stringify(tamer) !== JSON.stringify(plan)) yield { plan: tamer, next }
  }
}

function* fewerSteps(plan: Plan, from: Cursor): Generator<Candidate> {
  const { steps } = plan
  let { position } = from
  let chunk = Math.min(from.chunk, Math.ceil(steps.length / 2))
  while (chunk >= 1) {
    for (; position < steps.length; position += chunk) {
      const fewer = [...steps.slice(0, position), ...steps.slice(position + chunk)]
      yield { plan: { ...plan, steps: fewer }, next: { chunk, position, simplification: 0 } }
    }
    position = 0
    chunk = chunk === 1 ? 0 : Math.ceil(chunk / 2)
  }
}

const work =
  (change: Partial<Workload>) =>
  (plan: Plan): Plan => ({ ...plan, workload: { ...plan.workload, ...change } })
const knobs =
  (change: Partial<PlanSettings>) =>
  (plan: Plan): Plan => ({ ...plan, settings: { ...plan.settings, ...change } })

/** One site less; the others go on as they did. */
const without =
  (site: ProvokeSite) =>
  (plan: Plan): Plan => {
    const sites = sitesOf(plan)
    return sites.includes(site) ? { ...plan, provoke: sites.filter((each) => each !== site) } : plan
  }

const simplifications: readonly ((plan: Plan) => Plan)[] = [
  ({ provoke: _, ...plan }) => plan,
  ...provokeSites.map(without),
  ({ heal: _, ...plan }) => plan,
  (plan) => (plan.nodes === 5 ? { ...work({ replicas: 3 })(plan), nodes: 3 } : plan),
  work({ churnEveryMs: 0 }),
  work({ partitions: 1 }),
  work({ producers: 1 }),
  work({ keys: 0 }),
  work({ burst: 1 }),
  work({ valueBytes: 32 }),
  knobs({ splitPerMille: splitsPerMille[0]! }),
  knobs(sizes[0]!),
  knobs(deliveries[0]!),
  knobs(appends[0]!),
  knobs(latencies[0]!),
  knobs(disks[0]!),
  knobs(usualTiming),
  (plan) => work({ durationMs: Math.min(plan.workload.durationMs, durationsMs[0]) })(plan),
  (plan) => ({
    ...plan,
    steps: plan.steps.map((step) => ({ ...step, forMs: roundUp(step.forMs) })),
  }),
]

/** A fault that lasts long reads better than one of odd length, if it does the same. */
function roundUp(forMs: number): number {
  return forMs <= 100 ? 100 : 1_000
}
