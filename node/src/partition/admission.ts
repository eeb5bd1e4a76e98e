// What may enter a partition's log, decided by its leader at the log's end: the applied state plus
// the leader's own entries that are not committed yet. It is a fork of the applied machine that
// runs ahead, so admission and `apply` are the same code and cannot drift apart. Built when a
// replica becomes leader, thrown away when it stops; every entry is therefore valid for the prefix
// before it, and truncation needs no repair. Previous stop: partition-leader.ts; next: raft-host.ts.
import { type BatchHeader, QuorateError } from '@quorate/protocol'
import type { LogEntry } from '../storage/log-entry.ts'
import type { PartitionMachine } from './machine.ts'

export type Admitted =
  /** Stamp the batch with this offset and append it, at the append time that was judged. */
  | { readonly kind: 'append'; readonly baseOffset: number }
  /**
   * The log has these records. To be answered when the entry at `index` has committed, 0: at once.
   * Offset −1: it is certain that they are in the log, not where.
   */
  | { readonly kind: 'duplicate'; readonly offset: number; readonly index: number }
  | { readonly kind: 'refused'; readonly error: QuorateError }

export class Admission {
  readonly #end: PartitionMachine
  #committed: number

  /** `suffix`: all entries of this leader's log above the machine's applied index, in order. */
  constructor(machine: PartitionMachine, suffix: Iterable<LogEntry>) {
    this.#end = machine.fork()
    this.#committed = machine.applied.index
    for (const entry of suffix) this.#end.apply(entry)
  }

  /** Offset of the next record that is appended: the log's end. */
  get nextOffset(): number {
    return this.#end.nextOffset
  }

  /** Index of the last entry this view holds. */
  get lastIndex(): number {
    return this.#end.applied.index
  }

  /** Append time of an entry proposed now: log time never goes back. */
  appendTimeMs(wallMs: number): number {
    return Math.max(wallMs, this.#end.lastAppendTimeMs)
  }

  /** `appendTimeMs`: the append time the entry will carry. */
  admit(header: BatchHeader, appendTimeMs: number): Admitted {
    const verdict = this.#end.judge(header, appendTimeMs)
    if (verdict.kind === 'next') return { kind: 'append', baseOffset: this.#end.nextOffset }
    if (verdict.kind === 'refused') {
      return { kind: 'refused', error: new QuorateError(verdict.code, verdict.detail) }
    }
    const { offset, index } = verdict
    return { kind: 'duplicate', offset, index: index > this.#committed ? index : 0 }
  }

  /**
   * An entry was made and is about to be proposed. Throws MachineDisagreement for one that `apply`
   * would refuse: it must not be proposed.
   */
  appended(entry: LogEntry): void {
    this.#end.apply(entry)
  }

  /** Entries up to here are committed and applied. */
  committed(index: number): void {
    if (index > this.#committed) this.#committed = index
  }
}
