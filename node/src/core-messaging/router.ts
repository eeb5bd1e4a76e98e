// NATS core messaging across the cluster: who gets a message that is not a quorate request. Plain
// subscribers get it once each wherever they are, of each queue group one live member gets it, here
// if there is one, else on a random node that has one; at most once. A message that came from a
// peer is never passed on. Knows nothing of connections and frames. Previous stop: a door's
// connection or the mesh; next stop: Subscription.deliver here, or the same router on another node.
import type { Random } from '@quorate/actors'
import type { Chunks } from '@quorate/protocol'
import { CoreAssembler, encodeCore } from './core-codec.ts'
import { Interest } from './interest.ts'
import { decodeInterest, encodeInterest } from './interest-codec.ts'
import { LocalSubscriptions } from './local-subscriptions.ts'
import type { PeerEvents, PeerKind, PeerTransport } from './peer-transport.ts'
import { RemoteInterest } from './remote-interest.ts'
import type { CoreMessage, Publisher, Subscription } from './subscription.ts'

export interface RouterOptions {
  readonly nodeId: string
  readonly random: Random
  readonly transport: PeerTransport
  /** (pattern, queue) pairs kept per peer; further ones are ignored and counted. Default 1_000_000. */
  readonly wishesPerPeerMax?: number
}

export interface RouterCounts {
  published: number
  /** Deliveries to clients of this node. */
  delivered: number
  /** Messages handed to the mesh, once per node. */
  sentToPeers: number
  receivedFromPeers: number
  /** Published with nobody to get them. */
  withoutInterest: number
  /** Messages of peers that made no sense. */
  malformed: number
}

/** Queue groups of one message that a remote node serves. */
type Targets = Map<string, string[]>

export class CoreRouter implements PeerEvents {
  readonly counts: RouterCounts = {
    published: 0,
    delivered: 0,
    sentToPeers: 0,
    receivedFromPeers: 0,
    withoutInterest: 0,
    malformed: 0,
  }
  readonly #local = new LocalSubscriptions()
  readonly #own: Interest
  readonly #remote: RemoteInterest
  readonly #assemblers = new Map<string, CoreAssembler>()
  readonly #transport: PeerTransport
  readonly #random: Random
  readonly #purpose: string

  constructor(options: RouterOptions) {
    this.#transport = options.transport
    this.#random = options.random
    this.#purpose = `${options.nodeId}/core/queue-member`
    this.#own = new Interest(options.transport)
    this.#remote = new RemoteInterest(options.wishesPerPeerMax ?? 1_000_000)
  }

  get subscriptions(): number {
    return this.#local.size
  }

  /** (pattern, queue) pairs known of all peers. */
  get remoteWishes(): number {
    return this.#remote.size
  }

  get droppedWishes(): number {
    return this.#remote.dropped
  }

  /** The pattern is valid and not reserved. */
  subscribe(subscription: Subscription): void {
    this.#local.add(subscription)
    this.#own.add(subscription.pattern, subscription.queue)
  }

  unsubscribe(subscription: Subscription): void {
    if (!this.#local.remove(subscription)) return
    this.#own.remove(subscription.pattern, subscription.queue)
  }

  /** False when nobody in the cluster, as far as this node knows, wants the message. */
  publish(message: CoreMessage, publisher?: Publisher): boolean {
    this.counts.published += 1
    const { plain, queues } = this.#local.match(message.subject, publisher)
    const targets = this.#remoteTargets(message.subject, queues)
    if (plain.length === 0 && queues.size === 0 && targets.size === 0) {
      this.counts.withoutInterest += 1
      return false
    }
    for (const [node, names] of targets) {
      this.counts.sentToPeers += 1
      for (const part of encodeCore(message, names)) this.#transport.send(node, 'core', part)
    }
    for (const subscription of plain) this.#deliver(subscription, message)
    for (const members of queues.values()) this.#deliver(this.#pick(members), message)
    return true
  }

  /** The owner's own subscription, for a status that is sent to it alone. */
  find(subject: string, owner: object): Subscription | undefined {
    return this.#local.find(subject, owner)
  }

  peerUp(node: string): void {
    this.#assemblers.delete(node)
    this.#remote.peerUp(node)
    this.#own.peerUp(node)
    // Each side hears of the other at its own time: the set it sent may have come too early.
    this.#ask(node)
  }

  peerDown(node: string): void {
    this.#assemblers.delete(node)
    this.#own.peerDown(node)
    this.#remote.peerDown(node)
  }

  receive(fromNode: string, kind: PeerKind, bytes: Chunks): void {
    if (kind === 'interest') this.#receiveInterest(fromNode, bytes)
    else this.#receiveCore(fromNode, bytes)
  }

  #receiveInterest(fromNode: string, bytes: Chunks): void {
    const message = decodeInterest(bytes)
    if (message === undefined) {
      this.counts.malformed += 1
      return
    }
    if (message.kind === 'ask') this.#own.sendAll(fromNode)
    else if (this.#remote.apply(fromNode, message) === 'ask') this.#ask(fromNode)
  }

  #receiveCore(fromNode: string, bytes: Chunks): void {
    let assembler = this.#assemblers.get(fromNode)
    if (assembler === undefined) {
      assembler = new CoreAssembler()
      this.#assemblers.set(fromNode, assembler)
    }
    const arrived = assembler.push(bytes)
    if (arrived === 'incomplete') return
    if (arrived === 'malformed') {
      this.counts.malformed += 1
      return
    }
    this.counts.receivedFromPeers += 1
    const { plain, queues } = this.#local.match(arrived.message.subject)
    if (!arrived.queuesAlone) {
      for (const subscription of plain) this.#deliver(subscription, arrived.message)
    }
    for (const name of new Set(arrived.queues)) {
      const members = queues.get(name)
      // The last member may have left while the message travelled: at most once.
      if (members !== undefined) this.#deliver(this.#pick(members), arrived.message)
    }
  }

  #ask(node: string): void {
    const bytes = encodeInterest({ kind: 'ask', sequence: 0, changes: [] })
    this.#transport.send(node, 'interest', bytes)
  }

  /** Nodes with a plain subscriber, and one node for each queue group without a member here. */
  #remoteTargets(subject: string, localQueues: ReadonlyMap<string, unknown>): Targets {
    const targets: Targets = new Map()
    if (this.#remote.size === 0) return targets
    const holders = new Map<string, Set<string>>()
    this.#remote.match(subject, ({ node, queue }) => {
      if (queue === undefined) {
        if (!targets.has(node)) targets.set(node, [])
      } else if (!localQueues.has(queue)) {
        const nodes = holders.get(queue)
        if (nodes === undefined) holders.set(queue, new Set([node]))
        else nodes.add(node)
      }
    })
    for (const [queue, nodes] of holders) {
      const node = this.#pick([...nodes])
      const queues = targets.get(node)
      if (queues === undefined) targets.set(node, [queue])
      else queues.push(queue)
    }
    return targets
  }

  #pick<Value>(values: readonly Value[]): Value {
    if (values.length === 1) return values[0]!
    return values[this.#random.integer(this.#purpose, values.length)]!
  }

  #deliver(subscription: Subscription, message: CoreMessage): void {
    this.counts.delivered += 1
    subscription.deliver(message)
  }
}
