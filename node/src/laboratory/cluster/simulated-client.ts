// One client process of a simulated cluster: the core of the real client on a simulated host, over
// the real wire format on the simulated network. It is the client without promises; the public
// surface over it is tested elsewhere.
import type { Random } from '@quorate/actors'
import type { SimulatedHost } from '@quorate/actors/testing'
import { byteLinkOpener, type ClientCore, clientCore } from '@quorate/client/testing'
import { apiSubject, QuorateError, type Verb } from '@quorate/protocol'
import { limitsOf } from '../plan/plan-limits.ts'
import { ClientLinkFaults } from './client-link-faults.ts'
import type { SimulatedCluster } from './cluster.ts'

const startAgainMs = 200

export class SimulatedClient {
  readonly name: string
  /** What a plan does to its requests; outlives the process. */
  readonly linkFaults: ClientLinkFaults
  readonly #cluster: SimulatedCluster
  readonly #servers: readonly string[]
  readonly #random: Random
  #life: { readonly host: SimulatedHost; readonly core: ClientCore }
  #connected = false
  /** Calls without answer; each ends its own when the process dies. */
  readonly #calls = new Set<() => void>()
  #wallOffsetMs = 0

  /** `servers`: addresses it is told; default: of the nodes of the beginning. */
  constructor(name: string, cluster: SimulatedCluster, servers = cluster.addresses) {
    this.name = name
    this.#cluster = cluster
    this.#servers = servers
    const { random } = cluster.simulation
    this.#random = {
      integer: (purpose: string, bound: number) => random.integer(`${name}/${purpose}`, bound),
    }
    this.linkFaults = new ClientLinkFaults(this.#random)
    this.#life = this.#begin()
  }

  /** Of the process that lives now. */
  get host(): SimulatedHost {
    return this.#life.host
  }

  get core(): ClientCore {
    return this.#life.core
  }

  get connected(): boolean {
    return this.#connected
  }

  /** Connects; tries again until a node answers. */
  connect(): void {
    const { core, host } = this.#life
    core.start((error) => {
      if (error === undefined) this.#connected = true
      else host.setTimer(() => this.connect(), startAgainMs)
    })
  }

  /** The process dies: what it called for stays unknown for ever. */
  crash(): void {
    this.host.crash()
    for (const end of [...this.#calls]) end()
    this.#cluster.network.crash(this.name)
    this.#connected = false
  }

  /** After a crash: a process of the same name that remembers nothing. */
  startAgain(): void {
    if (!this.host.crashed) return
    this.#life = this.#begin()
    this.connect()
  }

  /** The machine's calendar; later processes see it too. */
  jumpClock(byMs: number): void {
    this.#wallOffsetMs += byMs
    this.host.jumpWall(byMs)
  }

  healClock(): void {
    this.jumpClock(-this.#wallOffsetMs)
  }

  /** What is wrong with it until somebody ends it. */
  get lasting(): string[] {
    const all: Readonly<Record<string, boolean>> = {
      'is paused': this.host.paused,
      'is dead': this.host.crashed,
      'has another calendar': this.#wallOffsetMs !== 0,
      'has links that fail': this.linkFaults.active,
    }
    return Object.keys(all).filter((what) => all[what])
  }

  #begin(): { readonly host: SimulatedHost; readonly core: ClientCore } {
    const { simulation, network, plan, probes } = this.#cluster
    const host = simulation.host(this.name, { wallOffsetMs: this.#wallOffsetMs })
    const opener = byteLinkOpener(network.host(this.name, host), host, this.#random)
    const core = clientCore({
      servers: this.#servers,
      host,
      random: this.#random,
      probe: probes.of(this.name),
      linkOpener: this.linkFaults.around(opener, host),
      limits: {
        writeTimeoutMs: plan.settings.writeTimeoutMs,
        ...limitsOf(plan.settings, 'fetchBytes'),
      },
    })
    return { host, core }
  }

  call<Reply>(
    verb: Verb,
    topic: string | undefined,
    body: unknown,
    options: { readonly deadlineMs: number; readonly repeatable: boolean },
    done: (reply: Reply | undefined, error: QuorateError | undefined) => void,
  ): void {
    const end = (): void => {
      this.#calls.delete(end)
      done(undefined, new QuorateError('QUORATE_UNKNOWN_OUTCOME', `${this.name} has crashed`))
    }
    this.#calls.add(end)
    this.core.call(apiSubject(verb, topic), body, options, (error, reply) => {
      if (!this.#calls.delete(end)) return
      this.#cluster.trace(`call.${verb}`, { client: this.name, error: error?.message })
      done(error === undefined ? (reply as Reply) : undefined, error)
    })
  }
}
