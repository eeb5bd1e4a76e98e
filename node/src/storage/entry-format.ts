// One entry in bytes: a header of 64 bytes with its own CRC, then the payload as it came. The same
// bytes lie in the WAL, in segments and in mesh frames. Makes entries at the leader and verifies
// them at followers and after reading. The layout stands in docs/reference/storage-format.md.
import {
  type BatchHeader,
  batchCrcFrom,
  ChunkCursor,
  type Chunks,
  crc32c,
  readInt64,
  readUint64,
  viewOf,
  writeInt64,
  writeUint64,
} from '@quorate/protocol'
import type { Chain, LogPoint } from '@quorate/raft'
import { decodeConfiguration } from '../replication/configuration-entry.ts'
import { nextChain, sameChain } from './chain.ts'
import { EntryType, type LogEntry } from './log-entry.ts'

export { chainText, parseChainText } from './chain.ts'

export const entryHeaderBytes = 64

/** Larger than any payload a node accepts; a length above it is damage, not a wish for memory. */
export const payloadBytesMax = 64 * 1024 * 1024

/** Positions in the header. 0 holds the CRC-32C of the 60 bytes after it. */
const at = {
  headerCrc: 0,
  payloadBytes: 4,
  index: 8,
  term: 16,
  appendTime: 24,
  chainHigh: 32,
  chainLow: 36,
  baseOffset: 40,
  offsetCount: 48,
  payloadCrc: 52,
  type: 56,
} as const

/** All of an entry but its payload. */
export interface EntryHeader {
  readonly index: number
  readonly term: number
  readonly chain: Chain
  readonly sizeBytes: number
  /** An EntryType, or `indexBlockType` in a segment. */
  readonly type: number
  readonly appendTimeMs: number
  readonly payloadBytes: number
  readonly payloadCrc: number
  readonly baseOffset: number
  readonly nextOffset: number
}

export interface EntryFields {
  readonly term: number
  readonly type: EntryType
  readonly appendTimeMs: number
  readonly payload: Chunks
  /** Header of the stamped record batch; present for records only. */
  readonly recordsHeader?: BatchHeader
}

/** The entry that follows `previous`. The payload must be stamped already and never changes. */
export function makeEntry(previous: LogPoint, fields: EntryFields): LogEntry {
  const { term, type, appendTimeMs, payload, recordsHeader } = fields
  if ((type === EntryType.records) !== (recordsHeader !== undefined)) {
    throw new Error('a records header belongs to records and to nothing else')
  }
  const index = previous.index + 1
  const payloadBytes = payload.byteLength
  const payloadCrc = hashPayload(type, payload)
  const chained = { index, term, type, appendTimeMs, payloadBytes, payloadCrc }
  return withConfiguration({
    index,
    term,
    chain: nextChain(previous.chain, chained),
    sizeBytes: entryHeaderBytes + payloadBytes,
    type,
    appendTimeMs,
    payload,
    payloadCrc,
    baseOffset: recordsHeader === undefined ? -1 : recordsHeader.baseOffset,
    nextOffset:
      recordsHeader === undefined
        ? -1
        : recordsHeader.baseOffset + recordsHeader.lastOffsetDelta + 1,
  })
}

/**
 * What is wrong with an entry that came from a peer or from disk; undefined when it is the entry
 * its writer made and follows `previous`. Makes the one pass over the payload.
 */
export function verifyEntry(previous: LogPoint, entry: LogEntry): string | undefined {
  return verifyChain(previous, entry) ?? verifyPayload(entry)
}

/** As `verifyEntry` without the pass over the payload. */
export function verifyChain(previous: LogPoint, entry: LogEntry): string | undefined {
  const { index, term, type, appendTimeMs, payloadCrc } = entry
  if (index !== previous.index + 1) return `index ${index} after ${previous.index}`
  const payloadBytes = entry.payload.byteLength
  if (entry.sizeBytes !== entryHeaderBytes + payloadBytes) return `length at index ${index}`
  const fields = { index, term, type, appendTimeMs, payloadBytes, payloadCrc }
  const chain = nextChain(previous.chain, fields)
  return sameChain(chain, entry.chain) ? undefined : `chain at index ${index}`
}

/** As `verifyEntry` without the chain: for an entry whose predecessor is not at hand. */
export function verifyPayload(entry: LogEntry): string | undefined {
  const { payload, type } = entry
  if (hashPayload(type, payload) !== entry.payloadCrc) return `payload CRC at index ${entry.index}`
  if (type === EntryType.configuration && entry.configuration === undefined) {
    return `configuration at index ${entry.index}`
  }
  if (type !== EntryType.records) {
    return entry.baseOffset === -1 && entry.nextOffset === -1
      ? undefined
      : `offsets at index ${entry.index}`
  }
  return verifyRecords(entry)
}

