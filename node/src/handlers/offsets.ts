// `offsets`: the earliest or latest offset of a partition, or the first at or after a time. Answers
// are linearizable: the leader confirms that it leads before it speaks.
import { QuorateError } from '@quorate/protocol'
import { type ApiRequest, errorReply, jsonReply } from '../doors/api.ts'
import type { OffsetPosition, OffsetsAnswer } from '../partition/partition-message.ts'
import { atLeader } from './at-leader.ts'
import type { Broker } from './broker.ts'
import { invalidRequest, jsonBody, wholeNumber } from './json-body.ts'
import { resolveTopic } from './resolve-topic.ts'

export function handleOffsets(broker: Broker, request: ApiRequest): void {
  const body = jsonBody(request.payload)
  const partition = wholeNumber(body, 'partition')
  const at = positionOf(body['at'])
  resolveTopic(broker, request.topic!, { forProduce: false }, (resolution) => {
    if ('error' in resolution) {
      request.respond(errorReply(resolution.error))
      return
    }
    const { topic } = resolution
    if (partition >= topic.partitions.length) {
      request.respond(
        errorReply(
          new QuorateError(
            'QUORATE_INVALID_ARGUMENT',
            `partition ${partition}; ${topic.name} has ${topic.partitions.length}`,
          ),
        ),
      )
      return
    }
    atLeader<Extract<OffsetsAnswer, { offset: number }>>(broker, {
      group: { topicId: topic.id, partition },
      request,
      local: (replica, done) => {
        const sent = replica.send({
          type: 'offsets',
          at,
          respond: (answer) => done('error' in answer ? { retry: answer.error } : { answer }),
        })
        if (!sent) done({ retry: 'QUORATE_OVERLOADED' })
      },
      answered: (answer) => request.respond(jsonReply({ partition, ...answer })),
      forwarded: (reply) => request.respond(reply),
      failed: (error) => request.respond(errorReply(error)),
    })
  })
}

function positionOf(at: unknown): OffsetPosition {
  if (at === 'earliest' || at === 'latest') return at
  const timeMs = (at as { timeMs?: unknown } | null)?.timeMs
  if (typeof timeMs === 'number' && Number.isFinite(timeMs)) return { timeMs }
  throw invalidRequest("at is 'earliest', 'latest' or { timeMs }")
}
