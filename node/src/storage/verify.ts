// Reads every file of a stopped node from end to end and says of each range whether it is what was
// written: copies of identity, manifest and hard state one by one, WAL, whole segments, checkpoints.
// What a start would make of it decides the state of each replica. Changes nothing. The caller holds
// the data lock. Printed by cli/storage-verify.ts.
import { QuorateError } from '@quorate/protocol'
import type { LostReplica } from './amnesia.ts'
import { decodeCheckedText, readFileSync } from './checked-text.ts'
import { readCheckpointSync } from './checkpoint.ts'
import type { Disk } from './disk.ts'
import { DiskError } from './disk.ts'
import { quorateErrorOf } from './disk-error.ts'
import { identityPaths } from './identity.ts'
import { type GroupKey, groupKey } from './log-entry.ts'
import { decodeManifest, manifestPaths } from './manifest.ts'
import { type RecoveredStore, readStoreSync } from './recovery.ts'
import { checkpointIndexOf, checkpointPath } from './replica-files.ts'
import type { RecoveredReplica } from './replica-recovery.ts'
import { secretPaths } from './secret.ts'
import type { Segment, SegmentOwner } from './segment.ts'
import { SegmentCheck } from './segment-check.ts'
import { verifyHardState } from './verify-hard-state.ts'
import { blockBytes } from './wal-format.ts'

export type RangeState =
  | 'good'
  /** What a crash may leave in a write that nobody was promised anything about. */
  | 'torn'
  | 'damaged'
  | 'missing'

export interface VerifiedRange {
  readonly kind:
    | 'identity'
    | 'secret'
    | 'manifest'
    | 'hard-state'
    | 'wal'
    | 'segment'
    | 'checkpoint'
    | 'folder'
  readonly file: string
  readonly from: number
  readonly to: number
  readonly state: RangeState
  readonly group?: GroupKey
  readonly replicaId?: number
  readonly firstIndex?: number
  readonly lastIndex?: number
  readonly detail?: string
}

/** What a start would make of it; `damaged`: it runs, and not all of its files are good. */
export type ReplicaState = 'clean' | 'damaged' | 'holes' | 'unknown-tail' | 'amnesiac'

export interface VerifiedGroup {
  readonly group: GroupKey
  readonly replicaId: number
  readonly state: ReplicaState
  readonly firstIndex: number
  readonly lastIndex: number
  readonly damagedEntries: number
}

export interface Verification {
  /** Undefined when no copy of the identity can be read. */
  readonly nodeId: string | undefined
  readonly clean: boolean
  readonly ranges: readonly VerifiedRange[]
  readonly groups: readonly VerifiedGroup[]
}

const readBytes = 256 * 1024

/**
 * Throws QUORATE_DATA_NOT_FORMATTED, QUORATE_DATA_FOREIGN, QUORATE_FORMAT_VERSION, and
 * QUORATE_STORAGE_FAILED when the device fails a read.
 */
export function verifyStorage(disk: Disk, folder: string): Verification {
  try {
    return verify(disk, folder)
  } catch (error) {
    throw quorateErrorOf(error)
  }
}

function verify(disk: Disk, folder: string): Verification {
  const ranges: VerifiedRange[] = []
  const store = readStore(disk, folder, ranges)
  ranges.push(...copies(disk, folder))
  ranges.push(...verifyHardState(disk, folder, store?.identity))
  const groups: VerifiedGroup[] = []
  if (store !== undefined) {
    ranges.push(...walRanges(store))
    for (const replica of store.replicas) {
      const found = replicaRanges(disk, store, replica)
      ranges.push(...found)
      groups.push(groupOf(replica, found))
    }
    groups.push(...store.lost.map(amnesiac))
  }
  const runs = groups.every(({ state }) => state !== 'unknown-tail' && state !== 'amnesiac')
  const clean = runs && ranges.every(({ state }) => state === 'good' || state === 'torn')
  return { nodeId: store?.identity.nodeId, clean, ranges, groups }
}

