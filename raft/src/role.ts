// Transitions and reports that every role shares: becoming follower, election timer, leader
// contact, commit, halt. Each role's own rules are in follower.ts, candidate.ts and leader.ts.
import { enterTerm } from './persist.ts'
import { drawElectionTimeoutMs, type Raft } from './raft.ts'
import { refuseReads } from './read-index.ts'
import type { RaftEntry, ReplicaId } from './types.ts'

/** Tells the host when role, term or known leader are not what it was told last. */
export function reportRole<Entry extends RaftEntry>(raft: Raft<Entry>): void {
  const { reported, role, term, leader } = raft
  if (reported.role === role && reported.term === term && reported.leader === leader) return
  raft.reported = { role, term, leader }
  raft.effects.push({ type: 'role', role, term, leader })
}

/**
 * Adopts `term`, at least the own one, as follower of `leader` (0 for unknown). The election timer
 * of a replica that was not leader runs on: only a leader's word or a vote given restarts it.
 */
export function becomeFollower<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  term: number,
  leader: ReplicaId,
): void {
  if (term > raft.term) enterTerm(raft, term, 0)
  if (raft.leadership !== undefined) {
    refuseReads(raft, raft.leadership)
    restartElectionTimer(raft)
  }
  raft.role = 'follower'
  raft.leader = leader
  raft.candidacy = undefined
  raft.leadership = undefined
  raft.recovery.round = undefined
  if (leader !== 0) raft.recovery.waitsFor = []
  // Whatever was heard before was heard from somebody else.
  raft.contactMs = -Infinity
  reportRole(raft)
}

export function restartElectionTimer<Entry extends RaftEntry>(raft: Raft<Entry>): void {
  raft.electionTimeoutMs = drawElectionTimeoutMs(raft)
  raft.electionDeadlineMs = raft.nowMs + raft.electionTimeoutMs
}

/** Leader stickiness (thesis 4.2.3): while this holds, nobody else is helped to become leader. */
export function isInContact<Entry extends RaftEntry>(raft: Raft<Entry>): boolean {
  if (raft.role === 'leader') return true
  return raft.leader !== 0 && raft.nowMs - raft.contactMs < raft.options.electionTimeoutMinMs
}

/** Tells the host which configuration is in force, and whether it is for good. */
export function reportConfiguration<Entry extends RaftEntry>(raft: Raft<Entry>): void {
  const { configuration, index } = raft.membership.placed
  const committed = index <= raft.log.commit
  raft.effects.push({ type: 'configuration', configuration, index, committed })
}

/** Raises the commit index and reports it once. */
export function commitUpTo<Entry extends RaftEntry>(raft: Raft<Entry>, index: number): void {
  if (index <= raft.log.commit) return
  const { placed } = raft.membership
  const isSettled = placed.index > raft.log.commit && placed.index <= index
  raft.log.commit = index
  raft.effects.push({ type: 'commit', index })
  if (isSettled) reportConfiguration(raft)
}

/** The log, or the protocol, contradicts what must hold: this replica does nothing more. */
export function halt<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  reason: string,
  index: number,
): void {
  raft.halted = true
  raft.effects.push({ type: 'halt', reason, index })
}
