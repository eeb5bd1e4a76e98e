// Decides who runs next: a fair queue of runnables, each given a slot of a few messages, inside
// turns that end after a bounded number of messages, or of milliseconds when messages are heavy, so
// that sockets and disks get the loop back.
// It asks the host for one turn at a time. It knows nothing of what a runnable does with its slot.
// Previous stop of a message: ref.ts (its cell becomes ready); next: cell.ts.
import type { Host } from './host.ts'
import { slotMessages } from './limits.ts'

export interface Runnable {
  /** Link of the ready queue; only the scheduler touches it. */
  nextReady: Runnable | undefined
  /** True while in the ready queue or in its slot. Invariant: a runnable is queued at most once. */
  queued: boolean
  /** Delivers at most `messages`; returns how many units of the turn's budget it used, at least 1. */
  runSlot(messages: number): number
  /** Whether it wants another slot after this one. */
  hasWork(): boolean
}

export class Scheduler {
  private readonly host: Host
  private readonly turnMessages: number
  private readonly turnMs: number
  private readonly turn: () => void
  private first: Runnable | undefined
  private last: Runnable | undefined
  /** True from the request of a turn until it begins. */
  private requested = false
  /** True while a turn runs; what becomes ready then joins this turn. */
  private running = false

  constructor(host: Host, turnMessages: number, turnMs: number) {
    this.host = host
    this.turnMessages = turnMessages
    this.turnMs = turnMs
    this.turn = () => this.runTurn()
  }

  /** Nothing waits to run. Timers may still be armed. */
  get idle(): boolean {
    return this.first === undefined && !this.running
  }

  /** Puts the runnable at the end of the ready queue, unless it is queued already. */
  ready(runnable: Runnable): void {
    if (runnable.queued) return
    runnable.queued = true
    this.append(runnable)
    if (!this.running) this.request()
  }

  private append(runnable: Runnable): void {
    runnable.nextReady = undefined
    if (this.last === undefined) this.first = runnable
    else this.last.nextReady = runnable
    this.last = runnable
  }

  private request(): void {
    if (this.requested) return
    this.requested = true
    this.host.nextTurn(this.turn)
  }

  private runTurn(): void {
    this.requested = false
    this.running = true
    const endMs = this.host.monotonicMs() + this.turnMs
    let budget = this.turnMessages
    // The clock is read once per 64 messages: a message is often cheaper than the clock.
    let nextLook = budget - slotMessages
    try {
      while (this.first !== undefined && budget > 0) {
        budget -= this.runOne(this.first, Math.min(budget, slotMessages))
        if (budget > nextLook) continue
        if (this.host.monotonicMs() >= endMs) break
        nextLook = budget - slotMessages
      }
    } finally {
      // Also when a failure escalates out of the system: those who wait must not be forgotten.
      this.running = false
      if (this.first !== undefined) this.request()
    }
  }

  private runOne(runnable: Runnable, messages: number): number {
    this.first = runnable.nextReady
    if (this.first === undefined) this.last = undefined
    runnable.nextReady = undefined
    try {
      return runnable.runSlot(messages)
    } finally {
      // Requeued only now: what an actor sends to itself comes after everybody who is ready.
      if (runnable.hasWork()) this.append(runnable)
      else runnable.queued = false
    }
  }
}
