// Start-up: reads everything a node has on disk, decides what is whole, and leaves a folder that
// may be written to again. Synchronous; nothing is served before it returns. Order: identity, hard
// state, manifest, segments, WAL, checkpoints; then leftovers are removed, what was read is synced
// and a new WAL file is begun. Next stop: storage.ts runs on what this returns.
import { QuorateError } from '@quorate/protocol'
import { sameChain } from './chain.ts'
import { readFileSync } from './checked-text.ts'
import { type Checkpoint, readCheckpointSync } from './checkpoint.ts'
import type { Disk } from './disk.ts'
import { GroupLogState } from './group-log.ts'
import type { HardStateRecord } from './hard-state-format.ts'
import { type RecoveredHardState, recoverHardStateSync } from './hard-state-recovery.ts'
import { type Identity, readIdentitySync, secretPath } from './identity.ts'
import { groupKey } from './log-entry.ts'
import { type FoundManifest, logStartOf, type ManifestGroup, readManifestSync } from './manifest.ts'
import {
  checkpointIndexOf,
  checkpointPath,
  replicaFolder,
  replicaName,
  segmentPath,
} from './replica-files.ts'
import { openSegmentSync, type Segment } from './segment.ts'
import type { LogMark } from './tail.ts'
import { type RecoveredWal, recoverWalSync, type StorageEvent } from './wal-recovery.ts'
import type { ReplayedEntry } from './wal-replay.ts'

export interface RecoveredReplica {
  readonly pair: number
  readonly record: HardStateRecord
  readonly log: GroupLogState
  readonly checkpoint: Checkpoint | undefined
  /** Entries that live in the WAL, in order; they are in the log already. */
  readonly walEntries: readonly ReplayedEntry[]
}

export interface RecoveredStore {
  readonly identity: Identity
  readonly secret: string
  readonly executedIndex: number
  readonly hard: RecoveredHardState
  readonly found: FoundManifest
  readonly replicas: readonly RecoveredReplica[]
  /** Pairs of replicas that the WAL says are dropped. */
  readonly droppedPairs: readonly number[]
  readonly wal: RecoveredWal
  readonly events: readonly StorageEvent[]
}

interface FoundReplica {
  readonly pair: number
  readonly record: HardStateRecord
  readonly name: string
  readonly folder: string
  readonly start: LogMark
  readonly segments: readonly Segment[]
}

/** Reads and checks; changes nothing in `read` mode, and only repairs hard state in `write` mode. */
export function readStoreSync(disk: Disk, folder: string, mode: 'read' | 'write'): RecoveredStore {
  const identity = readIdentitySync(disk, folder)
  const secret = readSecret(disk, folder)
  const hard = recoverHardStateSync(disk, folder, identity, { readOnly: mode === 'read' })
  const found = readManifestSync(disk, folder)
  const replicas = findReplicas(disk, folder, identity, hard, found.manifest.groups)
  const settled = new Map(
    replicas.map(({ name, start, segments }) => [name, segments.at(-1)?.last ?? start]),
  )
  const wal = recoverWalSync(disk, folder, found.manifest, identity, settled, mode)
  const events: StorageEvent[] = [...wal.events]
  const recovered: RecoveredReplica[] = []
  const droppedPairs: number[] = []
  for (const replica of replicas) {
    const replay = wal.replicas.get(replica.name)!
    if (replay.dropped) droppedPairs.push(replica.pair)
    else recovered.push(buildReplica(disk, identity, replica, replay.finish(replica.name), events))
  }
  return {
    identity,
    secret,
    executedIndex: executedIndexOf(hard),
    hard,
    found,
    replicas: recovered,
    droppedPairs,
    wal,
    events,
  }
}

function readSecret(disk: Disk, folder: string): string {
  const path = secretPath(folder)
  const bytes = readFileSync(disk, path)
  const secret = bytes === undefined ? '' : new TextDecoder().decode(bytes).trim()
  if (/^[0-9a-f]{64}$/.test(secret)) return secret
  throw new QuorateError('QUORATE_STORAGE_DAMAGED', `${path}: it holds no secret`)
}

