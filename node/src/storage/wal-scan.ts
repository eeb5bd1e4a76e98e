// Reads WAL files at start-up: finds every batch directory, tells which batches are void because a
// newer file begins again at their number, and hands each batch to recovery with what is wrong with
// it. Decides nothing about damage: recovery.ts does. Bytes: wal-format.ts.
import { QuorateError } from '@quorate/protocol'
import { sameChain } from './chain.ts'
import type { Disk, DiskFile } from './disk.ts'
import { entryOf, verifyEntry, verifyPayload } from './entry-format.ts'
import { EntryScanner } from './entry-scanner.ts'
import { groupKey, type LogEntry } from './log-entry.ts'
import { type WalIdentity, walPath } from './wal-file.ts'
import {
  announcedBlocks,
  type BatchDirectory,
  blockBytes,
  type DirectoryRecord,
  decodeDirectory,
  decodeWalFileHeader,
  RecordKind,
} from './wal-format.ts'

export interface ScannedFile {
  readonly number: number
  readonly path: string
  readonly file: DiskFile
  readonly sizeBytes: number
  readonly salt: number
  readonly batches: readonly ScannedBatch[]
  /** Where the next batch would begin, when its first block names this file: a torn write. */
  readonly tornAt: number | undefined
}

export interface ScannedBatch {
  readonly directory: BatchDirectory
  readonly position: number
}

/** Reads header and directories of one file. Throws for a file that is not whole. */
export function scanWalFileSync(
  disk: Disk,
  folder: string,
  number: number,
  identity: WalIdentity,
  mode: 'read' | 'write',
): ScannedFile {
  const path = walPath(folder, number)
  if (!disk.existsSync(path)) throw damaged(path, 'the file is missing')
  const file = disk.openSync(path, mode)
  const block = new Uint8Array(blockBytes)
  file.readSync(block, 0)
  const header = decodeWalFileHeader(block)
  if (header === 'version') throw new QuorateError('QUORATE_FORMAT_VERSION', path)
  if (header === undefined) throw damaged(path, `bytes 0..${blockBytes}`)
  const { clusterId, incarnation } = identity
  if (header.clusterId !== clusterId || header.incarnation !== incarnation) {
    throw damaged(path, 'it belongs to another node')
  }
  if (header.fileNumber !== number) throw damaged(path, `it says it is file ${header.fileNumber}`)
  const size = file.sizeSync()
  if (size < header.sizeBytes) throw damaged(path, `bytes ${size}..${header.sizeBytes} are missing`)
  const { sizeBytes, salt } = header
  const found = scanBatches(file, number, sizeBytes, salt)
  return { number, path, file, sizeBytes, salt, ...found }
}

function scanBatches(
  file: DiskFile,
  number: number,
  sizeBytes: number,
  salt: number,
): { batches: ScannedBatch[]; tornAt: number | undefined } {
  const batches: ScannedBatch[] = []
  let tornAt: number | undefined
  let position = blockBytes
  while (position < sizeBytes) {
    const directory = readDirectory(file, number, sizeBytes, salt, position)
    if (typeof directory === 'object') {
      batches.push({ directory, position })
      position += directory.sizeBytes
      continue
    }
    if (directory === 'torn') tornAt ??= position
    // Whatever stands here, evidence of a later batch may follow at any block.
    const later = findLater(file, number, sizeBytes, salt, position + blockBytes)
    if (later === undefined) break
    position = later
  }
  return { batches, tornAt }
}

/** Blocks read at a time while looking for evidence. */
const searchBlocks = 256

function findLater(
  file: DiskFile,
  number: number,
  sizeBytes: number,
  salt: number,
  from: number,
): number | undefined {
  const window = new Uint8Array(searchBlocks * blockBytes)
  for (let start = from; start < sizeBytes; start += window.byteLength) {
    const read = file.readSync(window, start)
    for (let at = 0; at + blockBytes <= read; at += blockBytes) {
      if (announcedBlocks(window.subarray(at, at + blockBytes), number) === undefined) continue
      const position = start + at
      const directory = readDirectory(file, number, sizeBytes, salt, position)
      if (typeof directory === 'object') return position
    }
  }
  return undefined
}

