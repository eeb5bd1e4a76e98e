// Carries out the steps of a plan: at its time, or at the election it waits for, each step is aimed
// and does its damage, and is undone after `forMs`. Counts what took effect. After `healAll` the
// world is whole and no step does anything any more. Decides nothing about nodes: cluster.ts starts
// and crashes them.
import { eventClass } from '@quorate/actors/testing'
import { type FaultName, faultNames } from '../plan/fault-table.ts'
import type { Step } from '../plan/plan.ts'
import { awaited, type GroupName, parseTarget, type Target } from '../plan/target-grammar.ts'
import { ClientStrikes, isClientStrike } from './client-strikes.ts'
import type { SimulatedCluster } from './cluster.ts'
import type { Damages } from './damage.ts'
import type { Bridge } from './healing.ts'
import { isMachineStrike, MachineStrikes } from './machine-strikes.ts'
import { isChange, type Membership } from './membership.ts'
import { type NetworkStrike, NetworkStrikes } from './network-strikes.ts'
import { isStorageFault, StorageFaults } from './storage-faults.ts'
import type { Struck } from './struck.ts'
import { aim, type Hit } from './targets.ts'
import type { Workload } from './workload.ts'

interface Waiting {
  readonly step: Step
  readonly target: Target
  readonly group: GroupName
  readonly lateMs: number
}

/** A step that waits for an election strikes without one after this time. */
const waitMs = 2_000

export class Faults {
  readonly #cluster: SimulatedCluster
  readonly #network: NetworkStrikes
  readonly #machines: MachineStrikes
  readonly #clients: ClientStrikes
  readonly #storage: StorageFaults
  readonly #membership: Membership
  readonly #workload: Workload
  #waiting: Waiting[] = []
  readonly #struck: { readonly fault: FaultName; readonly struck: Struck }[] = []
  #healed = false

  constructor(
    cluster: SimulatedCluster,
    damages: Damages,
    membership: Membership,
    workload: Workload,
  ) {
    this.#cluster = cluster
    this.#membership = membership
    this.#workload = workload
    this.#network = new NetworkStrikes(cluster)
    this.#machines = new MachineStrikes(cluster)
    this.#clients = new ClientStrikes(workload)
    this.#storage = new StorageFaults(cluster, damages)
  }

  /** How many steps of each fault took effect: they changed something, and something met it. */
  get applied(): Readonly<Record<FaultName, number>> {
    const applied = Object.fromEntries(faultNames.map((name) => [name, 0]))
    for (const { fault, struck } of this.#struck) {
      if (struck.met === undefined || struck.met()) applied[fault] = applied[fault]! + 1
    }
    return applied as Record<FaultName, number>
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

  /**
   * Ends every fault and starts every node that is down, but those that stay away. The node of a
   * bridge is up, and reaches its peer and clients only.
   */
  healAll(away: ReadonlySet<string>, bridge?: Bridge): void {
    this.#healed = true
    this.#waiting = []
    this.#network.healAll()
    this.#machines.healAll()
    this.#clients.healAll()
    this.#storage.healAll()
    const { network, nodes } = this.#cluster
    network.healAll()
    this.#cluster.splitBytes()
    for (const node of nodes) {
      node.disk.crashPoints.clear()
      node.disk.clearFaults()
      node.disk.damage.forget()
      node.resume()
      if (away.has(node.name) && node.name !== bridge?.node) {
        node.leave()
        continue
      }
      if (!this.#membership.waits(node.name)) {
        node.callBack()
        node.startAfterStop()
        node.start()
      }
    }
    for (const other of this.#cluster.nodeNames) {
      if (bridge === undefined || other === bridge.node || other === bridge.peer) continue
      network.cut(bridge.node, other)
    }
  }

  /** What is still wrong with those that came back: nothing, once everything was healed. */
  lasting(away: ReadonlySet<string>): string[] {
    const back = this.#cluster.nodes.filter(({ name }) => !away.has(name))
    const all = [...back, ...this.#workload.clients].flatMap(({ name, lasting }) =>
      lasting.map((what) => `${name} ${what}`),
    )
    return this.#workload.readersPaused ? [...all, 'readers are paused'] : all
  }

  #apply(step: Step, target: Target): void {
    if (this.#healed) return
    const hit = aim(target, this.#cluster)
    if (hit.nodes.length === 0 && hit.client === undefined) return
    const struck = this.#strike(step, hit)
    if (struck === undefined) return
    this.#struck.push({ fault: step.fault, struck })
    const { simulation } = this.#cluster
    simulation.note(`fault ${step.fault} ${hit.client ?? hit.nodes.join()}`)
    this.#cluster.trace('fault', { fault: step.fault, nodes: hit.nodes, forMs: step.forMs })
    simulation.at(simulation.nowMs + step.forMs, eventClass.fault, () => {
      if (this.#healed) return
      this.#cluster.trace('fault.over', { fault: step.fault, nodes: hit.nodes })
      struck.undo()
    })
  }

  /** Undefined when nothing changed. */
  #strike(step: Step, { nodes, client, ...hit }: Hit): Struck | undefined {
    if (isClientStrike(step)) return this.#clients.strike(step, client)
    if (isMachineStrike(step)) return this.#machines.strike(step, nodes)
    const targets = nodes.map((name) => this.#cluster.node(name))
    if (isStorageFault(step)) return this.#storage.strike(step, targets)
    if (isChange(step.fault)) {
      return this.#membership.change(step.fault, targets[0]!, Number(step.detail ?? 0))
    }
    return this.#network.strike(step as Step & { fault: NetworkStrike }, { nodes, ...hit })
  }
}
