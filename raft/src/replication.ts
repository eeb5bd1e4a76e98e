// How a leader's entries reach its peers and become committed. Fills each peer's window, reads
// entries that have left memory back through the host, takes the replies, and counts copies. The
// stop before is leader.ts (`propose`), the stop after follower.ts on another replica; the reply
// comes back here and ends in a commit effect.
import { noteRestart, noteTail, passFences } from './fence.ts'
import { send } from './persist.ts'
import type { Progress } from './progress.ts'
import { quorumOver } from './quorum.ts'
import type { Leadership, Raft } from './raft.ts'
import { startServing } from './read-index.ts'
import { settleConfiguration } from './reconfigure.ts'
import { cleanIndex } from './recovery.ts'
import { commitUpTo } from './role.ts'
import {
  continueWithChunk,
  onChunkReply,
  resumeSnapshot,
  startSnapshot,
} from './snapshot-sender.ts'
import { continueTransfer } from './transfer.ts'
import type {
  AppendReply,
  HeartbeatReply,
  LogPoint,
  RaftEntry,
  RaftInput,
  ReplicaId,
  SnapshotReply,
} from './types.ts'

type InputOf<Entry extends RaftEntry, Type> = Extract<RaftInput<Entry>, { type: Type }>

function progressOf(leadership: Leadership, peer: ReplicaId): Progress | undefined {
  for (const progress of leadership.progress) if (progress.id === peer) return progress
  return undefined
}

/** Sends what the peer's window has room for. A probe leaves even when it carries nothing. */
export function sendAppends<Entry extends RaftEntry>(raft: Raft<Entry>, progress: Progress): void {
  const { log, options } = raft
  while (progress.maySend(options)) {
    if (progress.state === 'replicate' && progress.next > log.lastIndex) return
    if (progress.next <= log.base.index) {
      readEntries(raft, progress)
      return
    }
    const previous = log.pointAt(progress.next - 1) as LogPoint
    const isSmall = raft.probe.provoke('raft.append-one-entry')
    const bytesMax = isSmall ? 1 : progress.roomBytes(options)
    sendAppend(raft, progress, previous, log.from(progress.next, bytesMax))
  }
}

function sendAppend<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  progress: Progress,
  previous: LogPoint,
  entries: readonly Entry[],
): void {
  const { term, log } = raft
  let sizeBytes = 0
  for (const entry of entries) sizeBytes += entry.sizeBytes
  send(raft, progress.id, { type: 'append', term, previous, entries, commit: log.commit })
  progress.sent(previous.index + entries.length, sizeBytes, raft.nowMs)
}

/** The entries the peer needs have left memory: asks the host, at most once at a time. */
function readEntries<Entry extends RaftEntry>(raft: Raft<Entry>, progress: Progress): void {
  if (raft.nowMs < progress.readAgainMs) return
  raft.probe.reached('raft.entries-read-back')
  progress.readingFrom = progress.next
  progress.readAgainMs = raft.nowMs + raft.options.electionTimeoutMaxMs
  raft.effects.push({
    type: 'read-entries',
    to: progress.id,
    fromIndex: progress.next,
    bytesMax: progress.roomBytes(raft.options),
  })
}

/** The host's answer. It is used only if these are still the entries the peer needs next. */
export function onEntriesRead<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  input: InputOf<Entry, 'entries-read'>,
): void {
  const { leadership } = raft
  const progress = leadership === undefined ? undefined : progressOf(leadership, input.to)
  const fromIndex = input.previous.index + 1
  if (progress === undefined || progress.readingFrom !== fromIndex) return
  progress.readingFrom = 0
  // Above the base memory knows better: what was read may be older than the present log.
  const { base } = raft.log
  const entries = input.entries.filter((entry) => entry.index <= base.index)
  const isWanted = progress.next === fromIndex && progress.next <= base.index
  if (isWanted && entries[0]?.index !== fromIndex) {
    progress.readAgainMs = raft.nowMs + raft.options.heartbeatMs
    return
  }
  progress.readAgainMs = 0
  if (isWanted && progress.maySend(raft.options)) {
    sendAppend(raft, progress, input.previous, entries)
  }
  sendAppends(raft, progress)
}

/** The host's other answer: these entries do not exist any more. */
export function onEntriesGone<Entry extends RaftEntry>(raft: Raft<Entry>, peer: ReplicaId): void {
  const { leadership, log } = raft
  const progress = leadership === undefined ? undefined : progressOf(leadership, peer)
  if (progress === undefined || progress.readingFrom === 0) return
  const isWanted = progress.next === progress.readingFrom && progress.next <= log.base.index
  progress.readingFrom = 0
  progress.readAgainMs = 0
  if (isWanted) startSnapshot(raft, progress)
  else sendAppends(raft, progress)
}

export function onSnapshotRead<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  input: InputOf<Entry, 'snapshot-read'>,
): void {
  const { leadership } = raft
  const progress = leadership === undefined ? undefined : progressOf(leadership, input.to)
  if (progress !== undefined) continueWithChunk(raft, progress, input)
}

