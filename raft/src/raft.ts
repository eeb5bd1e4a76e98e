// State of one replica of one group. Created from what the host found on disk, changed only by
// `step`; a host may read its fields but never writes them. Everything volatile of a role lives in
// `candidacy` or `leadership` and is gone as soon as the role is.
import { Log } from './log.ts'
import { type Membership, membershipOf } from './membership.ts'
import { assertOptions } from './options.ts'
import { Persists } from './persist.ts'
import { noRaftProbe, type RaftProbe } from './probes.ts'
import type { Progress } from './progress.ts'
import type { Quorums } from './quorum.ts'
import type { ReadQueue } from './read-index.ts'
import { createRecovery, type Recovery } from './recovery.ts'
import type {
  Draw,
  LogPoint,
  RaftEffect,
  RaftEntry,
  RaftOptions,
  RaftRestore,
  ReplicaId,
  Role,
  SnapshotPoint,
} from './types.ts'

export interface Candidacy {
  readonly startedMs: number
  /** Asked for by the leader: the voters' leader stickiness does not apply. */
  readonly transfer: boolean
  /** Real election: requests go out, and the own vote counts, once term and vote are on disk. */
  announced: boolean
  readonly votes: Map<ReplicaId, boolean>
}

export interface Transfer {
  readonly to: ReplicaId
  readonly deadlineMs: number
}

/** A leader's snapshot while its chunks come in. */
export interface Assembly {
  readonly snapshot: SnapshotPoint
  readonly totalBytes: number
  /** Given to the host, and empty, once complete. */
  readonly chunks: Uint8Array[]
  received: number
  /** Infinity before. */
  completedMs: number
}

export interface Leadership {
  /** One per peer, in the order of `membership.peers`. */
  progress: readonly Progress[]
  /** The voters among them, by the halves of the configuration. */
  quorums: Quorums<Progress>
  /** Index of the joint configuration the host was asked to leave, 0 for none. */
  leftJointIndex: number
  readonly reads: ReadQueue
  /** An entry of the own term is committed: the commit index is known to be complete. */
  serving: boolean
  transfer: Transfer | undefined
  /** A hole was found in the leader's own log: unless it is repaired it hands over at this time. */
  handoverMs: number
  handoverTried: boolean
  heartbeatDeadlineMs: number
  /** Without news from a majority the leader steps down at this time. */
  quorumDeadlineMs: number
  /** Reused for quorum arithmetic. */
  readonly scratch: number[]
}

export interface Raft<Entry extends RaftEntry> {
  readonly options: RaftOptions
  readonly draw: Draw
  readonly probe: RaftProbe
  /** The newest configuration of the log, committed or not: followed by reconfigure.ts. */
  membership: Membership
  /** Latest time given to `step`. Never goes back. */
  nowMs: number

  /** Invariant: term ≥ term of every entry. Never goes back, on disk neither. */
  term: number
  /** Whom this replica voted for in `term`, 0 for nobody. Set at most once in a term. */
  votedFor: ReplicaId
  role: Role
  /** Leader of `term`, 0 when unknown. Never changes from one replica to another in a term. */
  leader: ReplicaId
  readonly log: Log<Entry>
  readonly persists: Persists<Entry>
  readonly recovery: Recovery

  /** Last sign of life of `leader`; -Infinity when it is given up. */
  contactMs: number
  electionTimeoutMs: number
  electionDeadlineMs: number
  /** Present exactly in the roles pre-candidate and candidate. */
  candidacy: Candidacy | undefined
  /** Present exactly in the role leader. */
  leadership: Leadership | undefined

  /** Of the present term: given up when the term moves on. */
  assembly: Assembly | undefined
  /** The last snapshot that was too large to be taken, for the operator. */
  refusedSnapshot: { readonly index: number; readonly totalBytes: number } | undefined

  /** What the host was told last, so that a change is reported once. */
  reported: { role: Role; term: number; leader: ReplicaId }
  /** Effects of the step under way. */
  effects: RaftEffect<Entry>[]
  /** A halt was reported: every later step is without effect. */
  halted: boolean
}

export function createRaft<Entry extends RaftEntry>(
  options: RaftOptions,
  restore: RaftRestore<Entry>,
  nowMs: number,
  draw: Draw,
  probe: RaftProbe = noRaftProbe,
): Raft<Entry> {
  assertOptions(options)
  const log = new Log(restore, options.configuration)
  const { configurations } = log
  const { latest } = configurations
  const membership = membershipOf(options.id, latest, configurations.before(latest.index))
  const { term, votedFor } = restore.hardState
  const electionTimeoutMs = drawElectionTimeoutMs({ options, draw, probe })
  return {
    options,
    draw,
    probe,
    membership,
    nowMs,
    term,
    votedFor,
    role: 'follower',
    leader: 0,
    log,
    persists: new Persists(),
    recovery: createRecovery(restore),
    contactMs: -Infinity,
    electionTimeoutMs,
    // A single voter has nobody to wait for.
    electionDeadlineMs: membership.votingPeers.length === 0 ? nowMs : nowMs + electionTimeoutMs,
    candidacy: undefined,
    leadership: undefined,
    assembly: undefined,
    refusedSnapshot: undefined,
    reported: { role: 'follower', term, leader: 0 },
    effects: [],
    halted: false,
  }
}

export function drawElectionTimeoutMs({
  options,
  draw,
  probe,
}: Pick<Raft<RaftEntry>, 'options' | 'draw' | 'probe'>): number {
  const spread = options.electionTimeoutMaxMs - options.electionTimeoutMinMs + 1
  const timeoutMs = options.electionTimeoutMinMs + draw('election-timeout', spread)
  if (probe.provoke('raft.election-timeout-shortest')) return options.electionTimeoutMinMs
  if (probe.provoke('raft.election-timeout-long')) return 2 * options.electionTimeoutMaxMs
  return timeoutMs
}

/**
 * Voters do; and so does a voter that is no longer one, until that is committed: nobody else may
 * have the entry that says so, and then nobody else can be elected (thesis 4.2.2).
 */
export function isElectable<Entry extends RaftEntry>({ membership, log }: Raft<Entry>): boolean {
  return membership.isVoter || (membership.wasVoter && membership.placed.index > log.commit)
}

/** Point of the log at this index, as long as it is in memory (from the base on). */
export function pointAt<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  index: number,
): LogPoint | undefined {
  return raft.log.pointAt(index)
}
