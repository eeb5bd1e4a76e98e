// What a chaos run on real processes has to say in the end, and while it goes on: numbers and
// violations as data. How it looks for people is the business of the command (../../cli).
import { type Anomaly, isFatal } from '../history/anomaly.ts'
import type { FaultName } from '../plan/fault-table.ts'
import type { Plan } from '../plan/plan.ts'
import type { ChaosLoad } from './chaos-load.ts'
import type { DamagedRange } from './file-damage.ts'
import type { OwnEnd } from './node-keeper.ts'
import type { Gap } from './paced-producers.ts'
import type { Struck } from './process-faults.ts'

export interface ChaosProgress {
  readonly phase: 'starting' | 'faults' | 'healing' | 'reading' | 'stopping'
  /** Since the load began. */
  readonly elapsedMs: number
  readonly acked: number
  readonly unknown: number
  /** That took effect, and those at work now. */
  readonly faults: number
  readonly active: number
  readonly nodesUp: number
  readonly nodes: number
  readonly violations: number
}

export interface ChaosReport {
  readonly seed: number
  readonly nodes: number
  readonly minutes: number
  /** Records a second that were asked for. */
  readonly rate: number
  readonly wallSeconds: number
  /** Steps of the plan. */
  readonly steps: number
  /** How often each fault took effect … */
  readonly faults: Readonly<Record<string, number>>
  /** … and when, since the load began. */
  readonly struck: readonly Struck[]
  /** Faults of the plan that nothing was done for, and why. */
  readonly skipped: Readonly<Record<string, string>>
  readonly sent: number
  readonly acked: number
  readonly unknown: number
  /** Refused, and certainly not stored. */
  readonly failed: number
  /** Records that readers got, each counted for each reader. */
  readonly read: number
  /** The longest time in which a partition acknowledged nothing. */
  readonly longestGap: Gap
  readonly damaged: readonly (DamagedRange & { readonly node: string })[]
  /** Nodes that ended without having been told to, and what they said. */
  readonly ownEnds: readonly OwnEnd[]
  /** What the checker of histories found. */
  readonly anomalies: readonly Anomaly[]
  /** Everything that must not be: fatal anomalies, and what is wrong with nodes, replicas and files. */
  readonly violations: readonly string[]
}

export interface ChaosFacts {
  readonly plan: Plan
  readonly rate: number
  readonly wallMs: number
  readonly load: ChaosLoad
  readonly ownEnds: readonly OwnEnd[]
  readonly damaged: ChaosReport['damaged']
  readonly struck: readonly Struck[]
  readonly skipped: ReadonlyMap<FaultName, string>
  readonly problems: readonly string[]
  readonly anomalies: readonly Anomaly[]
}

export function chaosReport(facts: ChaosFacts): ChaosReport {
  const { plan, load, ownEnds, anomalies } = facts
  const { acked, unknown, failed, longestGap } = load.producers
  const ended = ownEnds
    .filter(({ excused }) => !excused)
    .map(({ node, words }) => `${node} ended by itself: ${words}`)
  const fatal = anomalies.filter(isFatal).map(({ name, text }) => `${name}: ${text}`)
  return {
    seed: plan.seed,
    nodes: plan.nodes,
    minutes: rounded(plan.workload.durationMs / 60_000),
    rate: facts.rate,
    wallSeconds: rounded(facts.wallMs / 1000),
    steps: plan.steps.length,
    faults: timesOf(facts.struck),
    struck: facts.struck,
    skipped: Object.fromEntries(facts.skipped),
    sent: acked + unknown + failed,
    acked,
    unknown,
    failed,
    read: load.read,
    longestGap,
    damaged: facts.damaged,
    ownEnds,
    anomalies,
    violations: [...fatal, ...facts.problems, ...ended],
  }
}

function timesOf(struck: readonly Struck[]): Record<string, number> {
  const times: Record<string, number> = {}
  for (const { fault } of struck) times[fault] = (times[fault] ?? 0) + 1
  return times
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10
}
