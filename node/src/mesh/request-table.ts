// The actor that knows which forwarded requests wait for an answer, and gives each asker exactly one:
// the reply, or an error whose outcome is as certain as can be. Not sent is not applied; sent and
// unanswered is unknown. Previous stop: mesh.ts; next: the bulk link of the peer, and back the asker.
import type { Actor, ActorContext, ActorRef } from '@quorate/actors'
import { type Chunks, QuorateError } from '@quorate/protocol'
import { type MeshReply, prepareRequest, type ReplyItem } from './call-codec.ts'
import type { PeerLinkMessage } from './peer-link.ts'

export type RequestDone = (error: QuorateError | undefined, reply: MeshReply | undefined) => void

export interface RequestCommand {
  readonly type: 'request'
  readonly toNode: string
  readonly subject: string
  readonly headers: Iterable<readonly [name: string, value: string]>
  readonly payload: Chunks
  readonly timeoutMs: number
  readonly done: RequestDone
}

export type RequestTableMessage =
  | RequestCommand
  | { readonly type: 'reply'; readonly fromNode: string; readonly item: ReplyItem }
  /** Nothing of these was sent. */
  | { readonly type: 'refused'; readonly ids: readonly number[]; readonly error: QuorateError }
  /** The peer's process is gone: it will not answer. */
  | { readonly type: 'lost'; readonly node: string }
  | { readonly type: 'expire' }

export interface RequestTableOptions {
  /** Session of this process; comes back in each reply. */
  readonly session: number
  readonly outstandingMax: number
  readonly counters: RequestCounters
  /** The bulk link to a node; undefined when there is no such node. */
  link(node: string): ActorRef<PeerLinkMessage> | undefined
}

export interface RequestCounters {
  sent: number
  outstanding: number
  timedOut: number
}

interface Outstanding {
  readonly node: string
  readonly done: RequestDone
}

/** Deadlines are met to this exactness, so that one timer serves all of a moment. */
const deadlineStepMs = 20

export class RequestTable implements Actor<RequestTableMessage> {
  readonly #options: RequestTableOptions
  readonly #outstanding = new Map<number, Outstanding>()
  /** Ids by the step in which they expire; a step is removed when it has passed. */
  readonly #deadlines = new Map<number, number[]>()
  /** Step the timer is set for; infinite when it is not set. Invariant: at most the earliest. */
  #armedStep = Number.POSITIVE_INFINITY
  #lastId = 0
  #context!: ActorContext<RequestTableMessage>

  constructor(options: RequestTableOptions) {
    this.#options = options
  }

  started(context: ActorContext<RequestTableMessage>): void {
    this.#context = context
  }

  /** Nobody answers any more: neither the peers, whose replies go nowhere, nor this actor. */
  stopped(): void {
    for (const id of [...this.#outstanding.keys()]) {
      this.#settle(id, new QuorateError('QUORATE_UNKNOWN_OUTCOME', 'the mesh has stopped'))
    }
  }

  receive(message: RequestTableMessage): void {
    switch (message.type) {
      case 'request':
        this.#request(message)
        return
      case 'reply':
        this.#reply(message.fromNode, message.item)
        return
      case 'refused':
        for (const id of message.ids) this.#settle(id, message.error)
        return
      case 'lost':
        this.#lost(message.node)
        return
      case 'expire':
        this.#expire()
        return
    }
  }

  #request(command: RequestCommand): void {
    const { toNode, subject, headers, payload, timeoutMs, done } = command
    const { link, outstandingMax, counters } = this.#options
    const ref = link(toNode)
    if (ref === undefined) {
      done(new QuorateError('QUORATE_CONNECTION_FAILED', `no node ${toNode} is known`), undefined)
      return
    }
    if (this.#outstanding.size >= outstandingMax) {
      done(new QuorateError('QUORATE_OVERLOADED', 'requests between nodes'), undefined)
      return
    }
    this.#lastId += 1
    const id = this.#lastId
    let item: ReturnType<typeof prepareRequest>
    try {
      item = prepareRequest(id, timeoutMs, subject, headers, payload)
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error
      done(error, undefined)
      return
    }
    this.#outstanding.set(id, { node: toNode, done })
    counters.outstanding = this.#outstanding.size
    counters.sent += 1
    this.#arm(id, timeoutMs)
    if (!ref.send({ type: 'item', item, id })) {
      this.#settle(id, new QuorateError('QUORATE_OVERLOADED', `link to node ${toNode}`))
    }
  }

  #reply(fromNode: string, { id, session, outcome }: ReplyItem): void {
    if (session !== this.#options.session) return
    if (this.#outstanding.get(id)?.node !== fromNode) return
    this.#settle(id, outcome)
  }

  #lost(node: string): void {
    for (const [id, request] of [...this.#outstanding]) {
      if (request.node !== node) continue
      this.#settle(id, new QuorateError('QUORATE_UNKNOWN_OUTCOME', `node ${node} has gone`))
    }
  }

  #settle(id: number, outcome: QuorateError | MeshReply): void {
    const request = this.#outstanding.get(id)
    if (request === undefined) return
    this.#outstanding.delete(id)
    this.#options.counters.outstanding = this.#outstanding.size
    if (outcome instanceof QuorateError) request.done(outcome, undefined)
    else request.done(undefined, outcome)
  }

  #arm(id: number, timeoutMs: number): void {
    const deadlineMs = this.#context.clock.monotonicMs() + Math.max(0, timeoutMs)
    const step = Math.ceil(deadlineMs / deadlineStepMs)
    const ids = this.#deadlines.get(step)
    if (ids === undefined) this.#deadlines.set(step, [id])
    else ids.push(id)
    if (step < this.#armedStep) this.#armTimer(step)
  }

  #armTimer(step: number): void {
    this.#armedStep = step
    const delayMs = step * deadlineStepMs - this.#context.clock.monotonicMs()
    this.#context.setTimer('expire', Math.max(0, delayMs), { type: 'expire' })
  }

  #expire(): void {
    this.#armedStep = Number.POSITIVE_INFINITY
    const nowStep = Math.floor(this.#context.clock.monotonicMs() / deadlineStepMs)
    let earliest = Number.POSITIVE_INFINITY
    for (const [step, ids] of [...this.#deadlines]) {
      if (step > nowStep) {
        earliest = Math.min(earliest, step)
        continue
      }
      this.#deadlines.delete(step)
      for (const id of ids) this.#timeOut(id)
    }
    if (earliest < this.#armedStep) this.#armTimer(earliest)
  }

  #timeOut(id: number): void {
    if (!this.#outstanding.has(id)) return
    this.#options.counters.timedOut += 1
    this.#settle(id, new QuorateError('QUORATE_TIMEOUT', 'no reply from the other node'))
  }
}
