// Makes a failing plan smaller, stage by stage: a shorter run, then fewer steps (none, halves,
// quarters, … single ones), then a tamer world around them, then fewer steps once more, as what was
// needed in a wild world may not be in a tame one, also under other seeds where many are left, and at
// last simpler steps. Each candidate says
// where to go on when it fails too, so that no stage is entered twice. Knows nothing of running
// plans. What is tame is plan-taming.ts; the caller is smallest-plan.ts or fast-check.
import { fewer, type Piece } from './fewer.ts'
import type { Plan } from './plan.ts'
import { easedSteps, shorterRuns, tamings } from './plan-taming.ts'

/** Where shrinking goes on. */
export interface Cursor extends Piece {
  readonly stage: number
}

export interface Candidate {
  readonly plan: Plan
  readonly next: Cursor
}

export const firstCursor: Cursor = { stage: 0, chunk: Number.POSITIVE_INFINITY, position: 0 }

/** Candidates of one stage from a place in it on. */
type Stage = (plan: Plan, from: Cursor) => Generator<Candidate>

const stages: readonly Stage[] = [
  (plan, from) => each(plan, from, shorterRuns),
  fewerSteps,
  tamer,
  (plan, from) => fewerSteps(plan, { ...from, chunk: Math.min(from.chunk, 1) }),
  fewerStepsOfOtherSeeds,
  (plan, from) => each(plan, from, easedSteps),
]

export function* simpler(plan: Plan, from: Cursor): Generator<Candidate> {
  for (let stage = from.stage; stage < stages.length; stage += 1) {
    yield* stages[stage]!(plan, stage === from.stage ? from : { ...firstCursor, stage })
  }
}

/** In place of a plan that fails, the first of these that does too is gone on with. */
function* each(
  plan: Plan,
  { stage, position }: Cursor,
  candidates: (plan: Plan, from: number) => Iterable<readonly [Plan, number]>,
): Generator<Candidate> {
  for (const [candidate, next] of candidates(plan, position)) {
    yield { plan: candidate, next: { stage, chunk: Number.POSITIVE_INFINITY, position: next } }
  }
}

function* fewerSteps(plan: Plan, { stage, ...from }: Cursor): Generator<Candidate> {
  const { steps } = plan
  if (from.chunk === Number.POSITIVE_INFINITY && steps.length > 1) {
    yield { plan: { ...plan, steps: [] }, next: { stage: stage + 1, ...restart } }
  }
  for (const { left, next } of fewer(steps, from)) {
    yield { plan: { ...plan, steps: left }, next: { stage, ...next } }
  }
}

/** So many steps may be there only because of the numbers of this seed. */
const manySteps = 4
const otherSeeds = [1, 2, 3] as const

/** What needs all of many steps may need few of them under another seed. */
function* fewerStepsOfOtherSeeds(plan: Plan, { stage, ...from }: Cursor): Generator<Candidate> {
  if (plan.steps.length <= manySteps) return
  for (const { left, next } of fewer(plan.steps, from)) {
    for (const more of otherSeeds) {
      yield { plan: { ...plan, seed: plan.seed + more, steps: left }, next: { stage, ...next } }
    }
  }
}

const restart = { chunk: firstCursor.chunk, position: firstCursor.position } as const

/** Everything tame at once, then one thing after the other. */
function* tamer(plan: Plan, { stage, position }: Cursor): Generator<Candidate> {
  const isOther = (tame: Plan) => JSON.stringify(tame) !== JSON.stringify(plan)
  const tamest = tamings.reduce((tame, taming) => taming(tame), plan)
  if (position === 0 && isOther(tamest)) {
    yield { plan: tamest, next: { stage: stage + 1, ...restart } }
  }
  for (let number = position; number < tamings.length; number += 1) {
    const tame = tamings[number]!(plan)
    if (isOther(tame)) {
      yield { plan: tame, next: { stage, chunk: restart.chunk, position: number + 1 } }
    }
  }
}
