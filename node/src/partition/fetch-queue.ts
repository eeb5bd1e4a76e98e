// Long polls of one partition: fetches at the high watermark wait here until records are committed
// or their time is over. Knows nothing of the log; partition-leader.ts answers what is taken out.
import type { FetchCommand } from './partition-message.ts'

interface Waiting {
  readonly fetch: FetchCommand
  readonly untilMs: number
}

const nobody: readonly FetchCommand[] = []

export class FetchQueue {
  #waiting: Waiting[] = []
  #deadlineMs = Number.POSITIVE_INFINITY

  get size(): number {
    return this.#waiting.length
  }

  wait(fetch: FetchCommand, untilMs: number): void {
    this.#waiting.push({ fetch, untilMs })
    if (untilMs < this.#deadlineMs) this.#deadlineMs = untilMs
  }

  /** Earliest time at which a waiting fetch must be answered with nothing. */
  get deadlineMs(): number {
    return this.#deadlineMs
  }

  takeExpired(nowMs: number): readonly FetchCommand[] {
    if (nowMs < this.#deadlineMs) return nobody
    return this.#take(({ untilMs }) => untilMs <= nowMs)
  }

  /** Fetches that records below the high watermark can answer now. */
  takeServable(highWatermark: number): readonly FetchCommand[] {
    if (this.#waiting.length === 0) return nobody
    return this.#take(({ fetch }) => fetch.request.offset < highWatermark)
  }

  takeAll(): readonly FetchCommand[] {
    return this.#take(() => true)
  }

  #take(wanted: (waiting: Waiting) => boolean): readonly FetchCommand[] {
    const taken: FetchCommand[] = []
    const kept: Waiting[] = []
    let deadlineMs = Number.POSITIVE_INFINITY
    for (const waiting of this.#waiting) {
      if (wanted(waiting)) taken.push(waiting.fetch)
      else {
        kept.push(waiting)
        deadlineMs = Math.min(deadlineMs, waiting.untilMs)
      }
    }
    this.#waiting = kept
    this.#deadlineMs = deadlineMs
    return taken
  }
}
