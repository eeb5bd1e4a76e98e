// The receiver's side of a snapshot: collects a leader's chunks in memory, within a bound, gives the
// host the whole to verify, and lets the log start from there once the host says that it is sound.
// What was collected belongs to one term, and so to one leader: two leaders' snapshots of one point
// need not have the same bytes. The stop before is snapshot-sender.ts on another replica, the stop
// after persist.ts; the ack that ends the transfer leaves when everything is on disk.
import { followLeader } from './follower.ts'
import { samePoint } from './log.ts'
import { persistSnapshot, sendReply } from './persist.ts'
import { type Assembly, isElectable, type Raft } from './raft.ts'
import { followConfiguration } from './reconfigure.ts'
import { acknowledge } from './reply.ts'
import { becomeFollower, commitUpTo, halt } from './role.ts'
import type { Configuration, RaftEntry, ReplicaId, SnapshotChunk, SnapshotPoint } from './types.ts'

export function onSnapshot<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  from: ReplicaId,
  message: SnapshotChunk,
): void {
  const { snapshot, offset, totalBytes, data } = message
  const isWellFormed =
    offset + data.length <= totalBytes && (data.length > 0 || offset === totalBytes)
  if (!isWellFormed || !followLeader(raft, from)) return
  if (isHeld(raft, snapshot)) {
    raft.assembly = undefined
    if (!raft.halted) acknowledge(raft, from, Math.max(snapshot.index, raft.log.commit))
  } else if (totalBytes > raft.options.snapshotBytesMax) {
    raft.refusedSnapshot = { index: snapshot.index, totalBytes }
  } else {
    const received = collect(raft, message)
    const { term, options } = raft
    const { index } = snapshot
    sendReply(raft, from, {
      type: 'snapshot-reply',
      term,
      index,
      received,
      session: options.session,
    })
  }
}

/** Is the log as far as this already? What a leader has a snapshot of is committed. */
function isHeld<Entry extends RaftEntry>(raft: Raft<Entry>, snapshot: SnapshotPoint): boolean {
  if (snapshot.index <= raft.log.commit) return true
  const agreement = raft.log.compare(snapshot)
  if (agreement === 'forked') {
    const { term, index } = snapshot
    halt(raft, `log and snapshot with term ${term} at index ${index} differ`, index)
    return true
  }
  if (agreement === 'same') commitUpTo(raft, snapshot.index)
  return agreement === 'same'
}

/** The collection this chunk belongs to; a new one for a first chunk. */
function assemblyOf<Entry extends RaftEntry>(
  { assembly, nowMs, options }: Raft<Entry>,
  { snapshot, offset, totalBytes }: SnapshotChunk,
): Assembly | undefined {
  if (
    assembly !== undefined &&
    samePoint(assembly.snapshot, snapshot) &&
    assembly.totalBytes === totalBytes &&
    // A host that has not installed it by then found it wrong.
    nowMs - assembly.completedMs < options.electionTimeoutMaxMs
  ) {
    return assembly
  }
  if (offset > 0) return undefined
  return { snapshot, totalBytes, chunks: [], received: 0, completedMs: Infinity }
}

/** How much is held now. A chunk that does not come next is left out. */
function collect<Entry extends RaftEntry>(raft: Raft<Entry>, message: SnapshotChunk): number {
  const assembly = assemblyOf(raft, message)
  raft.assembly = assembly
  if (assembly === undefined) return 0
  const isComplete = assembly.completedMs < Infinity
  if (isComplete || message.offset !== assembly.received) return assembly.received
  assembly.chunks.push(message.data)
  assembly.received += message.data.length
  if (assembly.received === assembly.totalBytes) {
    assembly.completedMs = raft.nowMs
    const data = assembly.chunks.splice(0)
    raft.effects.push({ type: 'snapshot-received', snapshot: assembly.snapshot, data })
  }
  return assembly.received
}

/**
 * A replica that joined later does not know what the group began with. If its snapshot is older than
 * the first change, it says so by naming no voters, and what this replica knows still holds.
 */
function configurationOf<Entry extends RaftEntry>(
  { log }: Raft<Entry>,
  { configuration }: SnapshotPoint,
): Configuration {
  return configuration.voters.length > 0 ? configuration : log.configurations.before(log.commit + 1)
}

/** The host has verified it. It comes too late when the log has got as far, or leads, meanwhile. */
export function onInstall<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  snapshot: SnapshotPoint,
): void {
  raft.assembly = undefined
  if (raft.leadership !== undefined) return
  if (!isHeld(raft, snapshot)) {
    raft.probe.reached('raft.snapshot-installed')
    persistSnapshot(raft, { ...snapshot, configuration: configurationOf(raft, snapshot) })
    followConfiguration(raft)
  }
  if (raft.candidacy !== undefined && !isElectable(raft)) becomeFollower(raft, raft.term, 0)
  if (raft.halted || raft.leader === 0) return
  acknowledge(raft, raft.leader, Math.max(snapshot.index, raft.log.commit))
}
