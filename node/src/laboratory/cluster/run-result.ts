// What one run of a plan showed: what was violated, and how much happened, so that sums over many
// runs tell whether they proved something. run-plan.ts makes it, totals.ts adds it up.
import type { NetworkFault } from '../../simulation/network-faults.ts'
import type { HistoryRecorder } from '../history/recorder.ts'
import type { FaultName } from '../plan/fault-table.ts'
import type { SimulatedCluster } from './cluster.ts'
import type { DamageName } from './damage.ts'
import type { MembershipChange } from './membership.ts'
import type { Coverage } from './simulated-probes.ts'

export interface RunResult {
  /** Empty when everything held. */
  readonly violations: readonly string[]
  /** Equal for equal plans and code. */
  readonly hash: string
  readonly simulatedMs: number
  readonly events: number
  readonly acked: number
  readonly unknown: number
  readonly notApplied: number
  readonly elections: number
  /** Steps that took effect, by fault: they changed something, and something met it. */
  readonly applied: Readonly<Record<FaultName, number>>
  /** Network faults that something met. */
  readonly network: Readonly<Record<NetworkFault, number>>
  /** Operations that met a fault of their disk. */
  readonly disks: { readonly stalled: number; readonly full: number }
  /** Damages that changed something, by kind, and those left out because of their cost. */
  readonly damages: Readonly<Partial<Record<DamageName | 'refused', number>>>
  /** Damages that went beyond what a cluster must survive. */
  readonly beyond: number
  /** Nodes that stayed away for good when the rest was healed. */
  readonly away: number
  /** Partitions that did not serve any more, and said so. */
  readonly stopped: number
  /** Committed entries that no disk held any more. */
  readonly lost: number
  /** Changes of members that the cluster agreed to. */
  readonly changes: Readonly<Record<MembershipChange, number>>
  readonly recoveries: SimulatedCluster['recoveries']
  /** Acks whose copies were looked for on the disks. */
  readonly copiesChecked: number
  /** Processes that ended by themselves and were started again. */
  readonly exits: number
  /** Rare branches reached and rare choices made, by name. */
  readonly coverage: Coverage
  /** Topics created and deleted beside the traffic. */
  readonly churned: number
  /** Records that retention deleted. */
  readonly retired: number
  readonly history: HistoryRecorder
}

/** What is left of a result when it leaves its process. */
export type RunSummary = Omit<RunResult, 'history'>
