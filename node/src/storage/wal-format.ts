// The write-ahead log in bytes: file header, batch directory, directory records. A file is a header
// block, then batches; a batch is one or more directory blocks, then its entries, padded. All
// positions are multiples of 4 KiB, so that no write touches a sector that holds synced data.
// Pure codec; the layout stands in docs/reference/storage-format.md. Writer: wal-batch.ts; reader:
// wal-scan.ts.
import { crc32c, readUint64, viewOf, writeUint64 } from '@quorate/protocol'
import type { Chain } from '@quorate/raft'
import { formatVersion } from './format-version.ts'
import type { GroupId } from './log-entry.ts'

export const blockBytes = 4096
const walMagic = 0x5157_414c
const batchMagic = 0x5142_4154
const walHeaderBytes = 128

export const directoryHeaderBytes = 64
const copiedFlag = 1
const begunFlag = 2
export const directoryRecordBytes = 64

export function blocksFor(byteLength: number): number {
  return Math.ceil(byteLength / blockBytes)
}

export interface WalFileHeader {
  /** Rises by one with each file and is never used again; tells stale content apart. */
  readonly fileNumber: number
  readonly sizeBytes: number
  /** 16 hex digits each. */
  readonly clusterId: string
  readonly incarnation: string
  /** Start value of the directory CRCs: no payload can imitate a directory without knowing it. */
  readonly salt: number
}

export const RecordKind = {
  append: 1,
  truncateAfter: 2,
  resetToSnapshot: 3,
  dropReplica: 4,
  /** Identifiers of entries that cannot be read any more; the payload holds nothing of them. */
  missing: 5,
} as const
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind]

/** What a batch did to one group. Records of a batch are obeyed in order. */
export interface DirectoryRecord {
  readonly kind: RecordKind
  /** Entries that are in an older batch too, as entries or as missing: nothing is truncated. */
  readonly copied: boolean
  /** Missing only: nothing proves that the entries were synced. */
  readonly begun: boolean
  readonly group: GroupId
  readonly replicaId: number
  /** Append, missing: of the first entry. Truncate-after, reset-to-snapshot: the index named. */
  readonly index: number
  /** Append, missing: of all its entries. Reset-to-snapshot: of the snapshot. Else 0. */
  readonly term: number
  /** Append, missing: number of entries. Else 0. */
  readonly count: number
  /**
   * Append: where its entries begin in the payload, and their bytes, headers included. Missing:
   * the byte of the file where they were lost, and how many bytes from there on.
   */
  readonly position: number
  readonly byteLength: number
  /** Append, missing: after the last entry. Reset-to-snapshot: at the index. */
  readonly chain: Chain
  /** Missing: number of the file where they were lost. Else 0. */
  readonly lostFile: number
  /** Reset-to-snapshot: what the log carries on there. */
  readonly endOffset: number
  readonly appendTimeMs: number
}

/**
 * A seal has no records and no payload: it only proves that the batch before it was synced. The
 * first batch of a start that found batches lost is `recovered`: what they may have held is settled
 * by its records and in the hard state, and is not asked again.
 */
export const BatchKind = { data: 1, seal: 2, recovered: 3 } as const
export type BatchKind = (typeof BatchKind)[keyof typeof BatchKind]

/** Where the batch before this one lies, and what it was. File number 0: there is none. */
export interface PreviousBatch {
  readonly crc: number
  readonly fileNumber: number
  readonly position: number
  readonly payloadBytes: number
  readonly records: readonly DirectoryRecord[]
}

export interface BatchDirectory {
  readonly kind: BatchKind
  readonly fileNumber: number
  readonly batchNumber: number
  /** Without padding. */
  readonly payloadBytes: number
  readonly records: readonly DirectoryRecord[]
  readonly previous: PreviousBatch
  /** Of the directory, which holds the chains of the entries: the identity of the batch. */
  readonly crc: number
  /** Directory blocks and padded payload. */
  readonly sizeBytes: number
  readonly directoryBytes: number
}

export const noPreviousBatch: PreviousBatch = {
  crc: 0,
  fileNumber: 0,
  position: 0,
  payloadBytes: 0,
  records: [],
}

