// What damage to the disk has left of a replica's log, and what it may still do. Repairing: some
// entries are known by index and term only ("missing"). It votes, judged by its whole extent, acks
// what lies before the first hole, and does not campaign. Unknown tail: entries may be gone that it
// has acked. It neither votes nor campaigns, and counts for nothing until it has passed the fence.
// State and predicates only; damage.ts, fence.ts and round.ts change it.
import type { Raft } from './raft.ts'
import type { Round } from './round.ts'
import type { RaftEntry, RaftRestore, ReplicaId } from './types.ts'

export type Condition = 'clean' | 'repairing' | 'unknown-tail'

export interface Recovery {
  tailKnown: boolean
  /** Infinity without holes. Invariant: no missing entry in memory at or below it. */
  cleanThrough: number
  /** First indexes of the holes that nothing proves to have been complete once. */
  undecided: readonly number[]
  /** The log equals that of the leader of `agreedTerm` up to `agreedIndex`. */
  agreedTerm: number
  agreedIndex: number
  /** Term of the last fence this replica has passed: it is not quarantined twice in one. */
  fencedTerm: number
  /** The last-resort round under way. Ends with the term, with a vote given, or with a leader. */
  round: Round | undefined
  /** Voters without whom the last round could not decide. */
  waitsFor: readonly ReplicaId[]
  /** Replicas that are gone for good, as the host says. Only grows. */
  lost: ReadonlySet<ReplicaId>
}

export function createRecovery<Entry extends RaftEntry>(restore: RaftRestore<Entry>): Recovery {
  const cleanThrough = restore.cleanThrough ?? Infinity
  assertNoneMissing(restore.entries, cleanThrough)
  return {
    tailKnown: restore.condition !== 'unknown-tail',
    cleanThrough,
    undecided: restore.undecided ?? [],
    agreedTerm: 0,
    agreedIndex: 0,
    fencedTerm: 0,
    round: undefined,
    waitsFor: [],
    lost: new Set(),
  }
}

export function assertNoneMissing(entries: readonly RaftEntry[], cleanThrough: number): void {
  const first = entries.find(({ missing }) => missing)
  if (first !== undefined && first.index <= cleanThrough) {
    throw new Error(`entry ${first.index} is missing, but the log is clean to ${cleanThrough}`)
  }
}

export function conditionOf({ tailKnown, cleanThrough }: Recovery): Condition {
  if (!tailKnown) return 'unknown-tail'
  return cleanThrough === Infinity ? 'clean' : 'repairing'
}

/** How far this replica's own disk counts: synced, and without a hole up to there. */
export function cleanIndex<Entry extends RaftEntry>({ log, recovery }: Raft<Entry>): number {
  return Math.min(log.stable, recovery.cleanThrough)
}

/** The log was cut after `index`: holes above it are gone. */
export function holesCut(recovery: Recovery, index: number): void {
  if (recovery.cleanThrough >= index) recovery.cleanThrough = Infinity
  recovery.undecided = recovery.undecided.filter((first) => first <= index)
}

/** The log equals the leader's up to `index`. A leader's log only grows, so this does too. */
export function noteAgreement<Entry extends RaftEntry>(raft: Raft<Entry>, index: number): void {
  const { recovery, term } = raft
  recovery.agreedIndex =
    recovery.agreedTerm === term ? Math.max(recovery.agreedIndex, index) : index
  recovery.agreedTerm = term
}
