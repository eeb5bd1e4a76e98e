// The NATS door: listens, makes a connection object for each link, sweeps them once a second and
// pushes events to who subscribed. Connections are synchronous objects driven by their link; what
// they share is the DoorContext built here. Next stop of a message: connection.ts.
import type { Host } from '@quorate/actors'
import { chunksOf, QuorateError } from '@quorate/protocol'
import { LocalSubscriptions } from '../../core-messaging/local-subscriptions.ts'
import type { CoreRouter } from '../../core-messaging/router.ts'
import { parseAddress } from '../../mesh/address.ts'
import type { ByteLink, LinkHandlers, Listener, Network } from '../../mesh/network.ts'
import type { EventLog } from '../../observe/log.ts'
import type { ApiHandler } from '../api.ts'
import { NatsConnection } from './connection.ts'
import type { DoorContext, DoorCounts } from './door-context.ts'
import { defaultNatsDoorLimits, type NatsDoorLimits } from './limits.ts'
import type { MeshAcceptor } from './mesh-acceptor.ts'

export interface NatsDoorOptions {
  readonly network: Network
  readonly host: Pick<Host, 'monotonicMs' | 'setTimer'>
  /** `host:port`; port 0 takes a free one. */
  readonly address: string
  /** Shown as `server_name`; with `serverId` it names this process in INFO. */
  readonly nodeId: string
  readonly serverId: string
  readonly version: string
  /** Unpredictable text for each connection, part of what a peer proves. */
  readonly nonce: () => string
  readonly router: CoreRouter
  readonly api: ApiHandler
  /** Absent: no peer is let in. */
  readonly acceptor?: MeshAcceptor
  readonly log: EventLog
  readonly limits?: Partial<NatsDoorLimits>
}

export interface NatsDoor {
  /** `host:port` really bound. */
  readonly address: string
  readonly counts: DoorCounts
  readonly clients: number
  readonly peers: number
  /** All open connections, also those that said nothing yet. */
  readonly connections: number
  readonly requestsInWork: { readonly count: number; readonly bytes: number }
  /** Sends a JSON body to the subscribers of a `$Q.` subject on this node. */
  pushEvent(subject: string, body: unknown): void
  /** Takes no new connections; those that are open go on. */
  stopListening(): void
  /** Tells everybody 'Server Shutdown' and closes. */
  close(): void
}

const sweepMs = 1000
const encoder = new TextEncoder()

/** Calls `done` once: with the door, or with QUORATE_PORT_IN_USE or QUORATE_INVALID_ARGUMENT. */
export function openNatsDoor(
  options: NatsDoorOptions,
  done: (error: QuorateError | undefined, door?: NatsDoor) => void,
): void {
  const door = new Door(options)
  options.network.listen(options.address, door.accept, (error, listener) => {
    if (error !== undefined) {
      done(listenError(error, options.address))
      return
    }
    door.open(listener)
    done(undefined, door)
  })
}

class Door implements NatsDoor {
  readonly #options: NatsDoorOptions
  readonly #context: DoorContext
  readonly #connections = new Set<NatsConnection>()
  readonly #info: Record<string, unknown>
  #listener: Listener | undefined
  #closed = false
  #nextClientId = 1

  constructor(options: NatsDoorOptions) {
    this.#options = options
    const limits = { ...defaultNatsDoorLimits, ...options.limits }
    this.#info = {
      server_id: options.serverId,
      server_name: options.nodeId,
      version: options.version,
      proto: 1,
      headers: true,
      max_payload: limits.maxPayloadBytes,
    }
    this.#context = {
      limits,
      info: this.#info,
      router: options.router,
      events: new LocalSubscriptions(),
      api: options.api,
      acceptor: options.acceptor,
      log: options.log,
      counts: zeroCounts(),
      requestsInWork: { count: 0, bytes: 0 },
      monotonicMs: () => options.host.monotonicMs(),
      clients: 0,
      peers: 0,
    }
  }

  get address(): string {
    return this.#listener?.address ?? ''
  }

  get counts(): DoorCounts {
    return this.#context.counts
  }

  get clients(): number {
    return this.#context.clients
  }

  get peers(): number {
    return this.#context.peers
  }

  get connections(): number {
    return this.#connections.size
  }

  get requestsInWork(): { readonly count: number; readonly bytes: number } {
    return this.#context.requestsInWork
  }

  open(listener: Listener): void {
    this.#listener = listener
    const { host, port } = parseAddress(listener.address)
    this.#info['host'] = host
    this.#info['port'] = port
    this.#scheduleSweep()
  }

  readonly accept = (link: ByteLink): LinkHandlers => {
    const { counts, limits, log } = this.#context
    counts.accepted += 1
    const clientId = this.#nextClientId
    this.#nextClientId += 1
    const nonce = this.#options.nonce()
    const connection = new NatsConnection(this.#context, link, clientId, nonce, this.#forget)
    this.#connections.add(connection)
    if (this.#connections.size > limits.clientsMax + limits.connectionsReserve) {
      log.warn('door.connections-full', { connections: this.#connections.size })
      connection.end('connections-full', 'maximum connections exceeded')
    }
    return connection
  }

  pushEvent(subject: string, body: unknown): void {
    const match = this.#context.events.match(subject)
    if (match.plain.length === 0 && match.queues.size === 0) return
    const payload = chunksOf(encoder.encode(JSON.stringify(body)))
    const message = { subject, reply: undefined, headers: undefined, payload }
    for (const subscription of match.plain) subscription.deliver(message)
    for (const members of match.queues.values()) members[0]!.deliver(message)
  }

  stopListening(): void {
    this.#listener?.close()
  }

  close(): void {
    this.stopListening()
    this.#closed = true
    for (const connection of this.#connections) connection.end('shutdown', 'Server Shutdown')
  }

  readonly #forget = (connection: NatsConnection): void => {
    this.#connections.delete(connection)
  }

  #scheduleSweep(): void {
    this.#options.host.setTimer(() => this.#sweep(), sweepMs)
  }

  #sweep(): void {
    if (!this.#closed || this.#connections.size > 0) this.#scheduleSweep()
    const nowMs = this.#context.monotonicMs()
    for (const connection of this.#connections) connection.sweep(nowMs)
  }
}

function listenError(error: Error, address: string): QuorateError {
  const { code } = error as { code?: unknown }
  if (error instanceof QuorateError) return error
  const detail = `NATS on ${address}`
  return code === 'EADDRINUSE'
    ? new QuorateError('QUORATE_PORT_IN_USE', detail, { cause: error })
    : new QuorateError('QUORATE_INVALID_ARGUMENT', `${detail}: ${error.message}`, { cause: error })
}

function zeroCounts(): DoorCounts {
  return {
    accepted: 0,
    messagesIn: 0,
    messageBytesIn: 0,
    messagesOut: 0,
    messageBytesOut: 0,
    requests: 0,
    requestsDropped: 0,
    requestsOverloaded: 0,
    permissionViolations: 0,
    ended: {
      'protocol-error': 0,
      'slow-consumer': 0,
      stale: 0,
      'connect-timeout': 0,
      'connections-full': 0,
      'peer-refused': 0,
      'peer-violation': 0,
      'peer-replaced': 0,
      failed: 0,
      shutdown: 0,
    },
  }
}
