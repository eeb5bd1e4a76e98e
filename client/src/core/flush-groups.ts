// What a flush waits for: all records admitted before it. Counts records in groups that end at each
// flush, so that settling a record costs one subtraction however many flushes wait.
import type { FlushGroup } from './batch.ts'

export class FlushGroups {
  /** In order; the last one takes new records. Invariant: never empty. */
  readonly #groups: FlushGroup[] = [{ unsettled: 0, done: [] }]

  get current(): FlushGroup {
    return this.#groups[this.#groups.length - 1]!
  }

  /** A flush waits. */
  get flushing(): boolean {
    return this.#groups.length > 1
  }

  /** Calls `done` when every record counted so far is settled, at once if they are. */
  close(done: () => void): void {
    this.current.done.push(done)
    this.#groups.push({ unsettled: 0, done: [] })
    this.release()
  }

  /** To be called after records were settled. */
  release(): void {
    while (this.#groups.length > 1 && this.#groups[0]!.unsettled === 0) {
      for (const done of this.#groups.shift()!.done) done()
    }
  }
}
