// Carries out the faults of paths, links and messages. Faults of one path may overlap: the end of one
// leaves the others as they are. faults.ts aims them and ends them; what they do to bytes is the
// simulated network's business.
import { eventClass } from '@quorate/actors/testing'
import type { MessageFault, MessageKind } from '../../simulation/message-faults.ts'
import { episode, type FaultEpisode } from '../../simulation/network-faults.ts'
import type { FaultName } from '../plan/fault-table.ts'
import type { Step } from '../plan/plan.ts'
import type { SimulatedCluster } from './cluster.ts'
import { nothingToUndo, type Struck } from './struck.ts'
import type { Hit } from './targets.ts'

export type NetworkStrike = Extract<
  FaultName,
  | 'isolate'
  | 'isolate-peers'
  | 'mute'
  | 'deafen'
  | 'cut'
  | 'cut-forward'
  | 'split'
  | 'isolate-majority'
  | 'bridge'
  | 'ring'
  | 'clog'
  | 'swizzle'
  | 'slow-link'
  | 'reset'
  | 'delay'
  | keyof typeof messageFaults
>

type Path = readonly [from: string, to: string]

const messageFaults = {
  'lose-messages': 'message-lost',
  'delay-messages': 'message-late',
  'reorder-messages': 'message-reordered',
  'repeat-messages': 'message-twice',
  'replay-messages': 'message-replayed',
  'replay-old-messages': 'message-replayed-old',
} as const satisfies Readonly<Partial<Record<FaultName, MessageFault>>>

const delayed = { extraMs: 30, jitterMs: 150 } as const
const slowBytesPerMs = 20
const resetAgainMs = 200
const ringMin = 4

export class NetworkStrikes {
  readonly #cluster: SimulatedCluster
  readonly #spoiled = new Set<{ readonly path: Path; readonly apply: () => void }>()
  /** Ends what goes on by itself. */
  #healed = false

  constructor(cluster: SimulatedCluster) {
    this.#cluster = cluster
  }

