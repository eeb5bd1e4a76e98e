// Small JSON requests to whichever node answers: producer ids, offsets, administration. Tries one
// node after the other inside a deadline. A request that must not be done twice is not repeated
// once a node may have seen it; its error then says that the outcome is unknown.
import type { TimerHandle } from '@quorate/actors'
import { QuorateError } from '@quorate/protocol'
import type { LinkMessage, RequestFailure } from '../link.ts'
import { Backoff } from './backoff.ts'
import type { Connections } from './connections.ts'
import type { Environment } from './environment.ts'
import { errorOfReply, jsonBytes, parseJson } from './reply.ts'

export interface CallOptions {
  readonly deadlineMs: number
  /** Doing it twice is the same as doing it once. */
  readonly repeatable: boolean
  /** The first attempt; default `callAttemptMs`. Each further one may take twice as long. */
  readonly attemptMs?: number
}

export type CallDone = (error: QuorateError | undefined, reply: unknown) => void

interface Call {
  readonly subject: string
  readonly payload: Uint8Array
  readonly repeatable: boolean
  readonly deadlineMs: number
  readonly backoff: Backoff
  /**
   * Doubles with each attempt: a node that itself waits for a silent peer answers in the end,
   * however long that takes, and one that is silent is left soon.
   */
  attemptMs: number
  done: CallDone | undefined
  timer: TimerHandle | undefined
  deadline: TimerHandle | undefined
  /** Waits for a link. */
  parked: boolean
  /** The address whose attempt failed last. */
  avoid: string | undefined
  lastError: QuorateError | undefined
  /** An attempt is out or ended without an answer: a node may have done it. */
  uncertain: boolean
}

export class Calls {
  readonly #environment: Environment
  readonly #connections: Connections
  readonly #open = new Set<Call>()
  #closed = false

  constructor(environment: Environment, connections: Connections) {
    this.#environment = environment
    this.#connections = connections
  }

  /** Returns the function that gives the call up without calling `done`. */
  call(subject: string, body: unknown, options: CallOptions, done: CallDone): () => void {
    const { host, random, limits } = this.#environment
    const call: Call = {
      subject,
      payload: body === undefined ? new Uint8Array(0) : jsonBytes(body),
      repeatable: options.repeatable,
      deadlineMs: host.monotonicMs() + options.deadlineMs,
      backoff: new Backoff(random, 'client/call', limits.retryMs),
      attemptMs: options.attemptMs ?? limits.callAttemptMs,
      done,
      timer: undefined,
      deadline: undefined,
      parked: false,
      avoid: undefined,
      lastError: undefined,
      uncertain: false,
    }
    if (this.#closed) {
      host.nextTurn(() => call.done?.(new QuorateError('QUORATE_CLOSED', 'client'), undefined))
      return () => this.#end(call)
    }
    this.#open.add(call)
    call.deadline = host.setTimer(() => this.#expire(call), options.deadlineMs)
    this.#attempt(call)
    return () => this.#end(call)
  }

  /** A link has opened: calls that waited for one go on. */
  resume(): void {
    for (const call of this.#open) if (call.parked) this.#attempt(call)
  }

  close(): void {
    this.#closed = true
    for (const call of this.#open) {
      const outcome = call.uncertain ? ('unknown' as const) : undefined
      this.#finish(call, new QuorateError('QUORATE_CLOSED', 'client', { outcome }))
    }
  }

  #attempt(call: Call): void {
    const { host } = this.#environment
    const address = this.#connections.any(call.avoid) ?? this.#connections.any()
    call.parked = address === undefined
    if (address === undefined) return
    const remainingMs = Math.max(call.deadlineMs - host.monotonicMs(), 1)
    // One attempt has the whole time when it must not be repeated.
    const timeoutMs = call.repeatable ? Math.min(call.attemptMs, remainingMs) : remainingMs
    call.attemptMs *= 2
    call.uncertain = true
    this.#connections.request(address, call.subject, call.payload, timeoutMs, (failure, reply) => {
      if (call.done === undefined) return
      if (failure !== undefined) this.#failed(call, failure, address)
      else this.#replied(call, reply!, address)
    })
  }

  #replied(call: Call, reply: LinkMessage, address: string): void {
    const error = errorOfReply(reply)
    if (error === undefined) {
      const body = parseJson(reply.payload)
      if (body === undefined) {
        const text = `${address} answered ${call.subject} with something that is no JSON`
        this.#finish(call, new QuorateError('QUORATE_INTERNAL', text))
      } else this.#finish(call, undefined, body)
      return
    }
    const undone = error.outcome === 'not-applied' || error.outcome === 'none'
    if (error.retriable && (undone || call.repeatable)) {
      call.uncertain = false
      this.#again(call, error, address)
    } else this.#finish(call, error)
  }

  #failed(call: Call, failure: RequestFailure, address: string): void {
    if (failure === 'no-responders') {
      call.uncertain = false
      const text = `${address} does not answer ${call.subject}: is it a quorate node?`
      this.#again(call, new QuorateError('QUORATE_CONNECTION_FAILED', text), address)
      return
    }
    const text = `${address} ${failure === 'closed' ? 'closed the connection' : 'gave no answer'}`
    const error = new QuorateError('QUORATE_TIMEOUT', `${call.subject}: ${text}`)
    if (call.repeatable) this.#again(call, error, address)
    else this.#finish(call, error)
  }

  #again(call: Call, error: QuorateError, address: string): void {
    call.lastError = error
    call.avoid = address
    call.timer = this.#environment.host.setTimer(() => {
      call.timer = undefined
      this.#attempt(call)
    }, call.backoff.next())
  }

  #expire(call: Call): void {
    call.deadline = undefined
    const { lastError: cause } = call
    if (call.uncertain && (cause === undefined || !call.repeatable)) {
      this.#finish(call, new QuorateError('QUORATE_TIMEOUT', call.subject, { cause }))
    } else if (cause !== undefined) this.#finish(call, cause)
    else this.#finish(call, new QuorateError('QUORATE_CONNECTION_FAILED', 'no node is reachable'))
  }

  #finish(call: Call, error: QuorateError | undefined, reply?: unknown): void {
    const { done } = call
    this.#end(call)
    done?.(error, reply)
  }

  #end(call: Call): void {
    const { host } = this.#environment
    call.done = undefined
    this.#open.delete(call)
    if (call.timer !== undefined) host.clearTimer(call.timer)
    if (call.deadline !== undefined) host.clearTimer(call.deadline)
  }
}
