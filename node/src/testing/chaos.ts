// Runs a scenario under one drawn list of faults after the other, each time in a new cluster. The first
// failure is made smaller by running it again with fewer and simpler faults, and is thrown with all
// that is needed to understand it. The next stop is underFaults of test-cluster.ts.
import type { Duration } from '@quorate/client'
import { durationMs } from '@quorate/client/testing'
import { ChaosFailure, type ChaosFailureParts } from './chaos-failure.ts'
import { failureKind } from './failure-kind.ts'
import { type Fault, type FaultPlan, parseFaultPlan } from './fault.ts'
import { type FaultOptions, planOfSeed } from './fault-arbitrary.ts'
import { firstFaultCursor, simplerFaults } from './fault-shrink.ts'
import { invalid } from './invalid.ts'
import { TestCluster } from './test-cluster.ts'
import type { TimelineEntry } from './timeline.ts'
import { drawSeed, nodeTurns } from './turns-node.ts'

/**
 * What is to hold whatever happens. It gets a new cluster and the faults of the run, has some work done
 * within `c.underFaults(faults, work)`, and then throws if something is not as it must be.
 */
export type Scenario = (c: TestCluster, faults: readonly Fault[]) => Promise<void>

/** Options of `runChaos`. */
export interface ChaosOptions {
  /** How many lists of faults are drawn. Default 50. */
  readonly runs?: number
  /** Run n draws everything from `seed + n - 1`. Default: drawn. */
  readonly seed?: number
  /** Nodes of the cluster. Default 3. */
  readonly nodes?: 1 | 3 | 5
  /** Which faults are drawn. */
  readonly faults?: FaultOptions
  /** Runs this plan once, and nothing else; it is not made smaller. */
  readonly plan?: FaultPlan
  /** Real time for making a failing plan smaller. Default `'30s'`. */
  readonly shrinkFor?: Duration
}

/** What a scenario that holds went through. */
export interface ChaosReport {
  /** Of the first run. */
  readonly seed: number
  /** All of them held. */
  readonly runs: number
  /** Virtual time of all runs together. */
  readonly virtualMs: number
}

interface Outcome {
  readonly plan: FaultPlan
  readonly failed: boolean
  readonly error: unknown
  readonly timeline: readonly TimelineEntry[]
  readonly virtualMs: number
}

const runsDefault = 50

/** Runs the scenario under chaos. Rejects with a ChaosFailure when a run fails. */
export async function runChaos(
  name: string,
  scenario: Scenario,
  options: ChaosOptions = {},
): Promise<ChaosReport> {
  const { seed = drawSeed(), nodes = 3, faults = {}, shrinkFor = '30s' } = options
  const plan = options.plan === undefined ? undefined : parseFaultPlan(options.plan)
  const runs = plan === undefined ? (options.runs ?? runsDefault) : 1
  if (!Number.isSafeInteger(runs) || runs < 1) throw invalid(`runs is ${runs}, below 1`)
  if (!Number.isSafeInteger(seed) || seed < 0) throw invalid(`seed is ${seed}, below 0`)
  const shrinkMs = durationMs('shrinkFor', shrinkFor)
  const where = { name, seed: plan?.seed ?? seed, runs }
  let virtualMs = 0
  for (let run = 1; run <= runs; run += 1) {
    const drawn = plan ?? planOfSeed(seed + run - 1, { ...faults, nodes })
    const outcome = await runOnce(scenario, drawn)
    virtualMs += outcome.virtualMs
    if (!outcome.failed) continue
    if (plan !== undefined) throw failure({ ...where, run, outcome })
    const small = await shrink(scenario, outcome, shrinkMs)
    const shrinking = { ...small, drawnFaults: drawn.faults.length }
    throw failure({ ...where, run, outcome: small.outcome, shrinking })
  }
  return { seed, runs, virtualMs }
}

function failure(
  parts: Pick<ChaosFailureParts, 'name' | 'seed' | 'run' | 'runs'> & {
    readonly outcome: Outcome
    readonly shrinking?: ChaosFailureParts['shrinking']
  },
): ChaosFailure {
  const { outcome, shrinking, ...where } = parts
  const { plan, timeline, error: cause } = outcome
  return new ChaosFailure({ ...where, plan, timeline, cause, shrinking })
}

async function runOnce(scenario: Scenario, plan: FaultPlan): Promise<Outcome> {
  const { seed, nodes } = plan
  const c = new TestCluster({ seed, nodes, time: 'virtual' })
  const startMs = c.now()
  const errors: unknown[] = []
  try {
    await scenario(c, plan.faults)
    if (!c.wasUnderFaults) throw invalid('the scenario has not called c.underFaults(faults, work)')
  } catch (error) {
    errors.push(error)
  }
  const virtualMs = c.now() - startMs
  try {
    await c.close()
  } catch (error) {
    errors.push(error)
  }
  return { plan, failed: errors.length > 0, error: errors[0], timeline: c.timeline, virtualMs }
}

/** The smallest failing plan on the way from this one, within the time. */
async function shrink(
  scenario: Scenario,
  failing: Outcome,
  limitMs: number,
): Promise<{ outcome: Outcome; runs: number; done: boolean }> {
  const deadlineMs = nodeTurns.realMs() + limitMs
  const kind = failureKind(failing.error)
  let smallest = failing
  let cursor = firstFaultCursor
  let runs = 0
  for (;;) {
    const before = smallest
    for (const { faults, next } of simplerFaults(before.plan.faults, cursor)) {
      if (nodeTurns.realMs() >= deadlineMs) return { outcome: smallest, runs, done: false }
      const outcome = await runOnce(scenario, { ...before.plan, faults })
      runs += 1
      if (!outcome.failed || failureKind(outcome.error) !== kind) continue
      smallest = outcome
      cursor = next
      break
    }
    if (smallest === before) return { outcome: smallest, runs, done: true }
  }
}
