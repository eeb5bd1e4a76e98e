// Opens a node's data folder for running: recovers it (recovery.ts), finishes what was interrupted,
// removes leftovers, and begins a new WAL file. A file that a crash may have torn is never written
// again: the last batch, if nothing proves that it was synced, is written once more into the new
// file. Synchronous. Next stop: storage.ts.
import { type Disk, DiskError } from './disk.ts'
import { quorateErrorOf } from './disk-error.ts'
import { nodePair, type SlotContent } from './hard-state-format.ts'
import type { RecoveredHardState } from './hard-state-recovery.ts'
import { settleHardStateSync } from './hard-state-settle.ts'
import { removeLeftoversSync } from './leftovers.ts'
import { type Manifest, type ManifestGroup, writeManifestsSync } from './manifest.ts'
import { isMissing, splitMissing } from './missing-entry.ts'
import type { StorageSettings } from './options.ts'
import { type RecoveredStore, readStoreSync } from './recovery.ts'
import { groupsFolder, replicaName } from './replica-files.ts'
import type { WalStart } from './wal.ts'
import { WalBatch, type WalWork } from './wal-batch.ts'
import { createWalFileSync, WalFile, walFolder } from './wal-file.ts'
import { BatchKind, blockBytes, type PreviousBatch, RecordKind } from './wal-format.ts'
import { previousOf } from './wal-recovery.ts'
import type { ReadRecord, ScannedFile } from './wal-scan.ts'
import { isSealed, type LastBatch } from './wal-sequence.ts'

/** For terms and marks in a file that had to be small. */
const scantRoomBytes = 128 * 1024

export interface OpenedStore {
  readonly store: RecoveredStore
  readonly hard: RecoveredHardState
  readonly manifest: Manifest
  readonly wal: WalStart
}

/** Throws QuorateError; see `openStorage`. */
export function openStoreSync(disk: Disk, folder: string, settings: StorageSettings): OpenedStore {
  try {
    const store = readStoreSync(disk, folder, 'write')
    tellOf(store, settings)
    syncWhatWasRead(disk, folder, store)
    // Before the first write to the WAL: what recovery decided is decided for good.
    const hard = settleHardStateSync(store.hard, contentsOf(store))
    const kept = manifestOfLive(store)
    removeLeftoversSync(disk, folder, kept, store)
    const batch = firstBatch(store)
    const { file, manifest: named } = newWalFile(disk, folder, settings, store, kept, batch)
    const wal = startWal(store, file, named, batch)
    const manifest = withoutLost(disk, folder, store, named)
    return { store, hard, manifest, wal }
  } catch (error) {
    throw quorateErrorOf(error)
  }
}

function tellOf({ wal, hard, events }: RecoveredStore, { probe }: StorageSettings): void {
  if (wal.last !== undefined && !isSealed(wal.last)) probe.reached('storage.unproven-batch-kept')
  const isTorn = events.some(({ event }) => event === 'wal.tail-dropped')
  if (isTorn) probe.reached('storage.torn-batch-dropped')
  if (hard.mended > 0) probe.reached('storage.slot-mended')
  if (hard.damaged.length > 0) probe.reached('storage.record-lost')
}

/** What a killed process left may lie in the page cache only, contents and names alike. */
function syncWhatWasRead(disk: Disk, folder: string, store: RecoveredStore): void {
  for (const { file } of store.wal.files) file.syncSync()
  for (const { log } of store.replicas) {
    if (!disk.existsSync(log.folder)) disk.makeFolderSync(log.folder)
  }
  for (const path of [folder, walFolder(folder), groupsFolder(folder)]) disk.syncFolderSync(path)
  for (const { log } of store.replicas) disk.syncFolderSync(log.folder)
}

/** What the hard-state slots have to say from now on, where they do not say it yet. */
function contentsOf(store: RecoveredStore): Map<number, SlotContent> {
  const contents = new Map<number, SlotContent>()
  // A damaged pair that belongs to no replica we know of.
  for (const { pair } of store.hard.damaged) contents.set(pair, { kind: 'free' })
  for (const pair of store.droppedPairs) contents.set(pair, { kind: 'free' })
  for (const { pair, record, isRecordNew } of store.replicas) {
    if (isRecordNew) contents.set(pair, { kind: 'replica', record })
  }
  for (const { pair, group, replicaId, isNew } of store.lost) {
    if (isNew) contents.set(pair, { kind: 'amnesiac', group, replicaId })
  }
  if (store.isExecutedIndexNew) {
    contents.set(nodePair, { kind: 'node', executedIndex: store.executedIndex })
  }
  return contents
}

