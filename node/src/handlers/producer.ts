// `producer`: a producer id that nobody else has or ever had. Ids come in blocks out of the metadata
// group, one block per node at a time; what is left of a block when the node stops is never used.
import { QuorateError } from '@quorate/protocol'
import { type ApiRequest, errorReply, jsonReply } from '../doors/api.ts'
import { limits } from '../limits.ts'
import type { Outcome, ProposalResult } from '../metadata/metadata-message.ts'
import type { Broker } from './broker.ts'

export class ProducerIds {
  #next = 0
  #end = 0
  #waiting: ApiRequest[] = []

  handle(broker: Broker, request: ApiRequest): void {
    if (this.#next < this.#end) {
      this.#give(request)
      return
    }
    this.#waiting.push(request)
    if (this.#waiting.length === 1) this.#fetchBlock(broker)
  }

  #give(request: ApiRequest): void {
    request.respond(jsonReply({ producerId: this.#next, epoch: 0 }))
    this.#next += 1
  }

  #fetchBlock(broker: Broker): void {
    const deadlineMs = broker.monotonicMs() + limits.adminTimeoutMs
    const command = {
      kind: 'allocate-producer-ids' as const,
      requestId: broker.requestId(),
      nodeId: broker.node,
      count: limits.producerIdBlock,
    }
    broker.propose(command, deadlineMs, (outcome) => {
      const waiting = this.#waiting
      this.#waiting = []
      const block = blockOf(outcome)
      if (block instanceof QuorateError) {
        for (const request of waiting) request.respond(errorReply(block))
        return
      }
      this.#next = block.firstId
      this.#end = block.firstId + block.count
      for (const request of waiting) this.handle(broker, request)
    })
  }
}

function blockOf(
  outcome: Outcome<ProposalResult>,
): QuorateError | { firstId: number; count: number } {
  if ('error' in outcome) return outcome.error
  const { error, firstId, count } = outcome.value.reply
  if (error !== undefined) return new QuorateError(error.code, error.detail)
  // An empty block would be asked for again and again.
  if (firstId === undefined || count === undefined || count < 1) {
    return new QuorateError('QUORATE_INTERNAL', 'no producer ids were given')
  }
  return { firstId, count }
}
