// Questions between nodes, JSON in and out over the mesh: proposals and reads of the metadata group
// on their way to its leader, and what describe and status ask of each node. Subjects start with
// `$Q.internal.` and are served only over proven mesh links. Next stops: the metadata actor, the
// partition actors of this node.
import type { ActorRef } from '@quorate/actors'
import { type ErrorCode, QuorateError } from '@quorate/protocol'
import { type ApiReply, errorReply, jsonReply } from '../doors/api.ts'
import type { MetadataMessage, Outcome } from '../metadata/metadata-message.ts'
import { parseMetadataRequest } from '../metadata/metadata-request.ts'
import type { Broker } from './broker.ts'
import { describeHere, describeQuestion } from './describe.ts'
import { invalidRequest, type JsonBody, wholeNumber } from './json-body.ts'
import { statusQuestion } from './status.ts'

export const internalPrefix = '$Q.internal.'
export const proposeQuestion = 'metadata.propose'
export const readQuestion = 'metadata.read'

export function answerNode(
  broker: Broker,
  metadata: ActorRef<MetadataMessage>,
  question: string,
  body: JsonBody,
  respond: (reply: ApiReply) => void,
): void {
  switch (question) {
    case describeQuestion:
      describeHere(broker, wholeNumber(body, 'topicId'), wholeNumber(body, 'partitions'), (found) =>
        respond(jsonReply({ answer: found })),
      )
      return
    case statusQuestion:
      respond(jsonReply({ answer: broker.status() }))
      return
    case proposeQuestion: {
      const request = parseMetadataRequest(body['request'])
      const answer = (outcome: Outcome<unknown>) => respond(outcomeReply(outcome))
      if (!metadata.send({ type: 'peer-propose', request, respond: answer })) respond(overloaded())
      return
    }
    case readQuestion: {
      const answer = (outcome: Outcome<unknown>) => respond(outcomeReply(outcome))
      if (!metadata.send({ type: 'peer-read', respond: answer })) respond(overloaded())
      return
    }
    default:
      throw invalidRequest(`question ${question}`)
  }
}

/** Reads what `answerNode` of a peer wrote. */
export function readAnswer(body: JsonBody): { answer: unknown } | { error: QuorateError } {
  const error = body['error'] as { code: ErrorCode; detail?: string } | undefined
  if (error !== undefined) return { error: new QuorateError(error.code, error.detail) }
  return { answer: body['answer'] }
}

function outcomeReply(outcome: Outcome<unknown>): ApiReply {
  return 'error' in outcome ? errorReply(outcome.error) : jsonReply({ answer: outcome.value })
}

function overloaded(): ApiReply {
  return errorReply(new QuorateError('QUORATE_OVERLOADED'))
}
