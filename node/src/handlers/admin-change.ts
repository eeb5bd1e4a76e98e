// A change of the metadata group on behalf of a client: proposed, and answered after this node has
// applied it, so that the next request through it sees it.
import { QuorateError } from '@quorate/protocol'
import { type ApiRequest, jsonReply } from '../doors/api.ts'
import { limits } from '../limits.ts'
import type { CommandReply } from '../metadata/machine.ts'
import type { Outcome, ProposalResult } from '../metadata/metadata-message.ts'
import type { MetadataRequest } from '../metadata/metadata-request.ts'
import { answering } from './answering.ts'
import type { Broker } from './broker.ts'

export function adminChange(
  broker: Broker,
  request: ApiRequest,
  command: MetadataRequest,
  answer: (reply: CommandReply, index: number) => unknown,
  explained: (error: QuorateError) => QuorateError = (error) => error,
): void {
  const deadlineMs = broker.monotonicMs() + limits.adminTimeoutMs
  const done = answering(broker, request, (outcome: Outcome<ProposalResult>) => {
    if ('error' in outcome) throw explained(outcome.error)
    const { index, reply } = outcome.value
    if (reply.error !== undefined) {
      throw explained(new QuorateError(reply.error.code, reply.error.detail))
    }
    // The change is done, whatever becomes of the read.
    const respond = () => request.respond(jsonReply(answer(reply, index)))
    broker.synchronize(deadlineMs, answering(broker, request, respond))
  })
  broker.propose(command, deadlineMs, done)
}
