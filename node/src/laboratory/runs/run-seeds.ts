// Runs seeds one after the other, spread over worker processes, and gives their results in the order
// of the seeds, so that what is reported does not depend on how many workers there were. Ends at a
// count, at a time, when told to, or behind the first violation.
import type { RunSummary } from '../cluster/run-result.ts'
import type { PlanKind } from '../plan/plan-kinds.ts'
import { WorkerEnded, WorkerProcess } from './worker-process.ts'

export interface SeedRuns {
  readonly kind: PlanKind
  readonly firstSeed: number
  /** How many seeds; default: as many as the time allows. */
  readonly count?: number | undefined
  /** No seed is begun after this time of `performance.now()`; default never. */
  readonly untilMs?: number | undefined
  /** Processes, each on a core of its own. */
  readonly workers: number
  /** Go on behind a violation; default false. */
  readonly keepGoing?: boolean
  /** Aborted: what has begun is finished, and no seed is begun any more. */
  readonly signal?: AbortSignal | undefined
  /** Once for each seed, in their order. */
  readonly onResult: (result: SeedResult) => void
}

export interface SeedResult {
  readonly seed: number
  readonly counted: boolean
  readonly realMs: number
  /** Empty when everything held. A worker that ended is one of its own. */
  readonly violations: readonly string[]
  /** Absent when the worker ended instead. */
  readonly summary: RunSummary | undefined
}

export function runSeeds(runs: SeedRuns): Promise<void> {
  return new SeedRun(runs).run()
}

class SeedRun {
  readonly #runs: SeedRuns
  readonly #workers: readonly WorkerProcess[]
  /** The next one to begin. */
  #next: number
  /** No seed behind it matters. */
  #last: number
  /** The next one to be reported; results behind it wait in `#early`. */
  #due: number
  readonly #early = new Map<number, SeedResult>()

  constructor(runs: SeedRuns) {
    this.#runs = runs
    this.#workers = Array.from({ length: runs.workers }, () => new WorkerProcess())
    this.#next = runs.firstSeed
    this.#due = runs.firstSeed
    this.#last = runs.firstSeed + (runs.count ?? Number.MAX_SAFE_INTEGER) - 1
  }

  async run(): Promise<void> {
    try {
      await Promise.all(this.#workers.map((worker) => this.#work(worker)))
    } finally {
      for (const worker of this.#workers) worker.stop()
    }
  }

  async #work(worker: WorkerProcess): Promise<void> {
    for (let seed = this.#begin(); seed !== undefined; seed = this.#begin()) {
      this.#arrived(await this.#runSeed(worker, seed))
    }
  }

  #begin(): number | undefined {
    const { untilMs = Number.POSITIVE_INFINITY, signal } = this.#runs
    if (signal?.aborted === true || performance.now() >= untilMs) return undefined
    if (this.#next > this.#last) return undefined
    this.#next += 1
    return this.#next - 1
  }

  async #runSeed(worker: WorkerProcess, seed: number): Promise<SeedResult> {
    const startMs = performance.now()
    try {
      const answer = await worker.run(this.#runs.kind, seed)
      return { seed, ...answer, violations: answer.summary.violations }
    } catch (error) {
      if (!(error instanceof WorkerEnded)) throw error
      const realMs = performance.now() - startMs
      return { seed, counted: false, realMs, violations: [error.message], summary: undefined }
    }
  }

  #arrived(result: SeedResult): void {
    const stops = result.violations.length > 0 && this.#runs.keepGoing !== true
    if (stops) this.#last = Math.min(this.#last, result.seed)
    this.#early.set(result.seed, result)
    for (let due = this.#take(); due !== undefined; due = this.#take()) this.#runs.onResult(due)
  }

  #take(): SeedResult | undefined {
    const result = this.#due <= this.#last ? this.#early.get(this.#due) : undefined
    if (result === undefined) return undefined
    this.#early.delete(this.#due)
    this.#due += 1
    return result
  }
}
