// One replica as `topic describe` shows it. Reads, decides nothing.
import type { RaftHost } from '../replication/raft-host.ts'
import { chainText } from '../storage/chain.ts'
import type { GroupId } from '../storage/log-entry.ts'
import type { PartitionMachine } from './machine.ts'

/** State of one replica, for `topic describe`. */
export interface ReplicaDescription extends GroupId {
  readonly node: string
  readonly replicaId: number
  readonly role: string
  readonly term: number
  /** First index that is retained. */
  readonly logStart: number
  readonly lastIndex: number
  readonly commitIndex: number
  readonly appliedIndex: number
  /** 16 hex digits. */
  readonly chainAtCommit: string
  readonly startOffset: number
  readonly endOffset: number
  readonly sizeBytes: number
  readonly halted?: string
  /** Why retention waits, on the leader. */
  readonly retentionHeldBy?: string
}

export interface DescribedReplica {
  readonly group: GroupId
  readonly node: string
  /** Absent while the replica is being read back from disk. */
  readonly host: RaftHost | undefined
  readonly machine: PartitionMachine | undefined
  readonly halted: string | undefined
  readonly heldBy: string | undefined
}

export function describeReplica(replica: DescribedReplica): ReplicaDescription {
  const { group, node, host, machine, halted, heldBy } = replica
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
  }
}
