// Holds machine states that are to become checkpoint files and writes each once this replica's own
// disk holds its index, one at a time: no checkpoint covers what the WAL has not synced. One that
// could not be written is tried again. Knows nothing of what the state means. Fed by the partition
// and metadata actors; next stop: storage/checkpoint-store.ts.
import type { GroupKey } from '../storage/log-entry.ts'
import type { Checkpoint, GroupLog, Storage } from '../storage/storage.ts'

/** States held in memory; above it the oldest is let go, and retention takes a later one. */
const waitingMax = 8

export class Checkpointer {
  readonly #key: GroupKey
  readonly #storage: Storage
  readonly #log: GroupLog
  /** Called out of storage's turn with the outcome of one file; its owner calls `written` later. */
  readonly #saved: (index: number, error: Error | undefined) => void
  readonly #waiting: Checkpoint[] = []
  #writing: Checkpoint | undefined
  /** The last attempt failed: nothing is tried before `retry`. */
  #paused = false
  #idle: (() => void)[] = []
  #lastIndex: number

  constructor(
    key: GroupKey,
    storage: Storage,
    log: GroupLog,
    lastIndex: number,
    saved: (index: number, error: Error | undefined) => void,
  ) {
    this.#key = key
    this.#storage = storage
    this.#log = log
    this.#lastIndex = lastIndex
    this.#saved = saved
  }

  /** Index of the newest state taken or loaded. */
  get lastIndex(): number {
    return this.#lastIndex
  }

  /** Keeps the state at an index, unless its file is there: after a restart it often is. */
  take(index: number, checkpoint: () => Checkpoint): void {
    if (index <= this.#lastIndex) return
    this.#lastIndex = index
    if (this.#log.checkpoints().includes(index)) return
    if (this.#waiting.length >= waitingMax) this.#waiting.shift()
    this.#waiting.push(checkpoint())
  }

  /** The log was reset to a snapshot: states below it are of no use any more. */
  restart(index: number): void {
    this.#waiting.length = 0
    this.#lastIndex = index
  }

  /** Writes what lies at or below the index this disk holds. */
  write(): void {
    const next = this.#waiting[0]
    if (this.#writing !== undefined || this.#paused || next === undefined) return
    if (next.index > this.#log.durableIndex) return
    this.#waiting.shift()
    this.#writing = next
    this.#storage.saveCheckpoint(this.#key, next, (error) => this.#saved(next.index, error))
  }

  /** In the owner's turn, when `saved` has told of a file. */
  written(error: Error | undefined): void {
    const written = this.#writing
    this.#writing = undefined
    // One below log start is of no use to anybody any more.
    if (error !== undefined && written !== undefined && written.index >= this.#log.start.index) {
      this.#paused = true
      this.#waiting.unshift(written)
    }
    this.write()
    this.#settleIdle()
  }

  /** Another attempt at what could not be written. */
  retry(): void {
    this.#paused = false
    this.write()
  }

  /** Calls when nothing that could be written is under way. */
  whenIdle(call: () => void): void {
    this.#idle.push(call)
    this.#settleIdle()
  }

  #settleIdle(): void {
    if (this.#writing !== undefined) return
    const calls = this.#idle
    this.#idle = []
    for (const call of calls) call()
  }
}