function manifestOfLive(store: RecoveredStore): Manifest {
  const { manifest } = store.found
  const live = new Map(store.replicas.map(({ log }) => [replicaName(log), log]))
  const lost = new Set(store.lost.map(replicaName))
  const groups: ManifestGroup[] = []
  for (const group of manifest.groups) {
    const log = live.get(replicaName(group))
    if (log?.start.index === group.start.index || lost.has(replicaName(group))) groups.push(group)
  }
  for (const log of live.values()) {
    // A reset that the WAL holds and the manifest does not know.
    const { group, replicaId, start } = log
    const known = groups.some((each) => replicaName(each) === replicaName(log))
    if (!known && start.index > 0) groups.push({ group, replicaId, start, segments: [] })
  }
  return { ...manifest, sequence: manifest.sequence + 1, groups }
}

/** A lost file is named until what is known of its content lies in a new one. */
function withoutLost(
  disk: Disk,
  folder: string,
  { wal }: RecoveredStore,
  manifest: Manifest,
): Manifest {
  if (wal.lostFiles.length === 0) return manifest
  const lost = new Set(wal.lostFiles.map(({ number }) => number))
  const walFiles = manifest.walFiles.filter((number) => !lost.has(number))
  const without = { ...manifest, sequence: manifest.sequence + 1, walFiles }
  writeManifestsSync(disk, folder, without)
  for (const { path } of wal.lostFiles) if (disk.existsSync(path)) disk.removeSync(path)
  return without
}

/**
 * The last batch again when it is not proven to be synced; and what must be known of damage also
 * after the next crash: which entries are missing, and where each log ends. Undefined: a new WAL.
 */
function firstBatch(store: RecoveredStore): WalBatch | undefined {
  const { last } = store.wal
  const settles = isLosing(store)
  if (last === undefined && !settles) return undefined
  const batch = new WalBatch()
  const add = (work: WalWork): void => batch.add(work, () => {})
  if (!isSealed(last)) for (const read of last!.read) for (const work of worksOf(read)) add(work)
  for (const { log } of store.replicas) {
    const { group, replicaId, lastIndex } = log
    const work = { group, replicaId, drop: false, copied: false, truncateAfter: undefined }
    if (settles) add({ ...work, truncateAfter: lastIndex, entries: [] })
    for (const run of log.damaged.missingRuns()) add({ ...work, copied: true, entries: run })
  }
  return batch
}

function worksOf({ record, entries }: ReadRecord): WalWork[] {
  const { group, replicaId, copied, kind } = record
  const work = { group, replicaId, copied, drop: false, truncateAfter: undefined }
  switch (kind) {
    case RecordKind.dropReplica:
      return [{ ...work, drop: true, entries: [] }]
    case RecordKind.truncateAfter:
      return [{ ...work, truncateAfter: record.index, entries: [] }]
    case RecordKind.resetToSnapshot:
      return [{ ...work, reset: record, entries: [] }]
    default:
      return splitMissing(entries).map((run, number) => {
        // Only the first part of a run may truncate.
        return { ...work, copied: copied || number > 0, entries: run }
      })
  }
}

/** The spare of the last run when it was never used, else a new file. Named by both manifests. */
function newWalFile(
  disk: Disk,
  folder: string,
  settings: StorageSettings,
  store: RecoveredStore,
  kept: Manifest,
  batch: WalBatch | undefined,
): { file: WalFile; manifest: Manifest } {
  const neededBytes = blockBytes + (batch?.measure(previousRecords(store)).sizeBytes ?? 0)
  const spare = store.wal.files.at(-1)
  if (spare !== undefined && isUsable(spare, store) && spare.sizeBytes >= neededBytes) {
    writeManifestsSync(disk, folder, kept)
    return { file: walFileOf(spare), manifest: kept }
  }
  const number = kept.nextWalFile
  const salt = settings.random.integer('wal-salt', 0x1_0000_0000)
  const make = (sizeBytes: number): WalFile =>
    createWalFileSync(disk, folder, number, sizeBytes, salt, store.identity)
  const file = makeFitting(make, Math.max(settings.walFileBytes, neededBytes), neededBytes)
  disk.syncFolderSync(walFolder(folder))
  const manifest = {
    ...kept,
    walFiles: [...kept.walFiles, number],
    nextWalFile: number + 1,
  }
  writeManifestsSync(disk, folder, manifest)
  return { file, manifest }
}

