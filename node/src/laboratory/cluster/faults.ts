// Carries out the steps of a plan: at its time, or at the election it waits for, each step is aimed
// and does its damage, and is undone after `forMs`. Counts what took effect. After `healAll` the
// world is whole and no step does anything any more. Decides nothing about nodes: cluster.ts starts
// and crashes them.
import { eventClass } from '@quorate/actors/testing'
import { type FaultName, faultNames } from '../plan/fault-table.ts'
import type { Step } from '../plan/plan.ts'
import { awaited, type GroupName, parseTarget, type Target } from '../plan/target-grammar.ts'
import type { SimulatedCluster } from './cluster.ts'
import type { Damages } from './damage.ts'
import type { Membership } from './membership.ts'
import { type StorageFault, StorageFaults } from './storage-faults.ts'
import { aim, type Hit } from './targets.ts'

interface Waiting {
  readonly step: Step
  readonly target: Target
  readonly group: GroupName
  readonly lateMs: number
}

const delayed = { extraMs: 30, jitterMs: 150 } as const
const resetAgainMs = 200
const clockJumpMs = 7_000
/** A step that waits for an election strikes without one after this time. */
const waitMs = 2_000

type Path = readonly [from: string, to: string]

export class Faults {
  /** How often a step of each fault found its target in a state it could change. */
  readonly applied: Record<FaultName, number>
  readonly #cluster: SimulatedCluster
  readonly #storage: StorageFaults
  readonly #membership: Membership
  #waiting: Waiting[] = []
  readonly #spoiled = new Set<{ readonly path: Path; readonly apply: () => void }>()
  #healed = false

  constructor(cluster: SimulatedCluster, damages: Damages, membership: Membership) {
    this.#cluster = cluster
    this.#membership = membership
    this.#storage = new StorageFaults(cluster, damages)
    this.applied = Object.fromEntries(faultNames.map((name) => [name, 0])) as Record<
      FaultName,
      number
    >
  }

  schedule(steps: readonly Step[]): void {
    const { simulation } = this.#cluster
    for (const step of steps) {
      const target = parseTarget(step.target)!
      const election = awaited(target)
      simulation.at(simulation.nowMs + step.atMs, eventClass.fault, () => {
        if (election === undefined) this.#apply(step, target)
        else this.#wait({ step, target, ...election })
      })
    }
  }

