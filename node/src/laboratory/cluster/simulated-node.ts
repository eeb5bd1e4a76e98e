// One broker node of a simulated cluster, across the lives of its process: the real BrokerNode on a
// simulated host, disk and network. A crash ends a life; `start` begins the next over the same disk.
// A node that ends by itself (a failed disk, a folder it cannot open) is started again a little
// later, and later each time while it fails, as a supervisor would do it.
import type { Random } from '@quorate/actors'
import { eventClass, type SimulatedHost, type Simulation } from '@quorate/actors/testing'
import { QuorateError } from '@quorate/protocol'
import { BrokerNode } from '../../node.ts'
import type { NodeEnvironment, NodeOptions } from '../../node-environment.ts'
import type { EventLog } from '../../observe/log.ts'
import { DiskCrash } from '../../simulation/crash-points.ts'
import type { SimulatedDisk } from '../../simulation/simulated-disk.ts'
import type { SimulatedNetwork } from '../../simulation/simulated-network.ts'
import type { SimulatedProbes } from './simulated-probes.ts'

export interface NodeSurroundings {
  readonly simulation: Simulation
  readonly network: SimulatedNetwork
  readonly probes: SimulatedProbes
  readonly timing: NodeOptions['timing']
  readonly storage: NonNullable<NodeOptions['storage']>
  readonly mesh: NonNullable<NodeOptions['mesh']>
  /** Sees through what a process of the node is started with. */
  environment(node: string, environment: NodeEnvironment): NodeEnvironment
  /** Recovery is over: the folder is open. */
  opened(disk: SimulatedDisk): void
  /** An event of the node's log. */
  logged(node: string, level: 'info' | 'warn' | 'error', event: string, fields: object): void
  /** The node ended by itself, or could not start. */
  exited(node: string, reason: string, code: string | undefined): void
}

export const dataFolder = '/data'
const startAgainMs = 250
const startAgainMaxMs = 4_000

export class SimulatedNode {
  readonly name: string
  /** `host:port`, where it listens. */
  readonly address: string
  readonly disk: SimulatedDisk
  /** Lives of its process so far. */
  lives = 0
  readonly #around: NodeSurroundings
  readonly #random: Random
  #host: SimulatedHost | undefined
  #broker: BrokerNode | undefined
  #wallOffsetMs = 0
  #isWallFrozen = false
  #driftPpm = 0
  #stopping = false
  #startAfterStop = false
  #startAgainMs = startAgainMs
  /** It does not run until it is called back. */
  #left = false

  constructor(name: string, address: string, disk: SimulatedDisk, around: NodeSurroundings) {
    this.name = name
    this.address = address
    this.disk = disk
    this.#around = around
    const { random } = around.simulation
    this.#random = { integer: (purpose, bound) => random.integer(`${name}/${purpose}`, bound) }
  }

  /** A process exists; it may be paused. */
  get running(): boolean {
    return this.#host !== undefined
  }

  get broker(): BrokerNode | undefined {
    return this.#broker
  }

