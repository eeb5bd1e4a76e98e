// Follower: takes the leader's entries and its commit index, keeps the election timer, and campaigns
// when the leader is silent. It verifies that its log agrees with the leader's up to the point
// before the new entries, drops a conflicting uncommitted end, and answers when the entries are on
// disk. The stop before is the leader's replication.ts on another replica; the stop after is
// persist.ts, and then the reply's way back.
import { campaign, startElection } from './candidate.ts'
import { persistEntries, sendReply } from './persist.ts'
import { isElectable, type Raft } from './raft.ts'
import { followConfiguration } from './reconfigure.ts'
import { conditionOf, noteAgreement } from './recovery.ts'
import { acknowledge, originOf } from './reply.ts'
import { becomeFollower, commitUpTo, halt, restartElectionTimer } from './role.ts'
import { onTimeOutDamaged } from './round.ts'
import type {
  AppendRequest,
  Heartbeat,
  LogPoint,
  RaftEntry,
  ReplicaId,
  SnapshotChunk,
} from './types.ts'

/** A message only the leader of this term sends. False when the protocol is broken. */
export function followLeader<Entry extends RaftEntry>(raft: Raft<Entry>, from: ReplicaId): boolean {
  if (raft.leader !== from) {
    if (raft.leader !== 0) {
      halt(raft, `replicas ${raft.leader} and ${from} both lead term ${raft.term}`, 0)
      return false
    }
    becomeFollower(raft, raft.term, from)
  }
  raft.contactMs = raft.nowMs
  raft.electionDeadlineMs = raft.nowMs + raft.electionTimeoutMs
  return true
}

function isWellFormed<Entry extends RaftEntry>(message: AppendRequest<Entry>): boolean {
  let { index, term } = message.previous
  for (const entry of message.entries) {
    index++
    if (entry.index !== index || entry.term < term) return false
    term = entry.term
  }
  return term <= message.term
}

export function onAppend<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  from: ReplicaId,
  message: AppendRequest<Entry>,
): void {
  if (!isWellFormed(message) || !followLeader(raft, from)) return
  const { log } = raft
  const { previous, entries } = message
  const agreement = log.compare(previous)
  if (agreement === 'forked') haltAtFork(raft, previous)
  else if (agreement === 'missing') refuse(raft, from, previous)
  else if (agreement === 'other-term') {
    if (previous.index > log.commit) refuse(raft, from, previous)
    else haltAtCommitted(raft, previous)
  } else if (store(raft, entries)) {
    // The committed prefix is in every later leader's log (paper 5.4.3), so it always agrees.
    const match = Math.max(previous.index + entries.length, log.commit)
    if (!raft.probe.provoke('raft.commit-later')) commitUpTo(raft, Math.min(message.commit, match))
    noteAgreement(raft, match)
    acknowledge(raft, from, match)
  }
}

/** Appends what is new, in place of what conflicts. False when the replica had to halt. */
function store<Entry extends RaftEntry>(raft: Raft<Entry>, entries: readonly Entry[]): boolean {
  const { log } = raft
  let known = 0
  for (const entry of entries) {
    const agreement = log.compare(entry)
    if (agreement === 'forked') {
      haltAtFork(raft, entry)
      return false
    }
    if (agreement === 'missing') break
    if (agreement === 'other-term') {
      if (entry.index > log.commit) break
      haltAtCommitted(raft, entry)
      return false
    }
    known++
  }
  if (known === entries.length) return true
  persistEntries(raft, known === 0 ? entries : entries.slice(known))
  followConfiguration(raft)
  return true
}

function haltAtFork<Entry extends RaftEntry>(raft: Raft<Entry>, point: LogPoint): void {
  halt(raft, `two logs with term ${point.term} at index ${point.index} differ`, point.index)
}

function haltAtCommitted<Entry extends RaftEntry>(raft: Raft<Entry>, point: LogPoint): void {
  halt(raft, `leader has term ${point.term} at committed index ${point.index}`, point.index)
}

/** Refuses, and names the highest index that may still agree (thesis 5.3, end). */
function refuse<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  from: ReplicaId,
  previous: LogPoint,
): void {
  raft.probe.reached('raft.append-refused')
  const match = raft.log.lastAtMost(previous.index, previous.term, raft.log.commit)
  sendReply(raft, from, {
    type: 'append-reply',
    term: raft.term,
    success: false,
    match,
    reached: 0,
    hintTerm: raft.log.termAt(match),
    rejected: previous.index,
    ...originOf(raft),
  })
}

/** Word of a deposed leader: the reply's term makes it step down. */
export function refuseOldLeader<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  from: ReplicaId,
  message: AppendRequest<Entry> | Heartbeat | SnapshotChunk,
): void {
  if (message.type === 'append') refuse(raft, from, message.previous)
  else replyToHeartbeat(raft, from, 0)
}

export function onHeartbeat<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  from: ReplicaId,
  message: Heartbeat,
): void {
  if (!followLeader(raft, from)) return
  // The leader names no index beyond what this replica has acked in this term; but that may have been
  // in another life, and what was acked may be lost: only what agreed in this one is committed.
  const { agreedTerm, agreedIndex } = raft.recovery
  if (agreedTerm === raft.term) commitUpTo(raft, Math.min(message.commit, agreedIndex))
  replyToHeartbeat(raft, from, message.read)
}

function replyToHeartbeat<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  from: ReplicaId,
  read: number,
): void {
  sendReply(raft, from, {
    type: 'heartbeat-reply',
    term: raft.term,
    read,
    ...originOf(raft),
  })
}

/** Only a voter whose whole log is there leads. */
function mayCampaign<Entry extends RaftEntry>(raft: Raft<Entry>): boolean {
  return isElectable(raft) && conditionOf(raft.recovery) === 'clean'
}

/** The leader hands over: campaign at once, with a flag that voters in contact with it obey. */
export function onTimeoutNow<Entry extends RaftEntry>(raft: Raft<Entry>, from: ReplicaId): void {
  if (!followLeader(raft, from) || !mayCampaign(raft)) return
  startElection(raft, true)
}

/**
 * The way to the leader is gone: contact counts as expired, and this replica campaigns soon. If the
 * alarm was false, the leader's next word restores everything, before or after a lost pre-vote.
 */
export function onLeaderConnectionLost<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  leader: ReplicaId,
): void {
  if (raft.role !== 'follower' || raft.leader !== leader || leader === 0) return
  raft.contactMs = -Infinity
  const drawnMs = raft.draw('connection-lost', raft.options.heartbeatMs + 1)
  const delayMs = raft.probe.provoke('raft.campaign-at-once') ? 0 : drawnMs
  raft.electionDeadlineMs = Math.min(raft.electionDeadlineMs, raft.nowMs + delayMs)
}

/** The host prefers this replica: no need to wait for a time-out where nobody leads. */
export function onCampaign<Entry extends RaftEntry>(raft: Raft<Entry>): void {
  const waiting = raft.role === 'follower' || raft.role === 'pre-candidate'
  if (mayCampaign(raft) && waiting && raft.leader === 0) campaign(raft)
}

/**
 * Tick of every role but leader. A candidate whose own vote is not yet on disk waits on: with a new
 * term for each time-out a disk slower than that would never bring any election about.
 */
export function onElectionTick<Entry extends RaftEntry>(raft: Raft<Entry>): void {
  if (!isElectable(raft) || raft.nowMs < raft.electionDeadlineMs) return
  if (raft.candidacy?.announced === false) restartElectionTimer(raft)
  else if (mayCampaign(raft)) campaign(raft)
  else onTimeOutDamaged(raft)
}
