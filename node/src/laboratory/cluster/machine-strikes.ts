// Carries out the faults of processes and machines: ends, pauses, clocks, disks that are slow or full.
// faults.ts aims them and ends them; simulated-node.ts is the process.
import { eventClass } from '@quorate/actors/testing'
import type { FaultName } from '../plan/fault-table.ts'
import type { Step } from '../plan/plan.ts'
import type { SimulatedCluster } from './cluster.ts'
import type { SimulatedNode } from './simulated-node.ts'
import { pathsOfKind } from './storage-faults.ts'
import { nothingToUndo, type Struck } from './struck.ts'

export type MachineStrike = Extract<
  FaultName,
  | 'power'
  | 'kill'
  | 'stop'
  | 'pause'
  | 'slow-node'
  | 'rolling-restart'
  | 'transfer-storm'
  | 'jump-clock'
  | 'freeze-clock'
  | 'drift-clock'
  | 'stall-disk'
  | 'stall-file'
  | 'slow-disk'
  | 'full-disk'
>

const machineStrikes: ReadonlySet<string> = new Set<MachineStrike>([
  'power',
  'kill',
  'stop',
  'pause',
  'slow-node',
  'rolling-restart',
  'transfer-storm',
  'jump-clock',
  'freeze-clock',
  'drift-clock',
  'stall-disk',
  'stall-file',
  'slow-disk',
  'full-disk',
])

export function isMachineStrike(step: Step): step is Step & { readonly fault: MachineStrike } {
  return machineStrikes.has(step.fault)
}

const clockJumpMs = 7_000
const stillMs = 40
const runsMs = 10
const transferAgainMs = 100
const slowDiskMs = 60
const driftPpmMax = 100_000

export class MachineStrikes {
  readonly #cluster: SimulatedCluster
  /** Ends what goes on by itself. */
  #healed = false

  constructor(cluster: SimulatedCluster) {
    this.#cluster = cluster
  }

  /** Undefined when nothing changed. */
  strike(
    step: Step & { readonly fault: MachineStrike },
    names: readonly string[],
  ): Struck | undefined {
    const nodes = names.map((name) => this.#cluster.node(name))
    const running = nodes.filter((node) => node.running)
    const { fault, detail = '', forMs } = step
    switch (fault) {
      case 'power':
      case 'kill':
        return each(
          running,
          (node) => node.crash(fault),
          (node) => node.start(),
        )
      case 'stop':
        return each(
          running,
          (node) => node.stop(),
          (node) => node.startAfterStop(),
        )
      case 'pause':
        return each(
          running,
          (node) => node.pause(),
          (node) => node.resume(),
        )
      case 'slow-node':
        return this.#slow(running, forMs)
      case 'rolling-restart':
        return this.#roll(running, forMs)
      case 'transfer-storm':
        return this.#transferAgain(nodes, forMs)
      case 'jump-clock': {
        const byMs = detail === '' ? clockJumpMs : Number(detail)
        return each(
          nodes,
          (node) => node.jumpClock(byMs),
          (node) => node.jumpClock(-byMs),
        )
      }
      case 'freeze-clock':
        return each(
          nodes,
          (node) => node.freezeClock(true),
          (node) => node.freezeClock(false),
        )
      case 'drift-clock': {
        const ppm = Math.max(-driftPpmMax, Math.min(driftPpmMax, Number(detail)))
        return each(
          nodes,
          (node) => node.driftClock(ppm),
          (node) => node.driftClock(0),
        )
      }
      case 'stall-disk':
      case 'stall-file': {
        const paths = fault === 'stall-file' ? pathsOfKind(detail) : undefined
        const stalls = nodes.map(({ disk }) => disk.stall(forMs, paths))
        return { undo: nothingToUndo, met: () => stalls.some(({ held }) => held > 0) }
      }
      case 'slow-disk':
        return slowDisks(nodes)
      case 'full-disk':
        return fill(nodes)
    }
  }

  /** What stalled disks hold completes now. */
  healAll(): void {
    this.#healed = true
    for (const node of this.#cluster.nodes) {
      node.disk.quicken()
      node.disk.capacityBytes = Number.POSITIVE_INFINITY
      node.disk.endStalls()
      node.healClock()
    }
  }

  /** Stands still for most of the time. */
  #slow(nodes: readonly SimulatedNode[], forMs: number): Struck | undefined {
    const { simulation } = this.#cluster
    const untilMs = simulation.nowMs + forMs
    let over = false
    const pause = (): void => {
      if (over || simulation.nowMs >= untilMs) return
      for (const node of nodes) node.pause()
      this.#after(stillMs, resume)
    }
    const resume = (): void => {
      for (const node of nodes) node.resume()
      this.#after(runsMs, pause)
    }
    if (nodes.length === 0) return undefined
    pause()
    const undo = (): void => {
      over = true
      for (const node of nodes) node.resume()
    }
    return { undo }
  }

  /** Each is away for its part of the time. */
  #roll(nodes: readonly SimulatedNode[], forMs: number): Struck | undefined {
    if (nodes.length === 0) return undefined
    const awayMs = Math.floor(forMs / nodes.length)
    for (const [position, node] of nodes.entries()) {
      this.#after(position * awayMs, () => node.stop())
      this.#after((position + 1) * awayMs, () => node.startAfterStop())
    }
    const undo = (): void => {
      for (const node of nodes) node.startAfterStop()
    }
    return { undo }
  }

  /** Who leads hands over, again and again. */
  #transferAgain(nodes: readonly SimulatedNode[], forMs: number): Struck {
    const { simulation, probes } = this.#cluster
    const untilMs = simulation.nowMs + forMs
    const transfers = (): number => probes.coverage['raft.elected-by-transfer'] ?? 0
    const before = transfers()
    const again = (): void => {
      for (const { broker } of nodes) broker?.handOver()
      if (simulation.nowMs + transferAgainMs < untilMs) this.#after(transferAgainMs, again)
    }
    again()
    return { undo: nothingToUndo, met: () => transfers() > before }
  }

  #after(delayMs: number, run: () => void): void {
    const { simulation } = this.#cluster
    simulation.at(simulation.nowMs + delayMs, eventClass.fault, () => {
      if (!this.#healed) run()
    })
  }
}

function each(
  nodes: readonly SimulatedNode[],
  begin: (node: SimulatedNode) => void,
  end: (node: SimulatedNode) => void,
): Struck | undefined {
  if (nodes.length === 0) return undefined
  for (const node of nodes) begin(node)
  const undo = (): void => {
    for (const node of nodes) end(node)
  }
  return { undo }
}

function slowDisks(nodes: readonly SimulatedNode[]): Struck {
  const slow = nodes.map(({ disk }) => disk.slow(slowDiskMs))
  const undo = (): void => {
    for (const { disk } of nodes) disk.quicken()
  }
  return { undo, met: () => slow.some(({ held }) => held > 0) }
}

function fill(nodes: readonly SimulatedNode[]): Struck {
  const disks = nodes.map(({ disk }) => disk)
  const refusals = (): number => disks.reduce((sum, { counters }) => sum + counters.full, 0)
  const before = refusals()
  for (const disk of disks) disk.capacityBytes = disk.usedBytes()
  let atEnd: number | undefined
  const undo = (): void => {
    atEnd = refusals()
    for (const disk of disks) disk.capacityBytes = Number.POSITIVE_INFINITY
  }
  // What a later fill refuses is not this one's.
  return { undo, met: () => (atEnd ?? refusals()) > before }
}
