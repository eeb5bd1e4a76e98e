// A NATS door without sockets: simulated time, and links on which a test speaks NATS as bytes and
// reads what came back. Nothing runs by itself.
import { keyedRandom } from '@quorate/actors'
import { Simulation } from '@quorate/actors/testing'
import { type Chunks, joinChunks } from '@quorate/protocol'
import type { PeerTransport } from '../../src/core-messaging/peer-transport.ts'
import { CoreRouter } from '../../src/core-messaging/router.ts'
import type { ApiHandler } from '../../src/doors/api.ts'
import type { NatsDoorLimits } from '../../src/doors/nats/limits.ts'
import { type NatsDoor, openNatsDoor } from '../../src/doors/nats/listener.ts'
import type { MeshAcceptor } from '../../src/doors/nats/mesh-acceptor.ts'
import type { ByteLink, LinkHandlers, Network } from '../../src/mesh/network.ts'
import { recordingLog } from '../../src/observe/log.ts'

export interface MemoryDoorOptions {
  readonly api?: ApiHandler
  readonly acceptor?: MeshAcceptor
  readonly limits?: Partial<NatsDoorLimits>
  readonly transport?: PeerTransport
}

export class MemoryDoor {
  readonly simulation = new Simulation('memory-door')
  readonly log = recordingLog()
  readonly router: CoreRouter
  readonly door: NatsDoor
  #accept: ((link: ByteLink) => LinkHandlers) | undefined

  constructor(options: MemoryDoorOptions = {}) {
    const network: Network = {
      listen: (_address, accept, done) => {
        this.#accept = accept
        done(undefined, { address: '127.0.0.1:4222', close: () => {} })
      },
      connect: () => {
        throw new Error('a door does not connect')
      },
    }
    this.router = new CoreRouter({
      nodeId: 'n1',
      random: keyedRandom('memory-door'),
      transport: options.transport ?? { send: () => {} },
    })
    let opened: NatsDoor | undefined
    let nonces = 0
    openNatsDoor(
      {
        network,
        host: this.simulation.host('n1'),
        address: '127.0.0.1:4222',
        nodeId: 'n1',
        serverId: 'n1-0123456789abcdef',
        version: '0.1.0',
        nonce: () => `nonce-${++nonces}`,
        router: this.router,
        api: options.api ?? (() => {}),
        log: this.log,
        ...(options.acceptor === undefined ? {} : { acceptor: options.acceptor }),
        ...(options.limits === undefined ? {} : { limits: options.limits }),
      },
      (_error, door) => {
        opened = door
      },
    )
    this.door = opened!
  }

  /** A link that has been greeted. */
  link(): MemoryLink {
    const link = new MemoryLink()
    link.handlers = this.#accept!(link)
    return link
  }

  /** A link that sent CONNECT; what it was sent so far is forgotten. */
  client(options: Readonly<Record<string, unknown>> = {}): MemoryLink {
    const link = this.link()
    const connect = { verbose: false, headers: true, no_responders: true, ...options }
    link.say(`CONNECT ${JSON.stringify(connect)}\r\nPING\r\n`)
    link.heard()
    return link
  }

  pass(milliseconds: number): void {
    this.simulation.runUntil(this.simulation.nowMs + milliseconds)
  }
}

export class MemoryLink implements ByteLink {
  readonly peer = '127.0.0.1:50000'
  handlers!: LinkHandlers
  /** What the operating system is said not to have taken. */
  backlogBytes = 0
  paused = false
  /** `end` was called: the other side would see the end of the stream. */
  ended = false
  destroyed = false
  /** Every byte written adds to the backlog. */
  stuck = false
  /** Every piece written, as it was handed over. */
  readonly pieces: Uint8Array[] = []
  #written: string[] = []

  write(bytes: Chunks | Uint8Array): void {
    const whole = bytes instanceof Uint8Array ? bytes : joinChunks(bytes)
    if (this.stuck) this.backlogBytes += whole.byteLength
    this.pieces.push(...(bytes instanceof Uint8Array ? [bytes] : bytes.pieces))
    this.#written.push(new TextDecoder().decode(whole))
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }

  end(): void {
    this.ended = true
  }

  destroy(): void {
    this.destroyed = true
  }

  say(text: string): void {
    this.handlers.data(new TextEncoder().encode(text))
  }

  /** The other side is gone. */
  hangUp(): void {
    this.handlers.closed()
  }

  /** What was written since the last call. */
  heard(): string {
    const text = this.#written.join('')
    this.#written = []
    return text
  }
}
