// What a test waits for, and what fails meanwhile: time passes while it waits for something of the
// cluster (driver.ts), and a failure goes to whatever waits, or to the next call. Which calls there
// are: test-cluster.ts.
import { eventClass } from '@quorate/actors/testing'
import { QuorateError } from '@quorate/protocol'
import { Driver, stuckMs, type TimeMode } from './driver.ts'
import { TestClusterError } from './test-cluster-error.ts'
import { nodeTurns } from './turns-node.ts'
import { Waits } from './waits.ts'
import type { World } from './world.ts'

export class TestWaits {
  /** To be called in each event that may reach code of the user. */
  readonly touch: () => void
  readonly #world: World
  readonly #driver: Driver
  readonly #waits: Waits
  /** Something that failed while the test did not wait. */
  #failure: unknown
  #closed = false

  constructor(world: World, time: TimeMode) {
    const { simulation } = world.cluster
    this.#world = world
    this.#waits = new Waits({
      nowMs: () => simulation.nowMs,
      began: () => this.#driver.wake(),
      settled: () => {
        this.#driver.progress()
        return true
      },
    })
    this.#driver = new Driver(simulation, nodeTurns, time, {
      waiting: () => this.#waits.waiting,
      timed: () => this.#waits.timed,
      stuck: () => this.fail(this.#stuck()),
      broke: (error) => this.fail(error),
    })
    this.touch = this.#driver.touch
  }

  get closed(): boolean {
    return this.#closed
  }

  refuseClosed(): void {
    if (this.#closed) throw closed()
  }

  /** Nothing goes on. Returns a failure nobody has heard of yet. */
  close(): unknown {
    this.#closed = true
    this.#driver.stop()
    this.#waits.silence()
    return this.#takeFailure()
  }

  /** Does something in the simulation, as its next event. */
  act<Result>(what: string, run: () => Result): Promise<Result> {
    const { simulation } = this.#world.cluster
    const event = () =>
      new Promise<Result>((resolve, reject) => {
        const act = (): void => {
          this.touch()
          try {
            resolve(run())
          } catch (error) {
            reject(error)
          }
        }
        simulation.at(simulation.nowMs, eventClass.fault, act)
      })
    return this.track(what, event)
  }

  track<Result>(
    what: string,
    start: () => Promise<Result>,
    options: { readonly timed?: boolean } = {},
  ): Promise<Result> {
    if (this.#closed) return Promise.reject(closed())
    const failure = this.#takeFailure()
    if (failure !== undefined) return Promise.reject(failure)
    try {
      return this.#waits.track(what, start(), options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  fail(error: unknown): void {
    if (this.#waits.waiting) this.#waits.fail(error)
    else this.#failure ??= error
  }

  /** A process used something that is not simulated. */
  usedReal(process: string, what: string, where: string): void {
    if (this.#closed) return
    const message = `process ${process} used ${what}, which is not simulated, at ${where}`
    this.fail(new TestClusterError('not-simulated', message))
  }

  /** What every process waits for, for messages. */
  whoWaits(): string {
    const lines = this.#world.processes.map(({ name, state }) => `\n  ${name} ${state}`)
    return `; seed ${this.#world.cluster.plan.seed}${lines.join('')}`
  }

  #takeFailure(): unknown {
    const failure = this.#failure
    this.#failure = undefined
    return failure
  }

  #stuck(): TestClusterError {
    const message = `nothing the test waits for (${this.#waits.text}) has happened for ${stuckMs / 60_000} minutes of virtual time`
    return new TestClusterError('stuck', message + this.whoWaits())
  }
}

function closed(): QuorateError {
  return new QuorateError('QUORATE_CLOSED', 'test cluster')
}
