// Brings the committed entries of one log to its machine: in order, each index once, from memory in
// the same turn and from disk in a later one. Knows nothing of Raft and of what entries mean.
// Previous stop: raft-host.ts, which says what is committed; next: the owner's `apply`.

import type { LogEntry } from '../storage/log-entry.ts'
import type { GroupLog } from '../storage/storage.ts'
import type { HostCompletion } from './raft-owner.ts'

const applyBytesMax = 4 * 1024 * 1024

export interface FeedOwner {
  /** Consecutive entries, the first one `applied + 1`. False: nothing is to follow. */
  apply(entries: readonly LogEntry[]): boolean
  completeLater(completion: HostCompletion): void
}

export class ApplyFeed {
  readonly #key: string
  readonly #log: GroupLog
  readonly #owner: FeedOwner
  /** Invariant: #applied ≤ #commit ≤ log.lastIndex. */
  #applied: number
  #commit: number
  #reading = false
  #stopped = false

  constructor(key: string, log: GroupLog, owner: FeedOwner, applied: number, commit: number) {
    this.#key = key
    this.#log = log
    this.#owner = owner
    this.#applied = applied
    this.#commit = commit
  }

  get applied(): number {
    return this.#applied
  }
  get commit(): number {
    return this.#commit
  }

  committed(index: number): void {
    this.#commit = index
    this.run()
  }

  /** Entries that came from disk, and then what else is committed. */
  read(entries: readonly LogEntry[]): void {
    this.#reading = false
    this.#apply(entries)
    this.run()
  }

  /** Hands over what is committed: from memory in this turn, from disk in a later one. */
  run(): void {
    while (!this.#reading && !this.#stopped && this.#applied < this.#commit) {
      this.#reading = true
      let inline = true
      let ready: readonly LogEntry[] | undefined
      this.#log.read(
        { index: this.#applied + 1 },
        { index: this.#commit, bytes: applyBytesMax },
        (error, _previous, entries) => {
          if (error !== undefined) this.#owner.completeLater({ kind: 'failed', error })
          else if (inline) ready = entries
          else this.#owner.completeLater(readOf(this.#key, entries))
        },
      )
      inline = false
      if (ready === undefined) return
      this.#reading = false
      this.#apply(ready)
    }
  }

  #apply(entries: readonly LogEntry[]): void {
    const first = entries[0]
    const last = entries.at(-1)
    if (first === undefined || last === undefined) {
      throw new Error(`${this.#key}: nothing read above applied index ${this.#applied}`)
    }
    if (first.index !== this.#applied + 1 || last.index > this.#commit) {
      const read = `${first.index}..${last.index}`
      const state = `applied ${this.#applied}, commit ${this.#commit}`
      throw new Error(`${this.#key}: read ${read}, ${state}`)
    }
    this.#applied = last.index
    this.#stopped = !this.#owner.apply(entries)
  }
}

/** A read that brought nothing would leave the replica waiting for ever. */
function readOf(key: string, entries: readonly LogEntry[]): HostCompletion {
  if (entries.length > 0) return { kind: 'apply', entries }
  return { kind: 'failed', error: new Error(`${key}: committed entries cannot be read`) }
}
