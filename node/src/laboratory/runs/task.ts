// What a worker process is told and answers, as plain data: a seed to run, or a failing plan to make
// smaller. worker.ts carries it out, worker-process.ts is the other end.
import type { RunSummary } from '../cluster/run-result.ts'
import type { Plan } from '../plan/plan.ts'
import type { PlanKind } from '../plan/plan-kinds.ts'

export type Task =
  | { readonly task: 'run'; readonly kind: PlanKind; readonly seed: number }
  /** `limitMs` of real time; then the smallest so far is the answer. */
  | { readonly task: 'shrink'; readonly plan: Plan; readonly limitMs: number }

export interface RunAnswer {
  /** Long enough, enough acknowledged, and something really broke: totals.ts. */
  readonly counted: boolean
  readonly realMs: number
  readonly summary: RunSummary
}

export interface ShrinkAnswer {
  /** It fails; the given plan when nothing smaller does. */
  readonly plan: Plan
  readonly violations: readonly string[]
  /** Plans that were run on the way. */
  readonly tries: number
}

export type Told =
  /** The smallest plan so far that fails, the given one first. */
  | { readonly told: 'smaller'; readonly answer: ShrinkAnswer }
  | { readonly told: 'answer'; readonly answer: RunAnswer | ShrinkAnswer }
  /** The laboratory itself threw. */
  | { readonly told: 'error'; readonly text: string }
