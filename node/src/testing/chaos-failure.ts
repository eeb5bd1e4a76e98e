// What a failed chaos run tells: the error itself, the smallest plan that still brings it about, what
// happened in that run, and how to have it again.
import type { FaultPlan } from './fault.ts'
import { type TimelineEntry, timelineText } from './timeline.ts'

export interface ChaosFailureParts {
  readonly name: string
  /** Of the first run. */
  readonly seed: number
  /** Which run failed, counted from 1, of how many. */
  readonly run: number
  readonly runs: number
  /** The smallest plan found that fails. */
  readonly plan: FaultPlan
  /** How the plan was made small; undefined for a plan that was given. */
  readonly shrinking:
    | { readonly drawnFaults: number; readonly runs: number; readonly done: boolean }
    | undefined
  readonly timeline: readonly TimelineEntry[]
  readonly cause: unknown
}

const timelineLinesMax = 40

/** A scenario did not hold. `cause` is what it threw under the smallest plan. */
export class ChaosFailure extends Error {
  override readonly name: string = 'ChaosFailure'
  /** Of the first run: with it and `runs: run` the same plan is drawn. */
  readonly seed: number
  /** Counted from 1. */
  readonly run: number
  /** The smallest plan found that fails, for the option `plan`. */
  readonly plan: FaultPlan
  /** What happened under that plan. */
  readonly timeline: readonly TimelineEntry[]

  constructor(parts: ChaosFailureParts) {
    super(messageOf(parts), { cause: parts.cause })
    this.seed = parts.seed
    this.run = parts.run
    this.plan = parts.plan
    this.timeline = parts.timeline
  }
}

function messageOf(parts: ChaosFailureParts): string {
  const { name, seed, run, runs, plan, timeline, cause } = parts
  const why = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)
  return [
    `${name}: ${parts.shrinking === undefined ? 'failed' : `failed in run ${run} of ${runs}`}`,
    why,
    '',
    shrinkingText(parts),
    `plan ${JSON.stringify(plan)}`,
    '',
    'timeline',
    timelineText(timeline, timelineLinesMax),
    '',
    'To run it again, give this plan as the option `plan`' +
      (parts.shrinking === undefined ? '.' : `, or \`seed: ${seed}, runs: ${run}\`.`),
  ].join('\n')
}

function shrinkingText({ seed, plan, shrinking }: ChaosFailureParts): string {
  if (shrinking === undefined) return 'under the plan that was given'
  const { drawnFaults, runs, done } = shrinking
  const kept = plan.faults.length
  const enough =
    kept === 0
      ? 'it fails without any fault'
      : `${kept} of ${drawnFaults} faults ${kept === 1 ? 'is' : 'are'} enough`
  return `seed ${seed}; ${enough}, found in ${runs} more runs${done ? '' : ' before time was over'}`
}
