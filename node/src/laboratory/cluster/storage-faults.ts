// Carries out the faults of disks and of machines that lose their power in the middle of something:
// damage to files, failing operations, crashes at a given disk operation and crashes during recovery.
// faults.ts aims them and ends them; damage.ts knows what may be damaged.
import { eventClass } from '@quorate/actors/testing'
import type { DiskOperation } from '../../simulation/simulated-disk.ts'
import type { FaultName } from '../plan/fault-table.ts'
import type { Step } from '../plan/plan.ts'
import type { SimulatedCluster } from './cluster.ts'
import type { Damages } from './damage.ts'
import type { EntryDamageName } from './damage-entry.ts'
import type { SimulatedNode } from './simulated-node.ts'

const startAgainMs = 50
const restartAfterStaleMs = 200

export type StorageFault = Extract<
  FaultName,
  | 'flip'
  | 'zero'
  | 'truncate'
  | 'delete'
  | 'stale'
  | 'swap'
  | 'flip-read'
  | 'lose-disk'
  | 'fail-read'
  | 'fail-write'
  | 'fail-sync'
  | 'power-at'
  | 'power-loop'
  | 'spoil-majority'
  | 'spoil-all'
>

type Undo = () => void

export class StorageFaults {
  readonly #cluster: SimulatedCluster
  readonly #damages: Damages

  constructor(cluster: SimulatedCluster, damages: Damages) {
    this.#cluster = cluster
    this.#damages = damages
  }

  /** Does it, and returns how to undo it; undefined when nothing changed. */
  strike(
    step: Step & { readonly fault: StorageFault },
    nodes: readonly SimulatedNode[],
  ): Undo | undefined {
    const { fault, ...rest } = step
    if (fault === 'spoil-all' || fault === 'spoil-majority') return this.#spoil(step, fault, nodes)
    const undos = nodes.flatMap((node) => this.#strikeOne({ ...rest, fault }, node) ?? [])
    if (undos.length === 0) return undefined
    return () => {
      for (const undo of undos) undo()
    }
  }

  #spoil(step: Step, name: EntryDamageName, nodes: readonly SimulatedNode[]): Undo | undefined {
    for (const node of nodes) node.crash('power')
    this.#damages.spoilEntry(name, Number(step.detail), `${step.atMs}/${name}`)
    return () => {
      for (const node of nodes) node.start()
    }
  }

  #strikeOne(
    step: Step & { readonly fault: Exclude<StorageFault, EntryDamageName> },
    node: SimulatedNode,
  ): Undo | undefined {
    const { fault, atMs, target, detail = 'any' } = step
    // Keyed by the step itself: without one step the others draw the same.
    const purpose = `${atMs}/${fault}/${target}/${node.name}`
    switch (fault) {
      case 'flip':
      case 'zero':
      case 'truncate':
      case 'delete':
      case 'swap':
        return this.#damage(step, node, purpose, () =>
          this.#damages.strike(node, fault, detail, purpose),
        )
      case 'lose-disk':
        return this.#damage(step, node, purpose, () =>
          this.#damages.strike(node, fault, detail, purpose),
        )
      case 'flip-read':
        return this.#damage(step, node, purpose, () =>
          this.#damages.spoilRead(node, detail, purpose),
        )
      case 'stale':
        return this.#putBack(node, detail, purpose)
      case 'fail-read':
      case 'fail-write':
      case 'fail-sync':
        return fail(node, fault.slice('fail-'.length) as DiskOperation, detail)
      case 'power-at':
        return this.#powerAt(node, Number(detail), purpose)
      case 'power-loop':
        return this.#powerLoop(node, Number(detail), purpose)
    }
  }

  /** With a duration the process dies before and starts after; without, it runs on. */
  #damage(
    step: Step,
    node: SimulatedNode,
    purpose: string,
    damage: () => boolean,
  ): Undo | undefined {
    const dies = step.forMs > 0 && node.running
    if (dies) node.crash(this.#integer(`${purpose}/how`, 2) === 0 ? 'power' : 'kill')
    const changed = damage()
    if (!dies) return changed ? () => {} : undefined
    return () => node.start()
  }

  #putBack(node: SimulatedNode, kind: string, purpose: string): Undo | undefined {
    const path = this.#damages.remember(node, kind, purpose)
    if (path === undefined) return undefined
    return () => {
      const { running } = node
      if (running) node.crash('power')
      this.#damages.strike(node, 'stale', kind, purpose, path)
      if (running) this.#after(restartAfterStaleMs, () => node.start())
    }
  }

  #powerAt(node: SimulatedNode, operations: number, purpose: string): Undo | undefined {
    if (!node.running) return undefined
    this.#setPoint(node, operations, purpose, () => {})
    return () => {
      node.disk.crashPoints.clear()
      node.start()
    }
  }

  #powerLoop(node: SimulatedNode, operations: number, purpose: string): Undo | undefined {
    if (!node.running) return undefined
    let over = false
    const again = (): void => {
      if (over) return
      const operation = 1 + this.#integer(`${purpose}/operation`, operations)
      this.#setPoint(node, operation, purpose, () => this.#after(startAgainMs, again))
      node.start()
    }
    node.crash('power')
    this.#after(startAgainMs, again)
    return () => {
      over = true
      node.disk.crashPoints.clear()
      node.start()
    }
  }

  #setPoint(node: SimulatedNode, operation: number, purpose: string, then: () => void): void {
    const when = this.#integer(`${purpose}/when`, 2) === 0 ? 'before' : 'after'
    node.disk.crashPoints.set({ operation, when }, () => {
      node.crash('power')
      this.#cluster.trace('fault.power-lost', { node: node.name, operation, when })
      then()
    })
  }

  #after(delayMs: number, run: () => void): void {
    const { simulation } = this.#cluster
    simulation.at(simulation.nowMs + delayMs, eventClass.fault, run)
  }

  #integer(purpose: string, bound: number): number {
    return this.#cluster.simulation.random.integer(`fault/${purpose}`, bound)
  }
}

const pathsOfKind: Readonly<Record<string, RegExp>> = {
  any: /^/,
  wal: /\/wal\/wal-/,
  segment: /\/seg-/,
  checkpoint: /\/checkpoint-/,
}

function fail(node: SimulatedNode, operation: DiskOperation, kind: string): Undo {
  const path = pathsOfKind[kind] ?? new RegExp(`/${kind.replace('.', '\\.')}$`)
  node.disk.fail({ operation, path, code: 'EIO' })
  return () => node.disk.clearFaults()
}
