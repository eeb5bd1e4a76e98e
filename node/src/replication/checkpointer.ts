// Holds machine states that are to become checkpoint files and writes each once this replica's own
// disk holds its index: no checkpoint covers what the WAL has not synced. Knows
// nothing of what the state means. Fed by the partition and metadata actors; next stop:
// storage/checkpoint.ts.
import type { GroupKey } from '../storage/log-entry.ts'
import type { Checkpoint, Storage } from '../storage/storage.ts'

export class Checkpointer {
  readonly #key: GroupKey
  readonly #storage: Storage
  /** Called on a later turn with the outcome of one checkpoint file. */
  readonly #saved: (index: number, error: Error | undefined) => void
  #waiting: Checkpoint[] = []
  #writing = 0
  #idle: (() => void)[] = []
  #lastIndex: number

  constructor(
    key: GroupKey,
    storage: Storage,
    lastIndex: number,
    saved: (index: number, error: Error | undefined) => void,
  ) {
    this.#key = key
    this.#storage = storage
    this.#lastIndex = lastIndex
    this.#saved = saved
  }

  /** Index of the newest state taken or loaded. */
  get lastIndex(): number {
    return this.#lastIndex
  }

  take(checkpoint: Checkpoint): void {
    this.#waiting.push(checkpoint)
    this.#lastIndex = checkpoint.index
  }

  /** Writes what lies at or below the index this disk holds. */
  write(storedIndex: number): void {
    while (this.#waiting[0] !== undefined && this.#waiting[0].index <= storedIndex) {
      const checkpoint = this.#waiting.shift()!
      this.#writing += 1
      this.#storage.saveCheckpoint(this.#key, checkpoint, (error) => {
        this.#saved(checkpoint.index, error)
      })
    }
  }

  /** To be called in the owner's turn when `saved` has told of a file. */
  written(): void {
    this.#writing -= 1
    this.#settleIdle()
  }

  /** Calls when nothing that could be written is under way. */
  whenIdle(call: () => void): void {
    this.#idle.push(call)
    this.#settleIdle()
  }

  #settleIdle(): void {
    if (this.#writing > 0) return
    const calls = this.#idle
    this.#idle = []
    for (const call of calls) call()
  }
}
