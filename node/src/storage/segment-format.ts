// A segment in bytes: a header block, then entries, and after each run of entries that was moved
// together an index block that fills up to 4 KiB. An index block has an entry's header (type 255),
// so that a scan steps over it, and points back to the index block before. Start-up reads only
// these. Pure codec; the layout stands in docs/reference/storage-format.md. Writer:
// segment-writer.ts; reader: segment.ts and log-reader.ts.
import { chunksOf, crc32c, readUint64, viewOf, writeUint64 } from '@quorate/protocol'
import type { LogPoint } from '@quorate/raft'
import { type EntryHeader, entryHeaderBytes, writeEntryHeader } from './entry-format.ts'
import { formatVersion } from './format-version.ts'
import type { GroupId } from './log-entry.ts'
import type { LogMark } from './tail.ts'
import type { WalIdentity } from './wal-file.ts'
import { blockBytes, readHex, writeHex } from './wal-format.ts'

const segmentMagic = 0x5153_4547
const indexMagic = 0x5153_4958
/** Zeros follow up to the end of the block. */
export const segmentHeaderBytes = 128
/** Not an EntryType: what follows is no log entry. */
export const indexBlockType = 255
export const indexRowBytes = 48
const indexPreludeBytes = 16

export interface SegmentHeader {
  readonly identity: WalIdentity
  readonly group: GroupId
  readonly replicaId: number
  /** The point just before the first entry. */
  readonly previous: LogMark
}

/** One entry of the sparse index: enough to start reading here and to verify what is read. */
export interface IndexRow {
  /** Of the entry that begins here. */
  readonly index: number
  readonly position: number
  readonly appendTimeMs: number
  /** The log just before the entry. */
  readonly previous: LogPoint
  readonly offsetBefore: number
}

export interface IndexBlock {
  /** Of the index block before; 0 for none. */
  readonly previousPosition: number
  readonly rows: readonly IndexRow[]
}

export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const block = new Uint8Array(blockBytes)
  const view = viewOf(block)
  const { identity, group, previous } = header
  view.setUint32(0, segmentMagic)
  view.setUint32(8, formatVersion)
  view.setUint32(12, segmentHeaderBytes)
  writeHex(view, 16, identity.clusterId)
  writeHex(view, 24, identity.incarnation)
  writeUint64(view, 32, group.topicId)
  view.setUint32(40, group.partition)
  view.setUint32(44, previous.chain.high)
  view.setUint32(48, previous.chain.low)
  writeUint64(view, 56, header.replicaId)
  writeUint64(view, 64, previous.index)
  writeUint64(view, 72, previous.term)
  writeUint64(view, 80, previous.endOffset)
  writeUint64(view, 88, previous.appendTimeMs)
  view.setUint32(4, crc32c(block.subarray(8, segmentHeaderBytes)))
  return block
}

/** Undefined when the block is not a segment's header. */
export function decodeSegmentHeader(block: Uint8Array): SegmentHeader | 'version' | undefined {
  const view = viewOf(block)
  if (block.byteLength < segmentHeaderBytes || view.getUint32(0) !== segmentMagic) return undefined
  if (view.getUint32(4) !== crc32c(block.subarray(8, segmentHeaderBytes))) return undefined
  if (view.getUint32(8) !== formatVersion) return 'version'
  return {
    identity: { clusterId: readHex(view, 16), incarnation: readHex(view, 24) },
    group: { topicId: readUint64(view, 32), partition: view.getUint32(40) },
    replicaId: readUint64(view, 56),
    previous: {
      index: readUint64(view, 64),
      term: readUint64(view, 72),
      chain: { high: view.getUint32(44), low: view.getUint32(48) },
      endOffset: readUint64(view, 80),
      appendTimeMs: readUint64(view, 88),
    },
  }
}

/** The block for `position`, ending on a block boundary; `last` is the entry before it. */
export function encodeIndexBlock(position: number, last: LogPoint, block: IndexBlock): Uint8Array {
  const used = entryHeaderBytes + indexPreludeBytes + block.rows.length * indexRowBytes
  const end = Math.ceil((position + used) / blockBytes) * blockBytes
  const bytes = new Uint8Array(end - position)
  const view = viewOf(bytes)
  view.setUint32(entryHeaderBytes, indexMagic)
  view.setUint32(entryHeaderBytes + 4, block.rows.length)
  writeUint64(view, entryHeaderBytes + 8, block.previousPosition)
  block.rows.forEach((row, number) => {
    writeRow(view, entryHeaderBytes + indexPreludeBytes + number * indexRowBytes, row)
  })
  writeEntryHeader(bytes.subarray(0, entryHeaderBytes), {
    index: last.index,
    term: last.term,
    chain: last.chain,
    sizeBytes: bytes.byteLength,
    type: indexBlockType,
    appendTimeMs: 0,
    payloadCrc: crc32c(chunksOf(bytes.subarray(entryHeaderBytes))),
    baseOffset: -1,
    nextOffset: -1,
  })
  return bytes
}

/** Undefined when the payload is not what its header announces. */
export function decodeIndexBlock(header: EntryHeader, payload: Uint8Array): IndexBlock | undefined {
  if (header.type !== indexBlockType || crc32c(payload) !== header.payloadCrc) return undefined
  const view = viewOf(payload)
  if (view.getUint32(0) !== indexMagic) return undefined
  const count = view.getUint32(4)
  const rows: IndexRow[] = []
  for (let number = 0; number < count; number += 1) {
    rows.push(readRow(view, indexPreludeBytes + number * indexRowBytes))
  }
  return { previousPosition: readUint64(view, 8), rows }
}

function writeRow(view: DataView, position: number, row: IndexRow): void {
  writeUint64(view, position, row.index)
  writeUint64(view, position + 8, row.position)
  writeUint64(view, position + 16, row.appendTimeMs)
  writeUint64(view, position + 24, row.offsetBefore)
  writeUint64(view, position + 32, row.previous.term)
  view.setUint32(position + 40, row.previous.chain.high)
  view.setUint32(position + 44, row.previous.chain.low)
}

function readRow(view: DataView, position: number): IndexRow {
  const index = readUint64(view, position)
  return {
    index,
    position: readUint64(view, position + 8),
    appendTimeMs: readUint64(view, position + 16),
    offsetBefore: readUint64(view, position + 24),
    previous: {
      index: index - 1,
      term: readUint64(view, position + 32),
      chain: { high: view.getUint32(position + 40), low: view.getUint32(position + 44) },
    },
  }
}
