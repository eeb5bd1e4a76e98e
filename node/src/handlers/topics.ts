// `create`, `delete`, `list`: topics as committed in the metadata group. Answers come after this
// node has applied the change, so that the next request through it sees it.
import { QuorateError, validTopicName } from '@quorate/protocol'
import { type ApiRequest, errorReply, jsonReply } from '../doors/api.ts'
import { limits } from '../limits.ts'
import type { CommandReply, Topic } from '../metadata/machine.ts'
import type { Outcome } from '../metadata/metadata-message.ts'
import type { MetadataRequest } from '../metadata/metadata-request.ts'
import { adminChange } from './admin-change.ts'
import { answering } from './answering.ts'
import type { Broker } from './broker.ts'
import { jsonBody, optionalLimit, optionalWholeNumber } from './json-body.ts'
import { defaultReplicas, unknownTopic } from './resolve-topic.ts'

export function handleCreate(broker: Broker, request: ApiRequest): void {
  const name = request.topic!
  if (!validTopicName(name)) throw new QuorateError('QUORATE_INVALID_TOPIC', name)
  const body = jsonBody(request.payload)
  const config: Record<string, number> = {}
  for (const option of ['retentionMs', 'retentionBytes', 'segmentBytes', 'segmentMs']) {
    const value = optionalLimit(body, option)
    if (value !== undefined) config[option] = value
  }
  const command: MetadataRequest = {
    kind: 'create-topic',
    requestId: broker.requestId(),
    name,
    partitions: optionalWholeNumber(body, 'partitions') ?? limits.autoCreatePartitions,
    replicas: optionalWholeNumber(body, 'replicas') ?? defaultReplicas(broker),
    config,
  }
  adminChange(broker, request, command, () => {
    const topic = broker.metadata().topicByName(name)
    // Deleted again before this answer: the creation itself was done.
    return topic === undefined ? { topic: name } : summaryOf(topic)
  })
}

export function handleDelete(broker: Broker, request: ApiRequest): void {
  const name = request.topic!
  const command: MetadataRequest = {
    kind: 'delete-topic',
    requestId: broker.requestId(),
    name,
  }
  const answer = ({ topicId }: CommandReply) => ({
    topic: name,
    ...(topicId === undefined ? {} : { topicId }),
  })
  adminChange(broker, request, command, answer, (error) => withTopic(error, name))
}

export function handleList(broker: Broker, request: ApiRequest): void {
  const deadlineMs = broker.monotonicMs() + limits.adminTimeoutMs
  const done = answering(broker, request, (outcome: Outcome<number>) => {
    if ('error' in outcome) request.respond(errorReply(outcome.error))
    else request.respond(jsonReply({ topics: broker.metadata().topics().map(summaryOf) }))
  })
  broker.synchronize(deadlineMs, done)
}

export function summaryOf(topic: Topic): Record<string, unknown> {
  return {
    topic: topic.name,
    topicId: topic.id,
    partitions: topic.partitions.length,
    replicas: topic.partitions[0]?.replicas.length ?? 0,
    ...topic.config,
  }
}

function withTopic(error: QuorateError, name: string): QuorateError {
  return error.code === 'QUORATE_UNKNOWN_TOPIC' ? unknownTopic(name) : error
}
