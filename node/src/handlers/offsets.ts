// `offsets`: the earliest or latest offset of a partition, or the first at or after a time. Answers
// are linearizable: the leader confirms that it leads before it speaks.
import { QuorateError } from '@quorate/protocol'
import { type ApiRequest, errorReply, jsonReply } from '../doors/api.ts'
import type { OffsetPosition, OffsetsAnswer } from '../partition/partition-message.ts'
import type { GroupId } from '../storage/log-entry.ts'
import { answering } from './answering.ts'
import { atLeader, type LocalOutcome } from './at-leader.ts'
import type { Broker, TopicResolution } from './broker.ts'
import { invalidRequest, jsonBody, optionalWholeNumber, wholeNumber } from './json-body.ts'
import { resolveTopic, unknownTopic } from './resolve-topic.ts'

export function handleOffsets(broker: Broker, request: ApiRequest): void {
  const body = jsonBody(request.payload)
  const partition = wholeNumber(body, 'partition')
  const at = positionOf(body['at'])
  const topicId = optionalWholeNumber(body, 'topicId')
  const done = answering(broker, request, (resolution: TopicResolution) => {
    if ('error' in resolution) throw resolution.error
    const { topic } = resolution
    // A name created again is another topic.
    if (topicId !== undefined && topicId !== topic.id) throw unknownTopic(topic.name)
    if (partition >= topic.partitions.length) {
      const detail = `partition ${partition}; ${topic.name} has ${topic.partitions.length}`
      throw new QuorateError('QUORATE_INVALID_ARGUMENT', detail)
    }
    askLeader(broker, request, { topicId: topic.id, partition }, at)
  })
  resolveTopic(broker, request.topic!, { forProduce: false }, done)
}

type Position = Extract<OffsetsAnswer, { offset: number }>

function askLeader(broker: Broker, request: ApiRequest, group: GroupId, at: OffsetPosition): void {
  const { partition } = group
  atLeader<Position>(broker, {
    group,
    request,
    repeatable: true,
    local: (replica, done) => {
      const respond = (answer: OffsetsAnswer) => done(outcomeOf(answer))
      if (!replica.send({ type: 'offsets', at, respond })) done({ retry: 'QUORATE_OVERLOADED' })
    },
    answered: (answer) => request.respond(jsonReply({ partition, ...answer })),
    forwarded: (reply) => request.respond(reply),
    failed: (error) => request.respond(errorReply(error)),
  })
}

function outcomeOf(answer: OffsetsAnswer): LocalOutcome<Position> {
  if (!('error' in answer)) return { answer }
  if (answer.error === 'QUORATE_NOT_LEADER') return { retry: answer.error }
  return { failed: new QuorateError(answer.error, undefined, { outcome: 'none' }) }
}

function positionOf(at: unknown): OffsetPosition {
  if (at === 'earliest' || at === 'latest') return at
  const timeMs = (at as { timeMs?: unknown } | null)?.timeMs
  if (typeof timeMs === 'number' && Number.isFinite(timeMs)) return { timeMs }
  throw invalidRequest("at is 'earliest', 'latest' or { timeMs }")
}
