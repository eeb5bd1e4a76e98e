// Faults of links between real nodes, and between nodes and clients, made by the proxies on them.
// Faults of one link may overlap: the end of one leaves the others as they are. Which fault of a plan
// means which links is here, in the words of the simulated network (../cluster/faults.ts).
import type { Random } from '@quorate/actors'
import type { Hit } from '../cluster/targets.ts'
import type { PlannedCluster } from './planned-cluster.ts'
import type { TcpProxy } from './tcp-proxy.ts'

export const linkFaultNames = [
  'isolate',
  'isolate-peers',
  'mute',
  'deafen',
  'cut',
  'cut-forward',
  'delay',
  'reset',
] as const
export type LinkFault = (typeof linkFaultNames)[number]

const delayMinMs = 30
const delayJitterMs = 150
const resetEveryMs = 200

/** What it needs of a cluster behind proxies. */
export interface Links extends Pick<PlannedCluster, 'linkOf' | 'doorOf'> {
  readonly nodes: readonly { readonly id: string }[]
}

interface Spoiled {
  readonly proxy: TcpProxy
  readonly how: 'drop' | 'delay'
}

export class LinkFaults {
  readonly #cluster: Links
  readonly #random: Random
  #spoiled: Spoiled[] = []

  constructor(cluster: Links, random: Random) {
    this.#cluster = cluster
    this.#random = random
  }

  /** Begins; gives how to end it. Undefined: there is no such link. */
  strike(fault: LinkFault, hit: Hit): (() => void) | undefined {
    const proxies = this.#proxiesOf(fault, hit)
    if (proxies.length === 0) return undefined
    if (fault === 'reset') return resetting(proxies)
    return this.#spoil(proxies, fault === 'delay' ? 'delay' : 'drop')
  }

  #proxiesOf(fault: LinkFault, { nodes, pair }: Hit): TcpProxy[] {
    const outside = this.#cluster.nodes.map(({ id }) => id).filter((id) => !nodes.includes(id))
    const across = nodes.flatMap((node) => outside.map((other) => [node, other] as const))
    const away = across.map(([node, other]) => this.#cluster.linkOf(node, other))
    const back = across.map(([node, other]) => this.#cluster.linkOf(other, node))
    const doors = nodes.map((node) => this.#cluster.doorOf(node))
    switch (fault) {
      case 'isolate':
        return [...away, ...back, ...doors]
      case 'isolate-peers':
        return [...away, ...back]
      case 'mute':
        return away
      case 'deafen':
        return back
      case 'cut':
        return pair === undefined ? [] : this.#between(pair)
      case 'cut-forward':
        return pair === undefined ? [] : [this.#cluster.linkOf(...pair)]
      case 'delay':
      case 'reset':
        return pair === undefined
          ? [...away, ...back, ...doors, ...this.#inside(nodes)]
          : this.#between(pair)
    }
  }

  #between([first, second]: readonly [string, string]): TcpProxy[] {
    return [this.#cluster.linkOf(first, second), this.#cluster.linkOf(second, first)]
  }

  #inside(nodes: readonly string[]): TcpProxy[] {
    return nodes.flatMap((from) =>
      nodes.filter((to) => to !== from).map((to) => this.#cluster.linkOf(from, to)),
    )
  }

  #spoil(proxies: readonly TcpProxy[], how: Spoiled['how']): () => void {
    const spoiled = proxies.map((proxy) => ({ proxy, how }))
    this.#spoiled.push(...spoiled)
    for (const proxy of proxies) this.#steer(proxy)
    return () => {
      this.#spoiled = this.#spoiled.filter((each) => !spoiled.includes(each))
      for (const proxy of proxies) this.#steer(proxy)
    }
  }

  #steer(proxy: TcpProxy): void {
    const faults = this.#spoiled.filter((each) => each.proxy === proxy).map(({ how }) => how)
    proxy.delay(
      faults.includes('delay')
        ? () => delayMinMs + this.#random.integer('delay', delayJitterMs)
        : undefined,
    )
    void proxy.set(faults.includes('drop') ? 'drop' : 'pass')
  }
}

function resetting(proxies: readonly TcpProxy[]): () => void {
  const reset = () => {
    for (const proxy of proxies) proxy.reset()
  }
  reset()
  const timer = setInterval(reset, resetEveryMs)
  return () => clearInterval(timer)
}
