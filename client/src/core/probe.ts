// Notices leaders that do not answer. A request that stays without reply for the silence limit
// makes the client ask another node who leads the partitions in it; a higher term in the answer
// goes to routing.ts, whose listeners resend. Repeats while the request is out. One timer for all.
import type { TimerHandle } from '@quorate/actors'
import { apiSubject } from '@quorate/protocol'
import type { Connections } from './connections.ts'
import type { Environment } from './environment.ts'
import { errorOfReply, isLeaderReply, jsonBytes, parseJson } from './reply.ts'
import type { Routing } from './routing.ts'

export interface PartitionName {
  readonly topicId: number
  readonly partition: number
}

/** A request that is out. `dueMs` is when silence becomes suspicious, in monotonic time. */
export interface Watched {
  readonly address: string
  readonly sentMs: number
  dueMs: number
  readonly partitions: readonly PartitionName[]
}

export class SilenceProbe {
  readonly #environment: Environment
  readonly #connections: Connections
  readonly #routing: Routing
  readonly #watched = new Set<Watched>()
  #timer: TimerHandle | undefined
  #armedForMs = 0

  constructor(environment: Environment, connections: Connections, routing: Routing) {
    this.#environment = environment
    this.#connections = connections
    this.#routing = routing
  }

  watch(request: Watched): void {
    this.#watched.add(request)
    // A later due time is seen when the running timer fires.
    if (this.#timer !== undefined && request.dueMs >= this.#armedForMs) return
    this.#disarm()
    this.#arm(request.dueMs)
  }

  forget(request: Watched): void {
    this.#watched.delete(request)
  }

  close(): void {
    this.#watched.clear()
    this.#disarm()
  }

  #arm(dueMs: number): void {
    const { host } = this.#environment
    this.#armedForMs = dueMs
    this.#timer = host.setTimer(() => this.#tick(), Math.max(dueMs - host.monotonicMs(), 0))
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#environment.host.clearTimer(this.#timer)
    this.#timer = undefined
  }

  #tick(): void {
    this.#timer = undefined
    const { host, limits } = this.#environment
    const nowMs = host.monotonicMs()
    let nextMs = Number.POSITIVE_INFINITY
    const asked = new Map<string, PartitionName & { readonly avoid: string }>()
    for (const request of this.#watched) {
      if (request.dueMs <= nowMs) {
        request.dueMs = nowMs + limits.silenceMs
        this.#connections.markSilent(request.address, request.sentMs)
        for (const { topicId, partition } of request.partitions) {
          asked.set(`${topicId}/${partition}`, { topicId, partition, avoid: request.address })
        }
      }
      nextMs = Math.min(nextMs, request.dueMs)
    }
    if (nextMs !== Number.POSITIVE_INFINITY) this.#arm(nextMs)
    this.#ask([...asked.values()])
  }

  #ask(silent: readonly (PartitionName & { readonly avoid: string })[]): void {
    if (silent.length <= this.#environment.limits.probedPartitions) {
      for (const { topicId, partition, avoid } of silent) this.probe(topicId, partition, avoid)
      return
    }
    for (const { topicId, avoid } of silent) {
      const topic = this.#routing.topicOf(topicId)
      if (topic !== undefined) this.#routing.refresh(topic, 'read', avoid)
    }
  }

  /** Asks a node other than `avoid` who leads the partition. */
  probe(topicId: number, partition: number, avoid: string): void {
    const address = this.#connections.any(avoid)
    if (address === undefined) return
    const { silenceMs } = this.#environment.limits
    const body = jsonBytes({ topicId, partition })
    this.#connections.request(address, apiSubject('leader'), body, silenceMs, (_failure, reply) => {
      if (reply === undefined || errorOfReply(reply) !== undefined) return
      const answer = parseJson(reply.payload)
      if (!isLeaderReply(answer)) return
      this.#routing.hint(topicId, partition, { term: answer.term, ...answer.leader })
    })
  }
}
