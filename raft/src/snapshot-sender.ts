// The leader's side of a snapshot: a peer needs entries that no longer exist here, so it gets the
// state at log start in chunks, one at a time, each read by the host when the one before has
// arrived. Lost chunks, late hosts and a log start that moves meanwhile only cost time. The stop
// before is replication.ts (entries-gone), the stop after snapshot-receiver.ts on another replica;
// the transfer ends with that replica's ack.
import { send } from './persist.ts'
import type { Progress } from './progress.ts'
import type { Raft } from './raft.ts'
import type { SnapshotTransfer } from './snapshot-transfer.ts'
import type { RaftEntry, RaftInput, SnapshotReply } from './types.ts'

type SnapshotRead = Extract<RaftInput<RaftEntry>, { type: 'snapshot-read' }>

const noBytes = new Uint8Array(0)
/** Of a provoked piece. */
const smallChunkBytes = 100

export function startSnapshot<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  progress: Progress,
): void {
  raft.probe.reached('raft.snapshot-started')
  readChunk(raft, progress, progress.needsSnapshot(raft.nowMs))
}

function readChunk<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  progress: Progress,
  transfer: SnapshotTransfer,
): void {
  const isSmall = raft.probe.provoke('raft.snapshot-chunk-small')
  transfer.isReading = true
  progress.readAgainMs = raft.nowMs + raft.options.electionTimeoutMaxMs
  raft.effects.push({
    type: 'read-snapshot',
    to: progress.id,
    offset: transfer.offset,
    bytesMax: isSmall ? smallChunkBytes : raft.options.snapshotChunkBytes,
  })
}

/** The host's answer. It is used only if these are still the bytes the peer needs next. */
export function continueWithChunk<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  progress: Progress,
  { snapshot, offset, totalBytes, data }: SnapshotRead,
): void {
  const { transfer } = progress
  if (transfer === undefined || !transfer.isReading || transfer.offset !== offset) return
  // Nothing read, or too much: asked again with a later heartbeat reply.
  const isEmpty = data.length === 0 && offset < totalBytes
  if (isEmpty || offset + data.length > totalBytes || snapshot.index > raft.log.commit) return
  if (!transfer.isContinuedBy(snapshot, totalBytes)) {
    transfer.restart()
    readChunk(raft, progress, transfer)
    return
  }
  transfer.isReading = false
  progress.movedMs = raft.nowMs
  const { term } = raft
  send(raft, progress.id, { type: 'snapshot', term, snapshot, offset, totalBytes, data })
}

export function onChunkReply<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  progress: Progress,
  reply: SnapshotReply,
): void {
  const { transfer } = progress
  if (transfer === undefined || !transfer.received(reply.index, reply.received)) return
  progress.movedMs = raft.nowMs
  if (!transfer.isSent) readChunk(raft, progress, transfer)
}

/**
 * Called with each heartbeat reply of a peer in this state. A chunk or its answer may be lost, and
 * after the last chunk the peer may have lost what it held, or not be able to use it: ask again.
 */
export function resumeSnapshot<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  progress: Progress,
): void {
  const { transfer } = progress
  const { nowMs, options, term } = raft
  if (transfer === undefined || nowMs - progress.movedMs < options.electionTimeoutMinMs) return
  if (transfer.isReading && nowMs < progress.readAgainMs) return
  raft.probe.reached('raft.snapshot-resumed')
  progress.movedMs = nowMs
  transfer.isResumed = true
  if (transfer.isSent && transfer.point !== undefined) {
    const { point: snapshot, offset, totalBytes } = transfer
    send(raft, progress.id, { type: 'snapshot', term, snapshot, offset, totalBytes, data: noBytes })
  } else readChunk(raft, progress, transfer)
}
