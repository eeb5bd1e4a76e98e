// The one door into the core: input in, effects out. Here are the rules on terms that hold for
// every message in every role (paper 5.1), and the dispatch to the roles. The stop before is the
// host's inbox; the stops after are follower.ts, candidate.ts, leader.ts and vote.ts.
import { announce, onVoteReply } from './candidate.ts'
import { onHoles, onRepaired } from './damage.ts'
import { onFencePassed, onQuarantine } from './fence.ts'
import {
  onAppend,
  onCampaign,
  onElectionTick,
  onHeartbeat,
  onLeaderConnectionLost,
  onTimeoutNow,
  refuseOldLeader,
} from './follower.ts'
import { leaderDeadlineMs, onHeartbeatReply, onLeaderTick, onRead, propose } from './leader.ts'
import { onStored } from './persist.ts'
import { isElectable, type Raft } from './raft.ts'
import {
  advanceCommit,
  onAppendReply,
  onEntriesGone,
  onEntriesRead,
  onSnapshotRead,
  onSnapshotReply,
} from './replication.ts'
import { becomeFollower } from './role.ts'
import { onHoleReply, onHoleRequest, onLost, resumeRound } from './round.ts'
import { onInstall, onSnapshot } from './snapshot-receiver.ts'
import { onTransfer } from './transfer.ts'
import type {
  AppendRequest,
  Heartbeat,
  HoleRequest,
  RaftEffect,
  RaftEntry,
  RaftInput,
  RaftMessage,
  ReplicaId,
  SnapshotChunk,
  TimeoutNow,
  VoteRequest,
} from './types.ts'
import { onVoteRequest } from './vote.ts'

/**
 * Takes one input and returns what the host has to do, in this order. `nowMs` is any clock that
 * does not go back. Throws only on a mistake of the host.
 */
export function step<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  input: RaftInput<Entry>,
  nowMs: number,
): RaftEffect<Entry>[] {
  const effects: RaftEffect<Entry>[] = []
  if (raft.halted) return effects
  raft.effects = effects
  raft.persists.open = undefined
  if (nowMs > raft.nowMs) raft.nowMs = nowMs
  dispatch(raft, input)
  return effects
}

/** When the next tick is due. */
export function deadlineMs<Entry extends RaftEntry>(raft: Raft<Entry>): number {
  if (raft.halted) return Infinity
  if (raft.leadership !== undefined) return leaderDeadlineMs(raft.leadership)
  // Who never campaigns waits for nothing but messages.
  return isElectable(raft) ? raft.electionDeadlineMs : Infinity
}

function dispatch<Entry extends RaftEntry>(raft: Raft<Entry>, input: RaftInput<Entry>): void {
  switch (input.type) {
    case 'tick':
      if (raft.leadership === undefined) onElectionTick(raft)
      else onLeaderTick(raft, raft.leadership)
      break
    case 'message':
      onMessage(raft, input.from, input.message)
      break
    case 'propose':
      propose(raft, input.entries)
      break
    case 'stored':
      onStored(raft, input.id)
      if (raft.candidacy !== undefined) announce(raft, raft.candidacy)
      else if (raft.leadership !== undefined) advanceCommit(raft, raft.leadership)
      else resumeRound(raft)
      break
    case 'read':
      onRead(raft, input.readId)
      break
    case 'transfer':
      onTransfer(raft, input.to)
      break
    case 'leader-connection-lost':
      onLeaderConnectionLost(raft, input.leader)
      break
    case 'campaign':
      onCampaign(raft)
      break
    case 'entries-read':
      onEntriesRead(raft, input)
      break
    case 'entries-gone':
      onEntriesGone(raft, input.to)
      break
    case 'snapshot-read':
      onSnapshotRead(raft, input)
      break
    case 'install':
      onInstall(raft, input.snapshot)
      break
    case 'holes':
      onHoles(raft, input.cleanThrough, input.undecided)
      if (raft.leadership !== undefined) advanceCommit(raft, raft.leadership)
      break
    case 'repaired':
      onRepaired(raft, input.entries)
      break
    case 'lost':
      onLost(raft, input.replicas)
      break
    case 'release':
      raft.log.release(input.index)
      break
  }
}

function onMessage<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  from: ReplicaId,
  message: RaftMessage<Entry>,
): void {
  if (from === raft.options.id) return
  if (isReply(message) && !raft.membership.peers.includes(from)) return
  // Whether a vote request's term is adopted depends on leader stickiness: vote.ts decides.
  if (message.type === 'vote-request') onVoteRequest(raft, from, message)
  else if (message.type === 'hole-request') onHoleRequest(raft, from, message)
  // The term of a granted pre-vote is the one that was asked about; nobody has it yet.
  else if (message.type === 'vote-reply' && message.pre && message.granted) {
    onVoteReply(raft, from, message)
  } else if (message.type === 'hole-reply' && message.pre && message.holding !== 'refused') {
    onHoleReply(raft, from, message)
  } else if (message.term >= raft.term) {
    if (message.term > raft.term) becomeFollower(raft, message.term, isLeaders(message) ? from : 0)
    onMessageOfTerm(raft, from, message)
  } else if (isLeaders(message) && message.type !== 'timeout-now') {
    refuseOldLeader(raft, from, message)
  }
}

/**
 * Requests are taken from anybody: a new learner knows nobody, and a voter may lag behind in its
 * configuration. Stickiness and pre-vote keep those out that were removed and do not know it. An
 * answer counts from a member only, and one of a former member says nothing, not even of terms.
 */
function isReply<Entry extends RaftEntry>({ type }: RaftMessage<Entry>): boolean {
  return (
    type === 'append-reply' ||
    type === 'heartbeat-reply' ||
    type === 'vote-reply' ||
    type === 'hole-reply' ||
    type === 'snapshot-reply'
  )
}

/** Some messages are sent by the leader of their term only. */
function isLeaders<Entry extends RaftEntry>(
  message: RaftMessage<Entry>,
): message is AppendRequest<Entry> | Heartbeat | SnapshotChunk | TimeoutNow {
  const { type } = message
  return type === 'append' || type === 'heartbeat' || type === 'snapshot' || type === 'timeout-now'
}

function onMessageOfTerm<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  from: ReplicaId,
  message: Exclude<RaftMessage<Entry>, VoteRequest | HoleRequest>,
): void {
  switch (message.type) {
    case 'append':
      onAppend(raft, from, message)
      break
    case 'heartbeat':
      onHeartbeat(raft, from, message)
      break
    case 'timeout-now':
      onTimeoutNow(raft, from)
      break
    case 'snapshot':
      onSnapshot(raft, from, message)
      break
    case 'snapshot-reply':
      onSnapshotReply(raft, from, message)
      break
    case 'vote-reply':
      onVoteReply(raft, from, message)
      break
    case 'append-reply':
      onAppendReply(raft, from, message)
      break
    case 'heartbeat-reply':
      onHeartbeatReply(raft, from, message)
      break
    case 'hole-reply':
      onHoleReply(raft, from, message)
      break
    case 'fence-passed':
      onFencePassed(raft, from, message)
      break
    case 'quarantine':
      onQuarantine(raft, from, message)
      break
  }
}
