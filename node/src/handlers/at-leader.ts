// Brings a request of a simple client to the leader of a partition, wherever it is: served here,
// forwarded once to the leader's node, or tried again while there is no leader. Only refusals that
// are certain not to have applied are tried again: an unknown outcome goes back to the client.

import type { ActorRef } from '@quorate/actors'
import { type ErrorCode, QuorateError } from '@quorate/protocol'
import type { ApiReply, ApiRequest } from '../doors/api.ts'
import { limits } from '../limits.ts'
import type { PartitionMessage } from '../partition/partition-message.ts'
import type { GroupId } from '../storage/log-entry.ts'
import type { Broker } from './broker.ts'

export interface LeaderAttempt<Answer> {
  readonly group: GroupId
  readonly request: ApiRequest
  /** Asks the replica on this node; `retry` names a refusal that applied nothing. */
  local(
    partition: ActorRef<PartitionMessage>,
    done: (outcome: { readonly answer: Answer } | { readonly retry: ErrorCode }) => void,
  ): void
  answered(answer: Answer): void
  /** The leader's node has answered in our place. */
  forwarded(reply: ApiReply): void
  failed(error: QuorateError): void
}

const retryMs = 50

export function atLeader<Answer>(broker: Broker, attempt: LeaderAttempt<Answer>): void {
  const timeoutMs = limits.plainRequestTimeoutMs
  const untilMs = Math.min(
    attempt.request.deadlineMs ?? Number.POSITIVE_INFINITY,
    broker.monotonicMs() + timeoutMs,
  )
  const again = (code: ErrorCode) => {
    if (attempt.request.origin === 'peer' || broker.monotonicMs() + retryMs >= untilMs) {
      attempt.failed(new QuorateError(code))
    } else broker.after(retryMs, tryOnce)
  }
  const tryOnce = () => {
    const leader = broker.leaders.get(attempt.group)?.node
    const partition = broker.partition(attempt.group)
    if (leader === broker.node && partition !== undefined) {
      attempt.local(partition, (outcome) => {
        if ('answer' in outcome) attempt.answered(outcome.answer)
        else again(outcome.retry)
      })
    } else if (leader === undefined || leader === broker.node) {
      again('QUORATE_NO_LEADER')
    } else if (attempt.request.origin === 'peer') {
      attempt.failed(new QuorateError('QUORATE_NOT_LEADER'))
    } else forward(leader)
  }
  const forward = (leader: string) => {
    const leftMs = Math.max(1, untilMs - broker.monotonicMs())
    broker.forward(leader, attempt.request, leftMs, (error, reply) => {
      if (error !== undefined) {
        if (error.outcome === 'not-applied') again(error.code)
        else attempt.failed(error)
        return
      }
      const code = reply!.headers?.['q-error']
      if (code === 'QUORATE_NOT_LEADER' || code === 'QUORATE_NO_LEADER') again(code)
      else attempt.forwarded(reply!)
    })
  }
  tryOnce()
}
