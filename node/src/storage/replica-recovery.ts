// Recovers one replica from its folder, its part of the manifest and what the WAL holds of it: the
// log with its holes, the newest checkpoint that can be read, and the record as it has to be from
// now on (term raised, tail unknown). Never stops for damage. Caller: recovery.ts.
import { QuorateError } from '@quorate/protocol'
import { sameChain } from './chain.ts'
import { type Checkpoint, readCheckpointSync } from './checkpoint.ts'
import type { Disk } from './disk.ts'
import { GroupLogState } from './group-log.ts'
import type { HardStateRecord } from './hard-state-format.ts'
import { groupKey } from './log-entry.ts'
import type { DamageReport, LogHole } from './log-hole.ts'
import { logStartOf, type ManifestGroup, type ManifestSegment } from './manifest.ts'
import { isChainKnown } from './missing-entry.ts'
import { checkpointIndexOf, checkpointPath, segmentPath } from './replica-files.ts'
import { openSegmentSync, Segment, type SegmentOwner } from './segment.ts'
import { lostSegment, scanSegmentSync } from './segment-scan.ts'
import type { LogMark } from './tail.ts'
import type { WalIdentity } from './wal-file.ts'
import type { StorageEvent } from './wal-recovery.ts'
import type { Replayed, ReplayedEntry } from './wal-replay.ts'

export interface FoundReplica {
  readonly pair: number
  readonly record: HardStateRecord
  readonly folder: string
  readonly start: LogMark
  readonly segments: readonly Segment[]
  readonly holes: readonly LogHole[]
  readonly reports: readonly DamageReport[]
}

export interface RecoveredReplica {
  readonly pair: number
  /** As it has to be from now on. */
  readonly record: HardStateRecord
  readonly isRecordNew: boolean
  readonly log: GroupLogState
  readonly checkpoint: Checkpoint | undefined
  /** Entries that live in the WAL, in order; they are in the log already. */
  readonly walEntries: readonly ReplayedEntry[]
  /** The WAL holds records behind the log that are not believed. */
  readonly cut: boolean
  readonly reports: readonly DamageReport[]
}

export function findReplica(
  disk: Disk,
  path: string,
  identity: WalIdentity,
  pair: number,
  record: HardStateRecord,
  group: ManifestGroup | undefined,
): FoundReplica {
  const key = groupKey(record.group)
  const start = logStartOf(group)
  const segments: Segment[] = []
  const holes: LogHole[] = []
  const reports: DamageReport[] = []
  const owner = { identity, group: record.group, replicaId: record.replicaId }
  let previous = start
  for (const state of group?.segments ?? []) {
    const file = segmentPath(path, state.firstIndex)
    const opened = openSegmentSync(disk, file, owner, previous, state)
    if (opened instanceof Segment) segments.push(opened)
    else {
      const { reason, isOurs } = opened
      const scanned =
        isOurs === false
          ? { rows: [], holes: [lostSegment(file, previous, state)] }
          : scanFileSync(disk, file, previous, state, isOurs)
      const segment = new Segment(file, previous, state, [...scanned.rows])
      segments.push(segment)
      holes.push(...scanned.holes)
      // With holes it is written again when they are filled.
      segment.worn = scanned.holes.length === 0
      if (segment.worn) reports.push(wornReport(key, state, file, reason))
    }
    previous = state.last
  }
  return { pair, record, folder: path, start, segments, holes, reports }
}

function scanFileSync(
  disk: Disk,
  path: string,
  previous: LogMark,
  state: ManifestSegment,
  isOurs: boolean | undefined,
): { readonly rows: readonly Segment['rows'][number][]; readonly holes: readonly LogHole[] } {
  const file = disk.openSync(path, 'read')
  try {
    return scanSegmentSync(file, previous, state, isOurs)
  } finally {
    file.close()
  }
}

/** All entries can be read, though not the file as it is meant to be. */
function wornReport(
  group: string,
  state: ManifestSegment,
  file: string,
  detail: string,
): DamageReport {
  return { group, state: 'faulty', file, from: 0, to: state.sizeBytes, detail }
}

