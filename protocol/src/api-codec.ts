// The binary requests of the client library: write and fetch, with their replies. Small fields are
// gathered in one head, record batches follow by reference, so a node never joins or copies them.
// Big-endian; reserved bytes are 0; a decoder refuses what it does not know
// (QUORATE_INVALID_REQUEST). What the fields mean to a partition is the node's business.
//
//   write-request = version:uint8(1) 0:uint8 count:uint16 *item *batch   ; batches in item order
//   item          = kind:uint8(1 = batch) 0:uint24 partition:uint32 topic-id:uint64 length:uint32
//   write-reply   = version:uint8(1) 0:uint8 count:uint16 *result        ; in request order
//   result        = flags:uint8(1 duplicate, 2 leader, 4 detail) 0:uint8 error:uint16
//                   partition:uint32 topic-id:uint64 offset:int64 [leader] [detail]
//   fetch-request = version:uint8(1) 0:uint24 partition:uint32 topic-id:uint64 offset:uint64
//                   max-bytes:uint32 wait-ms:uint32
//   fetch-reply   = version:uint8(1) flags:uint8(2 leader, 4 detail) error:uint16
//                   optional-length:uint32 high-watermark:int64 log-start:int64
//                   [leader] [detail] *batch                 ; optional-length counts these two
//   leader        = term:uint64 node:string address:string
//   detail        = string
//   string        = length:uint16 UTF-8
//   error         = 0 for none, else the number of the error table

import type { LeaderHint } from './api-types.ts'
import { ChunkCursor } from './chunk-cursor.ts'
import type { Chunks } from './chunks.ts'
import type { ErrorCode } from './error.ts'
import { errorByCode, errorByNumber, QuorateError } from './error.ts'
import { FieldReader, FieldWriter } from './fields.ts'
import { maxDetailLength, maxWriteItems } from './limits.ts'

export interface WriteItem {
  readonly topicId: number
  readonly partition: number
  /** One encoded record batch, not yet validated. */
  readonly batch: Chunks
}

export interface WriteResult {
  readonly topicId: number
  readonly partition: number
  readonly error?: ErrorCode
  /** Offset of the batch's first record; -1 when unknown or refused. */
  readonly offset: number
  /** The batch was in the log already: a retry met its own first attempt. */
  readonly duplicate: boolean
  /** Where to send it instead. */
  readonly leader?: LeaderHint
  readonly detail?: string
}

export interface FetchRequest {
  readonly topicId: number
  readonly partition: number
  /** The first offset wanted; the answer starts with the batch that contains it. */
  readonly offset: number
  /** A batch is never cut: the first one comes even when it is larger. */
  readonly maxBytes: number
  /** How long the node may wait for a first record. 0: answer at once. */
  readonly waitMs: number
}

export interface FetchReply {
  readonly error?: ErrorCode
  readonly detail?: string
  /** Offset after the last record a reader may see. */
  readonly highWatermark: number
  readonly logStartOffset: number
  readonly leader?: LeaderHint
  /** Whole batches as stored; each holds its leader epoch. */
  readonly batches: Chunks
}

const version = 1
const kindBatch = 1
const itemBytes = 20
const fetchRequestBytes = 32
const fetchReplyBytes = 24
const flagDuplicate = 1
const flagLeader = 2
const flagDetail = 4

export function encodeWriteRequest(items: readonly WriteItem[]): Chunks {
  if (items.length > maxWriteItems) {
    throw new QuorateError(
      'QUORATE_INVALID_ARGUMENT',
      `${items.length} of ${maxWriteItems} batches`,
    )
  }
  const head = new FieldWriter(4 + items.length * itemBytes)
  head.uint8(version)
  head.uint8(0)
  head.uint16(items.length)
  const pieces: Uint8Array[] = []
  let byteLength = 0
  for (const { topicId, partition, batch } of items) {
    head.uint32(kindBatch * 0x100_0000)
    head.uint32(partition)
    head.uint64(topicId)
    head.uint32(batch.byteLength)
    for (const piece of batch.pieces) pieces.push(piece)
    byteLength += batch.byteLength
  }
  const first = head.finish()
  return { pieces: [first, ...pieces], byteLength: first.byteLength + byteLength }
}