/** As a start reads it; undefined when a start would refuse the folder. */
function readStore(
  disk: Disk,
  folder: string,
  ranges: VerifiedRange[],
): RecoveredStore | undefined {
  try {
    const store = readStoreSync(disk, folder, 'read')
    for (const file of store.hard.files) file.close()
    for (const { file } of store.wal.files) file.close()
    return store
  } catch (error) {
    if (!(error instanceof QuorateError) || error.code !== 'QUORATE_STORAGE_DAMAGED') throw error
    const detail = error.message
    ranges.push({ kind: 'folder', file: folder, from: 0, to: 0, state: 'damaged', detail })
    return undefined
  }
}

/** What is there twice is checked twice: a start needs one, and repairs the other from it. */
function copies(disk: Disk, folder: string): VerifiedRange[] {
  const text = (kind: 'identity' | 'manifest', file: string, whole: (b: Uint8Array) => boolean) => {
    const bytes = readFileSync(disk, file)
    if (bytes === undefined) return { kind, file, from: 0, to: 0, state: 'missing' } as const
    const state = whole(bytes) ? 'good' : 'damaged'
    return { kind, file, from: 0, to: bytes.byteLength, state } as const
  }
  const secret = readFileSync(disk, secretPaths(folder)[0])
  const isSecret =
    secret !== undefined && /^[0-9a-f]{64}\n?$/.test(new TextDecoder().decode(secret))
  return [
    ...identityPaths(folder).map((path) =>
      text('identity', path, (bytes) => decodeCheckedText(bytes) !== undefined),
    ),
    {
      kind: 'secret',
      file: secretPaths(folder)[0],
      from: 0,
      to: secret?.byteLength ?? 0,
      state: secret === undefined ? 'missing' : isSecret ? 'good' : 'damaged',
    },
    ...manifestPaths(folder).map((path) =>
      text('manifest', path, (bytes) => decodeManifest(bytes, path) !== undefined),
    ),
  ]
}

function walRanges({ wal, replicas }: RecoveredStore): VerifiedRange[] {
  const kind = 'wal'
  const torn = wal.events
    .filter(({ event }) => event === 'wal.tail-dropped')
    .map(({ file, from, to, reason }): VerifiedRange => {
      const place = { file: String(file), from: Number(from), to: Number(to) }
      return { kind, ...place, state: 'torn', detail: String(reason) }
    })
  const damaged = wal.files.flatMap(({ path, cutAt, sizeBytes, isHeaderRead }) => {
    const ranges: VerifiedRange[] = []
    const place = { kind, file: path, state: 'damaged' } as const
    if (!isHeaderRead) ranges.push({ ...place, from: 0, to: blockBytes, detail: 'header' })
    if (cutAt !== undefined)
      ranges.push({ ...place, from: cutAt, to: sizeBytes, detail: 'cut off' })
    return ranges
  })
  for (const { path: file, reason: detail } of wal.lostFiles) {
    const state = detail === 'the file is missing' ? 'missing' : 'damaged'
    damaged.push({ kind, file, from: 0, to: 0, state, detail })
  }
  for (const { path: file, from, to, detail } of wal.lostPlaces) {
    damaged.push({ kind, file, from, to, state: 'damaged', detail })
  }
  for (const { log } of replicas) {
    for (const { where, file, from, to, firstIndex, lastIndex, evidence } of log.holes()) {
      if (where !== 'wal') continue
      const what = { group: log.key, replicaId: log.replicaId, firstIndex, lastIndex }
      // The replicas of the group decide together whether it was ever written.
      if (evidence === 'begun') torn.push({ kind, file, from, to, state: 'torn', ...what })
      else damaged.push({ kind, file, from, to, state: 'damaged', ...what })
    }
  }
  const found = [...damaged, ...torn]
  const whole = wal.files
    .filter(({ path }) => found.every(({ file }) => file !== path))
    .map(({ path, sizeBytes }): VerifiedRange => {
      return { kind, file: path, from: 0, to: sizeBytes, state: 'good' }
    })
  return [...whole, ...found]
}

