// A program of the user on a simulated machine of its own, across its lives. A crash ends a life: its
// code never hears of anything again, as if the process had been killed; the store stays. The function
// is run anew by the next life. Whether real IO is tried is watched in real-io-node.ts.
import type { Random } from '@quorate/actors'
import { eventClass, type SimulatedHost, type Simulation } from '@quorate/actors/testing'
import type { Client, Duration } from '@quorate/client'
import { durationMs } from '@quorate/client/testing'
import type { SimulatedNetwork } from '../simulation/simulated-network.ts'
import { type ProcessStore, processStore, StoredValues } from './process-store.ts'
import { simulatedClient } from './simulated-client.ts'
import type { ClientWatch } from './tracked-client.ts'
import { userHost, userNetwork } from './user-host.ts'
import { Waits } from './waits.ts'

/** What the function of a process gets: everything it may touch outside its own memory. */
export interface ProcessContext {
  /** As given to `process`. */
  readonly name: string
  /** Connects to the cluster over the simulated network, from the machine of this process. */
  connect(): Promise<Client>
  /** Resolves after that much virtual time. Use it instead of timers. */
  sleep(time: Duration): Promise<void>
  /** Milliseconds since 1970 on the clock of this machine. Use it instead of `Date.now()`. */
  now(): number
  /** A number from 0 to below 1, given by the seed. Use it instead of `Math.random()`. */
  random(): number
  /** Aborted by `stop`, as by SIGTERM. A crash does not abort it. */
  readonly signal: AbortSignal
  /** The durable map of this machine. */
  readonly store: ProcessStore
  /** Adds a line to the timeline of the run. */
  note(text: string): void
}

/** A program: whatever it does with time, network and disk goes through its context. */
export type ProcessFunction = (context: ProcessContext) => Promise<void>

/** Options of `process`. */
export interface ProcessOptions {
  /**
   * Starts a process whose function threw again after that time, as a supervisor would. Default: it is
   * not, and the test fails with `process-failed`.
   */
  readonly restartAfter?: Duration
}

/** What a process needs of its cluster. */
export interface ProcessSurroundings {
  readonly simulation: Simulation
  readonly network: SimulatedNetwork
  readonly servers: readonly string[]
  touch(): void
  /** Runs `start`, and everything that follows from it, under the eye of the watch for real IO. */
  guard(process: string, start: () => void): void
  readonly topic: ClientWatch['topic']
  readonly history: ClientWatch['history']
  /** The function threw and is not started again. */
  failed(error: unknown): void
  note(text: string): void
}

/** A crash that falls once so many calls have taken effect. */
interface CrashPoint {
  left: number
  readonly crash: () => void
}

interface Life {
  readonly host: SimulatedHost
  readonly waits: Waits
  readonly abort: AbortController
  readonly ended: PromiseWithResolvers<void>
}

/** One half of an operation of the store takes 1 to this many milliseconds. */
const storeMsMax = 3

export class UserProcess {
  readonly name: string
  readonly values = new StoredValues()
  readonly #run: ProcessFunction
  readonly #restartMs: number | undefined
  readonly #around: ProcessSurroundings
  readonly #random: Random
  #life: Life | undefined
  #wallOffsetMs = 0
  #crashPoints: CrashPoint[] = []

  constructor(
    name: string,
    run: ProcessFunction,
    options: ProcessOptions,
    around: ProcessSurroundings,
  ) {
    const { restartAfter } = options
    this.name = name
    this.#run = run
    this.#restartMs =
      restartAfter === undefined ? undefined : durationMs('restartAfter', restartAfter)
    this.#around = around
    const { random } = around.simulation
    this.#random = { integer: (purpose, bound) => random.integer(`${name}/${purpose}`, bound) }
  }

  /** A life has begun, and its function has not ended. */
  get running(): boolean {
    return this.#life !== undefined
  }

  /** What it waits for, in words. */
  get state(): string {
    const life = this.#life
    if (life === undefined) return 'does not run'
    if (life.host.paused) return 'is paused'
    return life.waits.waiting
      ? `waits for ${life.waits.text}`
      : 'waits for nothing that is simulated'
  }

