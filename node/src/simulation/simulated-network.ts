// The simulated Network: hosts that listen and connect over paths with latency, and the faults that
// cut, delay, split, refuse and reset. Deterministic: every draw is keyed, every event goes through
// the one queue of the simulation, every delivery into its hash. It knows nothing of what the bytes
// mean; nodes and clients use it through mesh/network.ts as they use TCP.
import type { Random } from '@quorate/actors'
import { eventClass, type SimulatedHost } from '@quorate/actors/testing'
import { formatAddress, parseAddress } from '../mesh/address.ts'
import type { ByteLink, LinkHandlers, Listener, Network } from '../mesh/network.ts'
import { MessageFaults } from './message-faults.ts'
import {
  type DelaySetting,
  episode,
  type FaultEpisode,
  type NetworkFault,
  NetworkFaults,
  type NetworkPath,
} from './network-faults.ts'
import {
  connectionError,
  type LinkWorld,
  type NetworkLife,
  type NetworkScheduler,
  SimulatedLink,
  type SimulatedNetworkOptions,
} from './simulated-link.ts'

const defaultOptions: SimulatedNetworkOptions = {
  latencyMinMs: 0.2,
  latencyMaxMs: 1,
  bandwidthBytesPerMs: Number.POSITIVE_INFINITY,
  sendBufferBytes: 256 * 1024,
  breakAfterMs: 15_000,
  connectTimeoutMs: 10_000,
}

/** A connection attempt that got no answer is repeated after this time, as TCP does. */
const connectRetryMs = 1_000
const firstFreePort = 40_000

interface BoundListener {
  readonly life: NetworkLife
  readonly accept: (link: ByteLink) => LinkHandlers
}

interface Attempt {
  readonly life: NetworkLife
  readonly address: string
  readonly handlers: LinkHandlers
  readonly open: (link: ByteLink) => void
  readonly deadlineMs: number
}

export class SimulatedNetwork {
  /** Of single messages between nodes; healed with everything else. */
  readonly messages: MessageFaults
  readonly #world: LinkWorld
  readonly #faults = new NetworkFaults()
  readonly #options: SimulatedNetworkOptions
  readonly #lives = new Map<string, NetworkLife>()
  readonly #listeners = new Map<string, BoundListener>()
  /** Who listened last on an address: the host that answers, or stays silent, for it. */
  readonly #addressHosts = new Map<string, string>()
  /** In order of creation; both ends of each live connection. */
  readonly #ends = new Set<SimulatedLink>()
  #nextPort = firstFreePort

  constructor(
    scheduler: NetworkScheduler,
    random: Random,
    options: Partial<SimulatedNetworkOptions> = {},
  ) {
    this.#options = { ...defaultOptions, ...options }
    this.messages = new MessageFaults(scheduler, random, this.#faults)
    this.#world = {
      scheduler,
      random,
      faults: this.#faults,
      options: this.#options,
      arrivalMs: (path, sizeBytes) => this.#arrivalMs(path, sizeBytes),
      forget: (end) => {
        this.#ends.delete(end)
        this.#ends.delete(end.other)
      },
    }
  }

  /** How often each kind of fault took effect; a fault that nothing met does not count. */
  get counters(): Readonly<Record<NetworkFault, number>> {
    return this.#faults.counters
  }

  /** Live connections, half-closed ones included. */
  get links(): number {
    return this.#ends.size / 2
  }