/** A full disk should not keep a node from reading and voting: the next file is a whole one again. */
function makeFitting(
  make: (sizeBytes: number) => WalFile,
  wantedBytes: number,
  neededBytes: number,
): WalFile {
  const scantBytes = neededBytes + scantRoomBytes
  try {
    return make(wantedBytes)
  } catch (error) {
    const isFull = error instanceof DiskError && error.code === 'ENOSPC'
    if (!isFull || scantBytes >= wantedBytes) throw error
    return make(scantBytes)
  }
}

function previousRecords(store: RecoveredStore): number {
  const { last } = store.wal
  if (last === undefined) return 0
  const { directory } = last.batch
  return (isSealed(last) ? directory : directory.previous).records.length
}

/** Never used, whole, and newer than every other one. */
function isUsable(file: ScannedFile, { wal }: RecoveredStore): boolean {
  const { number, batches, tornAt, cutAt, isHeaderRead } = file
  if (batches.length > 0 || tornAt !== undefined || cutAt !== undefined || !isHeaderRead)
    return false
  return wal.lostFiles.every((lost) => lost.number < number)
}

/** One that was cut short is never recycled for what its header says it is. */
function walFileOf({ number, path, file, sizeBytes, cutAt, salt }: ScannedFile): WalFile {
  return new WalFile(number, path, file, cutAt ?? sizeBytes, salt)
}

/** Writes the first batch, and gives every entry of the WAL its place. */
function startWal(
  store: RecoveredStore,
  current: WalFile,
  manifest: Manifest,
  batch: WalBatch | undefined,
): WalStart {
  const files = store.wal.files
    .filter((file) => file.number !== current.number)
    .map((scanned) => {
      const file = walFileOf(scanned)
      file.position = file.sizeBytes
      return file
    })
  const byNumber = new Map(files.map((file) => [file.number, file]))
  for (const { log, walEntries } of store.replicas) {
    for (const { entry, place } of walEntries) {
      // The identifier of a missing one lies in the batch that is written now.
      const file = isMissing(entry) ? current : byNumber.get(place.fileNumber)
      log.recordOf(entry)!.place(file, isMissing(entry) ? current.position : place.position)
    }
  }
  const start = { files: [...files, current], nextFileNumber: manifest.nextWalFile }
  if (batch === undefined) {
    return { ...start, nextBatchNumber: 1, previous: previousOf(undefined), sealed: true }
  }
  const { last } = store.wal
  const { batchNumber, previous } = nextAfter(last)
  const kind = kindOf(store, batch)
  const { directoryBytes, sizeBytes } = batch.measure(previous.records.length)
  const { pieces, crc } = batch.finish(kind, batchNumber, previous, current)
  const { position } = current
  let written = position
  for (const piece of pieces) {
    current.file.writeSync(piece, written)
    written += piece.byteLength
  }
  current.file.syncSync()
  current.position += sizeBytes
  if (!isSealed(last)) placeAgain(store, last!.read, current, position + directoryBytes)
  return {
    ...start,
    nextBatchNumber: batchNumber + 1,
    previous: {
      crc,
      fileNumber: current.number,
      position,
      payloadBytes: batch.payloadBytes,
      records: batch.records,
    },
    sealed: kind === BatchKind.seal,
  }
}

/** The last batch is written again unless it is known to be synced. */
function nextAfter(last: LastBatch | undefined): {
  readonly batchNumber: number
  readonly previous: PreviousBatch
} {
  if (last === undefined) return { batchNumber: 1, previous: previousOf(undefined) }
  const { directory } = last.batch
  if (!isSealed(last)) return directory
  return { batchNumber: directory.batchNumber + 1, previous: previousOf(last) }
}

function kindOf(store: RecoveredStore, batch: WalBatch): BatchKind {
  const { last } = store.wal
  if (isLosing(store)) return BatchKind.recovered
  if (isSealed(last)) return batch.isEmpty ? BatchKind.seal : BatchKind.data
  return last!.batch.directory.kind
}

/** Something is lost, if only a file that held nothing we miss: no manifest names it from now on. */
function isLosing({ wal, replicas }: RecoveredStore): boolean {
  const isLost = wal.lostPlaces.length > 0 || wal.lostFiles.length > 0
  return isLost || replicas.some(({ cut }) => cut)
}

function placeAgain(
  store: RecoveredStore,
  read: readonly ReadRecord[],
  file: WalFile,
  base: number,
): void {
  const logs = new Map(store.replicas.map(({ record, log }) => [replicaName(record), log]))
  let position = base
  for (const { record, entries } of read) {
    for (const entry of entries) {
      if (isMissing(entry)) continue
      logs.get(replicaName(record))?.recordOf(entry)?.place(file, position)
      position += entry.sizeBytes
    }
  }
}
