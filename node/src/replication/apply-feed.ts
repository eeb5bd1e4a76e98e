// Brings the committed entries of one log to its machine: in order, each index once, from memory in
// the same turn and from disk in a later one. Knows nothing of Raft and of what entries mean.
// Previous stop: raft-host.ts, which says what is committed; next: the owner's `apply`.
import type { NodeProbe } from '../probes.ts'
import type { LogEntry } from '../storage/log-entry.ts'
import type { GroupLog } from '../storage/storage.ts'

const applyBytesMax = 4 * 1024 * 1024

export interface FeedOwner {
  readonly probe: NodeProbe
  /** Consecutive entries, the first one `applied + 1`. False: nothing is to follow. */
  apply(entries: readonly LogEntry[]): boolean
  completeLater(completion: AppliedRead): void
  /** What is committed and not damaged cannot be read. */
  failed(reason: string): void
}

/** Entries that came from disk, for the machine. */
export interface AppliedRead {
  readonly kind: 'apply'
  readonly epoch: number
  readonly error: Error | undefined
  readonly entries: readonly LogEntry[]
}

export class ApplyFeed {
  readonly #key: string
  readonly #log: GroupLog
  readonly #owner: FeedOwner
  /** Invariant: #applied ≤ #commit ≤ log.lastIndex. */
  #applied: number
  #commit: number
  #reading = false
  /** The last index asked for by the read under way. */
  #readThrough = 0
  /** A read that was under way when the log was reset is of a log that is gone. */
  #epoch = 0
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

  /** The log and the machine begin anew after `index`. */
  reset(index: number): void {
    this.#applied = index
    this.#commit = Math.max(this.#commit, index)
    this.#epoch += 1
    this.#reading = false
  }

  /** What a read from disk brought, and then what else is committed. */
  read({ epoch, error, entries }: AppliedRead): void {
    if (epoch !== this.#epoch) {
      this.#owner.probe.reached('replica.apply-read-outdated')
      return
    }
    this.#reading = false
    if (error === undefined) this.#apply(entries)
    // Damage that the read itself has found is a hole now: what is below it is asked for again, what
    // is above once it is repaired.
    else if (this.#readable >= this.#readThrough) {
      this.#stopped = true
      this.#owner.failed(error.message)
    }
    this.run()
  }

  /** Nothing is applied over a hole. */
  get #readable(): number {
    return Math.min(this.#commit, this.#log.cleanThrough)
  }

  /** Hands over what is committed: from memory in this turn, from disk in a later one. */
  run(): void {
    while (!this.#reading && !this.#stopped && this.#applied < this.#readable) {
      this.#reading = true
      const epoch = this.#epoch
      const readThrough = this.#readable
      this.#readThrough = readThrough
      let inline = true
      let ready: readonly LogEntry[] | undefined
      this.#log.read(
        { index: this.#applied + 1 },
        { index: readThrough, bytes: applyBytesMax },
        (error, _previous, entries) => {
          const isNow = inline && !this.#owner.probe.provoke('replica.apply-later')
          if (isNow && error === undefined) ready = entries
          else this.#owner.completeLater({ kind: 'apply', epoch, error, entries })
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
      this.#stopped = true
      this.#owner.failed(`${this.#key}: committed entries cannot be read`)
      return
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
