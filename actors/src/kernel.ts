// What all cells of one system share: scheduler, timers, the table of paths, the stops that wait
// for the current message to end, counters and the inspector. Internal; system.ts is the door.
import type { Actor, ActorRef, SpawnOptions } from './actor.ts'
import { Cell } from './cell.ts'
import type { Host, Random } from './host.ts'
import type { Inspector } from './inspection.ts'
import { defaultTurnMessages, defaultTurnMs, requireInteger, settingsOf } from './limits.ts'
import { type actorProbes, noProbe, type ProbeOf } from './probe.ts'
import type { LocalRef } from './ref.ts'
import { Scheduler } from './scheduler.ts'
import { Timers } from './timers.ts'

export interface KernelOptions {
  readonly name: string
  readonly host: Host
  readonly random: Random
  /** Default `noProbe`. */
  readonly probe?: ProbeOf<typeof actorProbes>
  readonly inspect?: Inspector
  readonly turnMessages?: number
  readonly turnMs?: number
  readonly escalated?: (error: unknown, path: string) => void
}

export class Kernel {
  readonly name: string
  readonly host: Host
  readonly random: Random
  readonly probe: ProbeOf<typeof actorProbes>
  readonly inspect: Inspector | undefined
  readonly scheduler: Scheduler
  readonly timers: Timers
  /** Where the replies of open asks go, by path. */
  readonly asks: Map<string, ActorRef<unknown>> = new Map()
  /** Marked as stopping, to be ended after the current message. */
  readonly stops: Cell[] = []
  /** True while an actor's code is on the stack. */
  delivering = false
  delivered = 0
  refused = 0
  failures = 0
  restarts = 0
  private readonly cells = new Map<string, Cell>()
  private readonly handleEscalated: ((error: unknown, path: string) => void) | undefined
  private escalation: { error: unknown; path: string } | undefined
  private askCount = 0
  private closed = false

  constructor(options: KernelOptions) {
    const turnMessages = options.turnMessages ?? defaultTurnMessages
    const turnMs = options.turnMs ?? defaultTurnMs
    requireInteger('turnMessages', turnMessages, 1, 1_000_000)
    requireInteger('turnMs', turnMs, 1, 1_000)
    this.name = options.name
    this.host = options.host
    this.random = options.random
    this.probe = options.probe ?? noProbe
    this.inspect = options.inspect
    this.handleEscalated = options.escalated
    this.scheduler = new Scheduler(options.host, turnMessages, turnMs)
    this.timers = new Timers(options.host)
  }

  get actors(): number {
    return this.cells.size
  }

  /** Refs of a system are erased inside; the caller's type says what the actor receives. */
  spawn<Message>(
    path: string,
    create: () => Actor<Message>,
    options: SpawnOptions,
    parent: Cell | undefined,
  ): { ref: LocalRef } {
    if (this.closed) throw new Error(`system ${this.name} has stopped`)
    if (/^$|\/$|#/.test(path)) throw new Error(`'${path}' is no actor path`)
    if (this.cells.has(path)) throw new Error(`${path} exists already`)
    const cell = new Cell(this, path, create, settingsOf(options), parent)
    this.cells.set(path, cell)
    parent?.life?.children.add(cell)
    this.scheduler.ready(cell)
    return cell
  }

  cell(path: string): Cell | undefined {
    return this.cells.get(path)
  }

  nextAskPath(asker: string): string {
    this.askCount += 1
    return `${asker}#${this.askCount}`
  }

  /** Frees the path for another actor. */
  forget(cell: Cell): void {
    if (this.cells.get(cell.path) === cell) this.cells.delete(cell.path)
  }

  stop(cell: Cell): void {
    cell.markStopping()
    this.stops.push(cell)
    if (!this.delivering) this.finishStops()
  }

  /** Stops every actor, the last spawned first, and then takes no more. */
  close(): void {
    this.closed = true
    const roots = [...this.cells.values()].filter((cell) => cell.parent === undefined)
    for (const cell of roots.reverse()) {
      cell.markStopping()
      this.stops.push(cell)
    }
    if (!this.delivering) this.finishStops()
  }

  finishStops(): void {
    if (this.stops.length === 0 && !this.closed) return
    const delivering = this.delivering
    // `stopped` may stop others: they join this loop instead of nesting in it.
    this.delivering = true
    for (let cell = this.stops.shift(); cell !== undefined; cell = this.stops.shift()) {
      cell.finishStopping()
    }
    this.delivering = delivering
    if (this.closed && this.cells.size === 0) this.timers.clear()
  }

  /** A failure nobody below the top handles: the system must not go on half alive. */
  escalate(error: unknown, path: string): void {
    this.escalation ??= { error, path }
    this.close()
  }

  /** Called when no actor's code is on the stack any more. */
  throwEscalated(): void {
    if (this.escalation === undefined) return
    const { error, path } = this.escalation
    this.escalation = undefined
    if (this.handleEscalated === undefined) throw error
    this.handleEscalated(error, path)
  }

  overflowed(cell: Cell, capacity: number, message: unknown): void {
    this.refused += 1
    if (this.inspect === undefined) return
    this.inspect({ kind: 'overflow', ...this.origin(cell), capacity, message })
  }

  origin(cell: Cell): { system: string; path: string; incarnation: number; atMs: number } {
    return {
      system: this.name,
      path: cell.path,
      incarnation: cell.life?.incarnation ?? 0,
      atMs: this.host.monotonicMs(),
    }
  }
}