function verifyRecords(entry: LogEntry): string | undefined {
  if (entry.payload.byteLength < batchCrcFrom + 6) return `batch length at index ${entry.index}`
  const cursor = new ChunkCursor(entry.payload)
  const view = viewOf(cursor.peekJoined(batchCrcFrom + 6))
  cursor.take(batchCrcFrom)
  if (crc32c(cursor.take(cursor.remaining)) !== view.getUint32(17)) {
    return `batch CRC at index ${entry.index}`
  }
  const baseOffset = readInt64(view, 0)
  const nextOffset = baseOffset + view.getInt32(23) + 1
  return baseOffset === entry.baseOffset && nextOffset === entry.nextOffset
    ? undefined
    : `offsets at index ${entry.index}`
}

/** See `LogEntry.payloadCrc`: of a record batch only what its own CRC does not cover is hashed. */
function hashPayload(type: number, payload: Chunks): number {
  if (type !== EntryType.records) return crc32c(payload)
  const first = payload.pieces[0]
  if (first !== undefined && first.byteLength >= batchCrcFrom) {
    return crc32c(first.subarray(0, batchCrcFrom))
  }
  const length = Math.min(batchCrcFrom, payload.byteLength)
  return crc32c(new ChunkCursor(payload).take(length))
}

export function encodeEntryHeader(entry: LogEntry): Uint8Array {
  const bytes = new Uint8Array(entryHeaderBytes)
  writeEntryHeader(bytes, entry)
  return bytes
}

/** Fills exactly `entryHeaderBytes` bytes; whatever they held before is overwritten. */
export function writeEntryHeader(into: Uint8Array, entry: Omit<EntryHeader, 'payloadBytes'>): void {
  const view = viewOf(into)
  view.setUint32(at.payloadBytes, entry.sizeBytes - entryHeaderBytes)
  writeUint64(view, at.index, entry.index)
  writeUint64(view, at.term, entry.term)
  writeUint64(view, at.appendTime, entry.appendTimeMs)
  view.setUint32(at.chainHigh, entry.chain.high)
  view.setUint32(at.chainLow, entry.chain.low)
  writeInt64(view, at.baseOffset, entry.baseOffset)
  const offsetCount = entry.baseOffset < 0 ? 0 : entry.nextOffset - entry.baseOffset
  view.setUint32(at.offsetCount, offsetCount)
  view.setUint32(at.payloadCrc, entry.payloadCrc)
  view.setUint32(at.type, entry.type * 0x100_0000)
  view.setUint32(60, 0)
  view.setUint32(at.headerCrc, crc32c(into.subarray(4, entryHeaderBytes)))
}

/** Undefined when the header's CRC or a field is not what a writer writes. */
export function decodeEntryHeader(view: DataView, position: number): EntryHeader | undefined {
  const start = view.byteOffset + position + 4
  const covered = new Uint8Array(view.buffer, start, entryHeaderBytes - 4)
  if (crc32c(covered) !== view.getUint32(position + at.headerCrc)) return undefined
  if ((view.getUint32(position + at.type) & 0xff_ffff) !== 0) return undefined
  if (view.getUint32(position + 60) !== 0) return undefined
  const payloadBytes = view.getUint32(position + at.payloadBytes)
  if (payloadBytes > payloadBytesMax) return undefined
  try {
    const baseOffset = readInt64(view, position + at.baseOffset)
    const offsetCount = view.getUint32(position + at.offsetCount)
    return {
      index: readUint64(view, position + at.index),
      term: readUint64(view, position + at.term),
      chain: {
        high: view.getUint32(position + at.chainHigh),
        low: view.getUint32(position + at.chainLow),
      },
      sizeBytes: entryHeaderBytes + payloadBytes,
      type: view.getUint8(position + at.type),
      appendTimeMs: readUint64(view, position + at.appendTime),
      payloadBytes,
      payloadCrc: view.getUint32(position + at.payloadCrc),
      baseOffset,
      nextOffset: baseOffset < 0 ? -1 : baseOffset + offsetCount,
    }
  } catch {
    return undefined
  }
}

/** The entry of a decoded header and the payload that followed it; nothing is verified here. */
export function entryOf(header: EntryHeader, payload: Chunks): LogEntry {
  const { index, term, chain, sizeBytes, appendTimeMs, payloadCrc, baseOffset, nextOffset } = header
  const type = header.type as EntryType
  return withConfiguration({
    index,
    term,
    chain,
    sizeBytes,
    type,
    appendTimeMs,
    payload,
    payloadCrc,
    baseOffset,
    nextOffset,
  })
}

/** Left out when the payload holds none: then `verifyPayload` says so. */
function withConfiguration(entry: LogEntry): LogEntry {
  if (entry.type !== EntryType.configuration) return entry
  const decoded = decodeConfiguration(entry.payload)
  return decoded === undefined ? entry : { ...entry, configuration: decoded.configuration }
}