export function onSnapshotReply<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  from: ReplicaId,
  message: SnapshotReply,
): void {
  const progress = hear(raft, from, message)
  if (progress !== undefined) onChunkReply(raft, progress, message)
}

/**
 * Notes a sign of life; undefined when the rest of the reply is to be dropped. Sessions have no
 * order, so another one than before may be the peer's new life or a late reply of an old one: only
 * the living can confirm a heartbeat that is sent from now on.
 */
export function hear<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  from: ReplicaId,
  reply: AppendReply | HeartbeatReply | SnapshotReply,
): Progress | undefined {
  const { leadership } = raft
  const progress = leadership === undefined ? undefined : progressOf(leadership, from)
  if (leadership === undefined || progress === undefined) return undefined
  const isRecovering = reply.type !== 'snapshot-reply' && reply.recovering
  if (progress.fence === undefined && !isRecovering) progress.heardMs = raft.nowMs
  if (progress.session === 0) progress.session = reply.session
  if (progress.session === reply.session) return heard(raft, leadership, progress, reply)
  if (progress.unprovenSession !== reply.session) {
    raft.probe.reached('raft.session-unproven')
    progress.unprovenSession = reply.session
    progress.provingPosition = ++leadership.reads.position
    return undefined
  }
  if (reply.type !== 'heartbeat-reply' || reply.read < progress.provingPosition) return undefined
  raft.probe.reached('raft.session-proven')
  progress.restarted(reply.session, reply.extent.index)
  noteRestart(raft, progress, reply)
  return heard(raft, leadership, progress, reply)
}

function heard<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  leadership: Leadership,
  progress: Progress,
  reply: AppendReply | HeartbeatReply | SnapshotReply,
): Progress | undefined {
  const saysTail = reply.type !== 'snapshot-reply'
  if (saysTail && noteTail(raft, progress, reply)) advanceCommit(raft, leadership)
  return raft.leadership === leadership ? progress : undefined
}

export function onAppendReply<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  from: ReplicaId,
  message: AppendReply,
): void {
  const { leadership, log } = raft
  const progress = hear(raft, from, message)
  if (leadership === undefined || progress === undefined) return
  if (!message.success) {
    const isNews = progress.refused(message.rejected, agreedIndex(raft, message))
    if (!isNews) raft.probe.reached('raft.late-refusal-ignored')
  } else if (
    message.reached <= log.lastIndex &&
    progress.acked(message.match, message.reached, raft.nowMs)
  ) {
    advanceCommit(raft, leadership)
    if (raft.leadership !== leadership) return
    continueTransfer(raft, leadership, progress)
    if (progress.state === 'replicate' && raft.probe.provoke('raft.window-given-up')) {
      progress.probeFrom(progress.reached + 1)
    }
  }
  sendAppends(raft, progress)
}

/** Highest index at which a peer that hints at (match, hintTerm) may agree with this log. */
function agreedIndex<Entry extends RaftEntry>(raft: Raft<Entry>, reply: AppendReply): number {
  const { log } = raft
  if (reply.match <= log.base.index) return reply.match
  return log.lastAtMost(reply.match, reply.hintTerm, log.base.index)
}

/**
 * Called with each heartbeat reply. A probe or the end of the window may have been lost: a probe is
 * sent again, and behind a window that does not move an empty append asks how far the peer is. So it
 * does while the peer cannot read all it has: the ack that follows its repair may have been lost.
 */
export function resumeAppends<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  progress: Progress,
): void {
  const isStill = raft.nowMs - progress.movedMs >= raft.options.heartbeatMs
  if (isStill && progress.state === 'probe') progress.paused = false
  const isUnreadable = progress.state === 'replicate' && progress.match < progress.reached
  if (isStill && (progress.inflightMessages > 0 || isUnreadable)) {
    progress.movedMs = raft.nowMs
    const previous = raft.log.pointAt(progress.next - 1)
    if (previous === undefined) progress.probeFrom(progress.reached + 1)
    else {
      const { term, log } = raft
      send(raft, progress.id, { type: 'append', term, previous, entries: [], commit: log.commit })
    }
  }
  if (progress.state === 'snapshot') resumeSnapshot(raft, progress)
  else sendAppends(raft, progress)
}

function matchOf(progress: Progress): number {
  return progress.fence === undefined ? progress.match : 0
}

/**
 * Commits what a majority has on disk, itself included only as far as it is stored and readable. Entries of
 * earlier terms are never counted (paper 5.4.2, figure 8): they are committed by what follows them.
 */
export function advanceCommit<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  leadership: Leadership,
): void {
  const { log } = raft
  passFences(raft, leadership)
  const index = quorumOver(leadership.quorums, cleanIndex(raft), matchOf, leadership.scratch)
  const isOld = index > log.commit && log.termAt(index) !== raft.term
  if (isOld) raft.probe.reached('raft.old-term-not-counted')
  if (index <= log.commit || log.termAt(index) !== raft.term) return
  commitUpTo(raft, index)
  if (!leadership.serving) startServing(raft, leadership)
  settleConfiguration(raft, leadership)
}
