// The header of Kafka's RecordBatch v2: read, validate, stamp, split. A batch is the unit that
// travels from the producer through log, disk and peers to the reader, byte for byte the same but
// for the two fields the leader stamps. Nothing here looks at records: record-codec.ts does.
//
//   batch        = base-offset:int64 batch-length:int32 leader-epoch:int32 magic:int8(2)
//                  crc:uint32 attributes:int16 last-offset-delta:int32 base-timestamp:int64
//                  max-timestamp:int64 producer-id:int64 producer-epoch:int16
//                  base-sequence:int32 record-count:int32 records           ; big-endian
//   batch-length = bytes after this field
//   crc          = CRC-32C from attributes to the end: base offset and leader epoch are outside
//   attributes   = bits 0-2 compression, 3 log append time, 4 transactional, 5 control,
//                  6 delete horizon; the rest is 0
//   records      = *record, compressed as one run

import { allocate, readInt64, viewOf, writeInt64 } from './bytes.ts'
import { ChunkCursor } from './chunk-cursor.ts'
import type { Chunks } from './chunks.ts'
import { joinChunks, sliceChunks } from './chunks.ts'
import type { Compression } from './compression.ts'
import { compressionOfNumber } from './compression.ts'
import { crc32c } from './crc32c.ts'
import { QuorateError } from './error.ts'
import { maxBatchBytes, maxBatchRecords } from './limits.ts'

export interface BatchHeader {
  readonly baseOffset: number
  /** Of the whole batch: batch-length and the 12 bytes before what it counts. */
  readonly byteLength: number
  /** Term of the leader that stamped the batch; -1 before. */
  readonly leaderEpoch: number
  readonly crc: number
  readonly attributes: number
  readonly compression: Compression
  readonly lastOffsetDelta: number
  readonly baseTimestampMs: number
  readonly maxTimestampMs: number
  /** -1: not idempotent; epoch and sequence then mean nothing. */
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly recordCount: number
}

export const batchHeaderBytes: number = 61
/** Offset of the first byte under the CRC. */
export const batchCrcFrom: number = 21
/** A record is at least its length and six empty fields. */
const minRecordBytes = 7
const magic = 2
const compressionMask = 0x07

/** Positions of the fields, in bytes from the start of the batch. */
const at = {
  baseOffset: 0,
  batchLength: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
} as const

/**
 * Reads the header at `position` without looking at the CRC or the records. Throws
 * QUORATE_CORRUPT_BATCH when a field cannot be, QUORATE_UNSUPPORTED for snappy and lz4.
 */
export function readBatchHeader(bytes: Chunks | Uint8Array, position = 0): BatchHeader {
  if (position + batchHeaderBytes > bytes.byteLength) throw corrupt('header is cut off')
  return parseHeader(headerBytes(bytes, position))
}

function headerBytes(bytes: Chunks | Uint8Array, position: number): Uint8Array {
  const end = position + batchHeaderBytes
  if (bytes instanceof Uint8Array) return bytes.subarray(position, end)
  const first = bytes.pieces[0]!
  if (end <= first.byteLength) return first.subarray(position, end)
  return joinChunks(sliceChunks(bytes, position, end))
}

function parseHeader(bytes: Uint8Array): BatchHeader {
  const view = viewOf(bytes)
  if (view.getInt8(at.magic) !== magic) throw corrupt(`magic ${view.getInt8(at.magic)}`)
  const attributes = view.getInt16(at.attributes)
  const header: BatchHeader = {
    baseOffset: int64(view, at.baseOffset),
    byteLength: view.getInt32(at.batchLength) + at.leaderEpoch,
    leaderEpoch: view.getInt32(at.leaderEpoch),
    crc: view.getUint32(at.crc),
    attributes,
    compression: compressionOfNumber(attributes & compressionMask),
    lastOffsetDelta: view.getInt32(at.lastOffsetDelta),
    baseTimestampMs: int64(view, at.baseTimestamp),
    maxTimestampMs: int64(view, at.maxTimestamp),
    producerId: int64(view, at.producerId),
    producerEpoch: view.getInt16(at.producerEpoch),
    baseSequence: view.getInt32(at.baseSequence),
    recordCount: view.getInt32(at.recordCount),
  }
  if (header.byteLength < batchHeaderBytes) throw corrupt(`length ${header.byteLength}`)
  if (header.baseOffset < 0) throw corrupt(`base offset ${header.baseOffset}`)
  if (header.recordCount < 0) throw corrupt(`${header.recordCount} records`)
  if (header.lastOffsetDelta < header.recordCount - 1) {
    throw corrupt(`${header.recordCount} records in ${header.lastOffsetDelta + 1} offsets`)
  }
  if (!Number.isSafeInteger(header.baseOffset + header.lastOffsetDelta + 1)) {
    throw corrupt('offset above 2^53 - 1')
  }
  return header
}

function int64(view: DataView, position: number): number {
  try {
    return readInt64(view, position)
  } catch (cause) {
    throw new QuorateError('QUORATE_CORRUPT_BATCH', `field at ${position} above 2^53 - 1`, {
      cause,
    })
  }
}

