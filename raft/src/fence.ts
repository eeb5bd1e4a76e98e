// The fence: how a replica with an unknown tail becomes a voter again. Its term and vote are intact;
// what may be gone is entries it has acked, perhaps to a leader that is still counting them. The
// leader of its term has all of them at or below F, its last index when it first hears that replica.
// The fence is passed when the replica has F itself, synced, and a majority of voters has it without
// that one and without any other whose tail is unknown: those never vouch for each other. Until then
// it is fed, and counts for nothing. A change of leader starts anew.
// Leader's side first, the recovering replica's side below.
import { send } from './persist.ts'
import type { Progress } from './progress.ts'
import { isQuorum } from './quorum.ts'
import type { Leadership, Raft } from './raft.ts'
import { cleanIndex } from './recovery.ts'
import type {
  AppendReply,
  FencePassed,
  HeartbeatReply,
  Quarantine,
  RaftEntry,
  ReplicaId,
} from './types.ts'

/** While a leader has one for a peer, the peer counts for nothing. */
export interface Fence {
  /** F: the leader's last index when the fence was put up. */
  readonly index: number
  readonly session: number
  /** Highest index the peer acked before it lost it undeclared, 0 when it declared its loss. */
  readonly quarantine: number
  passed: boolean
}

/**
 * What a reply says of the peer's tail. Replies may be late, so a peer that calls its tail known is
 * believed only once it has passed the fence of this leader. True when it counts again from now on.
 */
export function noteTail<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  progress: Progress,
  reply: AppendReply | HeartbeatReply,
): boolean {
  const { fence } = progress
  if (fence === undefined) {
    if (!reply.recovering) return false
    putUp(raft, progress, 0)
    // A late reply, of before it passed: nothing new may come that would look at the fence again.
    passFences(raft, raft.leadership!)
  } else if (!reply.recovering && fence.passed) {
    progress.fence = undefined
    progress.heardMs = raft.nowMs
    return true
  } else if (reply.type === 'heartbeat-reply') {
    // The message that tells it may have been lost.
    if (fence.passed) sendPassed(raft, progress, fence)
    else if (!reply.recovering && fence.quarantine > 0) sendQuarantine(raft, progress, fence)
  }
  return false
}

/** The peer has begun a new session. Its log may not have become shorter than what it has acked. */
export function noteRestart<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  progress: Progress,
  reply: AppendReply | HeartbeatReply,
): void {
  progress.fence = undefined
  const isShorter = reply.extent.index < progress.highest
  if (isShorter && !reply.recovering) putUp(raft, progress, progress.highest)
}

function putUp<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  progress: Progress,
  quarantine: number,
): void {
  raft.probe.reached(quarantine > 0 ? 'raft.quarantined' : 'raft.fence-raised')
  const { session } = progress
  progress.fence = { index: raft.log.lastIndex, session, quarantine, passed: false }
}

function sendPassed<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  progress: Progress,
  { session }: Fence,
): void {
  send(raft, progress.id, { type: 'fence-passed', term: raft.term, session })
}

function sendQuarantine<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  progress: Progress,
  { session, quarantine }: Fence,
): void {
  send(raft, progress.id, { type: 'quarantine', term: raft.term, session, index: quarantine })
}

/** Called whenever copies may have become more. */
export function passFences<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  leadership: Leadership,
): void {
  for (const progress of leadership.progress) {
    const { fence } = progress
    if (fence === undefined || fence.passed || progress.reached < fence.index) continue
    const vouches = (voter: ReplicaId) =>
      voter !== progress.id && vouchedIndex(raft, leadership, voter) >= fence.index
    if (!isQuorum(raft.membership.placed.configuration, vouches)) continue
    raft.probe.reached('raft.fence-passed')
    fence.passed = true
    sendPassed(raft, progress, fence)
  }
}

/** How far this voter's synced log vouches for entries, -1 if it does not at all. */
function vouchedIndex<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  leadership: Leadership,
  voter: ReplicaId,
): number {
  if (voter === raft.options.id) return cleanIndex(raft)
  const progress = leadership.progress.find(({ id }) => id === voter)
  return progress === undefined || progress.fence !== undefined ? -1 : progress.match
}

/** Is this the leader this replica follows in this term and session, and knows itself equal to? */
function isFromOwnLeader<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  from: ReplicaId,
  message: FencePassed | Quarantine,
): boolean {
  return raft.leader === from && message.session === raft.options.session
}

export function onFencePassed<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  from: ReplicaId,
  message: FencePassed,
): void {
  const { recovery } = raft
  if (recovery.tailKnown || !isFromOwnLeader(raft, from, message)) return
  raft.probe.reached('raft.tail-recovered')
  recovery.tailKnown = true
  recovery.fencedTerm = raft.term
  raft.effects.push({ type: 'recovered' })
}

export function onQuarantine<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  from: ReplicaId,
  message: Quarantine,
): void {
  const { recovery, log } = raft
  if (!recovery.tailKnown || !isFromOwnLeader(raft, from, message)) return
  // A repeated message: what was lost then is here again.
  if (recovery.fencedTerm === raft.term) return
  raft.probe.reached('raft.tail-unknown')
  recovery.tailKnown = false
  const reason = `leader ${from} has an ack of index ${message.index}, the log ends at ${log.lastIndex}`
  raft.effects.push({ type: 'tail-unknown', reason })
}
