// The mesh of one node: two outgoing links to each peer, and the incoming ones that the door hands
// over. Decides which channel a message takes and whether a peer is up; carries bytes, and knows
// nothing of what Raft messages, requests and messages mean. Frames from a to b go only over links
// that a dialled. Previous stop: raft-host, handlers, the core router; next: peer-link.ts, and at
// the other node `accept`, which gives what arrives to MeshEvents.
import type { ActorRef, ActorSystem, Clock, RemoteEnvelope } from '@quorate/actors'
import { type Chunks, QuorateError } from '@quorate/protocol'
import type { RaftMessage, ReplicaId } from '@quorate/raft'
import type { NodeProbe } from '../probes.ts'
import type { GroupId, LogEntry } from '../storage/log-entry.ts'
import {
  type MeshMessageKind,
  type PreparedItem,
  prepareActor,
  prepareMessage,
} from './call-codec.ts'
import type { MeshEvents } from './events.ts'
import type { MeshChannel, MeshSelf } from './handshake.ts'
import { type AcceptedPeer, Inbox } from './inbox.ts'
import { defaultMeshLimits, type MeshLimits } from './limits.ts'
import { type LinkCounters, type MeshMetrics, newLinkCounters } from './metrics.ts'
import type { Network } from './network.ts'
import { type LinkPlace, type MeshPeer, PeerState } from './peer-book.ts'
import { PeerLink, type PeerLinkEvents, type PeerLinkMessage } from './peer-link.ts'
import {
  type RequestCounters,
  type RequestDone,
  RequestTable,
  type RequestTableMessage,
} from './request-table.ts'
import type { MeshTap } from './tap.ts'

export interface MeshOptions {
  readonly network: Network
  readonly system: ActorSystem
  readonly clock: Clock
  readonly self: MeshSelf
  /** All other nodes of the cluster by node id. */
  readonly peers: ReadonlyMap<string, MeshPeer>
  /** 32 hex digits that nobody can foresee; keyed randomness in a simulation. */
  readonly nonce: () => string
  readonly probe: NodeProbe
  readonly events: MeshEvents
  readonly limits?: Partial<MeshLimits> | undefined
  readonly tap?: MeshTap | undefined
}

export interface Mesh {
  /** At most once; dropped and counted while the link is down or full. */
  sendRaft(
    toNode: string,
    group: GroupId,
    fromReplica: ReplicaId,
    toReplica: ReplicaId,
    message: RaftMessage<LogEntry>,
  ): void
  /** Calls `done` exactly once, on a later turn; at once only after `close`. */
  request(
    toNode: string,
    subject: string,
    headers: Iterable<readonly [name: string, value: string]> | undefined,
    payload: Chunks,
    timeoutMs: number,
    done: RequestDone,
  ): void
  /** In order of all kinds together. When something is lost, `peerDown` follows. */
  send(toNode: string, kind: MeshMessageKind, bytes: Chunks): void
  peerState(nodeId: string): 'up' | 'down'
  /** Some link to or from the node stands, though perhaps not all that make it up. */
  isLinked(nodeId: string): boolean
  /** Adds a node, or changes its address or incarnation. */
  setPeer(nodeId: string, peer: MeshPeer): void
  setPeerAddress(nodeId: string, address: string): void
  /** The node is none of the cluster's any more: from here on it is refused. */
  removePeer(nodeId: string): void
  /** For the door: judges a CONNECT with `quorate_mesh`. */
  accept(
    connect: Readonly<Record<string, unknown>>,
    nonce: string,
    close: () => void,
  ): { readonly refused: QuorateError } | AcceptedPeer
  metrics(): MeshMetrics
  /** Sends what waits, ends all links. Outstanding requests get an error. */
  close(): void
}

export function createMesh(options: MeshOptions): Mesh {
  return new NodeMesh(options)
}

interface OutgoingLink {
  readonly ref: ActorRef<PeerLinkMessage>
  readonly counters: LinkCounters
  /** The actor that lives now. */
  actor: PeerLink | undefined
  up: boolean
}

interface PeerEntry {
  readonly state: PeerState
  readonly control: OutgoingLink
  readonly bulk: OutgoingLink
}

class NodeMesh implements Mesh {
  readonly #options: MeshOptions
  readonly #limits: MeshLimits
  readonly #peers = new Map<string, PeerEntry>()
  readonly #inbox: Inbox
  readonly #requests: ActorRef<RequestTableMessage>
  readonly #requestCounters: RequestCounters = { sent: 0, outstanding: 0, timedOut: 0 }
  #closed = false

