// A TCP proxy in front of one address, for faults of one link. `pass` forwards bytes. `drop` is a
// network that swallows packets: connections stay open and nothing passes in either direction; like
// TCP it delivers late what was sent meanwhile, when it passes again and both ends still wait.
// `refuse` is a port nobody listens on: connections break and new ones are refused. While it passes
// it may be slow. Bytes of one direction: proxy-direction.ts.
import net from 'node:net'
import { freePorts } from '../../cli/free-ports.ts'
import { ProxyDirection } from './proxy-direction.ts'

export type ProxyMode = 'pass' | 'drop' | 'refuse'

interface Relay {
  readonly near: net.Socket
  /** Absent until the link passes for the first time. */
  far: net.Socket | undefined
  directions: readonly ProxyDirection[]
  /** One end went while the link dropped: the other end learns of it when the link passes. */
  broken: boolean
}

export class TcpProxy {
  readonly #target: { readonly host: string; readonly port: number }
  readonly #relays = new Set<Relay>()
  #server: net.Server
  readonly #port: number
  #mode: ProxyMode = 'pass'
  #delayMs: (() => number) | undefined

  private constructor(target: string, port: number) {
    const { hostname, port: targetPort } = new URL(`tcp://${target}`)
    this.#target = { host: hostname, port: Number(targetPort) }
    this.#port = port
    this.#server = this.#createServer()
  }

  /** `target`: `host:port`; nobody need listen there yet. */
  static async start(target: string): Promise<TcpProxy> {
    // A port that the system hands out could be gone when `refuse` is over.
    const [port] = (await freePorts(1)) as [number]
    const proxy = new TcpProxy(target, port)
    await proxy.#listen()
    return proxy
  }

  /** `host:port` of this end. */
  get address(): string {
    return `127.0.0.1:${this.#port}`
  }

  get mode(): ProxyMode {
    return this.#mode
  }

  async set(mode: ProxyMode): Promise<void> {
    if (mode === this.#mode) return
    const before = this.#mode
    this.#mode = mode
    if (mode === 'refuse') {
      await this.#stopListening()
      return
    }
    for (const relay of this.#relays) this.#steer(relay)
    if (before === 'refuse') await this.#listen()
  }

  /** From now on pieces take so much longer, asked for each of them; undefined: no longer. */
  delay(ms: (() => number) | undefined): void {
    this.#delayMs = ms
  }

  /** Connections break, and what was under way is lost. New ones are taken. */
  reset(): void {
    for (const relay of [...this.#relays]) this.#destroy(relay)
  }

  async close(): Promise<void> {
    if (this.#mode !== 'refuse') await this.#stopListening()
    this.#mode = 'refuse'
  }

  #createServer(): net.Server {
    return net.createServer((near) => {
      const relay: Relay = { near, far: undefined, directions: [], broken: false }
      this.#relays.add(relay)
      near.pause()
      near.setNoDelay(true)
      near.on('error', () => this.#end(relay))
      near.on('close', () => this.#end(relay))
      this.#steer(relay)
    })
  }

  #steer(relay: Relay): void {
    if (this.#mode === 'drop') {
      relay.near.pause()
      relay.far?.pause()
      return
    }
    if (relay.broken) this.#destroy(relay)
    else if (relay.far === undefined) this.#dial(relay)
    else for (const direction of relay.directions) direction.resume()
  }

  #dial(relay: Relay): void {
    const far = net.connect(this.#target)
    relay.far = far
    far.setNoDelay(true)
    far.on('error', () => this.#end(relay))
    far.on('close', () => this.#end(relay))
    const link = {
      passes: () => this.#mode === 'pass',
      delayMs: () => this.#delayMs?.() ?? 0,
    }
    relay.directions = [
      new ProxyDirection(relay.near, far, link),
      new ProxyDirection(far, relay.near, link),
    ]
    if (this.#mode === 'pass') relay.near.resume()
  }

  #end(relay: Relay): void {
    if (this.#mode === 'drop') relay.broken = true
    else this.#destroy(relay)
  }

  #destroy(relay: Relay): void {
    this.#relays.delete(relay)
    relay.near.destroy()
    relay.far?.destroy()
  }

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(this.#port, '127.0.0.1', () => resolve())
    })
  }

  #stopListening(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    for (const relay of [...this.#relays]) this.#destroy(relay)
    this.#server = this.#createServer()
    return closed
  }
}
