// RecordBatch v2 and murmur2 as two other projects wrote them: kafkajs and @platformatic/kafka.
// Our encoder and decoder are compared with both. kafkajs has no public codec: its inner modules
// are loaded by path, which the exact version in package.json makes safe.
import { createRequire } from 'node:module'
import { createRecordsBatch, Reader, readRecordsBatch } from '@platformatic/kafka'
import type { BatchFields, DecodedRecord, RecordInput } from '../src/index.ts'

const require = createRequire(import.meta.url)
type Encoded = { buffer: Buffer }
const kafkajs = {
  batch: require('kafkajs/src/protocol/recordBatch/v0') as {
    RecordBatch(options: Record<string, unknown>): Promise<Encoded>
  },
  record: require('kafkajs/src/protocol/recordBatch/record/v0') as (
    options: Record<string, unknown>,
  ) => Encoded,
  decode: require('kafkajs/src/protocol/recordBatch/v0/decoder') as (decoder: unknown) => Promise<{
    firstOffset: string
    producerId: string
    producerEpoch: number
    firstSequence: number
    records: {
      offset: string
      timestamp: string
      key: Buffer | null
      value: Buffer | null
      headers: Record<string, Buffer | Buffer[]>
    }[]
  }>,
  Decoder: require('kafkajs/src/protocol/decoder') as new (buffer: Buffer) => unknown,
  murmur2: require('kafkajs/src/producer/partitioners/default/murmur2') as (key: Buffer) => number,
  Long: require('kafkajs/src/utils/long') as { fromValue(value: number): unknown },
}

const compressions = { none: 0, gzip: 1, zstd: 4 } as const

function headersObject(record: RecordInput): Record<string, Buffer[]> {
  const headers: Record<string, Buffer[]> = {}
  for (const { key, value } of record.headers ?? []) {
    headers[key] ??= []
    headers[key].push(value === null ? (null as never) : Buffer.from(value))
  }
  return headers
}

const buffer = (bytes: Uint8Array | null): Buffer | null => (bytes ? Buffer.from(bytes) : null)

/** kafkajs encodes no header without a value, no repeats that are not neighbours, and no zstd. */
export async function encodeWithKafkajs(
  records: readonly RecordInput[],
  fields: BatchFields,
): Promise<Uint8Array> {
  const first = records[0]!.timestampMs
  const { buffer: encoded } = await kafkajs.batch.RecordBatch({
    compression: compressions[fields.compression ?? 'none'],
    firstTimestamp: first,
    maxTimestamp: Math.max(...records.map((record) => record.timestampMs)),
    partitionLeaderEpoch: -1,
    lastOffsetDelta: records.length - 1,
    producerId: kafkajs.Long.fromValue(fields.producerId),
    producerEpoch: fields.producerEpoch,
    firstSequence: fields.baseSequence,
    records: records.map((record, offsetDelta) =>
      kafkajs.record({
        offsetDelta,
        timestampDelta: record.timestampMs - first,
        key: buffer(record.key),
        value: buffer(record.value),
        headers: headersObject(record),
      }),
    ),
  })
  return new Uint8Array(encoded)
}

export async function decodeWithKafkajs(batch: Uint8Array): Promise<{
  producer: [id: number, epoch: number, sequence: number]
  records: Omit<DecodedRecord, 'headers'>[]
  headers: Record<string, Buffer | Buffer[]>[]
}> {
  const decoded = await kafkajs.decode(new kafkajs.Decoder(Buffer.from(batch)))
  return {
    producer: [Number(decoded.producerId), decoded.producerEpoch, decoded.firstSequence],
    records: decoded.records.map(({ offset, timestamp, key, value }) => ({
      offset: Number(offset),
      timestampMs: Number(timestamp),
      key: key && new Uint8Array(key),
      value: value && new Uint8Array(value),
    })),
    headers: decoded.records.map(({ headers }) => headers),
  }
}

/**
 * @platformatic/dynamic-buffer 0.3.1 shifts by 31 instead of 63 bits in the zigzag of a 64-bit
 * integer: timestamp deltas beyond an int32 come out wrong. It reads them right.
 */
export function platformaticCanEncode(records: readonly RecordInput[]): boolean {
  const first = records[0]!.timestampMs
  return records.every(({ timestampMs }) => Math.abs(timestampMs - first) < 0x8000_0000)
}

export function encodeWithPlatformatic(
  records: readonly RecordInput[],
  fields: BatchFields,
): Uint8Array {
  const sequences = new Map([['t:0', fields.baseSequence]])
  const writer = createRecordsBatch(
    records.map((record) => ({
      topic: 't',
      partition: 0,
      timestamp: BigInt(record.timestampMs),
      key: buffer(record.key) as Buffer,
      value: buffer(record.value) as Buffer,
      headers: new Map(
        (record.headers ?? []).map(({ key, value }) => [Buffer.from(key), buffer(value) as Buffer]),
      ),
    })),
    {
      compression: fields.compression ?? 'none',
      producerId: BigInt(fields.producerId),
      producerEpoch: fields.producerEpoch,
      partitionLeaderEpoch: -1,
      sequences: {
        getWithDefault: (key: string, otherwise: number) => sequences.get(key) ?? otherwise,
      } as never,
    },
  )
  return new Uint8Array(writer.buffer)
}

export function decodeWithPlatformatic(batch: Uint8Array): {
  producer: [id: number, epoch: number, sequence: number]
  records: DecodedRecord[]
} {
  const decoded = readRecordsBatch(Reader.from(Buffer.from(batch)))
  return {
    producer: [Number(decoded.producerId), decoded.producerEpoch, decoded.firstSequence],
    records: decoded.records.map((record) => ({
      offset: Number(decoded.firstOffset) + record.offsetDelta,
      timestampMs: Number(decoded.firstTimestamp + record.timestampDelta),
      key: record.key && new Uint8Array(record.key),
      value: record.value && new Uint8Array(record.value),
      headers: record.headers.map(([key, value]) => ({
        key: String(key),
        value: value && new Uint8Array(value),
      })),
    })),
  }
}

export const kafkajsMurmur2: (key: Buffer) => number = kafkajs.murmur2
