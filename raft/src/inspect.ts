// A picture of one replica for status pages, traces and tests. Copies, so nothing of it changes
// later; nothing in the core reads it.
import { learnersOf } from './membership.ts'
import type { ProgressState } from './progress.ts'
import type { Raft } from './raft.ts'
import { type Condition, conditionOf } from './recovery.ts'
import type { Configuration, RaftEntry, ReplicaId, Role } from './types.ts'

export interface ProgressInspection {
  readonly id: ReplicaId
  readonly learner: boolean
  readonly state: ProgressState
  readonly match: number
  /** As `match`, holes of the peer included. */
  readonly reached: number
  /** Its tail is unknown and it counts for nothing. */
  readonly recovering: boolean
  readonly next: number
  readonly inflightMessages: number
  readonly inflightBytes: number
  readonly paused: boolean
  readonly session: number
  readonly heardMs: number
  /** First index of an outstanding read-entries effect, 0 when there is none. */
  readonly readingFrom: number
  /** Present in the state snapshot, once its first bytes have been read. */
  readonly snapshot: SnapshotInspection | undefined
}

/** A snapshot on its way: bytes that have arrived, of all. */
export interface SnapshotInspection {
  readonly index: number
  readonly received: number
  readonly totalBytes: number
}

export interface RaftInspection {
  readonly id: ReplicaId
  readonly role: Role
  readonly term: number
  readonly votedFor: ReplicaId
  /** 0 when unknown. */
  readonly leader: ReplicaId
  readonly commit: number
  readonly stable: number
  /** First index in memory. */
  readonly firstIndex: number
  readonly lastIndex: number
  readonly lastTerm: number
  /** In force, committed or not. */
  readonly configuration: Configuration
  /** Of its entry; of the log's base for the one found there. */
  readonly configurationIndex: number
  readonly configurationCommitted: boolean
  readonly condition: Condition
  /** Infinity without holes. */
  readonly cleanThrough: number
  /** Voters without whom the last-resort round could not decide. */
  readonly waitsFor: readonly ReplicaId[]
  /** Term and vote are on disk. */
  readonly hardStateStored: boolean
  readonly outstandingPersists: number
  readonly heldReplies: number
  readonly halted: boolean
  /** Leader with a committed entry of its own term; guarded state machines may serve. */
  readonly serving: boolean
  /** Target of the transfer under way, 0 when there is none. Admit no proposals meanwhile. */
  readonly transferring: ReplicaId
  /** A leader's snapshot that comes in. */
  readonly snapshot: SnapshotInspection | undefined
  /** The last one that was too large to be taken. */
  readonly refusedSnapshot: { readonly index: number; readonly totalBytes: number } | undefined
  readonly readPosition: number
  readonly waitingReads: number
  /** Empty unless leader. */
  readonly progress: readonly ProgressInspection[]
}

export function inspectRaft<Entry extends RaftEntry>(raft: Raft<Entry>): RaftInspection {
  const { log, persists, leadership, recovery } = raft
  const progress = leadership?.progress ?? []
  const { configuration, index } = raft.membership.placed
  return {
    id: raft.options.id,
    role: raft.role,
    term: raft.term,
    votedFor: raft.votedFor,
    leader: raft.leader,
    commit: log.commit,
    stable: log.stable,
    firstIndex: log.firstIndex,
    lastIndex: log.lastIndex,
    lastTerm: log.lastTerm,
    configuration,
    configurationIndex: index,
    configurationCommitted: index <= log.commit,
    condition: conditionOf(recovery),
    cleanThrough: recovery.cleanThrough,
    waitsFor: recovery.waitsFor,
    hardStateStored: persists.hardStateId === 0,
    outstandingPersists: persists.outstanding.length,
    heldReplies: persists.held.length,
    halted: raft.halted,
    serving: leadership?.serving ?? false,
    transferring: leadership?.transfer?.to ?? 0,
    snapshot: raft.assembly && {
      index: raft.assembly.snapshot.index,
      received: raft.assembly.received,
      totalBytes: raft.assembly.totalBytes,
    },
    refusedSnapshot: raft.refusedSnapshot,
    readPosition: leadership?.reads.position ?? 0,
    waitingReads: leadership?.reads.waiting.length ?? 0,
    progress: progress.map((peer) => ({
      id: peer.id,
      learner: learnersOf(configuration).includes(peer.id),
      state: peer.state,
      match: peer.match,
      reached: peer.reached,
      recovering: peer.fence !== undefined,
      next: peer.next,
      inflightMessages: peer.inflightMessages,
      inflightBytes: peer.inflightBytes,
      paused: peer.paused,
      session: peer.session,
      heardMs: peer.heardMs,
      readingFrom: peer.readingFrom,
      snapshot: peer.transfer?.point && {
        index: peer.transfer.point.index,
        received: peer.transfer.offset,
        totalBytes: peer.transfer.totalBytes,
      },
    })),
  }
}
