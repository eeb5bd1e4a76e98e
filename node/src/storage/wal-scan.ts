// Finds every batch directory of a WAL file at start-up, also behind damage, or says why the file as
// a whole cannot be used. Decides nothing about what is lost: wal-sequence.ts does. Bytes:
// wal-format.ts.
import { QuorateError } from '@quorate/protocol'
import { type Disk, DiskError, type DiskFile } from './disk.ts'
import type { LogEntry } from './log-entry.ts'
import { readBytesSync } from './read-bytes.ts'
import { type WalIdentity, walPath } from './wal-file.ts'
import {
  announcedBlocks,
  announcedNumber,
  type BatchDirectory,
  blockBytes,
  type DirectoryRecord,
  decodeDirectory,
  decodeWalFileHeader,
  isLikeWalFileHeader,
  statedSalt,
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
  /** The file ends here, before it should: what stood behind is gone. */
  readonly cutAt: number | undefined
  /** Else what is known of the file comes from its first batch. */
  readonly isHeaderRead: boolean
}

export interface ScannedBatch {
  readonly directory: BatchDirectory
  readonly position: number
}

/** A file of the manifest that is not there, or is another one. */
export interface LostFile {
  readonly number: number
  readonly path: string
  readonly reason: string
}

/** Reads header and directories of one file. Throws QUORATE_FORMAT_VERSION. */
export function scanWalFileSync(
  disk: Disk,
  folder: string,
  number: number,
  identity: WalIdentity,
  mode: 'read' | 'write',
): ScannedFile | LostFile {
  const path = walPath(folder, number)
  const lost = (reason: string): LostFile => ({ number, path, reason })
  if (!disk.existsSync(path)) return lost('the file is missing')
  const file = openOrUndefined(disk, path, mode)
  if (file === undefined) return lost('it cannot be opened')
  const header = readHeader(file, number, identity)
  if (typeof header === 'string') {
    file.close()
    return lost(header)
  }
  const { sizeBytes, salt, isHeaderRead } = header
  const size = file.sizeSync()
  const { isBeyond, ...found } = scanBatches(file, number, sizeBytes, salt)
  // Without the header nobody knows the file's length: what is there must show where the batches end.
  const isCut = isHeaderRead ? size < sizeBytes : isBeyond
  const cutAt = isCut ? Math.min(size, sizeBytes) : undefined
  return { number, path, file, sizeBytes, salt, cutAt, isHeaderRead, ...found }
}

function openOrUndefined(disk: Disk, path: string, mode: 'read' | 'write'): DiskFile | undefined {
  try {
    return disk.openSync(path, mode)
  } catch (error) {
    if (error instanceof DiskError && error.code === 'EIO') return undefined
    throw error
  }
}

/**
 * A header that is damaged, not gone, and a first block that no batch of this file has touched. It
 * must be there: files are written to their full length before they are used, so that one without
 * it was cut short, and any batches with it.
 */
function isUnused(blocks: Uint8Array, number: number): boolean {
  if (!isLikeWalFileHeader(blocks, number)) return false
  const first = blocks.subarray(blockBytes)
  const other = announcedNumber(first)
  return other === undefined ? first.every((byte) => byte === 0) : other < number
}

interface FoundHeader {
  readonly sizeBytes: number
  readonly salt: number
  readonly isHeaderRead: boolean
}

/** What is wrong with the file as a whole; a part that is cut off is a matter of its batches. */
function readHeader(file: DiskFile, number: number, identity: WalIdentity): FoundHeader | string {
  const blocks = new Uint8Array(2 * blockBytes)
  const isFirstThere = readBytesSync(file, blocks, 0) === blocks.byteLength
  const header = decodeWalFileHeader(blocks)
  if (header === 'version') throw new QuorateError('QUORATE_FORMAT_VERSION', file.path)
  if (header === undefined) {
    // The first batch stands where no payload can: what it says of the file's salt is believed
    // when its own CRC agrees.
    const salt = statedSalt(blocks.subarray(blockBytes))
    const sizeBytes = Math.floor(file.sizeSync() / blockBytes) * blockBytes
    const first = readDirectory(file, number, sizeBytes, salt, blockBytes)
    const isKnown = typeof first === 'object' || (isFirstThere && isUnused(blocks, number))
    return isKnown ? { sizeBytes, salt, isHeaderRead: false } : 'its header is not readable'
  }
  const { clusterId, incarnation } = identity
  if (header.clusterId !== clusterId || header.incarnation !== incarnation) {
    return 'it belongs to another node'
  }
  if (header.fileNumber !== number) return `it says it is file ${header.fileNumber}`
  return { sizeBytes: header.sizeBytes, salt: header.salt, isHeaderRead: true }
}

function scanBatches(
  file: DiskFile,
  number: number,
  sizeBytes: number,
  salt: number,
): {
  batches: ScannedBatch[]
  tornAt: number | undefined
  /** A batch reaches up to the end of the file or beyond: more may have followed. */
  isBeyond: boolean
} {
  const batches: ScannedBatch[] = []
  let tornAt: number | undefined
  let isBeyond = false
  let position = blockBytes
  /** Behind damage a batch may stand where the device has put it, over blocks of another one. */
  let isAstray = false
  while (position < sizeBytes) {
    const directory = readDirectory(file, number, sizeBytes, salt, position)
    if (typeof directory === 'object') {
      batches.push({ directory, position })
      position += isAstray ? directory.directoryBytes : directory.sizeBytes
      if (!isAstray) continue
    }
    if (directory === 'torn' || directory === 'beyond') tornAt ??= position
    if (directory === 'beyond') isBeyond = true
    // Whatever stands here, evidence of a later batch may follow at any block.
    const from = typeof directory === 'object' ? position : position + blockBytes
    const later = findLater(file, number, sizeBytes, salt, from)
    if (later === undefined) break
    position = later
    isAstray = true
  }
  if (position >= sizeBytes) isBeyond = true
  // They were written in the order of their numbers, wherever the device has put them.
  batches.sort((one, other) => one.directory.batchNumber - other.directory.batchNumber)
  return { batches, tornAt, isBeyond }
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
    const read = readBytesSync(file, window, start)
    for (let at = 0; at + blockBytes <= read; at += blockBytes) {
      if (announcedBlocks(window.subarray(at, at + blockBytes), number) === undefined) continue
      const position = start + at
      const directory = readDirectory(file, number, sizeBytes, salt, position)
      if (typeof directory === 'object') return position
    }
  }
  return undefined
}

/**
 * `none`: nothing of this file stands there. `torn`: something does, and is not whole. `beyond`: it
 * is longer than the file.
 */
function readDirectory(
  file: DiskFile,
  number: number,
  sizeBytes: number,
  salt: number,
  position: number,
): BatchDirectory | 'none' | 'torn' | 'beyond' {
  const first = new Uint8Array(blockBytes)
  readBytesSync(file, first, position)
  const blocks = announcedBlocks(first, number)
  if (blocks === undefined) return 'none'
  const bytes = new Uint8Array(blocks * blockBytes)
  if (readBytesSync(file, bytes, position) < bytes.byteLength) return 'beyond'
  const directory = decodeDirectory(bytes, number, salt)
  if (directory === undefined) return 'torn'
  return position + directory.sizeBytes > sizeBytes ? 'beyond' : directory
}

/** An append record with its entries, those that cannot be read among them as missing; or a mark. */
export interface ReadRecord {
  readonly fileNumber: number
  readonly record: DirectoryRecord
  readonly entries: readonly LogEntry[]
  /** Of each entry in the file; of a missing one where its identifier lies. */
  readonly positions: readonly number[]
}
