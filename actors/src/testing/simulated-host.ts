// The Host of one simulated process: clocks with a wall offset and a drift, timers and turns as
// events of the simulation. A crash silences it for ever; a restarted process is a new host. A
// pause holds its events back and lets them all run at once afterwards, as SIGSTOP does.
import type { Host, TimerHandle } from '../host.ts'
import type { EventOwner, SimulatedEvent } from './event-queue.ts'

/** Order within one moment: faults first, then what arrives, then timers, then turns. */
export const eventClass: {
  readonly fault: 0
  readonly network: 1
  readonly disk: 2
  readonly timer: 3
  readonly turn: 4
} = { fault: 0, network: 1, disk: 2, timer: 3, turn: 4 }

/** Calendar time at simulated time 0, for a host without offset. */
export const simulatedEpochMs = 1_700_000_000_000

export interface SimulatedHostOptions {
  /** Added to the wall clock; default 0. */
  readonly wallOffsetMs?: number
  /** How much faster its clocks run, in parts per million; default 0, from -100,000 to 100,000. */
  readonly driftPpm?: number
}

/** What a host needs of its simulation. */
export interface SimulatedTime {
  readonly nowMs: number
  at(atMs: number, kind: number, run: () => void, owner?: EventOwner): SimulatedEvent
  resume(event: SimulatedEvent): void
}

export class SimulatedHost implements Host, EventOwner {
  readonly name: string
  private readonly time: SimulatedTime
  /** Own milliseconds per simulated millisecond, since `rateSinceMs`; before that `rateFromMs` passed. */
  private rate = 1
  private rateSinceMs = 0
  private rateFromMs = 0
  /** What the stopped calendar shows, without its offset. */
  private frozenMs: number | undefined
  private wallOffsetMs: number
  private dead = false
  private held: SimulatedEvent[] | undefined

  constructor(name: string, time: SimulatedTime, options: SimulatedHostOptions) {
    this.name = name
    this.time = time
    this.rate = rateOf(options.driftPpm ?? 0)
    this.wallOffsetMs = options.wallOffsetMs ?? 0
  }

  get crashed(): boolean {
    return this.dead
  }

  get paused(): boolean {
    return this.held !== undefined
  }

  monotonicMs(): number {
    return Math.floor(this.ownMs())
  }

  wallMs(): number {
    return simulatedEpochMs + (this.frozenMs ?? this.monotonicMs()) + this.wallOffsetMs
  }

  /** The calendar jumps by this much; leases and deadlines must not notice. */
  jumpWall(byMs: number): void {
    this.wallOffsetMs += byMs
  }

  /** The calendar stands still until `thawWall`; what measures time goes on. */
  freezeWall(): void {
    this.frozenMs ??= this.monotonicMs()
  }

  /** The calendar is set right again at once. */
  thawWall(): void {
    this.frozenMs = undefined
  }

  /** From now on its clocks run so much faster; timers that are set keep their time. */
  setDrift(driftPpm: number): void {
    this.rateFromMs = this.ownMs()
    this.rateSinceMs = this.time.nowMs
    this.rate = rateOf(driftPpm)
  }

  setTimer(fire: () => void, delayMs: number): TimerHandle {
    if (this.dead) return undefined
    const atMs = Math.ceil(this.time.nowMs + Math.max(0, delayMs) / this.rate)
    return this.time.at(atMs, eventClass.timer, fire, this)
  }

  clearTimer(handle: TimerHandle): void {
    if (handle !== undefined) (handle as SimulatedEvent).run = undefined
  }

  nextTurn(run: () => void): void {
    if (!this.dead) this.time.at(this.time.nowMs, eventClass.turn, run, this)
  }

  /** The process is killed: none of its timers, turns or owned events ever runs again. */
  crash(): void {
    this.dead = true
    this.held = undefined
  }

  /** Stops running until `resume`; its clocks go on. */
  pause(): void {
    if (!this.dead) this.held ??= []
  }

  resume(): void {
    const held = this.held ?? []
    this.held = undefined
    for (const event of held) this.time.resume(event)
  }

  hold(event: SimulatedEvent): void {
    this.held?.push(event)
  }

  private ownMs(): number {
    return this.rateFromMs + (this.time.nowMs - this.rateSinceMs) * this.rate
  }
}

function rateOf(driftPpm: number): number {
  if (!(Math.abs(driftPpm) <= 100_000)) throw new RangeError(`drift of ${driftPpm} ppm`)
  return 1 + driftPpm / 1_000_000
}