export function encodeWalFileHeader(header: WalFileHeader): Uint8Array {
  const block = new Uint8Array(blockBytes)
  const view = viewOf(block)
  view.setUint32(0, walMagic)
  view.setUint32(8, formatVersion)
  view.setUint32(12, walHeaderBytes)
  writeUint64(view, 16, header.fileNumber)
  writeUint64(view, 24, header.sizeBytes)
  writeHex(view, 32, header.clusterId)
  writeHex(view, 40, header.incarnation)
  view.setUint32(48, header.salt)
  view.setUint32(4, crc32c(block.subarray(8, walHeaderBytes)))
  return block
}

/** Undefined when the block is not the header of a WAL file. `version` is another format's. */
export function decodeWalFileHeader(block: Uint8Array): WalFileHeader | 'version' | undefined {
  if (block.byteLength < walHeaderBytes) return undefined
  const view = viewOf(block)
  if (view.getUint32(0) !== walMagic) return undefined
  if (view.getUint32(4) !== crc32c(block.subarray(8, walHeaderBytes))) return undefined
  if (view.getUint32(8) !== formatVersion) return 'version'
  return {
    fileNumber: readUint64(view, 16),
    sizeBytes: readUint64(view, 24),
    clusterId: readHex(view, 32),
    incarnation: readHex(view, 40),
    salt: view.getUint32(48),
  }
}

export function directoryBlocks(recordCount: number, previousRecordCount: number): number {
  return blocksFor(
    directoryHeaderBytes + (recordCount + previousRecordCount) * directoryRecordBytes,
  )
}

export interface DirectoryFields {
  readonly kind: BatchKind
  readonly fileNumber: number
  readonly batchNumber: number
  readonly payloadBytes: number
  readonly records: readonly DirectoryRecord[]
  readonly previous: PreviousBatch
}

/** Fills `into`, whole blocks of the right number, and returns the directory's CRC. */
export function writeDirectory(into: Uint8Array, fields: DirectoryFields, salt: number): number {
  const { records, previous } = fields
  into.fill(0)
  const view = viewOf(into)
  view.setUint32(0, batchMagic)
  view.setUint16(8, into.byteLength / blockBytes)
  view.setUint16(10, fields.kind)
  view.setUint16(12, records.length)
  view.setUint16(14, previous.records.length)
  writeUint64(view, 16, fields.fileNumber)
  writeUint64(view, 24, fields.batchNumber)
  view.setUint32(32, fields.payloadBytes)
  view.setUint32(36, previous.crc)
  writeUint64(view, 40, previous.fileNumber)
  writeUint64(view, 48, previous.position)
  view.setUint32(56, previous.payloadBytes)
  view.setUint32(60, salt)
  let position = directoryHeaderBytes
  for (const record of records) {
    writeRecord(view, position, record)
    position += directoryRecordBytes
  }
  for (const record of previous.records) {
    writeRecord(view, position, record)
    position += directoryRecordBytes
  }
  const crc = crc32c(into.subarray(8), salt)
  view.setUint32(4, crc)
  return crc
}

/** Damaged, but not something else altogether. */
export function isLikeWalFileHeader(block: Uint8Array, fileNumber: number): boolean {
  const view = viewOf(block)
  return view.getUint32(0) === walMagic || view.getUint32(20) === fileNumber % 0x1_0000_0000
}

/** The file number of the directory that begins here, whole or not; undefined when none does. */
export function announcedNumber(block: Uint8Array): number | undefined {
  const view = viewOf(block)
  if (view.getUint32(0) !== batchMagic) return undefined
  return view.getUint32(16) * 0x1_0000_0000 + view.getUint32(20)
}

/** Number of directory blocks that the first block announces; undefined when it is none. */
export function announcedBlocks(block: Uint8Array, fileNumber: number): number | undefined {
  if (block.byteLength < blockBytes) return undefined
  const view = viewOf(block)
  if (view.getUint32(0) !== batchMagic) return undefined
  // Both halves, by hand: readUint64 throws on what cannot be a number of ours.
  if (view.getUint32(16) * 0x1_0000_0000 + view.getUint32(20) !== fileNumber) return undefined
  const blocks = view.getUint16(8)
  const records = view.getUint16(12) + view.getUint16(14)
  return blocks === directoryBlocks(records, 0) ? blocks : undefined
}

/**
 * What the directory says the salt of its file is. Believed only where a directory must stand, and
 * only when the header of the file is unreadable.
 */
export function statedSalt(block: Uint8Array): number {
  return viewOf(block).getUint32(60)
}

