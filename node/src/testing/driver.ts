// Lets simulated time pass while the test waits for the cluster: runs events until one has reached user
// code, lets every promise behind it settle, and goes on. When nobody waits, time stands still. With
// `time: 'real'` events run when the real clock says so, whether somebody waits or not. Decides
// nothing about what happens in the simulation; real turns come in from turns-node.ts.
import type { Simulation } from '@quorate/actors/testing'
import type { Turns } from './turns-node.ts'

/** How time passes: see `TestClusterOptions`. */
export type TimeMode = 'virtual' | 'real'

/** Virtual time without anything for the test, after which it is told that it waits in vain. */
export const stuckMs = 600_000
/** Events after which the machine gets a turn for others, such as the time-out of a test runner. */
const eventsPerTurn = 5_000
const realTickMs = 1

export interface DriverListener {
  /** Whether the test waits for something of the cluster. */
  waiting(): boolean
  /** Whether what it waits for comes at a time that is known. */
  timed(): boolean
  stuck(): void
  /** The simulation threw. */
  broke(error: unknown): void
}

export class Driver {
  readonly #simulation: Simulation
  readonly #turns: Turns
  readonly #mode: TimeMode
  readonly #listener: DriverListener
  readonly #startedRealMs: number
  readonly #startedMs: number
  #running = false
  #stopped = false
  /** An event has run code of the user, or is about to settle a promise of theirs. */
  #touched = false
  #progressMs: number

  constructor(simulation: Simulation, turns: Turns, mode: TimeMode, listener: DriverListener) {
    this.#simulation = simulation
    this.#turns = turns
    this.#mode = mode
    this.#listener = listener
    this.#startedRealMs = turns.realMs()
    this.#startedMs = simulation.nowMs
    this.#progressMs = simulation.nowMs
    if (mode === 'real') this.wake()
  }

  /** To be called in each event that may reach user code. */
  readonly touch = (): void => {
    this.#touched = true
  }

  /** The test waits for something. */
  wake(): void {
    if (this.#running || this.#stopped) return
    this.#running = true
    this.#turns.whenQuiet(() => this.#turn())
  }

  /** Something the test waited for has happened. */
  progress(): void {
    this.#progressMs = this.#simulation.nowMs
  }

  stop(): void {
    this.#stopped = true
  }

  #turn(): void {
    const { waiting } = this.#listener
    if (this.#stopped || (this.#mode === 'virtual' && !waiting())) {
      this.#running = false
      // Time that passes while nobody waits is nobody's fault.
      this.progress()
      return
    }
    try {
      this.#run()
    } catch (error) {
      this.#stopped = true
      this.#listener.broke(error)
      return
    }
    if (this.#mode === 'virtual' || this.#touched) this.#turns.whenQuiet(() => this.#turn())
    else this.#turns.after(realTickMs, () => this.#turn())
  }

  #run(): void {
    const simulation = this.#simulation
    this.#touched = false
    let events = 0
    const limitMs =
      this.#mode === 'virtual'
        ? Math.max(simulation.nowMs, this.#progressMs + stuckMs)
        : this.#startedMs + this.#turns.realMs() - this.#startedRealMs
    simulation.runUntilTrue(() => {
      events += 1
      return this.#touched || events > eventsPerTurn
    }, limitMs)
    if (this.#mode === 'real') return
    if (this.#listener.timed()) this.progress()
    else if (simulation.nowMs >= this.#progressMs + stuckMs) {
      this.progress()
      this.#listener.stuck()
    }
  }
}
