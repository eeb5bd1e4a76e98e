// A deterministic world for actor systems: one event queue, simulated hosts, keyed randomness and
// a rolling hash of everything that ran. Networks and disks are simulated above it, with `at`. It
// never waits: a simulated hour takes as long as its events do.
import type { Random } from '../host.ts'
import { keyedRandom } from '../random.ts'
import { EventHash } from './event-hash.ts'
import { type EventOwner, EventQueue, type SimulatedEvent } from './event-queue.ts'
import { SimulatedHost, type SimulatedHostOptions } from './simulated-host.ts'

export interface SimulationBounds {
  /** Events in all before the run fails; default 100,000,000. */
  readonly maxEvents?: number
  /** Events at one moment before the run fails as a loop that lets no time pass; default 1,000,000. */
  readonly maxEventsPerMoment?: number
}

export class Simulation {
  readonly seed: string
  readonly random: Random
  private readonly queue = new EventQueue()
  private readonly hosts = new Map<string, SimulatedHost>()
  private readonly rolling = new EventHash()
  private readonly maxEvents: number
  private readonly maxEventsPerMoment: number
  private now = 0
  private sequences = 0
  private eventsRun = 0
  private eventsAtNow = 0

  constructor(seed: string | number, bounds: SimulationBounds = {}) {
    this.seed = String(seed)
    this.random = keyedRandom(this.seed)
    this.maxEvents = bounds.maxEvents ?? 100_000_000
    this.maxEventsPerMoment = bounds.maxEventsPerMoment ?? 1_000_000
  }

  /** Simulated time since the start. Events may lie between whole milliseconds. */
  get nowMs(): number {
    return this.now
  }

  /** Events run so far. */
  get events(): number {
    return this.eventsRun
  }

  /** Events that wait, cancelled ones and those of crashed hosts included. */
  get waiting(): number {
    return this.queue.size
  }

  /** Rolling hash of all events run, all notes and all effects: equal for equal seeds, plans and code. */
  get hash(): string {
    return this.rolling.value
  }

  /** A new process. A name can be used again only after its earlier host has crashed. */
  host(name: string, options: SimulatedHostOptions = {}): SimulatedHost {
    if (this.hosts.get(name)?.crashed === false) throw new Error(`host ${name} is alive`)
    const host = new SimulatedHost(name, this, options)
    this.hosts.set(name, host)
    return host
  }

  /**
   * Runs `run` at that time, or now when it has passed. `kind` is an `eventClass`: among events of
   * one moment the lower comes first. An event of a crashed `owner` does not run.
   */
  at(atMs: number, kind: number, run: () => void, owner?: EventOwner): SimulatedEvent {
    if (Number.isNaN(atMs)) throw new RangeError('an event needs a time')
    const event: SimulatedEvent = {
      atMs: Math.max(atMs, this.now),
      eventClass: kind,
      sequence: this.sequences,
      run,
      owner,
    }
    this.sequences += 1
    this.queue.push(event)
    return event
  }

  /** Takes back an event that was held: at its time, or now, behind what waits there. */
  resume(event: SimulatedEvent): void {
    event.atMs = Math.max(event.atMs, this.now)
    event.sequence = this.sequences
    this.sequences += 1
    this.queue.push(event)
  }

  /** Runs the next event. False when none is left. */
  step(): boolean {
    const atMs = this.nextMs()
    const event = atMs === Number.POSITIVE_INFINITY ? undefined : this.queue.pop()
    if (event?.run === undefined) return false
    this.advance(atMs)
    const { run } = event
    event.run = undefined
    this.count(event)
    run()
    return true
  }

  /** Runs every event up to and including that time, and then it is that time. */
  runUntil(atMs: number): void {
    while (this.nextMs() <= atMs) this.step()
    this.advance(atMs)
  }

  /** Runs until the condition holds, looked at after each event. False when the time is over. */
  runUntilTrue(condition: () => boolean, limitMs: number): boolean {
    while (!condition()) {
      if (this.nextMs() > limitMs) {
        this.advance(limitMs)
        return condition()
      }
      this.step()
    }
    return true
  }

  /** Folds something that happened into the hash: a state change, a message, an effect. */
  note(label: string): void {
    this.rolling.addNumber(this.now)
    this.rolling.addText(label)
  }

  /**
   * As `note`, for what happens at nearly every event: `what` stands for the kind of effect and its
   * place (`textHash` of a text, kept by the caller), and the others are whole numbers below 2^32,
   * such as position, length and checksum of bytes.
   */
  noteEffect(what: number, first: number, second: number, third: number): void {
    const { rolling } = this
    rolling.addWord(what)
    rolling.addWord(first)
    rolling.addWord(second)
    rolling.addWord(third)
  }

  /** When the next event that will run is due, which is then first; infinite when none will. */
  private nextMs(): number {
    for (let event = this.queue.peek(); event !== undefined; event = this.queue.peek()) {
      const dead = event.run === undefined || event.owner?.crashed === true
      if (!dead && event.owner?.paused !== true) return event.atMs
      this.queue.pop()
      if (!dead) event.owner?.hold(event)
    }
    return Number.POSITIVE_INFINITY
  }

  private advance(atMs: number): void {
    if (atMs <= this.now) return
    this.now = atMs
    this.eventsAtNow = 0
  }

  private count(event: SimulatedEvent): void {
    this.eventsRun += 1
    this.eventsAtNow += 1
    if (this.eventsRun > this.maxEvents) {
      throw new Error(`simulation ${this.seed}: more than ${this.maxEvents} events`)
    }
    if (this.eventsAtNow > this.maxEventsPerMoment) {
      throw new Error(
        `simulation ${this.seed}: more than ${this.maxEventsPerMoment} events at ${this.now} ms`,
      )
    }
    this.rolling.addNumber(event.atMs)
    this.rolling.addWord(event.eventClass)
    this.rolling.addWord(event.sequence)
  }
}
