// Who leads which partition, as far as the client knows. Keeps one route per topic name, joins what
// routes, write replies, probes and pushed events say (a higher term wins), and reads a route again,
// with pauses, for as long as somebody asks. A name created again is another topic with a higher
// id. Tells its listener what changed; batches and fetches are sent elsewhere (delivery.ts,
// reader.ts).
import type { TimerHandle } from '@quorate/actors'
import type { LeaderHint, QuorateError, Route, RouteRequest } from '@quorate/protocol'
import { apiSubject } from '@quorate/protocol'
import { Backoff } from './backoff.ts'
import type { Connections } from './connections.ts'
import type { Environment } from './environment.ts'
import { errorOfReply, isRoute, jsonBytes, parseJson } from './reply.ts'

export interface Leader {
  /** Absent while unknown. */
  readonly address: string | undefined
  /** Invariant: never falls. */
  readonly term: number
}

export interface TopicRoute {
  readonly topic: string
  readonly topicId: number
  /** By partition number. */
  readonly leaders: Leader[]
}

export interface RoutingListener {
  /** Address or term of a partition's leader is another one now. */
  leaderChanged(topicId: number, partition: number): void
  /** A route was read, also when nothing in it is new. */
  routeRead(route: TopicRoute): void
  /** An attempt to read the route failed in a way that may pass. */
  routeMissed(topic: string): void
  /** The topic does not exist. */
  routeFailed(topic: string, error: QuorateError): void
}

/** A node with automatic creation creates an unknown topic for a producer, never for a reader. */
export type RoutePurpose = 'produce' | 'read'

interface Entry {
  readonly topic: string
  readonly backoff: Backoff
  purpose: RoutePurpose
  route: TopicRoute | undefined
  loading: boolean
  timer: TimerHandle | undefined
  notBeforeMs: number
  /** Address that should not be asked: it is the one that does not answer. */
  avoid: string | undefined
  /** Nodes that said in a row that they do not know the topic. */
  unknownReplies: number
  /** This client has created the topic: a node that does not know it yet is merely behind. */
  createdUntilMs: number
}

/** How many nodes in a row must say that a topic is unknown before the client believes it. */
const unknownRepliesNeeded = 2

export class Routing {
  readonly #environment: Environment
  readonly #connections: Connections
  readonly #listener: RoutingListener
  readonly #entries = new Map<string, Entry>()
  readonly #byId = new Map<number, Entry>()
  #closed = false

  constructor(environment: Environment, connections: Connections, listener: RoutingListener) {
    this.#environment = environment
    this.#connections = connections
    this.#listener = listener
  }

  route(topic: string): TopicRoute | undefined {
    return this.#entries.get(topic)?.route
  }

  leader(topicId: number, partition: number): Leader | undefined {
    return this.#byId.get(topicId)?.route?.leaders[partition]
  }

  topicOf(topicId: number): string | undefined {
    return this.#byId.get(topicId)?.topic
  }

