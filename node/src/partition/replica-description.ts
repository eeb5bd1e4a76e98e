// One replica as `topic describe` shows it. Reads, decides nothing.
import type { ReplicaState } from '@quorate/protocol'
import type { GroupNodes } from '../replication/group-nodes.ts'
import type { RaftHost } from '../replication/raft-host.ts'
import { chainText } from '../storage/chain.ts'
import type { GroupId } from '../storage/log-entry.ts'
import type { PartitionMachine } from './machine.ts'

/** The state as the API shows it, with the group it belongs to. */
export type ReplicaDescription = ReplicaState & GroupId

export interface DescribedReplica {
  readonly group: GroupId
  readonly node: string
  /** Absent while the replica is being read back from disk. */
  readonly host: RaftHost | undefined
  readonly machine: PartitionMachine | undefined
  readonly halted: string | undefined
  readonly heldBy: string | undefined
  readonly nodes: GroupNodes
}

export function describeReplica(replica: DescribedReplica): ReplicaDescription {
  const { group, node, host, machine, halted, heldBy, nodes } = replica
  const point = host?.log.pointAt(host.commit)
  return {
    ...group,
    node,
    replicaId: host?.replicaId ?? 0,
    role: halted !== undefined ? 'halted' : (host?.role ?? 'recovering'),
    term: host?.term ?? 0,
    logStart: host?.log.firstIndex ?? 0,
    lastIndex: host?.log.lastIndex ?? 0,
    commitIndex: host?.commit ?? 0,
    appliedIndex: machine?.applied.index ?? 0,
    chainAtCommit: point === undefined ? '' : chainText(point.chain),
    // A checkpoint may be older than what retention has removed since.
    startOffset: Math.max(machine?.logStart.offset ?? 0, host?.log.start.endOffset ?? 0),
    endOffset: machine?.nextOffset ?? 0,
    sizeBytes: host?.log.sizeBytes ?? 0,
    ...(halted === undefined ? {} : { halted }),
    ...(heldBy === undefined ? {} : { retentionHeldBy: heldBy }),
    ...(host === undefined ? {} : standingOf(host, nodes)),
  }
}

/** What makes it less than a voter with a whole log. */
function standingOf(
  host: RaftHost,
  nodes: GroupNodes,
): Pick<ReplicaState, 'learner' | 'condition' | 'waitsFor'> {
  const { configuration, condition, waitsFor } = host.inspect()
  const isLearner = configuration.learners?.includes(host.replicaId) === true
  return {
    ...(isLearner ? { learner: true } : {}),
    ...(condition === 'clean' ? {} : { condition }),
    ...(waitsFor.length === 0
      ? {}
      : { waitsFor: waitsFor.map((id) => nodes.nodeOf(id) ?? `replica ${id}`) }),
  }
}
