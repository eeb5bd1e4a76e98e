// Linearizable reads without writing (thesis 6.4). Each read takes the next value of a counter;
// heartbeats carry the highest value, replies repeat it, and a read is confirmed when a majority
// has repeated its value or a higher one: the same arithmetic as for commit. A late or repeated
// reply can therefore never confirm a read younger than the heartbeat it answers. One round of
// heartbeats is under way at a time; reads that come meanwhile share the next.
import type { Progress } from './progress.ts'
import { quorumOver } from './quorum.ts'
import type { Leadership, Raft } from './raft.ts'
import type { RaftEntry } from './types.ts'

interface WaitingRead {
  readonly readId: number
  readonly position: number
  /** Commit index when the read was asked; -1 until the leader's own term has committed. */
  index: number
}

/** Counters start anew with each leadership: a reply of another term never reaches the leader. */
export class ReadQueue {
  /** Position of the newest read. */
  position = 0
  /** Highest position that has left in a heartbeat. */
  sent = 0
  /** In order of position. The host bounds how many it asks for. */
  readonly waiting: WaitingRead[] = []
}

function readOf(progress: Progress): number {
  // As for commit and check-quorum: whose tail is unknown counts for nothing (fence.ts).
  return progress.fence === undefined ? progress.read : 0
}

function confirmedPosition(leadership: Leadership): number {
  const { quorums, reads, scratch } = leadership
  return quorumOver(quorums, reads.position, readOf, scratch)
}

/** Queues a read. */
export function addRead<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  leadership: Leadership,
  readId: number,
): void {
  if (!leadership.serving) raft.probe.reached('raft.read-before-serving')
  const index = leadership.serving ? raft.log.commit : -1
  leadership.reads.waiting.push({ readId, position: ++leadership.reads.position, index })
}

/** Is there a read that no heartbeat has carried yet, and no earlier round to wait for? */
export function needsReadRound(leadership: Leadership): boolean {
  const { reads } = leadership
  return reads.position > reads.sent && reads.sent <= confirmedPosition(leadership)
}

/** Answers the reads that a majority has confirmed, once the own term has committed. */
export function confirmReads<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  leadership: Leadership,
): void {
  const { waiting } = leadership.reads
  if (waiting.length === 0 || !leadership.serving) return
  const confirmed = confirmedPosition(leadership)
  let answered = 0
  for (const read of waiting) {
    if (read.position > confirmed) break
    raft.effects.push({ type: 'read-ready', readId: read.readId, index: read.index })
    answered++
  }
  if (answered > 0) waiting.splice(0, answered)
}

/** The first commit of the own term: reads that waited for it get this commit index. */
export function startServing<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  leadership: Leadership,
): void {
  leadership.serving = true
  for (const read of leadership.reads.waiting) read.index = raft.log.commit
  confirmReads(raft, leadership)
}

/** Leadership ends: no read of it can be answered any more. */
export function refuseReads<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  leadership: Leadership,
): void {
  if (leadership.reads.waiting.length > 0) raft.probe.reached('raft.reads-refused')
  for (const read of leadership.reads.waiting) {
    raft.effects.push({ type: 'read-refused', readId: read.readId })
  }
}