export function buildReplica(
  disk: Disk,
  identity: WalIdentity,
  found: FoundReplica,
  replayed: Replayed,
  events: StorageEvent[],
): RecoveredReplica {
  const { pair, folder, record: before } = found
  const { group, replicaId } = before
  const { reset, entries: walEntries } = replayed
  const indexes = disk
    .listSync(folder)
    .map(checkpointIndexOf)
    .filter((index) => index !== undefined)
  const log = new GroupLogState({
    group,
    replicaId,
    folder,
    start: reset ?? found.start,
    segments: reset === undefined ? found.segments : [],
    checkpoints: indexes,
    holes: reset === undefined ? found.holes : [],
  })
  log.append(walEntries.map(({ entry }) => entry))
  log.durableIndex = log.lastIndex
  const reports = reset === undefined ? [...found.reports] : []
  const owner = { identity, group, replicaId }
  const unusable: DamageReport[] = []
  const checkpoint = newestCheckpoint(disk, owner, log, indexes, unusable)
  for (const { file, detail } of unusable) {
    events.push({ event: 'checkpoint.unusable', file, reason: detail })
  }
  // The one at the log start is told of as a hole.
  reports.push(...unusable.filter(({ firstIndex }) => firstIndex !== log.start.index))
  if (log.start.index > 0 && !log.checkpointList.includes(log.start.index)) {
    log.damaged.checkpointLost()
  }
  const record = recordOf(before, log, replayed)
  if (replayed.unknown !== undefined) {
    const detail = replayed.unknown
    reports.push({ group: log.key, state: 'unknown-tail', file: folder, from: 0, to: 0, detail })
  }
  const isRecordNew = record !== before
  return { pair, record, isRecordNew, log, checkpoint, walEntries, cut: replayed.cut, reports }
}

function recordOf(
  before: HardStateRecord,
  log: GroupLogState,
  { unknown }: Replayed,
): HardStateRecord {
  let record = before
  if (unknown !== undefined && !before.tailUnknown) record = { ...record, tailUnknown: true }
  const { term } = log.tail.last
  // Whom this replica voted for in the term of its entries is not known: the vote counts as used.
  if (term > before.hardState.term) {
    record = { ...record, hardState: { term, votedFor: before.replicaId } }
  }
  return record
}

/** The newest readable one that lies on this log. Unreadable ones leave the list of the log. */
function newestCheckpoint(
  disk: Disk,
  owner: SegmentOwner,
  log: GroupLogState,
  indexes: readonly number[],
  reports: DamageReport[],
): Checkpoint | undefined {
  for (const index of [...indexes].sort((one, other) => other - one)) {
    const file = checkpointPath(log.folder, index)
    const checkpoint = readCheckpointSync(disk, file, owner)
    if (checkpoint === 'version') throw new QuorateError('QUORATE_FORMAT_VERSION', file)
    const reason = reasonAgainst(log, index, checkpoint)
    if (reason === undefined) return checkpoint
    log.checkpointList = log.checkpointList.filter((each) => each !== index)
    if (index < log.start.index) continue
    reports.push({
      group: log.key,
      // Only a spare, which this start removes.
      state: 'repaired',
      file,
      from: 0,
      to: 0,
      detail: reason,
      firstIndex: index,
      lastIndex: index,
    })
  }
  return undefined
}

function reasonAgainst(
  log: GroupLogState,
  index: number,
  checkpoint: Checkpoint | undefined,
): string | undefined {
  if (checkpoint === undefined) return 'it is damaged'
  if (checkpoint.index !== index) return `it is of index ${checkpoint.index}`
  if (index < log.start.index) return 'it lies before the log start'
  if (index > log.lastIndex) return `the log ends at ${log.lastIndex}`
  const point = log.pointAt(index)
  if (point === undefined || (index > 0 && !isChainKnown(point))) return undefined
  if (sameChain(point.chain, checkpoint.chain)) return undefined
  return 'it is of another log'
}