/** Undefined unless the bytes are exactly the directory of a batch of this file. */
export function decodeDirectory(
  bytes: Uint8Array,
  fileNumber: number,
  salt: number,
): BatchDirectory | undefined {
  const blocks = announcedBlocks(bytes, fileNumber)
  if (blocks === undefined || bytes.byteLength !== blocks * blockBytes) return undefined
  const view = viewOf(bytes)
  const crc = view.getUint32(4)
  if (crc32c(bytes.subarray(8), salt) !== crc) return undefined
  const count = view.getUint16(12)
  const previousCount = view.getUint16(14)
  const payloadBytes = view.getUint32(32)
  return {
    kind: view.getUint16(10) as BatchKind,
    fileNumber,
    batchNumber: readUint64(view, 24),
    payloadBytes,
    records: readRecords(view, directoryHeaderBytes, count),
    previous: {
      crc: view.getUint32(36),
      fileNumber: readUint64(view, 40),
      position: readUint64(view, 48),
      payloadBytes: view.getUint32(56),
      records: readRecords(
        view,
        directoryHeaderBytes + count * directoryRecordBytes,
        previousCount,
      ),
    },
    crc,
    sizeBytes: bytes.byteLength + blocksFor(payloadBytes) * blockBytes,
    directoryBytes: bytes.byteLength,
  }
}

function writeRecord(view: DataView, position: number, record: DirectoryRecord): void {
  view.setUint8(position, record.kind)
  view.setUint8(position + 1, (record.copied ? copiedFlag : 0) | (record.begun ? begunFlag : 0))
  view.setUint32(position + 4, record.group.partition)
  writeUint64(view, position + 8, record.group.topicId)
  writeUint64(view, position + 16, record.replicaId)
  writeUint64(view, position + 24, record.index)
  writeUint64(view, position + 32, record.term)
  view.setUint32(position + 52, record.chain.high)
  view.setUint32(position + 56, record.chain.low)
  if (record.kind === RecordKind.resetToSnapshot) {
    writeUint64(view, position + 40, record.endOffset)
    view.setUint32(position + 48, Math.floor(record.appendTimeMs / 0x1_0000_0000))
    view.setUint32(position + 60, record.appendTimeMs >>> 0)
    return
  }
  view.setUint32(position + 40, record.count)
  view.setUint32(position + 44, record.position)
  view.setUint32(position + 48, record.byteLength)
  view.setUint32(position + 60, record.lostFile)
}

function readRecords(view: DataView, position: number, count: number): DirectoryRecord[] {
  const records: DirectoryRecord[] = []
  for (let number = 0; number < count; number += 1) {
    records.push(readRecord(view, position + number * directoryRecordBytes))
  }
  return records
}

function readRecord(view: DataView, position: number): DirectoryRecord {
  const kind = view.getUint8(position) as RecordKind
  const flags = view.getUint8(position + 1)
  const isReset = kind === RecordKind.resetToSnapshot
  return {
    kind,
    copied: (flags & copiedFlag) !== 0,
    begun: (flags & begunFlag) !== 0,
    group: { topicId: readUint64(view, position + 8), partition: view.getUint32(position + 4) },
    replicaId: readUint64(view, position + 16),
    index: readUint64(view, position + 24),
    term: readUint64(view, position + 32),
    count: isReset ? 0 : view.getUint32(position + 40),
    position: isReset ? 0 : view.getUint32(position + 44),
    byteLength: isReset ? 0 : view.getUint32(position + 48),
    chain: { high: view.getUint32(position + 52), low: view.getUint32(position + 56) },
    lostFile: isReset ? 0 : view.getUint32(position + 60),
    endOffset: isReset ? readUint64(view, position + 40) : 0,
    appendTimeMs: isReset
      ? view.getUint32(position + 48) * 0x1_0000_0000 + view.getUint32(position + 60)
      : 0,
  }
}

/** 16 hex digits as 8 bytes. */
export function writeHex(view: DataView, position: number, text: string): void {
  view.setUint32(position, Number.parseInt(text.slice(0, 8), 16))
  view.setUint32(position + 4, Number.parseInt(text.slice(8, 16), 16))
}

export function readHex(view: DataView, position: number): string {
  const half = (at: number): string => view.getUint32(at).toString(16).padStart(8, '0')
  return half(position) + half(position + 4)
}