function executedIndexOf(hard: RecoveredHardState): number {
  for (const { slot } of hard.pairs) {
    if (slot.content.kind === 'node') return slot.content.executedIndex
  }
  throw new QuorateError('QUORATE_STORAGE_DAMAGED', `${hard.files[0].path}: no record of the node`)
}

function findReplicas(
  disk: Disk,
  folder: string,
  identity: Identity,
  hard: RecoveredHardState,
  groups: readonly ManifestGroup[],
): FoundReplica[] {
  const listed = new Map(groups.map((each) => [replicaName(each), each]))
  const replicas: FoundReplica[] = []
  for (const { pair, slot } of hard.pairs) {
    if (slot.content.kind !== 'replica') continue
    const { record } = slot.content
    const key = groupKey(record.group)
    const name = replicaName(record)
    const path = replicaFolder(folder, key, record.replicaId)
    if (!disk.existsSync(path)) {
      throw new QuorateError('QUORATE_STORAGE_DAMAGED', `${path}: the folder is missing`)
    }
    const group = listed.get(name)
    const start = logStartOf(group)
    const segments: Segment[] = []
    const owner = { identity, group: record.group, replicaId: record.replicaId }
    let previous = start
    for (const state of group?.segments ?? []) {
      const file = segmentPath(path, state.firstIndex)
      segments.push(openSegmentSync(disk, file, owner, previous, state))
      previous = state.last
    }
    replicas.push({ pair, record, name, folder: path, start, segments })
  }
  return replicas
}

function buildReplica(
  disk: Disk,
  identity: Identity,
  found: FoundReplica,
  walEntries: readonly ReplayedEntry[],
  events: StorageEvent[],
): RecoveredReplica {
  const { pair, record, folder, start, segments, name } = found
  const { group, replicaId, hardState } = record
  const indexes = disk
    .listSync(folder)
    .map(checkpointIndexOf)
    .filter((index) => index !== undefined)
  const log = new GroupLogState({ group, replicaId, folder, start, segments, checkpoints: indexes })
  log.append(walEntries.map(({ entry }) => entry))
  log.durableIndex = log.lastIndex
  if (log.tail.last.term > hardState.term) {
    throw new QuorateError(
      'QUORATE_STORAGE_DAMAGED',
      `${name}: an entry of term ${log.tail.last.term} is above the hard state's term ${hardState.term}`,
    )
  }
  const owner = { identity, group, replicaId }
  const checkpoint = newestCheckpoint(disk, owner, log, indexes, events)
  if (checkpoint === undefined && start.index > 0) {
    throw new QuorateError(
      'QUORATE_STORAGE_DAMAGED',
      `${folder}: the log begins after ${start.index} and no checkpoint there is readable`,
    )
  }
  return { pair, record, log, checkpoint, walEntries }
}

/** The newest readable one that lies on this log. Unreadable ones leave the list of the log. */
function newestCheckpoint(
  disk: Disk,
  owner: { identity: Identity; group: HardStateRecord['group']; replicaId: number },
  log: GroupLogState,
  indexes: readonly number[],
  events: StorageEvent[],
): Checkpoint | undefined {
  for (const index of [...indexes].sort((one, other) => other - one)) {
    const path = checkpointPath(log.folder, index)
    const checkpoint = readCheckpointSync(disk, path, owner)
    if (checkpoint === 'version') throw new QuorateError('QUORATE_FORMAT_VERSION', path)
    const reason = unusable(log, index, checkpoint)
    if (reason === undefined) return checkpoint
    log.checkpointList = log.checkpointList.filter((each) => each !== index)
    events.push({ event: 'checkpoint.unusable', file: path, reason })
  }
  return undefined
}

function unusable(
  log: GroupLogState,
  index: number,
  checkpoint: Checkpoint | undefined,
): string | undefined {
  if (checkpoint === undefined) return 'it is damaged'
  if (checkpoint.index !== index) return `it is of index ${checkpoint.index}`
  if (index < log.start.index) return 'it lies before the log start'
  if (index > log.lastIndex) return `the log ends at ${log.lastIndex}`
  const point = log.pointAt(index)
  if (point === undefined || sameChain(point.chain, checkpoint.chain)) return undefined
  return 'it is of another log'
}
