// Reads the whole WAL at start-up: scans the files the manifest names, checks that the batches that
// count follow each other without a gap, plays their records onto each replica and has damage told
// from torn writes. Changes nothing on disk. Next stop: recovery.ts builds the logs from it.
import { decideUnreadableBatch } from './damage-decision.ts'
import type { Disk } from './disk.ts'
import { groupKey } from './log-entry.ts'
import type { Manifest } from './manifest.ts'
import { replicaName } from './replica-files.ts'
import type { LogMark } from './tail.ts'
import type { WalIdentity } from './wal-file.ts'
import {
  BatchKind,
  blockBytes,
  type DirectoryRecord,
  noPreviousBatch,
  type PreviousBatch,
  RecordKind,
} from './wal-format.ts'
import { ReplicaReplay } from './wal-replay.ts'
import {
  countingBatches,
  type ReadRecord,
  readBatchSync,
  type ScannedBatch,
  type ScannedFile,
  scanWalFileSync,
} from './wal-scan.ts'

export interface StorageEvent {
  readonly event: string
  readonly [field: string]: unknown
}

export interface RecoveredWal {
  readonly files: readonly ScannedFile[]
  /** By replica folder name: group and replica id. */
  readonly replicas: ReadonlyMap<string, ReplicaReplay>
  /** The last batch that counts; undefined in a new WAL. */
  readonly last: LastBatch | undefined
  readonly events: readonly StorageEvent[]
}

export interface LastBatch {
  readonly file: ScannedFile
  readonly batch: ScannedBatch
  readonly read: readonly ReadRecord[]
}

interface Counting {
  readonly file: ScannedFile
  readonly batch: ScannedBatch
}

/** `settled`: what segments hold, by replica folder name; other replicas are dropped ones. */
export function recoverWalSync(
  disk: Disk,
  folder: string,
  manifest: Manifest,
  identity: WalIdentity,
  settled: ReadonlyMap<string, LogMark>,
  mode: 'read' | 'write',
): RecoveredWal {
  const files = manifest.walFiles.map((number) => {
    return scanWalFileSync(disk, folder, number, identity, mode)
  })
  const counting = countingBatches(files)
  checkSequence(files, counting)
  const replicas = new Map<string, ReplicaReplay>()
  for (const [name, mark] of settled) replicas.set(name, new ReplicaReplay(mark))
  const events: StorageEvent[] = []
  let last: LastBatch | undefined
  for (const [number, each] of counting.entries()) {
    const read = readBatchSync(each.file, each.batch)
    if (typeof read === 'string') {
      dropOrThrow(each, read, counting[number + 1], events)
      break
    }
    for (const one of read) {
      replicas.get(replicaName(one.record))?.play(one, each.file.number)
    }
    last = { ...each, read }
  }
  if (events.length === 0) noteTornTail(files, last, events)
  return { files, replicas, last, events }
}

/** Batches that count have rising numbers, and each knows the CRC of the one before. */
function checkSequence(files: readonly ScannedFile[], counting: readonly Counting[]): void {
  for (const [number, each] of counting.entries()) {
    const before = counting[number - 1]
    const { directory, position } = each.batch
    if (before === undefined) {
      checkFirst(files, each)
      continue
    }
    const expected = before.batch.directory.batchNumber + 1
    const continuous =
      directory.batchNumber === expected && directory.previous.crc === before.batch.directory.crc
    if (continuous) continue
    const from = before.batch.position + before.batch.directory.sizeBytes
    const to = before.file === each.file ? position : before.file.sizeBytes
    throwDamage(before.file, from, to, expected, each)
  }
}

/** Older batches were released with their files; in its own file the first one comes first. */
function checkFirst(files: readonly ScannedFile[], first: Counting): void {
  const { directory, position } = first.batch
  const before = files.find((file) => file.number === directory.previous.fileNumber)
  if (before !== undefined) {
    const from = directory.previous.position
    throwDamage(before, from, before.sizeBytes, directory.batchNumber - 1, first)
  }
  if (position === blockBytes) return
  throwDamage(first.file, blockBytes, position, directory.batchNumber - 1, first)
}

function throwDamage(
  file: ScannedFile,
  from: number,
  to: number,
  batchNumber: number,
  later: Counting,
): void {
  const { directory } = later.batch
  const held = directory.batchNumber === batchNumber + 1 ? directory.previous.records : []
  const decided = decideUnreadableBatch({
    path: file.path,
    from,
    to,
    batchNumber,
    reason: 'no directory is readable',
    provenBy: directory.batchNumber,
    held: describe(held),
  })
  if (decided.decision === 'damaged') throw decided.error
}

function dropOrThrow(
  unreadable: Counting,
  reason: string,
  later: Counting | undefined,
  events: StorageEvent[],
): void {
  const { directory, position } = unreadable.batch
  const batch = {
    path: unreadable.file.path,
    from: position,
    to: position + directory.sizeBytes,
    batchNumber: directory.batchNumber,
    reason,
    provenBy: later?.batch.directory.batchNumber,
    held: describe(directory.records),
  }
  const decided = decideUnreadableBatch(batch)
  if (decided.decision === 'damaged') throw decided.error
  const { path, from, to, batchNumber, held } = batch
  events.push({ event: 'wal.tail-dropped', file: path, from, to, batchNumber, reason, held })
}

/** A directory that was begun after the last batch and is not whole. */
function noteTornTail(
  files: readonly ScannedFile[],
  last: LastBatch | undefined,
  events: StorageEvent[],
): void {
  const lastNumber = last?.file.number ?? 0
  for (const file of files) {
    if (file.tornAt === undefined || file.number < lastNumber) continue
    const batchNumber = (last?.batch.directory.batchNumber ?? 0) + 1
    const decided = decideUnreadableBatch({
      path: file.path,
      from: file.tornAt,
      to: file.sizeBytes,
      batchNumber,
      reason: 'its directory is not readable',
      provenBy: undefined,
      held: [],
    })
    if (decided.decision === 'damaged') throw decided.error
    const { path, tornAt, sizeBytes } = file
    const reason = 'its directory is not readable'
    events.push({
      event: 'wal.tail-dropped',
      file: path,
      from: tornAt,
      to: sizeBytes,
      batchNumber,
      reason,
    })
  }
}

function describe(records: readonly DirectoryRecord[]): string[] {
  return records
    .filter((record) => record.kind === RecordKind.append)
    .map((record) => {
      const { group, index, count, term } = record
      return `${groupKey(group)} ${index}..${index + count - 1} of term ${term}`
    })
}

/** What the next batch says about the last one. */
export function previousOf(last: LastBatch | undefined): PreviousBatch {
  if (last === undefined) return noPreviousBatch
  const { directory, position } = last.batch
  return {
    crc: directory.crc,
    fileNumber: directory.fileNumber,
    position,
    payloadBytes: directory.payloadBytes,
    records: directory.records,
  }
}

/** A seal says so itself; any batch but the last one is proven by the next. */
export function isSealed(last: LastBatch | undefined): boolean {
  return last === undefined || last.batch.directory.kind === BatchKind.seal
}