/** `none`: nothing of this file stands there. `torn`: something does, and is not whole. */
function readDirectory(
  file: DiskFile,
  number: number,
  sizeBytes: number,
  salt: number,
  position: number,
): BatchDirectory | 'none' | 'torn' {
  const first = new Uint8Array(blockBytes)
  file.readSync(first, position)
  const blocks = announcedBlocks(first, number)
  if (blocks === undefined) return 'none'
  const bytes = new Uint8Array(blocks * blockBytes)
  if (file.readSync(bytes, position) < bytes.byteLength) return 'torn'
  const directory = decodeDirectory(bytes, number, salt)
  if (directory === undefined || position + directory.sizeBytes > sizeBytes) return 'torn'
  return directory
}

/**
 * The batches that count, in order. A file that begins with a batch number makes all batches of
 * older files from that number on void: they were never acknowledged and were written again. A file
 * whose only batch is torn makes nothing void: the crash came while it was written again.
 */
export function countingBatches(
  files: readonly ScannedFile[],
): { file: ScannedFile; batch: ScannedBatch }[] {
  const counting: { file: ScannedFile; batch: ScannedBatch }[] = []
  for (const file of files) {
    const first = file.batches[0]?.directory.batchNumber
    if (first === undefined) continue
    const again = (counting.at(-1)?.batch.directory.batchNumber ?? -1) >= first
    if (again && file.batches.length === 1 && !isReadable(file, file.batches[0]!)) continue
    while ((counting.at(-1)?.batch.directory.batchNumber ?? -1) >= first) counting.pop()
    for (const batch of file.batches) counting.push({ file, batch })
  }
  return counting
}

function isReadable(file: ScannedFile, batch: ScannedBatch): boolean {
  return typeof readBatchSync(file, batch) !== 'string'
}

export interface ReadRecord {
  readonly record: DirectoryRecord
  readonly entries: readonly LogEntry[]
  /** Of each entry in the file. */
  readonly positions: readonly number[]
}

/** The whole batch, verified but for the chain of each run's first entry; or what is wrong. */
export function readBatchSync(file: ScannedFile, batch: ScannedBatch): ReadRecord[] | string {
  const { directory, position } = batch
  const payload = new Uint8Array(directory.payloadBytes)
  const base = position + directory.directoryBytes
  if (file.file.readSync(payload, base) < payload.byteLength) return 'it is cut off'
  const read: ReadRecord[] = []
  for (const record of directory.records) {
    if (record.kind !== RecordKind.append) {
      read.push({ record, entries: [], positions: [] })
      continue
    }
    const run = readRun(record, payload, base)
    if (typeof run === 'string') return `${groupKey(record.group)}: ${run}`
    read.push(run)
  }
  return read
}

function readRun(record: DirectoryRecord, payload: Uint8Array, base: number): ReadRecord | string {
  const end = record.position + record.byteLength
  if (end > payload.byteLength) return 'a run lies outside of the batch'
  const scanner = new EntryScanner(base + record.position)
  scanner.feed(payload.subarray(record.position, end))
  const entries: LogEntry[] = []
  const positions: number[] = []
  while (entries.length < record.count) {
    const scanned = scanner.next()
    if (scanned === undefined || scanned === 'damaged')
      return `entry ${record.index + entries.length}`
    const entry = entryOf(scanned.header, scanned.payload)
    const before = entries.at(-1)
    const fault = before === undefined ? verifyPayload(entry) : verifyEntry(before, entry)
    if (fault !== undefined) return fault
    if (entry.index !== record.index + entries.length || entry.term !== record.term) {
      return `entry ${entry.index} of term ${entry.term} in a run of term ${record.term}`
    }
    entries.push(entry)
    positions.push(scanned.position)
  }
  const last = entries.at(-1)
  if (last === undefined || !sameChain(last.chain, record.chain)) return 'chain at the end of a run'
  return { record, entries, positions }
}

function damaged(path: string, what: string): QuorateError {
  return new QuorateError('QUORATE_STORAGE_DAMAGED', `${path}: ${what}`)
}