function replicaRanges(
  disk: Disk,
  { identity }: RecoveredStore,
  { log, record }: RecoveredReplica,
): VerifiedRange[] {
  const { group, replicaId } = record
  const owner = { identity, group, replicaId }
  const named = { group: groupKey(group), replicaId }
  const segments = log.segmentList.flatMap((segment) =>
    segmentRanges(disk, segment, owner).map((range) => ({ ...range, ...named })),
  )
  const indexes = disk.listSync(log.folder).map(checkpointIndexOf)
  const checkpoints = indexes.flatMap((index): VerifiedRange[] => {
    if (index === undefined) return []
    const file = checkpointPath(log.folder, index)
    const to = sizeOf(disk, file)
    const found = readCheckpointSync(disk, file, owner)
    const state = found === undefined ? 'damaged' : 'good'
    return [{ kind: 'checkpoint', file, from: 0, to, state, ...named }]
  })
  return [...segments, ...checkpoints]
}

function segmentRanges(disk: Disk, segment: Segment, owner: SegmentOwner): VerifiedRange[] {
  const { path, firstIndex, last, sizeBytes } = segment
  const place = { kind: 'segment', file: path } as const
  if (!disk.existsSync(path)) {
    return [
      { ...place, from: 0, to: sizeBytes, state: 'missing', firstIndex, lastIndex: last.index },
    ]
  }
  const check = new SegmentCheck(segment, owner)
  const file = disk.openSync(path, 'read')
  try {
    for (let position = 0; position < sizeBytes; ) {
      const block = new Uint8Array(Math.min(readBytes, sizeBytes - position))
      const read = readOrZeros(file, block, position)
      if (read === 0) break
      check.feed(block.subarray(0, read))
      position += read
    }
  } finally {
    file.close()
  }
  check.finish()
  if (check.damage.length > 0) {
    return check.damage.map((range) => ({ ...place, ...range, state: 'damaged' }))
  }
  const range = { from: 0, to: sizeBytes, firstIndex, lastIndex: last.index }
  return [{ ...place, ...range, state: 'good' }]
}

/** What the device cannot read counts as other bytes than were written. */
function readOrZeros(
  file: { readSync(into: Uint8Array, position: number): number },
  into: Uint8Array,
  position: number,
): number {
  try {
    return file.readSync(into, position)
  } catch (error) {
    if (!(error instanceof DiskError)) throw error
    into.fill(0)
    return into.byteLength
  }
}

function sizeOf(disk: Disk, path: string): number {
  const file = disk.openSync(path, 'read')
  try {
    return file.sizeSync()
  } finally {
    file.close()
  }
}

function groupOf(
  { log, record }: RecoveredReplica,
  ranges: readonly VerifiedRange[],
): VerifiedGroup {
  let damagedEntries = 0
  for (const { state, firstIndex, lastIndex } of ranges) {
    if (state === 'good' || firstIndex === undefined || lastIndex === undefined) continue
    damagedEntries += lastIndex - firstIndex + 1
  }
  return {
    group: groupKey(record.group),
    replicaId: record.replicaId,
    state: stateOf(log, record, ranges),
    firstIndex: log.firstIndex,
    lastIndex: log.lastIndex,
    damagedEntries,
  }
}

function stateOf(
  log: RecoveredReplica['log'],
  { tailUnknown }: RecoveredReplica['record'],
  ranges: readonly VerifiedRange[],
): ReplicaState {
  if (tailUnknown) return 'unknown-tail'
  const bad = ranges.filter(({ state }) => state !== 'good')
  if (log.holes().length > 0 || bad.some(({ firstIndex }) => firstIndex !== undefined)) {
    return 'holes'
  }
  return bad.length > 0 ? 'damaged' : 'clean'
}

/** It never runs again, whatever its files still hold. */
function amnesiac({ group, replicaId }: LostReplica): VerifiedGroup {
  const state = 'amnesiac'
  return {
    group: groupKey(group),
    replicaId,
    state,
    firstIndex: 0,
    lastIndex: 0,
    damagedEntries: 0,
  }
}
