// Brings a request of a simple client to the leader of a partition, wherever it is: served here,
// forwarded once to the leader's node, or tried again while there is no leader. Only refusals that
// are certain not to have applied are tried again: an unknown outcome goes back to the client.
import type { ActorRef } from '@quorate/actors'
import { type ErrorCode, QuorateError } from '@quorate/protocol'
import type { ApiReply, ApiRequest } from '../doors/api.ts'
import { limits } from '../limits.ts'
import type { PartitionMessage } from '../partition/partition-message.ts'
import type { GroupId } from '../storage/log-entry.ts'
import { answering } from './answering.ts'
import type { Broker } from './broker.ts'

export type LocalOutcome<Answer> =
  | { readonly answer: Answer }
  /** Refused without anything being done; the leader may be elsewhere by now. */
  | { readonly retry: ErrorCode }
  | { readonly failed: QuorateError }

export interface LeaderAttempt<Answer> {
  readonly group: GroupId
  readonly request: ApiRequest
  /** It changes nothing: an attempt whose outcome is unknown is made again. */
  readonly repeatable: boolean
  /** Asks the replica on this node. */
  local(partition: ActorRef<PartitionMessage>, done: (outcome: LocalOutcome<Answer>) => void): void
  answered(answer: Answer): void
  /** The leader's node has answered in our place. */
  forwarded(reply: ApiReply): void
  failed(error: QuorateError): void
}

const retryMs = 50
/** Refusals of a peer that say: not applied, and not here. */
const elsewhere: ReadonlySet<string> = new Set<ErrorCode>([
  'QUORATE_NOT_LEADER',
  'QUORATE_NO_LEADER',
  'QUORATE_SHUTTING_DOWN',
])

export function atLeader<Answer>(broker: Broker, attempt: LeaderAttempt<Answer>): void {
  new Journey(broker, attempt).tryOnce()
}

class Journey<Answer> {
  readonly #broker: Broker
  readonly #attempt: LeaderAttempt<Answer>
  readonly #untilMs: number

  constructor(broker: Broker, attempt: LeaderAttempt<Answer>) {
    this.#broker = broker
    this.#attempt = attempt
    const longestMs = broker.monotonicMs() + limits.plainRequestTimeoutMs
    this.#untilMs = Math.min(attempt.request.deadlineMs ?? longestMs, longestMs)
  }

  tryOnce(): void {
    const { group, request } = this.#attempt
    const broker = this.#broker
    const leader = broker.leaders.get(group)?.node
    const partition = broker.partition(group)
    if (broker.metadata().topicById(group.topicId) === undefined) {
      this.#attempt.failed(new QuorateError('QUORATE_UNKNOWN_TOPIC', 'it was deleted'))
    } else if (leader === broker.node && partition !== undefined) this.#serve(partition)
    else if (leader === undefined || leader === broker.node) this.#again('QUORATE_NO_LEADER')
    else if (request.origin === 'peer') this.#again('QUORATE_NOT_LEADER')
    else this.#forward(leader)
  }

  #serve(partition: ActorRef<PartitionMessage>): void {
    this.#attempt.local(partition, (outcome) => {
      if ('answer' in outcome) this.#attempt.answered(outcome.answer)
      else if ('retry' in outcome) this.#again(outcome.retry)
      else this.#attempt.failed(outcome.failed)
    })
  }

  #forward(leader: string): void {
    const { request, repeatable } = this.#attempt
    const leftMs = Math.max(1, this.#untilMs - this.#broker.monotonicMs())
    const done = (error: QuorateError | undefined, reply: ApiReply | undefined): void => {
      if (error !== undefined) {
        const isSafe = repeatable || error.outcome === 'not-applied'
        if (isSafe && error.retriable) this.#again(error.code)
        else this.#attempt.failed(error)
        return
      }
      const code = reply!.headers?.['q-error']
      if (code !== undefined && elsewhere.has(code)) this.#again(code as ErrorCode)
      else this.#attempt.forwarded(reply!)
    }
    this.#broker.forward(leader, request, leftMs, answering(this.#broker, request, done))
  }

  /** A peer asked on somebody's behalf, who will try again himself. */
  #again(code: ErrorCode): void {
    const { request } = this.#attempt
    const isLate = this.#broker.monotonicMs() + retryMs >= this.#untilMs
    if (request.origin === 'peer' || isLate) this.#attempt.failed(new QuorateError(code))
    else
      this.#broker.after(
        retryMs,
        answering(this.#broker, request, () => this.tryOnce()),
      )
  }
}
