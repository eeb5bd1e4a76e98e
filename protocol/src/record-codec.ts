// Records into a batch and out of it: what producers and readers do, and nobody in the broker.
// The batch around them is record-batch.ts. Keys, values and header values are never interpreted;
// decoded ones refer to the bytes of the batch.
//
//   record = length:varint attributes:int8(0) timestamp-delta:varlong offset-delta:varint
//            key value header-count:varint *( header-name value )
//   key, value  = length:varint bytes, length -1 for null
//   header-name = length:varint UTF-8

import { allocate } from './bytes.ts'
import type { Chunks } from './chunks.ts'
import { joinChunks } from './chunks.ts'
import type { Compression } from './compression.ts'
import { compress, compressionNumber, decompress } from './compression.ts'
import { QuorateError } from './error.ts'
import { maxBatchBytes, maxBatchRecords, maxDecompressedBytes } from './limits.ts'
import { batchHeaderBytes, sealBatch, validateBatch, writeBatchHeader } from './record-batch.ts'
import { readUtf8, utf8ByteLength, writeUtf8 } from './utf8.ts'
import {
  VarintReader,
  varintByteLength,
  varlongByteLength,
  writeVarint,
  writeVarlong,
} from './varint.ts'

export interface RecordHeader {
  readonly key: string
  readonly value: Uint8Array | null
}

export interface RecordInput {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers?: readonly RecordHeader[]
  /** Milliseconds since 1970, at least 0. */
  readonly timestampMs: number
}

/** -1, -1, -1: not idempotent. */
export interface BatchFields {
  readonly producerId: number
  /** int16 */
  readonly producerEpoch: number
  /** Sequence of the first record, int32. */
  readonly baseSequence: number
  /** Default none. */
  readonly compression?: Compression
}

export interface DecodedRecord {
  readonly offset: number
  readonly timestampMs: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly RecordHeader[]
}

const noHeaders: readonly RecordHeader[] = []

/**
 * One batch with base offset 0 and leader epoch -1: the leader stamps both. Throws
 * QUORATE_RECORD_TOO_LARGE or QUORATE_BATCH_TOO_LARGE above `maxBatchBytes`, and
 * QUORATE_INVALID_ARGUMENT for fields that the format cannot hold.
 */
export function encodeBatch(records: readonly RecordInput[], fields: BatchFields): Uint8Array {
  checkFields(records, fields)
  const baseTimestampMs = records[0]!.timestampMs
  const bodyLengths = new Array<number>(records.length)
  let recordBytes = 0
  let maxTimestampMs = 0
  for (let index = 0; index < records.length; index++) {
    const record = records[index]!
    checkTimestamp(record.timestampMs)
    maxTimestampMs = Math.max(maxTimestampMs, record.timestampMs)
    const length = bodyByteLength(record, index, record.timestampMs - baseTimestampMs)
    bodyLengths[index] = length
    recordBytes += varintByteLength(length) + length
  }
  const compression = fields.compression ?? 'none'
  checkSize(records, batchHeaderBytes + recordBytes, compression)

  const prefix = compression === 'none' ? batchHeaderBytes : 0
  const plain = allocate(prefix + recordBytes)
  let position = prefix
  for (let index = 0; index < records.length; index++) {
    position = writeVarint(plain, position, bodyLengths[index]!)
    const record = records[index]!
    position = writeBody(plain, position, record, index, record.timestampMs - baseTimestampMs)
  }
  const batch = compression === 'none' ? plain : behindHeader(compress(plain, compression))
  checkSize(records, batch.byteLength, 'none')
  writeBatchHeader(batch, {
    baseOffset: 0,
    byteLength: batch.byteLength,
    leaderEpoch: -1,
    attributes: compressionNumber(compression),
    lastOffsetDelta: records.length - 1,
    baseTimestampMs,
    maxTimestampMs,
    producerId: fields.producerId,
    producerEpoch: fields.producerEpoch,
    baseSequence: fields.baseSequence,
    recordCount: records.length,
  })
  sealBatch(batch)
  return batch
}

function behindHeader(records: Uint8Array): Uint8Array {
  const batch = allocate(batchHeaderBytes + records.byteLength)
  batch.set(records, batchHeaderBytes)
  return batch
}

function checkFields(records: readonly RecordInput[], fields: BatchFields): void {
  if (records.length === 0) throw invalid('a batch needs a record')
  if (records.length > maxBatchRecords) {
    throw new QuorateError(
      'QUORATE_BATCH_TOO_LARGE',
      `${records.length} of ${maxBatchRecords} records`,
    )
  }
  const { producerId, producerEpoch, baseSequence } = fields
  if (!Number.isSafeInteger(producerId) || producerId < -1) throw invalid(`producer ${producerId}`)
  if (!isInteger(producerEpoch, -1, 0x7fff)) throw invalid(`producer epoch ${producerEpoch}`)
  if (!isInteger(baseSequence, -1, 0x7fff_ffff)) throw invalid(`sequence ${baseSequence}`)
}

function isInteger(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max
}

function checkTimestamp(timestampMs: number): void {
  if (!Number.isSafeInteger(timestampMs) || timestampMs < 0)
    throw invalid(`timestamp ${timestampMs}`)
}

