// One life of an actor between two restarts, and the context it is given: its timers, its open
// asks and its children all end with it. A context kept beyond that life (by a late completion of
// some IO) can neither set timers nor ask; only `spawn` throws, as it has no ref to answer with.
import type { Actor, ActorContext, ActorRef, SpawnOptions } from './actor.ts'
import { Ask, type AskOutcome } from './ask.ts'
import type { Cell } from './cell.ts'
import type { Clock, Random } from './host.ts'
import type { Kernel } from './kernel.ts'
import { NamedTimer } from './named-timer.ts'
import { LocalRef } from './ref.ts'

export class Incarnation implements ActorContext<unknown> {
  readonly self: ActorRef<unknown>
  readonly incarnation: number
  readonly clock: Clock
  readonly random: Random
  /** Absent until `create` has returned. */
  actor: Actor<unknown> | undefined
  alive = true
  /** In order of spawning. */
  readonly children: Set<Cell> = new Set()
  private readonly cell: Cell
  private readonly kernel: Kernel
  /** Armed, or fired and not yet received. */
  private readonly timers = new Map<string, NamedTimer>()
  private readonly asks = new Set<Ask>()

  constructor(cell: Cell, kernel: Kernel, number: number) {
    this.cell = cell
    this.kernel = kernel
    this.self = cell.ref
    this.incarnation = number
    this.clock = kernel.host
    this.random = kernel.random
  }

  spawn<Child>(
    name: string,
    create: () => Actor<Child>,
    options: SpawnOptions = {},
  ): ActorRef<Child> {
    if (!this.alive) throw new Error(`${this.cell.path}#${this.incarnation} has ended`)
    return this.kernel.spawn(`${this.cell.path}/${name}`, create, options, this.cell).ref
  }

  stop(child?: ActorRef<never>): void {
    if (!this.alive) return
    if (child === undefined) {
      this.kernel.stop(this.cell)
      return
    }
    const cell = LocalRef.cellOf(child)
    if (cell === undefined || cell.parent !== this.cell) {
      throw new Error(`${child.path} is no child of ${this.cell.path}`)
    }
    this.kernel.stop(cell)
  }

  setTimer(name: string, delayMs: number, message: unknown): void {
    if (!this.alive) return
    let timer = this.timers.get(name)
    if (timer?.armed) {
      timer.message = message
    } else {
      if (timer !== undefined) timer.cancelled = true
      timer = new NamedTimer(name, this, message)
      this.timers.set(name, timer)
    }
    this.kernel.timers.arm(timer, delayMs)
  }

  cancelTimer(name: string): void {
    const timer = this.timers.get(name)
    if (timer === undefined) return
    timer.cancelled = true
    this.kernel.timers.cancel(timer)
    this.timers.delete(name)
  }

  ask<Request, Reply>(
    ref: ActorRef<Request>,
    build: (replyTo: ActorRef<Reply>) => Request,
    deadlineMs: number,
    settle: (outcome: { reply: Reply } | 'deadline-exceeded') => unknown,
  ): void {
    if (!this.alive) return
    const path = this.kernel.nextAskPath(this.cell.path)
    const ask = new Ask(path, this, settle as (outcome: AskOutcome) => unknown)
    this.kernel.timers.arm(ask, deadlineMs)
    this.asks.add(ask)
    this.kernel.asks.set(path, ask.replyTo)
    // A refusal needs no case of its own: it ends like a lost reply, at the deadline.
    ref.send(build(ask.replyTo))
  }

  inspect(change: string, detail?: Readonly<Record<string, unknown>>): void {
    if (this.kernel.inspect === undefined || !this.alive) return
    const origin = this.kernel.origin(this.cell)
    this.kernel.inspect(
      detail === undefined
        ? { kind: 'state', ...origin, change }
        : { kind: 'state', ...origin, change, detail },
    )
  }

  timerFired(timer: NamedTimer): void {
    this.cell.acceptAlways(timer)
  }

  timerTaken(timer: NamedTimer): void {
    this.timers.delete(timer.name)
  }

  closeAsk(ask: Ask): void {
    this.forget(ask)
    this.asks.delete(ask)
    this.cell.acceptAlways(ask)
  }

  /** Kills timers and asks. Children and `stopped` are the cell's business, in that order. */
  end(): void {
    this.alive = false
    for (const timer of this.timers.values()) this.kernel.timers.cancel(timer)
    for (const ask of this.asks) this.forget(ask)
    this.timers.clear()
    this.asks.clear()
  }

  private forget(ask: Ask): void {
    this.kernel.timers.cancel(ask)
    this.kernel.asks.delete(ask.replyTo.path)
  }
}