  constructor(options: MeshOptions) {
    this.#options = options
    this.#limits = { ...defaultMeshLimits, ...options.limits }
    const { system, self, clock, events } = options
    this.#requests = system.spawn('mesh/requests', () => this.#requestTable(), {
      capacity: this.#limits.linkMailboxMessages,
    })
    this.#inbox = new Inbox({
      self,
      clock,
      events,
      incarnationOf: (node) => this.#peers.get(node)?.state.peer.incarnation,
      counters: (node, channel) => this.#peers.get(node)?.[channel].counters,
      opened: (node, channel, session, address) =>
        this.#linkUp(node, `in/${channel}`, session, address),
      closed: (node, channel) => this.#linkDown(node, `in/${channel}`),
      reply: (fromNode, item) => this.#requests.reply({ type: 'reply', fromNode, item }),
      respond: (toNode, item, id, session) =>
        this.#peers.get(toNode)?.bulk.ref.reply({ type: 'item', item, id, session }),
      deliver: (envelope) => system.deliver(envelope),
      tap: options.tap,
    })
    for (const [node, peer] of options.peers) this.setPeer(node, peer)
    system.registerTransport({ send: (node, envelope) => this.#sendActor(node, envelope) })
  }

  sendRaft(
    toNode: string,
    group: GroupId,
    from: ReplicaId,
    to: ReplicaId,
    message: RaftMessage<LogEntry>,
  ): void {
    const entry = this.#peers.get(toNode)
    if (entry === undefined) return
    const link = entry[raftChannel(group, message)]
    if (link.ref.send({ type: 'raft', group, from, to, message })) return
    link.counters.droppedFull += 1
  }

  request(
    toNode: string,
    subject: string,
    headers: Iterable<readonly [name: string, value: string]> | undefined,
    payload: Chunks,
    timeoutMs: number,
    done: RequestDone,
  ): void {
    const command = { toNode, subject, headers: headers ?? [], payload, timeoutMs, done }
    // Past the capacity of the mailbox: the table itself refuses what is above its limit.
    if (this.#requests.reply({ type: 'request', ...command })) return
    done(new QuorateError('QUORATE_SHUTTING_DOWN', 'the mesh is closed'), undefined)
  }

  send(toNode: string, kind: MeshMessageKind, bytes: Chunks): void {
    const link = this.#peers.get(toNode)?.bulk
    if (link === undefined || this.#send(link, prepareMessage(kind, bytes))) return
    const error = new QuorateError('QUORATE_OVERLOADED', 'a message was lost')
    link.ref.reply({ type: 'drop', error })
  }

  peerState(nodeId: string): 'up' | 'down' {
    return this.#peers.get(nodeId)?.state.up === true ? 'up' : 'down'
  }

  isLinked(nodeId: string): boolean {
    return this.#peers.get(nodeId)?.state.linked === true
  }

  setPeer(nodeId: string, peer: MeshPeer): void {
    if (nodeId === this.#options.self.nodeId) throw new Error(`${nodeId} is this node`)
    const known = this.#peers.get(nodeId)
    if (known === undefined) {
      const state = new PeerState(peer)
      const control = this.#spawnLink(nodeId, state, 'control')
      const bulk = this.#spawnLink(nodeId, state, 'bulk')
      this.#peers.set(nodeId, { state, control, bulk })
      return
    }
    const replaced = known.state.peer.incarnation !== peer.incarnation
    known.state.peer = peer
    if (replaced) this.#dropLinks(nodeId, known)
    else this.#dial(known)
  }

  setPeerAddress(nodeId: string, address: string): void {
    const entry = this.#peers.get(nodeId)
    if (entry === undefined) throw new Error(`no node ${nodeId} is known`)
    this.setPeer(nodeId, { ...entry.state.peer, address })
  }

  removePeer(nodeId: string): void {
    const entry = this.#peers.get(nodeId)
    if (entry === undefined) return
    const { system } = this.#options
    this.#inbox.drop(nodeId)
    this.#peerLost(nodeId)
    this.#peers.delete(nodeId)
    system.stop(entry.control.ref)
    system.stop(entry.bulk.ref)
  }

  accept(
    connect: Readonly<Record<string, unknown>>,
    nonce: string,
    close: () => void,
  ): { readonly refused: QuorateError } | AcceptedPeer {
    return this.#inbox.accept(connect, nonce, close)
  }

  metrics(): MeshMetrics {
    const links: MeshMetrics['links'][number][] = []
    for (const [node, entry] of this.#peers) {
      for (const channel of ['control', 'bulk'] as const) {
        const { counters, up, actor } = entry[channel]
        links.push({ node, channel, up, queuedBytes: actor?.queuedBytes ?? 0, ...counters })
      }
    }
    return {
      links,
      requestsSent: this.#requestCounters.sent,
      requestsOutstanding: this.#requestCounters.outstanding,
      requestsTimedOut: this.#requestCounters.timedOut,
      requestsServed: this.#inbox.requestsServed,
      peersRefused: this.#inbox.peersRefused,
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const { control, bulk } of this.#peers.values()) {
      control.ref.reply({ type: 'close' })
      bulk.ref.reply({ type: 'close' })
    }
    this.#inbox.close()
    this.#options.system.stop(this.#requests)
  }

  #send(link: OutgoingLink, item: PreparedItem): boolean {
    if (link.ref.send({ type: 'item', item })) return true
    link.counters.droppedFull += 1
    return false
  }

  /** True says only that it was queued: the link may break before it leaves. */
  #sendActor(node: string, envelope: RemoteEnvelope): boolean {
    const link = this.#peers.get(node)?.bulk
    return link?.up === true && this.#send(link, prepareActor(envelope))
  }

  #requestTable(): RequestTable {
    return new RequestTable({
      session: this.#options.self.session,
      outstandingMax: this.#limits.outstandingRequestsMax,
      counters: this.#requestCounters,
      link: (node) => this.#peers.get(node)?.bulk.ref,
    })
  }

  #spawnLink(node: string, state: PeerState, channel: MeshChannel): OutgoingLink {
    const { network, self, nonce, system, probe } = this.#options
    const counters = newLinkCounters()
    const events = this.#linkEvents(node, channel)
    const limits = this.#limits
    const target = (): MeshPeer => state.peer
    const create = (): PeerLink => {
      link.actor = new PeerLink({
        network,
        self,
        node,
        channel,
        target,
        nonce,
        probe,
        limits,
        counters,
        events,
      })
      return link.actor
    }
    const capacity = limits.linkMailboxMessages
    const ref = system.spawn(`mesh/${node}/${channel}`, create, { capacity })
    const link: OutgoingLink = { ref, counters, actor: undefined, up: false }
    return link
  }

  #linkEvents(node: string, channel: MeshChannel): PeerLinkEvents {
    const { events } = this.#options
    return {
      up: (session) => this.#linkUp(node, `out/${channel}`, session, undefined),
      down: () => this.#linkDown(node, `out/${channel}`),
      lost: () => {
        if (channel === 'control') this.#peerLost(node)
      },
      refused: (ids, error) => this.#requests.reply({ type: 'refused', ids, error }),
      log: (record) => events.log(record),
    }
  }

  #peerLost(node: string): void {
    const { events, probe } = this.#options
    probe.reached('mesh.peer-lost')
    events.log({ event: 'mesh.connection-lost', node })
    this.#requests.reply({ type: 'lost', node })
    events.connectionLost(node)
  }

  /** `address`: where an incoming link says its node is reached. */
  #linkUp(node: string, place: LinkPlace, session: number, address: string | undefined): void {
    const entry = this.#peers.get(node)
    if (entry === undefined) return
    if (place === 'out/control' || place === 'out/bulk') entry[channelOf(place)].up = true
    const { restarted } = entry.state.linkUp(place, session)
    if (restarted) this.#requests.reply({ type: 'lost', node })
    if (address !== undefined) {
      this.#learnAddress(node, entry, address)
      // It lives: no need to wait for the next attempt.
      this.#dial(entry)
    }
    this.#tell(node, entry)
  }

  #linkDown(node: string, place: LinkPlace): void {
    const entry = this.#peers.get(node)
    if (entry === undefined) return
    if (place === 'out/control' || place === 'out/bulk') entry[channelOf(place)].up = false
    entry.state.linkDown(place)
    this.#tell(node, entry)
  }

  #tell(node: string, { state }: PeerEntry): void {
    const change = state.judge()
    if (change === 'up') this.#options.events.peerUp(node)
    else if (change === 'down') this.#options.events.peerDown(node)
  }

  #learnAddress(node: string, entry: PeerEntry, address: string): void {
    const { peer } = entry.state
    if (peer.pinned === true || peer.address === address) return
    entry.state.peer = { ...peer, address }
    const { events } = this.#options
    events.log({ event: 'mesh.address-changed', node, detail: address })
    events.addressChanged(node, address)
  }

  /** The node is another one than those links lead to. */
  #dropLinks(nodeId: string, { control, bulk }: PeerEntry): void {
    const error = new QuorateError('QUORATE_WRONG_NODE', `${nodeId} was replaced`)
    for (const { ref } of [control, bulk]) ref.reply({ type: 'drop', error })
    this.#inbox.drop(nodeId)
  }

  #dial({ control, bulk }: PeerEntry): void {
    control.ref.reply({ type: 'dial' })
    bulk.ref.reply({ type: 'dial' })
  }
}

/** Small and urgent goes on control, so that no queue of record batches delays an election. */
function raftChannel(group: GroupId, message: RaftMessage<LogEntry>): MeshChannel {
  if (message.type === 'snapshot') return 'bulk'
  if (group.topicId === 0) return 'control'
  return message.type === 'append' || message.type === 'append-reply' ? 'bulk' : 'control'
}

function channelOf(place: LinkPlace): MeshChannel {
  return place.endsWith('control') ? 'control' : 'bulk'
}
