// Leader: takes proposals, shows that it is alive, and steps down when it can no longer know that
// it leads. Replication and commit are in replication.ts, reads in read-index.ts, handing over in
// transfer.ts. The stop before is the host's proposal, the stops after are persist.ts and the peers.
import { handOverDamaged } from './damage.ts'
import { persistEntries, send } from './persist.ts'
import type { Progress } from './progress.ts'
import { quorumOver } from './quorum.ts'
import type { Leadership, Raft } from './raft.ts'
import { addRead, confirmReads, needsReadRound, ReadQueue } from './read-index.ts'
import { assertProposable, followConfiguration, trackPeers } from './reconfigure.ts'
import { hear, resumeAppends, sendAppends } from './replication.ts'
import { becomeFollower, reportRole } from './role.ts'
import { continueTransfer, expireTransfer } from './transfer.ts'
import type { HeartbeatReply, RaftEntry, ReplicaId } from './types.ts'

/** Won the election. Commits nothing before the host has proposed an entry of this term. */
export function becomeLeader<Entry extends RaftEntry>(raft: Raft<Entry>): void {
  const { options, nowMs } = raft
  raft.role = 'leader'
  raft.leader = options.id
  raft.candidacy = undefined
  const leadership: Leadership = {
    ...trackPeers(raft, []),
    leftJointIndex: 0,
    reads: new ReadQueue(),
    serving: false,
    transfer: undefined,
    handoverMs: Infinity,
    handoverTried: false,
    heartbeatDeadlineMs: nextBeatMs(raft),
    quorumDeadlineMs: nowMs + options.electionTimeoutMinMs,
    scratch: [],
  }
  raft.leadership = leadership
  reportRole(raft)
  sendHeartbeats(raft, leadership)
}

/** Whole multiples of the interval, so that all groups of a node beat together and share frames. */
function nextBeatMs<Entry extends RaftEntry>({ nowMs, options }: Raft<Entry>): number {
  return nowMs - (nowMs % options.heartbeatMs) + options.heartbeatMs
}

/** Entries follow `lastIndex` and carry the own term; anything else is a mistake of the host. */
export function propose<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  entries: readonly Entry[],
): void {
  const { leadership } = raft
  if (leadership === undefined) throw new Error(`proposal to a ${raft.role}`)
  if (entries.length === 0) return
  for (const entry of entries) {
    if (entry.term !== raft.term) {
      throw new Error(`proposed entry ${entry.index} has term ${entry.term}, not ${raft.term}`)
    }
    if (entry.configuration !== undefined) assertProposable(raft, entry.configuration, entries)
  }
  if (entries[0]?.index !== raft.log.lastIndex + 1) {
    throw new Error(`proposal starts at ${entries[0]?.index}, not ${raft.log.lastIndex + 1}`)
  }
  persistEntries(raft, entries)
  followConfiguration(raft)
  for (const progress of leadership.progress) {
    // A heartbeat's reply makes up for it.
    if (!raft.probe.provoke('raft.append-left-out')) sendAppends(raft, progress)
  }
}

/** Also tells each peer how far it may commit, and asks it to confirm all reads up to now. */
export function sendHeartbeats<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  leadership: Leadership,
): void {
  const { term, log } = raft
  const { reads } = leadership
  reads.sent = reads.position
  for (const progress of leadership.progress) {
    if (raft.probe.provoke('raft.heartbeat-left-out')) continue
    const commit = Math.min(log.commit, progress.reached)
    send(raft, progress.id, { type: 'heartbeat', term, commit, read: reads.position })
  }
}

function heardOf(progress: Progress): number {
  return progress.heardMs
}

export function onLeaderTick<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  leadership: Leadership,
): void {
  const { nowMs, options } = raft
  // Check-quorum (thesis 6.2): a leader that a majority may have left falls silent.
  const heardMs = quorumOver(leadership.quorums, nowMs, heardOf, leadership.scratch)
  leadership.quorumDeadlineMs = heardMs + options.electionTimeoutMinMs
  if (nowMs >= leadership.quorumDeadlineMs) {
    raft.probe.reached('raft.quorum-lost')
    becomeFollower(raft, raft.term, 0)
    return
  }
  expireTransfer(raft, leadership)
  handOverDamaged(raft, leadership)
  if (raft.leadership !== leadership) return
  if (nowMs < leadership.heartbeatDeadlineMs) return
  leadership.heartbeatDeadlineMs = nextBeatMs(raft)
  sendHeartbeats(raft, leadership)
  for (const progress of leadership.progress) continueTransfer(raft, leadership, progress)
}

export function leaderDeadlineMs(leadership: Leadership): number {
  // A leader alone has nobody to beat for and nobody to hear.
  if (leadership.progress.length === 0) return Infinity
  const { heartbeatDeadlineMs, quorumDeadlineMs, handoverMs, transfer } = leadership
  const deadlineMs = Math.min(heartbeatDeadlineMs, quorumDeadlineMs, handoverMs)
  return Math.min(deadlineMs, transfer?.deadlineMs ?? Infinity)
}

export function onHeartbeatReply<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  from: ReplicaId,
  message: HeartbeatReply,
): void {
  const { leadership } = raft
  const progress = hear(raft, from, message)
  if (leadership === undefined || progress === undefined) return
  if (message.read > progress.read) {
    progress.read = message.read
    confirmReads(raft, leadership)
    if (needsReadRound(leadership)) sendHeartbeats(raft, leadership)
  }
  resumeAppends(raft, progress)
}

export function onRead<Entry extends RaftEntry>(raft: Raft<Entry>, readId: number): void {
  const { leadership } = raft
  if (leadership === undefined) {
    raft.effects.push({ type: 'read-refused', readId })
    return
  }
  addRead(raft, leadership, readId)
  if (raft.membership.votingPeers.length === 0) confirmReads(raft, leadership)
  else if (needsReadRound(leadership)) sendHeartbeats(raft, leadership)
}