  /**
   * The network as one process sees it. `owner`: its simulated host, so that nothing reaches it
   * while it is paused. A restarted process asks again, after `crash`; the old object is dead.
   */
  host(name: string, owner?: SimulatedHost): Network {
    const before = this.#lives.get(name)
    if (before?.alive === true) throw new Error(`${name} is alive on the network`)
    if (before?.silent === true) {
      before.silent = false
      // The machine is back and knows nothing of the links of its earlier life.
      for (const end of this.#ends) if (end.life === before) end.sendReset()
      this.#planArrivals()
    }
    const life: NetworkLife = { host: name, owner, alive: true, silent: false }
    this.#lives.set(name, life)
    return {
      listen: (address, accept, done) => this.#listen(life, address, accept, done),
      connect: (address, handlers, open, options) => {
        const timeoutMs = options?.timeoutMs ?? this.#options.connectTimeoutMs
        const deadlineMs = this.#world.scheduler.nowMs + timeoutMs
        this.#try({ life, address, handlers, open, deadlineMs }, 0)
      },
    }
  }

  /** No bytes and no connections from a to b, and (`both`, the default) from b to a. */
  cut(
    a: string,
    b: string,
    direction: 'both' | 'forward' = 'both',
    fault: FaultEpisode = episode('cut'),
  ): void {
    this.#faults.path(a, b).cut ??= fault
    if (direction === 'both') this.#faults.path(b, a).cut ??= fault
  }

  /** Ends cuts, stalls, delays, slowness and splits between the two. */
  heal(a: string, b: string): void {
    const paths = [this.#faults.path(a, b), this.#faults.path(b, a)]
    const slow = paths.filter((path) => path.slow !== undefined)
    for (const path of paths) path.heal()
    for (const path of slow) this.#hasten(path)
    this.#planArrivals()
  }

  /** Ends every fault. */
  healAll(): void {
    const slow = this.#faults.slowPaths()
    this.#faults.clear()
    for (const path of slow) this.#hasten(path)
    this.messages.healAll()
    this.#planArrivals()
  }

  /** Cuts a host off from all others, present and future. */
  isolate(host: string): void {
    this.#faults.isolate(host)
  }

  rejoin(host: string): void {
    this.#faults.rejoin(host)
    this.#planArrivals()
  }

  /** Holds all bytes between the two back for a while; no link breaks of it. */
  stall(a: string, b: string, forMs: number): void {
    const { scheduler } = this.#world
    const fault = episode('stall')
    const paths = [this.#faults.path(a, b), this.#faults.path(b, a)]
    this.clog(a, b, fault)
    const release = (): void => {
      for (const path of paths) if (path.stall === fault) path.stall = undefined
      this.#planArrivals()
    }
    scheduler.at(scheduler.nowMs + forMs, eventClass.fault, release)
  }

  /** Holds all bytes between the two back until healed. */
  clog(a: string, b: string, fault: FaultEpisode = episode('stall')): void {
    for (const path of [this.#faults.path(a, b), this.#faults.path(b, a)]) path.stall = fault
  }

  /** Both directions carry only so many bytes in a millisecond until healed. */
  slow(a: string, b: string, bytesPerMs: number, fault: FaultEpisode = episode('slow')): void {
    for (const path of [this.#faults.path(a, b), this.#faults.path(b, a)]) {
      path.slow = { bytesPerMs, episode: fault }
    }
  }

  /** Makes both directions late until healed. */
  delay(a: string, b: string, setting: DelaySetting, fault: FaultEpisode = episode('delay')): void {
    for (const path of [this.#faults.path(a, b), this.#faults.path(b, a)]) {
      path.delay = { setting, episode: fault }
    }
  }

  /** Each piece that arrives between the two is cut at a random place with this probability. */
  split(a: string, b: string, perMille: number): void {
    const fault = episode('split')
    for (const path of [this.#faults.path(a, b), this.#faults.path(b, a)]) {
      path.split = { perMille, episode: fault }
    }
  }

  /** While true, new connections to the host are refused, as if nobody listened. */
  refuse(host: string, refuses: boolean): void {
    this.#faults.refuse(host, refuses)
  }

  /** Breaks all links between the two; what was under way arrives in part. Returns how many broke. */
  reset(a: string, b: string): number {
    let broken = 0
    for (const end of [...this.#ends]) {
      if (end.life.host !== a || end.other.life.host !== b) continue
      this.#faults.count('reset')
      end.reset()
      broken += 1
    }
    return broken
  }

  /**
   * The process is gone: links reset, listeners closed. `machine`: the whole machine is, and stays
   * silent until `host` is called again. To be called together with the crash of its SimulatedHost.
   */
  crash(name: string, what: 'process' | 'machine' = 'process'): void {
    const life = this.#lives.get(name)
    if (life === undefined || !life.alive) return
    life.alive = false
    life.silent = what === 'machine'
    for (const [address, listener] of this.#listeners) {
      if (listener.life === life) this.#listeners.delete(address)
    }
    const own = [...this.#ends].filter((end) => end.life === life)
    if (own.length > 0) this.#faults.count('crash')
    for (const end of own) end.die()
  }

  #arrivalMs(path: NetworkPath, sizeBytes: number): number {
    const { scheduler, random } = this.#world
    const { latencyMinMs, latencyMaxMs, bandwidthBytesPerMs } = this.#options
    // Whole microseconds, so that no sum depends on rounding.
    const steps = Math.round((latencyMaxMs - latencyMinMs) * 1000) + 1
    let latencyMs = latencyMinMs + random.integer(path.latencyPurpose, steps) / 1000
    const { delay, slow } = path
    if (delay !== undefined) {
      this.#faults.tookEffect(delay.episode)
      const jitterSteps = Math.round(delay.setting.jitterMs * 1000) + 1
      const jitterMs = random.integer(`${path.purpose}/jitter`, jitterSteps) / 1000
      latencyMs += delay.setting.extraMs + jitterMs
    }
    const startsMs = Math.max(scheduler.nowMs, path.freeAtMs)
    const bytesPerMs = Math.min(bandwidthBytesPerMs, slow?.bytesPerMs ?? bandwidthBytesPerMs)
    const leavesMs = startsMs + sizeBytes / bytesPerMs
    if (slow !== undefined && leavesMs > startsMs) this.#faults.tookEffect(slow.episode)
    if (leavesMs > scheduler.nowMs) path.freeAtMs = leavesMs
    return leavesMs + latencyMs
  }

  #planArrivals(): void {
    for (const end of this.#ends) end.planArrival()
  }

  /** What a slow path holds arrives as if the path had never been slow. */
  #hasten(path: NetworkPath): void {
    path.freeAtMs = 0
    const latestMs = this.#world.scheduler.nowMs + this.#options.latencyMaxMs
    for (const end of this.#ends) {
      const { from, to } = path
      if (end.life.host === from && end.other.life.host === to) end.hasten(latestMs)
    }
  }

  #listen(
    life: NetworkLife,
    address: string,
    accept: (link: ByteLink) => LinkHandlers,
    done: (error: Error | undefined, listener: Listener) => void,
  ): void {
    const { scheduler } = this.#world
    const run = (): void => {
      if (!life.alive) return
      const bound = this.#bind(address)
      if (bound instanceof Error) {
        done(bound, { address: '', close: () => {} })
        return
      }
      const listener: BoundListener = { life, accept }
      this.#listeners.set(bound, listener)
      this.#addressHosts.set(bound, life.host)
      const close = (): void => {
        if (this.#listeners.get(bound) === listener) this.#listeners.delete(bound)
      }
      done(undefined, { address: bound, close })
    }
    scheduler.at(scheduler.nowMs, eventClass.network, run, life.owner)
  }

  #bind(address: string): string | Error {
    try {
      const { host, port } = parseAddress(address)
      const bound = formatAddress(host, port === 0 ? this.#nextPort++ : port)
      return this.#listeners.has(bound) ? connectionError('EADDRINUSE', bound) : bound
    } catch (error) {
      return error as Error
    }
  }

  /** One attempt: there and back again. Unanswered ones are repeated until the deadline. */
  #try(attempt: Attempt, afterMs: number): void {
    const { scheduler } = this.#world
    const from = attempt.life.host
    const to = this.#addressHosts.get(attempt.address) ?? from
    const there = this.#faults.path(from, to)
    const back = this.#faults.path(to, from)
    const roundTripMs = this.#arrivalMs(there, 0) + this.#arrivalMs(back, 0)
    const atMs = Math.min(roundTripMs - scheduler.nowMs + afterMs, attempt.deadlineMs)
    scheduler.at(
      atMs,
      eventClass.network,
      () => this.#answer(attempt, there, back),
      attempt.life.owner,
    )
  }

  #answer(attempt: Attempt, there: NetworkPath, back: NetworkPath): void {
    const { life, address, handlers, deadlineMs } = attempt
    const { scheduler } = this.#world
    if (!life.alive) return
    const { to } = there
    const fault = this.#faults.holding(there) ?? this.#faults.holding(back)
    const silent = this.#lives.get(to)?.silent === true
    if (fault !== undefined) this.#faults.tookEffect(fault)
    if (fault !== undefined || silent) {
      if (scheduler.nowMs >= deadlineMs) handlers.closed(connectionError('ETIMEDOUT', address))
      else this.#try(attempt, connectRetryMs)
      return
    }
    const listener = this.#listeners.get(address)
    const refusing = this.#faults.refusing(to)
    if (listener !== undefined && refusing === undefined) {
      this.#establish(attempt, listener)
      return
    }
    if (listener !== undefined && refusing !== undefined) this.#faults.tookEffect(refusing)
    handlers.closed(connectionError('ECONNREFUSED', address))
  }

  #establish(attempt: Attempt, listener: BoundListener): void {
    const near = new SimulatedLink(this.#world, attempt.life, attempt.address)
    const far = new SimulatedLink(this.#world, listener.life, attempt.life.host)
    near.other = far
    far.other = near
    near.handlers = attempt.handlers
    far.accepted = () => {
      if (this.#listeners.get(attempt.address) === listener) far.handlers = listener.accept(far)
      else far.destroy()
    }
    this.#ends.add(near)
    this.#ends.add(far)
    near.sendOpen()
    attempt.open(near)
  }
}
