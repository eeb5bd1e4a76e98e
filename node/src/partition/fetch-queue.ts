// Long polls of one partition: fetches at the high watermark wait here until records are committed
// or their time is over. Knows nothing of the log; partition-actor.ts answers what is taken out.
import type { FetchCommand } from './partition-message.ts'

export class FetchQueue {
  #waiting: { readonly fetch: FetchCommand; readonly untilMs: number }[] = []

  get size(): number {
    return this.#waiting.length
  }

  wait(fetch: FetchCommand, untilMs: number): void {
    this.#waiting.push({ fetch, untilMs })
  }

  /** Earliest time at which a waiting fetch must be answered with nothing. */
  get deadlineMs(): number {
    let earliest = Number.POSITIVE_INFINITY
    for (const { untilMs } of this.#waiting) earliest = Math.min(earliest, untilMs)
    return earliest
  }

  takeExpired(nowMs: number): FetchCommand[] {
    return this.#take((_fetch, untilMs) => untilMs <= nowMs)
  }

  /** Fetches that records below the high watermark can answer now. */
  takeServable(highWatermark: number): FetchCommand[] {
    return this.#take((fetch) => fetch.request.offset < highWatermark)
  }

  takeAll(): FetchCommand[] {
    return this.#take(() => true)
  }

  #take(wanted: (fetch: FetchCommand, untilMs: number) => boolean): FetchCommand[] {
    if (this.#waiting.length === 0) return []
    const taken: FetchCommand[] = []
    const kept = []
    for (const waiting of this.#waiting) {
      if (wanted(waiting.fetch, waiting.untilMs)) taken.push(waiting.fetch)
      else kept.push(waiting)
    }
    this.#waiting = kept
    return taken
  }
}
