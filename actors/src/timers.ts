// All timers of a system over one host timer: a binary heap by due time, then by order of arming.
// Moving a timer later (a leader contact renewed, a lease extended) changes one field and no heap
// position; the entry finds its place when it surfaces. Knows nothing of actors: it calls `fire`.
import type { Host, TimerHandle } from './host.ts'
import { maxHostDelayMs } from './limits.ts'

export abstract class Timer {
  /** When it is to fire, on the monotonic clock. */
  dueMs = 0
  /** Order of the last arming; decides between equal due times. */
  order = 0
  /** Key under which it lies in the heap. Invariant: never after (dueMs, order). */
  keyMs = 0
  keyOrder = 0
  /** Index in the heap, -1 when not armed. */
  position = -1

  /** The time has come; called once per arming. May arm and cancel timers, this one too. */
  abstract fire(): void

  get armed(): boolean {
    return this.position >= 0
  }
}

export class Timers {
  private readonly host: Host
  private readonly wake: () => void
  private readonly heap: Timer[] = []
  private orders = 0
  private hostTimer: TimerHandle | undefined
  /** When the host timer fires; infinite when none is out. */
  private wakeMs = Number.POSITIVE_INFINITY

  constructor(host: Host) {
    this.host = host
    this.wake = () => this.fireDue()
  }

  get size(): number {
    return this.heap.length
  }

  /** Arms the timer, or moves it when it is armed already. */
  arm(timer: Timer, delayMs: number): void {
    // A comparison that also refuses NaN.
    if (!(delayMs >= 0)) throw new RangeError(`delay must be 0 ms or more, not ${delayMs}`)
    timer.dueMs = this.host.monotonicMs() + delayMs
    timer.order = this.orders += 1
    if (timer.position < 0) {
      timer.position = this.heap.length
      this.heap.push(timer)
      this.settle(timer)
    } else if (timer.dueMs < timer.keyMs) {
      this.settle(timer)
    }
    this.request()
  }

  cancel(timer: Timer): void {
    const position = timer.position
    if (position < 0) return
    timer.position = -1
    const last = this.heap.pop()!
    if (last === timer) return
    last.position = position
    this.heap[position] = last
    this.rise(last)
    this.sink(last)
  }

  /** Forgets every timer and the host's; used when the system stops. */
  clear(): void {
    for (const timer of this.heap) timer.position = -1
    this.heap.length = 0
    this.release()
  }

  private fireDue(): void {
    this.hostTimer = undefined
    // No host timer is asked for while this runs; the end of it asks once.
    this.wakeMs = Number.NEGATIVE_INFINITY
    const nowMs = this.host.monotonicMs()
    try {
      // Timers armed by `fire` are due now at the earliest and come after those armed before.
      const lastOrder = this.orders
      for (let next = this.heap[0]; next !== undefined; next = this.heap[0]) {
        if (next.keyMs > nowMs) break
        if (next.keyMs !== next.dueMs || next.keyOrder !== next.order) this.settle(next)
        else if (next.order > lastOrder) break
        else {
          this.cancel(next)
          next.fire()
        }
      }
    } finally {
      this.wakeMs = Number.POSITIVE_INFINITY
      this.request()
    }
  }

  /** Takes the due time as heap key and restores the heap. */
  private settle(timer: Timer): void {
    timer.keyMs = timer.dueMs
    timer.keyOrder = timer.order
    this.rise(timer)
    this.sink(timer)
  }

  private request(): void {
    const next = this.heap[0]
    // A host timer that is too early is left alone: it fires, finds nothing due and asks again.
    if (next === undefined || next.keyMs >= this.wakeMs) return
    this.release()
    this.wakeMs = next.keyMs
    const delayMs = Math.max(0, next.keyMs - this.host.monotonicMs())
    this.hostTimer = this.host.setTimer(this.wake, Math.min(delayMs, maxHostDelayMs))
  }

  private release(): void {
    if (this.hostTimer !== undefined) this.host.clearTimer(this.hostTimer)
    this.hostTimer = undefined
    this.wakeMs = Number.POSITIVE_INFINITY
  }

  private rise(timer: Timer): void {
    let position = timer.position
    while (position > 0) {
      const parent = this.heap[(position - 1) >> 1]!
      if (!before(timer, parent)) break
      this.place(parent, position)
      position = (position - 1) >> 1
    }
    this.place(timer, position)
  }

  private sink(timer: Timer): void {
    let position = timer.position
    for (;;) {
      let child = this.heap[2 * position + 1]
      if (child === undefined) break
      const right = this.heap[2 * position + 2]
      if (right !== undefined && before(right, child)) child = right
      if (!before(child, timer)) break
      const freed = child.position
      this.place(child, position)
      position = freed
    }
    this.place(timer, position)
  }

  private place(timer: Timer, position: number): void {
    this.heap[position] = timer
    timer.position = position
  }
}

function before(a: Timer, b: Timer): boolean {
  return a.keyMs < b.keyMs || (a.keyMs === b.keyMs && a.keyOrder < b.keyOrder)
}