/**
 * Checks that the bytes are exactly one whole batch that may enter a log: CRC, lengths, counts,
 * fields of the producer, and no attribute that only a broker sets. Makes the one pass over the
 * payload that a process makes.
 */
export function validateBatch(bytes: Chunks | Uint8Array): BatchHeader {
  const header = readBatchHeader(bytes)
  if (header.byteLength !== bytes.byteLength) {
    throw corrupt(`${bytes.byteLength} bytes instead of ${header.byteLength}`)
  }
  if (header.byteLength > maxBatchBytes) {
    throw new QuorateError(
      'QUORATE_BATCH_TOO_LARGE',
      `${header.byteLength} of ${maxBatchBytes} bytes`,
    )
  }
  if ((header.attributes & ~compressionMask) !== 0) {
    throw corrupt(`attributes 0x${(header.attributes & 0xffff).toString(16)}`)
  }
  if (header.recordCount === 0) throw corrupt('no records')
  if (header.recordCount > maxBatchRecords) {
    const detail = `${header.recordCount} of ${maxBatchRecords} records`
    throw new QuorateError('QUORATE_BATCH_TOO_LARGE', detail)
  }
  if (header.lastOffsetDelta !== header.recordCount - 1) {
    throw corrupt(`${header.recordCount} records in ${header.lastOffsetDelta + 1} offsets`)
  }
  const recordBytes = header.byteLength - batchHeaderBytes
  if (header.compression === 'none' && header.recordCount * minRecordBytes > recordBytes) {
    throw corrupt(`${header.recordCount} records in ${recordBytes} bytes`)
  }
  checkProducer(header)
  const covered =
    bytes instanceof Uint8Array ? bytes.subarray(batchCrcFrom) : sliceChunks(bytes, batchCrcFrom)
  const crc = crc32c(covered)
  if (crc !== header.crc)
    throw corrupt(`CRC ${crc.toString(16)} instead of ${header.crc.toString(16)}`)
  return header
}

function checkProducer({ producerId, producerEpoch, baseSequence }: BatchHeader): void {
  if (producerId === -1) return
  if (producerId < -1 || producerEpoch < 0 || baseSequence < 0) {
    throw corrupt(`producer ${producerId}, epoch ${producerEpoch}, sequence ${baseSequence}`)
  }
}

/** Sets the two fields outside of the CRC. Copies the header, refers to the rest. */
export function stampBatch(bytes: Chunks, baseOffset: number, leaderEpoch: number): Chunks {
  const header = allocate(batchHeaderBytes)
  const cursor = new ChunkCursor(bytes)
  let position = 0
  for (const piece of cursor.take(batchHeaderBytes).pieces) {
    header.set(piece, position)
    position += piece.byteLength
  }
  const view = viewOf(header)
  writeInt64(view, at.baseOffset, baseOffset)
  view.setInt32(at.leaderEpoch, leaderEpoch)
  const rest = cursor.take(cursor.remaining)
  return { pieces: [header, ...rest.pieces], byteLength: bytes.byteLength }
}

export interface SplitBatch {
  readonly header: BatchHeader
  readonly bytes: Chunks
}

/** Concatenated batches, as a fetch answers. Checks no CRC; a cut-off last batch is an error. */
export function splitBatches(bytes: Chunks | Uint8Array): SplitBatch[] {
  const cursor = new ChunkCursor(bytes)
  const batches: SplitBatch[] = []
  while (cursor.remaining > 0) {
    if (cursor.remaining < batchHeaderBytes) throw corrupt('header is cut off')
    const header = parseHeader(cursor.peekJoined(batchHeaderBytes))
    if (header.byteLength > cursor.remaining) {
      throw corrupt(`${cursor.remaining} bytes instead of ${header.byteLength}`)
    }
    batches.push({ header, bytes: cursor.take(header.byteLength) })
  }
  return batches
}

/** For the encoder: the header of a batch with these fields; the CRC is written by `sealBatch`. */
export function writeBatchHeader(
  bytes: Uint8Array,
  header: Omit<BatchHeader, 'crc' | 'compression'>,
): void {
  const view = viewOf(bytes)
  writeInt64(view, at.baseOffset, header.baseOffset)
  view.setInt32(at.batchLength, header.byteLength - at.leaderEpoch)
  view.setInt32(at.leaderEpoch, header.leaderEpoch)
  view.setInt8(at.magic, magic)
  view.setInt16(at.attributes, header.attributes)
  view.setInt32(at.lastOffsetDelta, header.lastOffsetDelta)
  writeInt64(view, at.baseTimestamp, header.baseTimestampMs)
  writeInt64(view, at.maxTimestamp, header.maxTimestampMs)
  writeInt64(view, at.producerId, header.producerId)
  view.setInt16(at.producerEpoch, header.producerEpoch)
  view.setInt32(at.baseSequence, header.baseSequence)
  view.setInt32(at.recordCount, header.recordCount)
}

/** Writes the CRC over a complete batch. */
export function sealBatch(bytes: Uint8Array): void {
  viewOf(bytes).setUint32(at.crc, crc32c(bytes.subarray(batchCrcFrom)))
}

function corrupt(detail: string): QuorateError {
  return new QuorateError('QUORATE_CORRUPT_BATCH', detail)
}