  /** Reads the route at once, or after a pause when it was read just now. Asking often is fine. */
  refresh(topic: string, purpose: RoutePurpose, avoid?: string): void {
    if (this.#closed) return
    const entry = this.#entry(topic)
    if (purpose === 'produce') entry.purpose = purpose
    if (avoid !== undefined) entry.avoid = avoid
    if (entry.loading || entry.timer !== undefined) return
    const { host } = this.#environment
    const pauseMs = entry.notBeforeMs - host.monotonicMs()
    if (pauseMs <= 0) {
      this.#read(entry)
      return
    }
    entry.timer = host.setTimer(() => {
      entry.timer = undefined
      this.#read(entry)
    }, pauseMs)
  }

  /** Joins what a node said about a partition's leader. True when that was news. */
  hint(topicId: number, partition: number, hint: Partial<LeaderHint> & { term: number }): boolean {
    const entry = this.#byId.get(topicId)
    const known = entry?.route?.leaders[partition]
    if (hint.node !== undefined && hint.address !== undefined) {
      this.#connections.learn([{ id: hint.node, address: hint.address }])
    }
    if (entry === undefined || known === undefined || hint.term < known.term) return false
    if (hint.term === known.term) {
      if (hint.address === undefined || known.address !== undefined) return false
    }
    entry.route!.leaders[partition] = { address: hint.address, term: hint.term }
    if (hint.address !== undefined) entry.backoff.reset()
    this.#listener.leaderChanged(topicId, partition)
    return true
  }

  /** The node at `address` says that it does not lead the partition. */
  notLeader(topicId: number, partition: number, address: string): void {
    const leaders = this.#byId.get(topicId)?.route?.leaders
    const known = leaders?.[partition]
    if (leaders === undefined || known?.address !== address) return
    leaders[partition] = { address: undefined, term: known.term }
  }

  created(topic: string): void {
    const { host, limits } = this.#environment
    this.#entry(topic).createdUntilMs = host.monotonicMs() + limits.createdTopicMs
  }

  deleted(topic: string): void {
    this.#forget(topic)
  }

  close(): void {
    this.#closed = true
    for (const entry of this.#entries.values()) this.#clearTimer(entry)
  }

  #entry(topic: string): Entry {
    let entry = this.#entries.get(topic)
    if (entry === undefined) {
      const { random, limits } = this.#environment
      entry = {
        topic,
        backoff: new Backoff(random, 'client/route', limits.retryMs),
        purpose: 'read',
        route: undefined,
        loading: false,
        timer: undefined,
        notBeforeMs: 0,
        avoid: undefined,
        unknownReplies: 0,
        createdUntilMs: 0,
      }
      this.#entries.set(topic, entry)
    }
    return entry
  }

  #read(entry: Entry): void {
    const { host, limits } = this.#environment
    const address = this.#connections.any(entry.avoid) ?? this.#connections.any()
    // Without any link there is nobody to ask; who waits asks again when one is open.
    if (this.#closed || address === undefined) return
    entry.loading = true
    const sentMs = host.monotonicMs()
    const { purpose } = entry
    const request: RouteRequest = { create: purpose === 'produce' }
    const subject = apiSubject('route', entry.topic)
    this.#connections.request(
      address,
      subject,
      jsonBytes(request),
      limits.routeAttemptMs,
      (failure, reply) => {
        if (this.#closed || this.#entries.get(entry.topic) !== entry) return
        entry.loading = false
        // A route read long after the one before it is a new search: pauses start small again.
        if (sentMs - entry.notBeforeMs > limits.retryMs[1] * 2) entry.backoff.reset()
        entry.notBeforeMs = host.monotonicMs() + entry.backoff.next()
        entry.avoid = failure === undefined ? undefined : address
        const error = reply === undefined ? undefined : errorOfReply(reply)
        const body =
          reply === undefined || error !== undefined ? undefined : parseJson(reply.payload)
        if (error === undefined || error.retriable) this.#replied(entry, body)
        else if (error.code !== 'QUORATE_UNKNOWN_TOPIC') this.#failed(entry, error)
        // Meanwhile a producer has asked too: the next attempt may create the topic.
        else if (purpose !== entry.purpose) this.#listener.routeMissed(entry.topic)
        else this.#unknown(entry, error, address)
      },
    )
  }

  #replied(entry: Entry, body: unknown): void {
    if (!isRoute(body) || body.topicId < (entry.route?.topicId ?? 0)) {
      this.#listener.routeMissed(entry.topic)
      return
    }
    entry.unknownReplies = 0
    if (body.topicId !== entry.route?.topicId) this.#adopt(entry, body)
    this.#connections.learn(body.nodes)
    const { topicId } = entry.route!
    for (const { partition, leader, term } of body.partitions) {
      const address = leader === undefined ? undefined : this.#connections.addressOf(leader)
      this.hint(topicId, partition, { term, ...(address === undefined ? {} : { address }) })
    }
    this.#listener.routeRead(entry.route!)
  }

  #adopt(entry: Entry, body: Route): void {
    if (entry.route !== undefined) this.#byId.delete(entry.route.topicId)
    entry.route = {
      topic: entry.topic,
      topicId: body.topicId,
      leaders: body.partitions.map(() => ({ address: undefined, term: 0 })),
    }
    this.#byId.set(body.topicId, entry)
  }

  #unknown(entry: Entry, error: QuorateError, address: string): void {
    entry.unknownReplies += 1
    entry.avoid = address
    const behind = this.#environment.host.monotonicMs() < entry.createdUntilMs
    if (behind || entry.unknownReplies < unknownRepliesNeeded) {
      this.#listener.routeMissed(entry.topic)
    } else {
      this.#failed(entry, error)
    }
  }

  #failed(entry: Entry, error: QuorateError): void {
    this.#forget(entry.topic)
    this.#listener.routeFailed(entry.topic, error)
  }

  #forget(topic: string): void {
    const entry = this.#entries.get(topic)
    if (entry === undefined) return
    this.#clearTimer(entry)
    this.#entries.delete(topic)
    if (entry.route !== undefined) this.#byId.delete(entry.route.topicId)
  }

  #clearTimer(entry: Entry): void {
    if (entry.timer !== undefined) this.#environment.host.clearTimer(entry.timer)
    entry.timer = undefined
  }
}
