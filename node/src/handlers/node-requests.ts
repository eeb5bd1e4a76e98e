// Questions between nodes, JSON in and out over the mesh: proposals and reads of the metadata group
// on their way to its leader, and what describe and status ask of each node. Subjects start with
// `$Q.internal.` and are served only over proven mesh links. Answers are read by node-answers.ts.
// Next stops: the metadata actor, the partition actors of this node.
import type { ActorRef } from '@quorate/actors'
import { QuorateError } from '@quorate/protocol'
import { type ApiReply, errorReply, jsonReply } from '../doors/api.ts'
import { limits } from '../limits.ts'
import type { MetadataMessage, Outcome } from '../metadata/metadata-message.ts'
import { parseMetadataRequest } from '../metadata/metadata-request.ts'
import type { Broker } from './broker.ts'
import { describeHere, describeQuestion } from './describe.ts'
import { giveUpHere, giveUpQuestion } from './give-up.ts'
import { groupsHere, groupsQuestion } from './groups.ts'
import { invalidRequest, type JsonBody, wholeNumber } from './json-body.ts'
import { membersQuestion } from './members.ts'
import { statusQuestion } from './status.ts'

export const internalPrefix = '$Q.internal.'
export const proposeQuestion = 'metadata.propose'
export const readQuestion = 'metadata.read'

/** Throws QUORATE_INVALID_REQUEST. `respond` is called once otherwise. */
export function answerNode(
  broker: Broker,
  metadata: ActorRef<MetadataMessage>,
  question: string,
  body: JsonBody,
  respond: (reply: ApiReply) => void,
): void {
  const answer = (outcome: Outcome<unknown>) => respond(outcomeReply(outcome))
  switch (question) {
    case describeQuestion: {
      const partitions = Math.min(wholeNumber(body, 'partitions'), limits.partitionsPerTopicMax)
      describeHere(broker, wholeNumber(body, 'topicId'), partitions, (found) =>
        answer({ value: found }),
      )
      return
    }
    case statusQuestion:
      answer({ value: broker.status() })
      return
    case groupsQuestion: {
      const { without } = body
      groupsHere(broker, typeof without === 'string' ? without : '', (found) =>
        answer({ value: found }),
      )
      return
    }
    case giveUpQuestion:
      giveUpHere(broker, body, answer)
      return
    case membersQuestion:
      answer({ value: broker.members() })
      return
    case proposeQuestion: {
      const request = parseMetadataRequest(body['request'])
      const sent = metadata.send({ type: 'peer-propose', request, respond: answer })
      if (!sent) answer({ error: new QuorateError('QUORATE_OVERLOADED') })
      return
    }
    case readQuestion: {
      const sent = metadata.send({ type: 'peer-read', respond: answer })
      if (!sent) answer({ error: new QuorateError('QUORATE_OVERLOADED') })
      return
    }
    default:
      throw invalidRequest(`question ${question}`)
  }
}

function outcomeReply(outcome: Outcome<unknown>): ApiReply {
  return 'error' in outcome ? errorReply(outcome.error) : jsonReply({ answer: outcome.value })
}
