// One client process of a simulated cluster: the core of the real client on a simulated host, over
// the real wire format on the simulated network. It is the client without promises; the public
// surface over it is tested elsewhere.
import type { SimulatedHost } from '@quorate/actors/testing'
import { byteLinkOpener, type ClientCore, clientCore } from '@quorate/client/testing'
import { apiSubject, type QuorateError, type Verb } from '@quorate/protocol'
import type { SimulatedCluster } from './cluster.ts'

const startAgainMs = 200

export class SimulatedClient {
  readonly name: string
  readonly host: SimulatedHost
  readonly core: ClientCore
  readonly #cluster: SimulatedCluster
  #connected = false

  constructor(name: string, cluster: SimulatedCluster) {
    this.name = name
    this.#cluster = cluster
    const { simulation, network, addresses, plan } = cluster
    this.host = simulation.host(name)
    const { random } = simulation
    const own = {
      integer: (purpose: string, bound: number) => random.integer(`${name}/${purpose}`, bound),
    }
    this.core = clientCore({
      servers: addresses,
      host: this.host,
      random: own,
      probe: cluster.probes.of(name),
      linkOpener: byteLinkOpener(network.host(name, this.host), this.host, own),
      limits: { writeTimeoutMs: plan.settings.writeTimeoutMs },
    })
  }

  get connected(): boolean {
    return this.#connected
  }

  /** Connects; tries again until a node answers. */
  connect(): void {
    this.core.start((error) => {
      if (error === undefined) this.#connected = true
      else this.host.setTimer(() => this.connect(), startAgainMs)
    })
  }

  call<Reply>(
    verb: Verb,
    topic: string | undefined,
    body: unknown,
    options: { readonly deadlineMs: number; readonly repeatable: boolean },
    done: (reply: Reply | undefined, error: QuorateError | undefined) => void,
  ): void {
    this.core.call(apiSubject(verb, topic), body, options, (error, reply) => {
      this.#cluster.trace(`call.${verb}`, { client: this.name, error: error?.message })
      done(error === undefined ? (reply as Reply) : undefined, error)
    })
  }
}
