// Opens a node's data folder for running: recovers it (recovery.ts), finishes what was interrupted,
// removes leftovers, and begins a new WAL file. A file that a crash may have torn is never written
// again: the last batch, if nothing proves that it was synced, is written once more into the new
// file. Synchronous. Next stop: storage.ts.
import type { Disk } from './disk.ts'
import { quorateErrorOf } from './disk-error.ts'
import { encodeSlot, slotPosition } from './hard-state-format.ts'
import type { RecoveredHardState } from './hard-state-recovery.ts'
import { removeLeftoversSync } from './leftovers.ts'
import { type Manifest, writeManifestsSync } from './manifest.ts'
import type { StorageSettings } from './options.ts'
import { type RecoveredStore, readStoreSync } from './recovery.ts'
import { groupsFolder, replicaName } from './replica-files.ts'
import type { WalStart } from './wal.ts'
import { WalBatch, type WalWork } from './wal-batch.ts'
import { createWalFileSync, WalFile, walFolder } from './wal-file.ts'
import { BatchKind, blockBytes, RecordKind } from './wal-format.ts'
import { isSealed, previousOf } from './wal-recovery.ts'
import type { ReadRecord, ScannedFile } from './wal-scan.ts'

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
    syncWhatWasRead(disk, folder, store)
    const hard = finishDrops(store)
    const kept = manifestOfLive(store)
    removeLeftoversSync(disk, folder, kept, store)
    const batch = store.wal.last === undefined ? undefined : firstBatch(store)
    const { file, manifest } = newWalFile(disk, folder, settings, store, kept, batch)
    const wal = startWal(store, file, manifest, batch)
    return { store, hard, manifest, wal }
  } catch (error) {
    throw quorateErrorOf(error)
  }
}

/** What a killed process left may lie in the page cache only, contents and names alike. */
function syncWhatWasRead(disk: Disk, folder: string, store: RecoveredStore): void {
  for (const { file } of store.wal.files) file.syncSync()
  for (const path of [folder, walFolder(folder), groupsFolder(folder)]) disk.syncFolderSync(path)
  for (const { log } of store.replicas) disk.syncFolderSync(log.folder)
}

/** The WAL says these replicas are dropped; their slots follow. */
function finishDrops({ hard, droppedPairs }: RecoveredStore): RecoveredHardState {
  if (droppedPairs.length === 0) return hard
  const content = { kind: 'free' } as const
  const freed = hard.pairs
    .filter(({ pair }) => droppedPairs.includes(pair))
    .map(({ pair, slot }) => {
      const sequence = slot.sequence + 1
      const { bytes, crc } = encodeSlot(sequence, slot.crc, content)
      return { pair, slot: { sequence, previousCrc: slot.crc, content, crc }, bytes }
    })
  for (const file of hard.files) {
    for (const { pair, slot, bytes } of freed) {
      file.writeSync(bytes, slotPosition(pair, slot.sequence))
    }
    file.syncSync()
  }
  const others = hard.pairs.filter(({ pair }) => !droppedPairs.includes(pair))
  return { ...hard, pairs: [...others, ...freed] }
}

function manifestOfLive(store: RecoveredStore): Manifest {
  const { manifest } = store.found
  const live = new Set(store.replicas.map(({ record }) => replicaName(record)))
  return {
    ...manifest,
    sequence: manifest.sequence + 1,
    groups: manifest.groups.filter((each) => live.has(replicaName(each))),
  }
}

/** The last batch again when it is not proven to be synced; else a seal. */
function firstBatch(store: RecoveredStore): WalBatch {
  const batch = new WalBatch()
  if (isSealed(store.wal.last)) return batch
  for (const read of store.wal.last!.read) batch.add(workOf(read), () => {})
  return batch
}

function workOf({ record, entries }: ReadRecord): WalWork {
  return {
    group: record.group,
    replicaId: record.replicaId,
    drop: record.kind === RecordKind.dropReplica,
    truncateAfter: record.kind === RecordKind.truncateAfter ? record.index : undefined,
    entries,
    copied: record.copied,
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
  if (spare !== undefined && isUnused(spare) && spare.sizeBytes >= neededBytes) {
    writeManifestsSync(disk, folder, kept)
    return { file: walFileOf(spare), manifest: kept }
  }
  const number = kept.nextWalFile
  const salt = settings.random.integer('wal-salt', 0x1_0000_0000)
  const sizeBytes = Math.max(settings.walFileBytes, neededBytes)
  const file = createWalFileSync(disk, folder, number, sizeBytes, salt, store.identity)
  disk.syncFolderSync(walFolder(folder))
  const manifest = {
    ...kept,
    walFiles: [...kept.walFiles, number],
    nextWalFile: number + 1,
  }
  writeManifestsSync(disk, folder, manifest)
  return { file, manifest }
}

function previousRecords(store: RecoveredStore): number {
  const { last } = store.wal
  if (last === undefined) return 0
  const { directory } = last.batch
  return (isSealed(last) ? directory : directory.previous).records.length
}

function isUnused(file: ScannedFile): boolean {
  return file.batches.length === 0 && file.tornAt === undefined
}

function walFileOf({ number, path, file, sizeBytes, salt }: ScannedFile): WalFile {
  return new WalFile(number, path, file, sizeBytes, salt)
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
      log.recordOf(entry)!.place(byNumber.get(place.fileNumber), place.position)
    }
  }
  const start = { files: [...files, current], nextFileNumber: manifest.nextWalFile }
  const { last } = store.wal
  if (last === undefined || batch === undefined) {
    return { ...start, nextBatchNumber: 1, previous: previousOf(undefined), sealed: true }
  }
  const { directory } = last.batch
  const sealed = isSealed(last)
  const batchNumber = sealed ? directory.batchNumber + 1 : directory.batchNumber
  const previous = sealed ? previousOf(last) : directory.previous
  const kind = sealed ? BatchKind.seal : BatchKind.data
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
  if (!sealed) placeAgain(store, last.read, current, position + directoryBytes)
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
    sealed,
  }
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
      logs.get(replicaName(record))?.recordOf(entry)?.place(file, position)
      position += entry.sizeBytes
    }
  }
}
