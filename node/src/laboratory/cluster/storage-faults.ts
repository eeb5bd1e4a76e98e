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
import { nothingToUndo, type Struck } from './struck.ts'

const startAgainMs = 50
const restartAfterStaleMs = 200

const storageFaults = [
  'flip',
  'zero',
  'truncate',
  'delete',
  'stale',
  'swap',
  'flip-read',
  'misdirect-read',
  'lose-disk',
  'fail-read',
  'fail-write',
  'fail-sync',
  'power-at',
  'power-loop',
  'spoil-majority',
  'spoil-all',
] as const satisfies readonly FaultName[]
export type StorageFault = (typeof storageFaults)[number]

export function isStorageFault(step: Step): step is Step & { readonly fault: StorageFault } {
  return (storageFaults as readonly string[]).includes(step.fault)
}

export class StorageFaults {
  readonly #cluster: SimulatedCluster
  readonly #damages: Damages
  /** Ends what goes on by itself. */
  #healed = false

  constructor(cluster: SimulatedCluster, damages: Damages) {
    this.#cluster = cluster
    this.#damages = damages
  }

  /** Points of crashes and failing operations are cleared by whoever calls this. */
  healAll(): void {
    this.#healed = true
  }

  /** Undefined when nothing changed. */
  strike(
    step: Step & { readonly fault: StorageFault },
    nodes: readonly SimulatedNode[],
  ): Struck | undefined {
    const { fault, ...rest } = step
    if (fault === 'spoil-all' || fault === 'spoil-majority') return this.#spoil(step, fault, nodes)
    const struck = nodes.flatMap((node) => this.#strikeOne({ ...rest, fault }, node) ?? [])
    if (struck.length === 0) return undefined
    const undo = (): void => {
      for (const each of struck) each.undo()
    }
    return { undo, met: () => struck.some(({ met }) => met === undefined || met()) }
  }

  #spoil(step: Step, name: EntryDamageName, nodes: readonly SimulatedNode[]): Struck | undefined {
    for (const node of nodes) node.crash('power')
    const changed = this.#damages.spoilEntry(name, Number(step.detail), `${step.atMs}/${name}`)
    const undo = (): void => {
      for (const node of nodes) node.start()
    }
    return { undo, met: () => changed }
  }

  #strikeOne(
    step: Step & { readonly fault: Exclude<StorageFault, EntryDamageName> },
    node: SimulatedNode,
  ): Struck | undefined {
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
      case 'misdirect-read':
        return this.#damage(step, node, purpose, () => {
          const path = this.#damages.spoilRead(node, fault, detail, purpose)
          if (path !== undefined) node.disk.damage.apply({ kind: fault, path })
          return path !== undefined
        })
      case 'stale':
        return this.#putBack(node, detail, purpose)
      case 'fail-read': {
        const path = this.#damages.spoilRead(node, fault, detail, purpose)
        return path === undefined ? undefined : fail(node, 'read', exactly(path))
      }
      case 'fail-write':
      case 'fail-sync':
        return fail(node, fault.slice('fail-'.length) as DiskOperation, pathsOfKind(detail))
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
  ): Struck | undefined {
    const dies = step.forMs > 0 && node.running
    if (dies) node.crash(this.#integer(`${purpose}/how`, 2) === 0 ? 'power' : 'kill')
    const changed = damage()
    if (!dies) return changed ? { undo: nothingToUndo } : undefined
    return { undo: () => node.start(), met: () => changed }
  }

  #putBack(node: SimulatedNode, kind: string, purpose: string): Struck | undefined {
    const path = this.#damages.remember(node, kind, purpose)
    if (path === undefined) return undefined
    let changed = false
    const undo = (): void => {
      const { running } = node
      if (running) node.crash('power')
      changed = this.#damages.strike(node, 'stale', kind, purpose, path)
      if (running) this.#after(restartAfterStaleMs, () => node.start())
    }
    return { undo, met: () => changed }
  }

  #powerAt(node: SimulatedNode, operations: number, purpose: string): Struck | undefined {
    if (!node.running) return undefined
    let died = false
    this.#setPoint(node, operations, purpose, () => {
      died = true
    })
    const undo = (): void => {
      node.disk.crashPoints.clear()
      node.start()
    }
    return { undo, met: () => died }
  }

  #powerLoop(node: SimulatedNode, operations: number, purpose: string): Struck | undefined {
    if (!node.running) return undefined
    let over = false
    const again = (): void => {
      if (over || this.#healed) return
      const operation = 1 + this.#integer(`${purpose}/operation`, operations)
      this.#setPoint(node, operation, purpose, () => this.#after(startAgainMs, again))
      node.start()
    }
    node.crash('power')
    this.#after(startAgainMs, again)
    const undo = (): void => {
      over = true
      node.disk.crashPoints.clear()
      node.start()
    }
    return { undo }
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

const patterns: Readonly<Record<string, RegExp>> = {
  any: /^/,
  wal: /\/wal\/wal-/,
  segment: /\/seg-/,
  checkpoint: /\/checkpoint-/,
}

function fail(node: SimulatedNode, operation: DiskOperation, path: RegExp): Struck {
  const failing = node.disk.fail({ operation, path, code: 'EIO' })
  return { undo: () => node.disk.clearFaults(), met: () => failing.left === 0 }
}

/** Paths of files of a kind, as the details of steps name kinds. */
export function pathsOfKind(kind: string): RegExp {
  return patterns[kind] ?? new RegExp(`/${kind.replace('.', '\\.')}$`)
}

function exactly(path: string): RegExp {
  return new RegExp(`^${path.replaceAll('.', '\\.')}$`)
}
