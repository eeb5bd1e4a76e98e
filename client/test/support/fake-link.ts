// An in-memory link to a node of the fake cluster, with simulated latency both ways.
import type { Host, TimerHandle } from '@quorate/actors'
import { subjectMatches } from '@quorate/protocol'
import type { Link, LinkMessage, RequestFailure } from '../../src/link.ts'
import type { FakeNode, Reply } from './fake-node.ts'
import { errorHeader } from './fake-node.ts'

/** What a link needs of its cluster. */
export interface FakeLinkCluster {
  readonly latencyMs: number
  after(delayMs: number, run: () => void): void
  serve(
    node: FakeNode,
    subject: string,
    payload: Uint8Array,
    reply: (answer: Reply | 'no-responders') => void,
  ): void
}

interface Pending {
  readonly done: (failure: RequestFailure | undefined, reply: LinkMessage | undefined) => void
  timer: TimerHandle
}

export class FakeLink implements Link {
  readonly address: string
  readonly #cluster: FakeLinkCluster
  readonly #node: FakeNode
  readonly #host: Host
  readonly #closed: (error?: Error) => void
  readonly #pending = new Set<Pending>()
  readonly #subscriptions = new Set<{ subject: string; receive: (message: LinkMessage) => void }>()
  #open = true

  constructor(
    cluster: FakeLinkCluster,
    node: FakeNode,
    host: Host,
    closed: (error?: Error) => void,
  ) {
    this.address = node.address
    this.#cluster = cluster
    this.#node = node
    this.#host = host
    this.#closed = closed
  }

  publish(): void {}

  request(subject: string, payload: Uint8Array, timeoutMs: number, done: Pending['done']): void {
    const pending: Pending = { done, timer: undefined }
    pending.timer = this.#host.setTimer(
      () => this.#finish(pending, 'timeout', undefined),
      timeoutMs,
    )
    this.#pending.add(pending)
    if (!this.#open) {
      this.#host.nextTurn(() => this.#finish(pending, 'closed', undefined))
      return
    }
    const { latencyMs } = this.#cluster
    this.#cluster.after(latencyMs, () => {
      if (!this.#open) return
      this.#cluster.serve(this.#node, subject, payload, (answer) => {
        this.#cluster.after(latencyMs, () => this.#replied(pending, subject, answer))
      })
    })
  }

  subscribe(subject: string, receive: (message: LinkMessage) => void): () => void {
    const subscription = { subject, receive }
    this.#subscriptions.add(subscription)
    return () => this.#subscriptions.delete(subscription)
  }

  close(): void {
    this.drop()
  }

  /** The connection ends, whoever ended it. */
  drop(): void {
    if (!this.#open) return
    this.#open = false
    this.#node.links.delete(this)
    this.#cluster.after(0, () => {
      for (const pending of [...this.#pending]) this.#finish(pending, 'closed', undefined)
      this.#closed(new Error('connection closed'))
    })
  }

  deliver(subject: string, payload: Uint8Array): void {
    this.#cluster.after(this.#cluster.latencyMs, () => {
      if (!this.#open) return
      for (const each of this.#subscriptions) {
        if (subjectMatches(each.subject, subject)) each.receive({ subject, headers: {}, payload })
      }
    })
  }

  #replied(pending: Pending, subject: string, answer: Reply | 'no-responders'): void {
    if (!this.#open || this.#node.mute) return
    if (answer === 'no-responders') this.#finish(pending, 'no-responders', undefined)
    else {
      const { payload } = answer
      this.#finish(pending, undefined, { subject, headers: errorHeader(answer), payload })
    }
  }

  #finish(pending: Pending, failure: RequestFailure | undefined, reply?: LinkMessage): void {
    if (!this.#pending.delete(pending)) return
    this.#host.clearTimer(pending.timer)
    pending.done(failure, reply)
  }
}