  start(): void {
    if (this.#life !== undefined) return
    const { simulation, network } = this.#around
    const host = simulation.host(this.name, { wallOffsetMs: this.#wallOffsetMs })
    const waits = new Waits({
      nowMs: () => simulation.nowMs,
      began: () => {},
      settled: () => this.#settled(),
    })
    const ended = Promise.withResolvers<void>()
    const life: Life = { host, waits, abort: new AbortController(), ended }
    this.#life = life
    this.#around.note(`${this.name} starts`)
    const context = this.#context(life, network.host(this.name, host))
    const run = (): void => {
      this.#around.touch()
      this.#around.guard(this.name, () => {
        // Within a promise: what the function throws at once is a rejection too.
        new Promise<void>((resolve) => resolve(this.#run(context))).then(
          () => this.#ended(life),
          (error: unknown) => this.#threw(life, error),
        )
      })
    }
    host.nextTurn(run)
  }

  /** Its code stops where it is. */
  crash(): void {
    const life = this.#life
    if (life === undefined) return
    this.#life = undefined
    life.waits.silence()
    life.host.crash()
    this.#around.network.crash(this.name, 'process')
    life.ended.resolve()
  }

  /**
   * Calls `crash` as soon as so many more of its promises, in this life or later ones, have settled:
   * before its code hears of the last.
   */
  crashAfter(calls: number, crash: () => void): void {
    this.#crashPoints.push({ left: calls, crash })
  }

  /** Takes back crashes that have not come. */
  clearCrashPoints(): void {
    this.#crashPoints = []
  }

  /** Aborts the signal; resolves when the function has ended, however it ends. */
  stop(): Promise<void> {
    const life = this.#life
    if (life === undefined) return Promise.resolve()
    this.#around.guard(this.name, () => life.abort.abort())
    return life.ended.promise
  }

  pause(): void {
    this.#life?.host.pause()
  }

  resume(): void {
    this.#life?.host.resume()
  }

  jumpClock(byMs: number): void {
    this.#wallOffsetMs += byMs
    this.#life?.host.jumpWall(byMs)
  }

  #settled(): boolean {
    for (const point of this.#crashPoints) point.left -= 1
    const due = this.#crashPoints.filter(({ left }) => left <= 0)
    if (due.length === 0) return true
    this.#crashPoints = this.#crashPoints.filter(({ left }) => left > 0)
    for (const { crash } of due) crash()
    return false
  }

  #ended(life: Life): void {
    if (this.#life !== life) return
    this.crash()
    this.#around.note(`${this.name} ends`)
  }

  #threw(life: Life, error: unknown): void {
    if (this.#life !== life) return
    const stopped = life.abort.signal.aborted
    this.crash()
    this.#around.note(`${this.name} throws ${String(error)}`)
    if (stopped) return
    const { simulation } = this.#around
    if (this.#restartMs === undefined) this.#around.failed(error)
    else {
      const atMs = simulation.nowMs + this.#restartMs
      simulation.at(atMs, eventClass.fault, () => this.start())
    }
  }

  #context(life: Life, network: ReturnType<SimulatedNetwork['host']>): ProcessContext {
    const { touch, servers, note, topic, history } = this.#around
    const host = userHost(life.host, touch)
    const links = userNetwork(network, touch)
    const track = <Result>(what: string, promise: Promise<Result>) =>
      life.waits.track(what, promise)
    const delayMs = () => 1 + this.#random.integer('store', storeMsMax)
    const random = this.#random
    return {
      name: this.name,
      connect: () =>
        track(
          'connect',
          simulatedClient(this.name, { servers, host, random, links, track, topic, history }),
        ),
      sleep: (time) => {
        const ms = durationMs('time', time)
        return track(`sleep(${ms})`, new Promise<void>((resolve) => host.setTimer(resolve, ms)))
      },
      now: () => host.wallMs(),
      random: () => this.#random.integer('random', 2 ** 32) / 2 ** 32,
      signal: life.abort.signal,
      store: processStore(this.values, { host, delayMs, track }),
      note: (text) => {
        if (this.#life === life) note(`${this.name}: ${text}`)
      },
    }
  }
}