/** Throws QUORATE_INVALID_REQUEST. Batches refer to the bytes given. */
export function decodeWriteRequest(bytes: Chunks | Uint8Array): WriteItem[] {
  const cursor = new ChunkCursor(bytes)
  const count = readCount(readerOf(cursor, 4))
  const fields = readerOf(cursor, count * itemBytes)
  const heads: { topicId: number; partition: number; byteLength: number }[] = []
  let batchBytes = 0
  for (let index = 0; index < count; index++) {
    if (fields.uint32() !== kindBatch * 0x100_0000) throw invalid('unknown kind of item')
    const partition = fields.uint32()
    const topicId = fields.uint64()
    const byteLength = fields.uint32()
    batchBytes += byteLength
    heads.push({ topicId, partition, byteLength })
  }
  if (batchBytes !== cursor.remaining) {
    throw invalid(`${cursor.remaining} bytes of batches instead of ${batchBytes}`)
  }
  return heads.map(({ topicId, partition, byteLength }) => ({
    topicId,
    partition,
    batch: cursor.take(byteLength),
  }))
}

export function encodeWriteReply(results: readonly WriteResult[]): Chunks {
  const fields = new FieldWriter(4 + results.length * 24)
  fields.uint8(version)
  fields.uint8(0)
  fields.uint16(results.length)
  for (const result of results) {
    fields.uint8((result.duplicate ? flagDuplicate : 0) | optionalFlags(result))
    fields.uint8(0)
    fields.uint16(errorNumber(result.error))
    fields.uint32(result.partition)
    fields.uint64(result.topicId)
    fields.int64(result.offset)
    writeOptional(fields, result)
  }
  const only = fields.finish()
  return { pieces: [only], byteLength: only.byteLength }
}

/** Throws QUORATE_INVALID_REQUEST. */
export function decodeWriteReply(bytes: Chunks | Uint8Array): WriteResult[] {
  const fields = readerOf(new ChunkCursor(bytes), bytes.byteLength)
  const count = readCount(fields)
  const results: WriteResult[] = []
  for (let index = 0; index < count; index++) {
    const flags = fields.uint8()
    readZero(fields.uint8())
    const number = fields.uint16()
    const partition = fields.uint32()
    const topicId = fields.uint64()
    const offset = fields.int64()
    const duplicate = (flags & flagDuplicate) !== 0
    const optional = readOptional(fields, flags & ~flagDuplicate, number)
    results.push({ topicId, partition, offset, duplicate, ...optional })
  }
  if (fields.remaining !== 0) throw invalid('bytes after the last result')
  return results
}

export function encodeFetchRequest(request: FetchRequest): Chunks {
  const fields = new FieldWriter(fetchRequestBytes)
  fields.uint32(version * 0x100_0000)
  fields.uint32(request.partition)
  fields.uint64(request.topicId)
  fields.uint64(request.offset)
  fields.uint32(request.maxBytes)
  fields.uint32(request.waitMs)
  const only = fields.finish()
  return { pieces: [only], byteLength: only.byteLength }
}

/** Throws QUORATE_INVALID_REQUEST. */
export function decodeFetchRequest(bytes: Chunks | Uint8Array): FetchRequest {
  const fields = readerOf(new ChunkCursor(bytes), bytes.byteLength)
  readVersion(fields)
  readZero(fields.uint8() | fields.uint16())
  const partition = fields.uint32()
  const topicId = fields.uint64()
  const offset = fields.uint64()
  const maxBytes = fields.uint32()
  const waitMs = fields.uint32()
  if (fields.remaining !== 0) throw invalid('bytes after the request')
  return { topicId, partition, offset, maxBytes, waitMs }
}

