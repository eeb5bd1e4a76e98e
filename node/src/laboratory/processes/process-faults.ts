// Carries out the steps of a plan on real processes: at its time, or at the election it waits for,
// each step is aimed and does its damage, and is undone after `forMs`. Damage to files waits until the
// cluster survives it. Counts what took effect. After `heal` everything is undone and no step does
// anything any more. The same for simulated clusters: ../cluster/faults.ts.
import { setTimeout as pause } from 'node:timers/promises'
import { aim, type Hit } from '../cluster/targets.ts'
import type { FaultName } from '../plan/fault-table.ts'
import type { Step } from '../plan/plan.ts'
import { awaited, parseTarget } from '../plan/target-grammar.ts'
import { isProcessFault, type ProcessFault, whyNot } from './applicable-faults.ts'
import type { ClusterView } from './cluster-view.ts'
import type { DiskFaults } from './disk-faults.ts'
import { type FileFault, type FileFaults, fileFaultNames } from './file-faults.ts'
import { type LinkFault, type LinkFaults, linkFaultNames } from './link-faults.ts'
import type { NodeKeeper } from './node-keeper.ts'

export interface FaultParts {
  readonly view: ClusterView
  readonly keeper: NodeKeeper
  readonly links: LinkFaults
  readonly files: FileFaults
  readonly disks: DiskFaults
  readonly told: (struck: Struck) => void
}

/** A step that found its target in a state it could change. */
export interface Struck {
  readonly fault: ProcessFault
  readonly nodes: readonly string[]
  /** Since the steps were scheduled. */
  readonly atMs: number
  readonly forMs: number
}

/** A step that waits for an election strikes without one after this time. */
const electionMs = 2_000
const lookEveryMs = 100
const repairLookMs = 500

export class ProcessFaults {
  readonly struck: Struck[] = []
  /** Faults of the plan that nothing was done for, and why. */
  readonly skipped = new Map<FaultName, string>()
  readonly #parts: FaultParts
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #undos = new Set<() => void>()
  readonly #striking = new Set<Promise<void>>()
  /** Damage is done one step after the other. */
  #damages: Promise<void> = Promise.resolve()
  #startMs = 0
  #healed = false

  constructor(parts: FaultParts) {
    this.#parts = parts
  }

  /** How many are at work now. */
  get active(): number {
    return this.#undos.size
  }

  schedule(steps: readonly Step[]): void {
    this.#startMs = performance.now()
    for (const step of steps) {
      const { fault } = step
      if (!isProcessFault(fault)) this.skipped.set(fault, whyNot(fault))
      else if (fault === 'full-disk' && !this.#parts.disks.any) {
        this.skipped.set(fault, 'no small disks could be mounted')
      } else {
        this.#after(step.atMs, () => {
          const striking = this.#due(fault, step).finally(() => this.#striking.delete(striking))
          this.#striking.add(striking)
        })
      }
    }
  }

  /** Ends every fault; nodes that are down are started. */
  async heal(): Promise<void> {
    this.#healed = true
    await Promise.all(this.#striking)
    for (const timer of this.#timers) clearTimeout(timer)
    for (const undo of this.#undos) undo()
    this.#undos.clear()
  }

  #after(ms: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      act()
    }, ms)
    this.#timers.add(timer)
  }

  async #due(fault: ProcessFault, step: Step): Promise<void> {
    if (!isFileFault(fault)) {
      await this.#election(step)
      await this.#strike(fault, step)
      return
    }
    const before = this.#damages
    const damage = async () => {
      await before
      while (!this.#healed && !(await this.#parts.files.mayStrike())) await pause(repairLookMs)
      await this.#strike(fault, step)
    }
    this.#damages = damage()
    await this.#damages
  }

  async #election(step: Step): Promise<void> {
    const election = awaited(parseTarget(step.target)!)
    if (election === undefined) return
    const { view } = this.#parts
    const before = view.leaderOf(election.group)
    const untilMs = performance.now() + electionMs
    while (!this.#healed && performance.now() < untilMs) {
      if (view.leaderOf(election.group) !== before) break
      await pause(lookEveryMs)
    }
    await pause(election.lateMs)
  }

  async #strike(fault: ProcessFault, step: Step): Promise<void> {
    const hit = aim(parseTarget(step.target)!, this.#parts.view)
    if (this.#healed || hit.nodes.length === 0) return
    const undo = await this.#begin(fault, step, hit)
    if (undo === undefined) return
    const atMs = Math.round(performance.now() - this.#startMs)
    const struck = { fault, nodes: hit.nodes, atMs, forMs: step.forMs }
    this.struck.push(struck)
    this.#parts.told(struck)
    this.#undos.add(undo)
    this.#after(step.forMs, () => {
      if (this.#undos.delete(undo)) undo()
    })
  }

  /** Does it, and returns how to undo it; undefined when nothing changed. */
  async #begin(fault: ProcessFault, step: Step, hit: Hit): Promise<(() => void) | undefined> {
    const { keeper, files, links, disks } = this.#parts
    if (isFileFault(fault)) return files.strike(fault, step.detail, hit.nodes[0]!)
    if (isLinkFault(fault)) return links.strike(fault, hit)
    if (fault === 'kill') return keeper.end(hit.nodes, 'SIGKILL')
    if (fault === 'stop') return keeper.end(hit.nodes, 'SIGTERM')
    if (fault === 'pause') return keeper.pause(hit.nodes)
    return disks.strike(hit.nodes)
  }
}

function isFileFault(fault: ProcessFault): fault is FileFault {
  return (fileFaultNames as readonly string[]).includes(fault)
}

function isLinkFault(fault: ProcessFault): fault is LinkFault {
  return (linkFaultNames as readonly string[]).includes(fault)
}