/** Before compression the bound is what a reader may inflate, after it what a batch may take. */
function checkSize(
  records: readonly RecordInput[],
  byteLength: number,
  compression: Compression,
): void {
  const maxBytes = compression === 'none' ? maxBatchBytes : maxDecompressedBytes
  if (byteLength <= maxBytes) return
  const code = records.length === 1 ? 'QUORATE_RECORD_TOO_LARGE' : 'QUORATE_BATCH_TOO_LARGE'
  throw new QuorateError(code, `${byteLength} of ${maxBytes} bytes`)
}

function bodyByteLength(record: RecordInput, offsetDelta: number, timestampDelta: number): number {
  return (
    1 +
    varlongByteLength(timestampDelta) +
    varintByteLength(offsetDelta) +
    contentByteLength(record)
  )
}

/** Key, value and headers: the part that does not depend on the record's place in the batch. */
function contentByteLength(record: RecordInput): number {
  const headers = record.headers ?? noHeaders
  let byteLength =
    fieldByteLength(record.key) + fieldByteLength(record.value) + varintByteLength(headers.length)
  for (const header of headers) {
    const nameBytes = utf8ByteLength(header.key)
    byteLength += varintByteLength(nameBytes) + nameBytes + fieldByteLength(header.value)
  }
  return byteLength
}

function fieldByteLength(field: Uint8Array | null): number {
  return field === null ? 1 : varintByteLength(field.byteLength) + field.byteLength
}

function writeBody(
  bytes: Uint8Array,
  start: number,
  record: RecordInput,
  offsetDelta: number,
  timestampDelta: number,
): number {
  bytes[start] = 0
  let position = writeVarlong(bytes, start + 1, timestampDelta)
  position = writeVarint(bytes, position, offsetDelta)
  position = writeField(bytes, position, record.key)
  position = writeField(bytes, position, record.value)
  const headers = record.headers ?? noHeaders
  position = writeVarint(bytes, position, headers.length)
  for (const header of headers) {
    position = writeVarint(bytes, position, utf8ByteLength(header.key))
    position = writeUtf8(bytes, position, header.key)
    position = writeField(bytes, position, header.value)
  }
  return position
}

function writeField(bytes: Uint8Array, start: number, field: Uint8Array | null): number {
  if (field === null) return writeVarint(bytes, start, -1)
  const position = writeVarint(bytes, start, field.byteLength)
  bytes.set(field, position)
  return position + field.byteLength
}

/** Of a length, a timestamp delta and an offset delta at their widest, and the attributes. */
const recordOverheadBytes = 5 + 8 + 5 + 1

/**
 * Bytes the record takes in any batch, at most: what the batcher adds up. A record fits a batch
 * of its own when this and `batchHeaderBytes` are within `maxBatchBytes`.
 */
export function recordByteLength(record: RecordInput): number {
  return recordOverheadBytes + contentByteLength(record)
}

/**
 * All records of one whole batch, decompressed, after the same checks as at the broker's door.
 * Keys and values are parts of the batch's buffer (or of the decompressed one): copy what is kept
 * for long. Throws QUORATE_CORRUPT_BATCH, or QUORATE_UNSUPPORTED for snappy and lz4.
 */
export function decodeBatch(bytes: Chunks | Uint8Array): DecodedRecord[] {
  const header = validateBatch(bytes)
  const joined = bytes instanceof Uint8Array ? bytes : joinChunks(bytes)
  const plain = decompress(joined.subarray(batchHeaderBytes), header.compression)
  const reader = new VarintReader(plain)
  const records: DecodedRecord[] = []
  for (let index = 0; index < header.recordCount; index++) {
    const length = reader.varint()
    const end = reader.position + length
    if (length < 0 || end > plain.length) throw corrupt(`record ${index} of ${length} bytes`)
    const record = readBody(reader, header.baseOffset, header.baseTimestampMs, index)
    if (reader.position !== end) throw corrupt(`record ${index} is not as long as it says`)
    records.push(record)
  }
  if (reader.remaining !== 0) throw corrupt(`${reader.remaining} bytes after the last record`)
  return records
}

function readBody(
  reader: VarintReader,
  baseOffset: number,
  baseTimestampMs: number,
  index: number,
): DecodedRecord {
  reader.byte() // attributes: unused in v2
  const timestampMs = baseTimestampMs + reader.varlong()
  if (!Number.isSafeInteger(timestampMs)) throw corrupt(`record ${index} has no valid timestamp`)
  const offsetDelta = reader.varint()
  if (offsetDelta !== index) throw corrupt(`record ${index} has offset delta ${offsetDelta}`)
  const key = readField(reader)
  const value = readField(reader)
  return { offset: baseOffset + index, timestampMs, key, value, headers: readHeaders(reader) }
}

function readField(reader: VarintReader): Uint8Array | null {
  const length = reader.varint()
  if (length < -1) throw corrupt(`field of ${length} bytes`)
  return length === -1 ? null : reader.take(length)
}

function readHeaders(reader: VarintReader): readonly RecordHeader[] {
  const count = reader.varint()
  if (count === 0) return noHeaders
  if (count < 0) throw corrupt(`${count} headers`)
  const headers: RecordHeader[] = []
  for (let index = 0; index < count; index++) {
    const name = readField(reader)
    if (name === null) throw corrupt('header without a name')
    headers.push({ key: readUtf8(name, 0, name.byteLength), value: readField(reader) })
  }
  return headers
}

function corrupt(detail: string): QuorateError {
  return new QuorateError('QUORATE_CORRUPT_BATCH', detail)
}

function invalid(detail: string): QuorateError {
  return new QuorateError('QUORATE_INVALID_ARGUMENT', detail)
}
