// `produce`: one record from a plain NATS client, as raw bytes, sent to any node. The record becomes
// a batch of its own without a producer id: accepted, not deduplicated. Previous stop:
// a door's connection; next stop: the partition actor, here or on the leader's node.
import {
  encodeBatch,
  headerNames,
  joinChunks,
  maxBatchBytes,
  partitionForKey,
  QuorateError,
  type RecordHeader,
  type WriteResult,
} from '@quorate/protocol'
import { type ApiRequest, errorReply, jsonReply, type ReadonlyHeaders } from '../doors/api.ts'
import type { Topic } from '../metadata/machine.ts'
import { answering } from './answering.ts'
import { atLeader } from './at-leader.ts'
import type { Broker, TopicResolution } from './broker.ts'
import { resolveTopic } from './resolve-topic.ts'
import { writeBatch } from './write.ts'

const encoder = new TextEncoder()

export function handleProduce(broker: Broker, request: ApiRequest, wallMs: () => number): void {
  const done = answering(broker, request, (resolution: TopicResolution) => {
    if ('error' in resolution) request.respond(errorReply(resolution.error))
    else produceTo(broker, request, resolution.topic, wallMs())
  })
  resolveTopic(broker, request.topic!, { forProduce: true }, done)
}

function produceTo(broker: Broker, request: ApiRequest, topic: Topic, timestampMs: number): void {
  const key = request.headers?.get(headerNames.key)
  const record = {
    key: key === undefined ? null : encoder.encode(key),
    value: joinChunks(request.payload),
    headers: recordHeaders(request.headers),
    timestampMs,
  }
  const batch = encodeBatch([record], { producerId: -1, producerEpoch: -1, baseSequence: -1 })
  if (batch.byteLength > maxBatchBytes) {
    throw new QuorateError('QUORATE_RECORD_TOO_LARGE', `${record.value.byteLength} bytes`)
  }
  const partition = choosePartition(broker, request, topic, key)
  const chunks = { pieces: [batch], byteLength: batch.byteLength }
  const item = { topicId: topic.id, partition, batch: chunks }
  atLeader<WriteResult>(broker, {
    group: item,
    repeatable: false,
    // The leader's node chooses nothing: the partition travels with the forwarded request.
    request: { ...request, headers: withPartition(request.headers, partition) },
    local: (_partition, done) => {
      writeBatch(broker, item, (result) => {
        if (result.error === 'QUORATE_NOT_LEADER') done({ retry: result.error })
        else done({ answer: result })
      })
    },
    answered: (result) => {
      const { error, detail, offset, duplicate } = result
      if (error !== undefined) request.respond(errorReply(new QuorateError(error, detail)))
      else request.respond(jsonReply({ topic: topic.name, partition, offset, duplicate }))
    },
    forwarded: (reply) => request.respond(reply),
    failed: (error) => request.respond(errorReply(error)),
  })
}

function choosePartition(
  broker: Broker,
  request: ApiRequest,
  topic: Topic,
  key: string | undefined,
): number {
  const count = topic.partitions.length
  const wanted = request.headers?.get(headerNames.partition)
  if (wanted !== undefined) {
    const partition = /^\d{1,9}$/.test(wanted) ? Number(wanted) : count
    if (partition >= count) {
      throw new QuorateError(
        'QUORATE_INVALID_ARGUMENT',
        `${headerNames.partition} is ${wanted}; ${topic.name} has partitions 0 to ${count - 1}`,
      )
    }
    return partition
  }
  if (key !== undefined) return partitionForKey(key, count)
  return broker.draw(`produce/${topic.id}`, count)
}

function recordHeaders(headers: ReadonlyHeaders | undefined): RecordHeader[] {
  const kept: RecordHeader[] = []
  for (const [name, value] of headers?.entries ?? []) {
    if (name.toLowerCase().startsWith('q-')) continue
    kept.push({ key: name, value: encoder.encode(value) })
  }
  return kept
}

function withPartition(headers: ReadonlyHeaders | undefined, partition: number): ReadonlyHeaders {
  const entries: (readonly [string, string])[] = []
  for (const entry of headers?.entries ?? []) {
    if (entry[0].toLowerCase() !== headerNames.partition) entries.push(entry)
  }
  entries.push([headerNames.partition, String(partition)])
  return {
    entries,
    get: (name) => entries.find(([known]) => known.toLowerCase() === name.toLowerCase())?.[1],
  }
}