  #wait(waiting: Waiting): void {
    if (this.#healed) return
    const { simulation } = this.#cluster
    this.#waiting.push(waiting)
    simulation.at(simulation.nowMs + waitMs, eventClass.fault, () => {
      if (!this.#waiting.includes(waiting)) return
      this.#waiting = this.#waiting.filter((each) => each !== waiting)
      this.#apply(waiting.step, waiting.target)
    })
  }

  /**
   * A group has a new leader: the step that has waited longest for that strikes, and those of the
   * same time with it. The others wait for the next election.
   */
  elected(groupKey: string): void {
    const { simulation } = this.#cluster
    const waiting = this.#waiting.filter(({ group }) => this.#cluster.keyOf(group) === groupKey)
    const due = waiting.filter(({ step }) => step.atMs === waiting[0]!.step.atMs)
    this.#waiting = this.#waiting.filter((each) => !due.includes(each))
    for (const { step, target, lateMs } of due) {
      simulation.at(simulation.nowMs + lateMs, eventClass.fault, () => this.#apply(step, target))
    }
  }

  /** Ends every fault and starts every node that is down, but those that stay away. */
  healAll(away: ReadonlySet<string>): void {
    this.#healed = true
    this.#waiting = []
    this.#spoiled.clear()
    const { network, nodes } = this.#cluster
    network.healAll()
    this.#cluster.splitBytes()
    for (const node of nodes) {
      node.disk.crashPoints.clear()
      node.disk.clearFaults()
      node.disk.capacityBytes = Number.POSITIVE_INFINITY
      node.resume()
      if (away.has(node.name)) {
        node.leave()
        continue
      }
      if (!this.#membership.waits(node.name)) {
        node.startAfterStop()
        node.start()
      }
    }
  }

  #apply(step: Step, target: Target): void {
    if (this.#healed) return
    const hit = aim(target, this.#cluster)
    if (hit.nodes.length === 0) return
    const undo = this.#strike(step, hit)
    if (undo === undefined) return
    this.applied[step.fault] += 1
    const { simulation } = this.#cluster
    simulation.note(`fault ${step.fault} ${hit.nodes.join()}`)
    this.#cluster.trace('fault', { fault: step.fault, nodes: hit.nodes, forMs: step.forMs })
    simulation.at(simulation.nowMs + step.forMs, eventClass.fault, () => {
      if (this.#healed) return
      this.#cluster.trace('fault.over', { fault: step.fault, nodes: hit.nodes })
      undo()
    })
  }

  /** Does it, and returns how to undo it; undefined when nothing changed. */
  #strike(step: Step, { nodes, pair }: Hit): (() => void) | undefined {
    switch (step.fault) {
      case 'isolate':
        return this.#cut(this.#apart(nodes, this.#everybody()), 'both')
      case 'isolate-peers':
        return this.#cut(this.#apart(nodes, this.#cluster.nodeNames), 'both')
      case 'mute':
        return this.#cut(this.#apart(nodes, this.#cluster.nodeNames), 'forward')
      case 'deafen': {
        const paths = this.#apart(nodes, this.#cluster.nodeNames)
        const reversed = paths.map(([from, to]) => [to, from] as const)
        return this.#cut(reversed, 'forward')
      }
      case 'cut':
        return pair === undefined ? undefined : this.#cut([pair], 'both')
      case 'cut-forward':
        return pair === undefined ? undefined : this.#cut([pair], 'forward')
      case 'reset':
        return this.#reset(step, pair === undefined ? this.#around(nodes) : [pair])
      case 'delay':
        return this.#delay(pair === undefined ? this.#around(nodes) : [pair])
      case 'power':
      case 'kill':
        return this.#crash(nodes, step.fault)
      case 'stop':
        return this.#stop(nodes)
      case 'pause':
        return this.#pause(nodes)
      case 'jump-clock':
        return this.#jumpClocks(nodes)
      case 'stall-disk':
        return this.#stall(nodes, step.forMs)
      case 'full-disk':
        return this.#fill(nodes)
      case 'add-node':
      case 'remove-node':
      case 'replace-node':
      case 'move-partition':
      case 'rebalance': {
        const target = this.#cluster.node(nodes[0]!)
        const changes = this.#membership.change(step.fault, target, Number(step.detail ?? 0))
        return changes ? () => {} : undefined
      }
      default:
        return this.#storage.strike(
          step as Step & { fault: StorageFault },
          nodes.map((name) => this.#cluster.node(name)),
        )
    }
  }

  #everybody(): readonly string[] {
    return [...this.#cluster.nodeNames, ...this.#cluster.clientNames]
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

  #cut(paths: readonly Path[], direction: 'both' | 'forward'): () => void {
    return this.#spoil(paths, (from, to) => this.#cluster.network.cut(from, to, direction))
  }

  #delay(paths: readonly Path[]): () => void {
    return this.#spoil(paths, (from, to) => this.#cluster.network.delay(from, to, delayed))
  }

  /** Faults of one path may overlap: the end of one leaves the others as they are. */
  #spoil(paths: readonly Path[], apply: (from: string, to: string) => void): () => void {
    const spoiled = paths.map((path) => ({ path, apply: () => apply(...path) }))
    for (const each of spoiled) {
      each.apply()
      this.#spoiled.add(each)
    }
    return () => {
      for (const each of spoiled) this.#spoiled.delete(each)
      for (const [from, to] of paths) {
        this.#cluster.network.heal(from, to)
        for (const { path, apply: again } of this.#spoiled) {
          if (path.includes(from) && path.includes(to)) again()
        }
      }
      this.#cluster.splitBytes()
    }
  }

  #reset(step: Step, paths: readonly Path[]): () => void {
    const { network, simulation } = this.#cluster
    const untilMs = simulation.nowMs + step.forMs
    const again = (): void => {
      if (this.#healed) return
      for (const [from, to] of paths) network.reset(from, to)
      const nextMs = simulation.nowMs + resetAgainMs
      if (nextMs < untilMs) simulation.at(nextMs, eventClass.fault, again)
    }
    again()
    return () => {}
  }

  #crash(names: readonly string[], what: 'power' | 'kill'): (() => void) | undefined {
    const nodes = names.map((name) => this.#cluster.node(name)).filter((node) => node.running)
    if (nodes.length === 0) return undefined
    for (const node of nodes) node.crash(what)
    return () => {
      for (const node of nodes) node.start()
    }
  }

  #stop(names: readonly string[]): (() => void) | undefined {
    const nodes = names.map((name) => this.#cluster.node(name)).filter((node) => node.running)
    if (nodes.length === 0) return undefined
    for (const node of nodes) node.stop()
    return () => {
      for (const node of nodes) node.startAfterStop()
    }
  }

  #pause(names: readonly string[]): (() => void) | undefined {
    const nodes = names.map((name) => this.#cluster.node(name)).filter((node) => node.running)
    if (nodes.length === 0) return undefined
    for (const node of nodes) node.pause()
    return () => {
      for (const node of nodes) node.resume()
    }
  }

  #jumpClocks(names: readonly string[]): () => void {
    const nodes = names.map((name) => this.#cluster.node(name))
    for (const node of nodes) node.jumpClock(clockJumpMs)
    return () => {
      for (const node of nodes) node.jumpClock(-clockJumpMs)
    }
  }

  #stall(names: readonly string[], forMs: number): () => void {
    for (const name of names) this.#cluster.node(name).disk.stall(forMs)
    return () => {}
  }

  #fill(names: readonly string[]): () => void {
    const disks = names.map((name) => this.#cluster.node(name).disk)
    for (const disk of disks) disk.capacityBytes = disk.usedBytes()
    return () => {
      for (const disk of disks) disk.capacityBytes = Number.POSITIVE_INFINITY
    }
  }
}