  start(): void {
    if (this.#host !== undefined || this.#left) return
    const { simulation } = this.#around
    const wallOffsetMs = this.#wallOffsetMs
    const host = simulation.host(this.name, { wallOffsetMs, driftPpm: this.#driftPpm })
    if (this.#isWallFrozen) host.freezeWall()
    this.lives += 1
    this.#host = host
    try {
      const environment = this.#around.environment(this.name, this.#environment(host))
      BrokerNode.start(environment, this.#options(), (error, node) => {
        if (node !== undefined) this.#opened(node)
        else this.#exit(host, String(error?.message), error?.code)
      })
      this.#around.opened(this.disk)
    } catch (error) {
      if (error instanceof DiskCrash) return
      const code = error instanceof QuorateError ? error.code : undefined
      this.#exit(host, error instanceof Error ? String(error.stack) : String(error), code)
    }
  }

  /** `power`: what was not synced is lost. `kill`: it stays in the page cache. */
  crash(what: 'power' | 'kill'): void {
    const host = this.#host
    if (host === undefined) return
    this.#host = undefined
    this.#broker = undefined
    host.crash()
    this.disk.crash(what)
    this.#around.network.crash(this.name, what === 'power' ? 'machine' : 'process')
    if (!this.#stopping) return
    this.#stopping = false
    const { simulation } = this.#around
    if (this.#startAfterStop) simulation.at(simulation.nowMs, eventClass.fault, () => this.start())
  }

  /** The machine is gone, for good as far as anybody knows. */
  leave(): void {
    this.#left = true
    this.crash('power')
  }

  /** The machine is there again, or another one in its place. */
  callBack(): void {
    this.#left = false
  }

  /** A clean stop begins; it takes a while. */
  stop(): void {
    const host = this.#host
    if (host === undefined || this.#broker === undefined) return
    this.#stopping = true
    this.#startAfterStop = false
    this.#broker.stop(() => {
      if (this.#host !== host) return
      this.#around.logged(this.name, 'info', 'node.stopped', {})
      this.crash('kill')
    })
  }

  /** Starts now, or as soon as a clean stop under way is over. */
  startAfterStop(): void {
    if (this.#stopping) this.#startAfterStop = true
    else this.start()
  }

  pause(): void {
    this.#host?.pause()
  }

  resume(): void {
    this.#host?.resume()
  }

  /** The machine's calendar; later processes see it too. */
  jumpClock(byMs: number): void {
    this.#wallOffsetMs += byMs
    this.#host?.jumpWall(byMs)
  }

  /** The machine's calendar stands still, or is right again. */
  freezeClock(frozen: boolean): void {
    this.#isWallFrozen = frozen
    if (frozen) this.#host?.freezeWall()
    else this.#host?.thawWall()
  }

  /** How much faster the machine's clocks run. */
  driftClock(ppm: number): void {
    this.#driftPpm = ppm
    this.#host?.setDrift(ppm)
  }

  /** The machine's calendar and clocks are right again; time that was lost or won is not given back. */
  healClock(): void {
    this.jumpClock(-this.#wallOffsetMs)
    this.freezeClock(false)
    this.driftClock(0)
  }

  /** What is wrong with process and machine until somebody ends it. */
  get lasting(): string[] {
    const all: Readonly<Record<string, boolean>> = {
      'is paused': this.#host?.paused === true,
      'has another calendar': this.#wallOffsetMs !== 0,
      'has a calendar that stands still': this.#isWallFrozen,
      'has clocks that drift': this.#driftPpm !== 0,
    }
    const own = Object.keys(all).filter((what) => all[what])
    return [...own, ...this.disk.lasting.map((what) => `has a disk that ${what}`)]
  }

  #opened(node: BrokerNode): void {
    this.#broker = node
    this.#startAgainMs = startAgainMs
  }

  #exit(host: SimulatedHost, reason: string, code: string | undefined): void {
    if (this.#host !== host) return
    this.#around.exited(this.name, reason, code)
    this.crash('kill')
    const { simulation } = this.#around
    const startMs = simulation.nowMs + this.#startAgainMs
    this.#startAgainMs = Math.min(2 * this.#startAgainMs, startAgainMaxMs)
    const { lives } = this
    simulation.at(startMs, eventClass.fault, () => {
      // Somebody else may have started it meanwhile.
      if (this.lives === lives) this.start()
    })
  }

  #environment(host: SimulatedHost): NodeEnvironment {
    const hex = () => {
      const part = this.#random.integer('nonce', 0x1_0000_0000)
      return part.toString(16).padStart(8, '0')
    }
    return {
      disk: this.disk.process(host),
      network: this.#around.network.host(this.name, host),
      tap: this.#around.network.messages.tap(this.name, host),
      host,
      random: this.#random,
      log: this.#log(host),
      probe: this.#around.probes.of(this.name),
      nonce: () => hex() + hex() + hex() + hex(),
      failed: (reason) => this.#exit(host, reason, undefined),
      session: 1 + this.#random.integer('session', 0xffff_0000),
    }
  }

  #log(host: SimulatedHost): EventLog {
    const write =
      (level: 'info' | 'warn' | 'error') =>
      (event: string, fields: object = {}): void => {
        if (!host.crashed) this.#around.logged(this.name, level, event, fields)
      }
    return { info: write('info'), warn: write('warn'), error: write('error') }
  }

  #options(): NodeOptions {
    const { timing, storage, mesh } = this.#around
    return {
      folder: dataFolder,
      bind: (planAddress) => ({ listen: planAddress, advertise: undefined }),
      peers: new Map(),
      autoCreateTopics: false,
      version: '0.0.0-simulated',
      timing,
      storage,
      mesh,
    }
  }
}