export function encodeFetchReply(reply: FetchReply): Chunks {
  const optional = new FieldWriter(reply.leader || reply.detail ? 64 : 0)
  writeOptional(optional, reply)
  const optionalBytes = optional.finish()
  const head = new FieldWriter(fetchReplyBytes + optionalBytes.byteLength)
  head.uint8(version)
  head.uint8(optionalFlags(reply))
  head.uint16(errorNumber(reply.error))
  head.uint32(optionalBytes.byteLength)
  head.int64(reply.highWatermark)
  head.int64(reply.logStartOffset)
  head.bytes(optionalBytes)
  const first = head.finish()
  return {
    pieces: [first, ...reply.batches.pieces],
    byteLength: first.byteLength + reply.batches.byteLength,
  }
}

/** Throws QUORATE_INVALID_REQUEST. Batches refer to the bytes given and are not validated. */
export function decodeFetchReply(bytes: Chunks | Uint8Array): FetchReply {
  const cursor = new ChunkCursor(bytes)
  const head = readerOf(cursor, fetchReplyBytes)
  readVersion(head)
  const flags = head.uint8()
  const number = head.uint16()
  const optionalFields = readerOf(cursor, head.uint32())
  const highWatermark = head.int64()
  const logStartOffset = head.int64()
  const optional = readOptional(optionalFields, flags, number)
  if (optionalFields.remaining !== 0) throw invalid('bytes after the detail')
  return { highWatermark, logStartOffset, ...optional, batches: cursor.take(cursor.remaining) }
}

interface Optional {
  readonly error?: ErrorCode
  readonly leader?: LeaderHint
  readonly detail?: string
}

function optionalFlags({ leader, detail }: Optional): number {
  return (leader === undefined ? 0 : flagLeader) | (detail === undefined ? 0 : flagDetail)
}

function writeOptional(fields: FieldWriter, { leader, detail }: Optional): void {
  if (leader !== undefined) {
    fields.uint64(leader.term)
    fields.string(leader.node)
    fields.string(leader.address)
  }
  if (detail !== undefined) fields.string(detail.slice(0, maxDetailLength))
}

function readOptional(fields: FieldReader, flags: number, number: number): Optional {
  if ((flags & ~(flagLeader | flagDetail)) !== 0) throw invalid(`flags ${flags}`)
  const leader = (flags & flagLeader) === 0 ? undefined : readLeader(fields)
  const stated = (flags & flagDetail) === 0 ? undefined : fields.string()
  const known = errorByNumber(number)
  const error = number === 0 ? undefined : (known ?? 'QUORATE_INTERNAL')
  const detail = number === 0 || known ? stated : `error ${number} ${stated ?? ''}`.trimEnd()
  return {
    ...(error === undefined ? {} : { error }),
    ...(leader === undefined ? {} : { leader }),
    ...(detail === undefined ? {} : { detail }),
  }
}

function readLeader(fields: FieldReader): LeaderHint {
  const term = fields.uint64()
  return { term, node: fields.string(), address: fields.string() }
}

function errorNumber(code: ErrorCode | undefined): number {
  return code === undefined ? 0 : errorByCode(code).number
}

/** The next bytes as fields: the one place where a length from the wire is believed. */
function readerOf(cursor: ChunkCursor, byteLength: number): FieldReader {
  if (byteLength > cursor.remaining) throw invalid('message is cut off')
  return new FieldReader(cursor.takeJoined(byteLength))
}

function readVersion(fields: FieldReader): void {
  const found = fields.uint8()
  if (found !== version) throw invalid(`version ${found}`)
}

function readCount(fields: FieldReader): number {
  readVersion(fields)
  readZero(fields.uint8())
  return fields.uint16()
}

function readZero(value: number): void {
  if (value !== 0) throw invalid('a reserved byte is not 0')
}

function invalid(detail: string): QuorateError {
  return new QuorateError('QUORATE_INVALID_REQUEST', detail)
}