  /** Undefined when nothing changed. */
  strike(step: Step & { readonly fault: NetworkStrike }, hit: Hit): Struck | undefined {
    const { fault } = step
    const { nodes, pair } = hit
    const { nodeNames } = this.#cluster
    switch (fault) {
      case 'isolate':
        return this.#cut(this.#apart(nodes, this.#everybody()), 'both')
      case 'isolate-peers':
        return this.#cut(this.#apart(nodes, nodeNames), 'both')
      case 'mute':
        return this.#cut(this.#apart(nodes, nodeNames), 'forward')
      case 'deafen':
        return this.#cut(
          this.#apart(nodes, nodeNames).map(([from, to]) => [to, from] as const),
          'forward',
        )
      case 'cut':
        return this.#cut(pair === undefined ? [] : [pair], 'both')
      case 'cut-forward':
        return this.#cut(pair === undefined ? [] : [pair], 'forward')
      case 'split':
        return this.#split(nodes, step)
      case 'isolate-majority': {
        const others = nodeNames.filter((name) => !nodes.includes(name))
        return this.#cut(this.#around(others), 'both')
      }
      case 'bridge':
        return this.#bridge(nodes[0]!)
      case 'ring':
        return this.#ring()
      case 'reset':
        return this.#reset(step, this.#paths(hit))
      case 'swizzle':
        return this.#swizzle(step)
      case 'clog':
        return this.#clog(this.#paths(hit))
      case 'slow-link':
        return this.#spoil(this.#paths(hit), episode('slow'), (from, to, of) =>
          this.#cluster.network.slow(from, to, slowBytesPerMs, of),
        )
      case 'delay':
        return this.#spoil(this.#paths(hit), episode('delay'), (from, to, of) =>
          this.#cluster.network.delay(from, to, delayed, of),
        )
      default:
        return this.#messages(messageFaults[fault], step.detail as MessageKind, hit)
    }
  }

  /** The network itself is healed by whoever calls this. */
  healAll(): void {
    this.#healed = true
    this.#spoiled.clear()
  }

  #everybody(): readonly string[] {
    return [...this.#cluster.nodeNames, ...this.#cluster.clientNames]
  }

  #paths({ nodes, pair }: Hit): readonly Path[] {
    return pair === undefined ? this.#around(nodes) : [pair]
  }

  /** Paths from the given nodes to all others of a list. */
  #apart(nodes: readonly string[], all: readonly string[]): Path[] {
    const others = all.filter((name) => !nodes.includes(name))
    return nodes.flatMap((node) => others.map((other) => [node, other] as const))
  }

  /** Paths between the given nodes and everybody, each pair once. */
  #around(nodes: readonly string[]): Path[] {
    const inside = nodes.flatMap((node, position) =>
      nodes.slice(position + 1).map((other) => [node, other] as const),
    )
    return [...inside, ...this.#apart(nodes, this.#everybody())]
  }

  #split(nodes: readonly string[], { atMs, target }: Step): Struck | undefined {
    const { clientNames, nodeNames } = this.#cluster
    const purpose = `${atMs}/split/${target}/client`
    const side = [...nodes, ...clientNames.filter(() => this.#integer(purpose, 2) === 0)]
    const reader = this.#integer(purpose, 2) === 0 ? ['reader'] : []
    const all = [...nodeNames, ...clientNames, 'reader']
    return this.#cut(this.#apart([...side, ...reader], all), 'both')
  }

  #bridge(joint: string): Struck | undefined {
    const others = this.#cluster.nodeNames.filter((name) => name !== joint)
    const half = others.slice(0, Math.floor(others.length / 2))
    return this.#cut(this.#apart(half, others), 'both')
  }

  #ring(): Struck | undefined {
    const { nodeNames } = this.#cluster
    if (nodeNames.length < ringMin) return undefined
    const last = nodeNames.length - 1
    const paths = nodeNames.flatMap((node, position) =>
      nodeNames
        .slice(position + 2)
        .filter((_, step) => position + 2 + step !== last || position !== 0)
        .map((other) => [node, other] as const),
    )
    return this.#cut(paths, 'both')
  }

  #cut(paths: readonly Path[], direction: 'both' | 'forward'): Struck | undefined {
    return this.#spoil(paths, episode('cut'), (from, to, of) =>
      this.#cluster.network.cut(from, to, direction, of),
    )
  }

  #clog(paths: readonly Path[]): Struck | undefined {
    return this.#spoil(paths, episode('stall'), (from, to, of) =>
      this.#cluster.network.clog(from, to, of),
    )
  }

  #spoil(
    paths: readonly Path[],
    of: FaultEpisode,
    apply: (from: string, to: string, of: FaultEpisode) => void,
  ): Struck | undefined {
    if (paths.length === 0) return undefined
    const spoiled = paths.map((path) => ({ path, apply: () => apply(...path, of) }))
    for (const each of spoiled) {
      each.apply()
      this.#spoiled.add(each)
    }
    const undo = (): void => {
      for (const each of spoiled) this.#spoiled.delete(each)
      for (const [from, to] of paths) {
        this.#cluster.network.heal(from, to)
        for (const { path, apply: again } of this.#spoiled) {
          if (path.includes(from) && path.includes(to)) again()
        }
      }
      this.#cluster.splitBytes()
    }
    return { undo, met: () => of.effective }
  }

  /** A random part of the nodes: clogged one by one, freed one by one in another order. */
  #swizzle(step: Step): Struck | undefined {
    const purpose = `${step.atMs}/swizzle`
    const some = this.#cluster.nodeNames.filter(() => this.#integer(`${purpose}/some`, 3) > 0)
    if (some.length === 0) return undefined
    const clogs: { readonly node: string; struck: Struck | undefined }[] = []
    const gapMs = Math.floor(step.forMs / (2 * some.length + 1))
    for (const [position, node] of shuffled(some, this.#draw(`${purpose}/in`)).entries()) {
      this.#after(position * gapMs, () => {
        clogs.push({ node, struck: this.#clog(this.#around([node])) })
      })
    }
    const freed = shuffled(some, this.#draw(`${purpose}/out`))
    for (const [position, node] of freed.entries()) {
      this.#after((some.length + position + 1) * gapMs, () => {
        for (const each of clogs) if (each.node === node) each.struck?.undo()
      })
    }
    const met = () => clogs.some(({ struck }) => struck?.met?.() === true)
    return { undo: nothingToUndo, met }
  }

  #reset(step: Step, paths: readonly Path[]): Struck {
    const { network, simulation } = this.#cluster
    const untilMs = simulation.nowMs + step.forMs
    let broken = 0
    const again = (): void => {
      for (const [from, to] of paths) broken += network.reset(from, to)
      if (simulation.nowMs + resetAgainMs < untilMs) this.#after(resetAgainMs, again)
    }
    again()
    return { undo: nothingToUndo, met: () => broken > 0 }
  }

  #messages(fault: MessageFault, kind: MessageKind, { nodes, pair }: Hit): Struck {
    const { messages } = this.#cluster.network
    const of = episode(fault)
    const concerns = (from: string, to: string): boolean =>
      pair === undefined ? nodes.includes(to) : from === pair[0] && to === pair[1]
    const rule = { fault, kind, concerns, episode: of }
    messages.begin(rule)
    return { undo: () => messages.end(rule), met: () => of.effective }
  }

  #after(delayMs: number, run: () => void): void {
    const { simulation } = this.#cluster
    simulation.at(simulation.nowMs + delayMs, eventClass.fault, () => {
      if (!this.#healed) run()
    })
  }

  #draw(purpose: string): (bound: number) => number {
    return (bound) => this.#integer(purpose, bound)
  }

  #integer(purpose: string, bound: number): number {
    return this.#cluster.simulation.random.integer(`fault/${purpose}`, bound)
  }
}

function shuffled(names: readonly string[], draw: (bound: number) => number): string[] {
  const left = [...names]
  return names.map(() => left.splice(draw(left.length), 1)[0]!)
}
