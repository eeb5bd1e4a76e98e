// The recent end of one group's log in memory: a record per entry with its place in the WAL, and
// the entry itself while it is cached. Invariant: indexes are dense from `firstIndex` to
// `lastIndex`, and `before` is the mark of the entry just before the first. Knows nothing of disks.
import type { Chain, LogPoint } from '@quorate/raft'
import { logBegin } from './chain.ts'
import type { LogEntry } from './log-entry.ts'
import type { WalFile } from './wal-file.ts'

/** A point of the log with what it carries forward: offset after it and its append time. */
export interface LogMark extends LogPoint {
  /** Offset after the last record at or before this entry. */
  readonly endOffset: number
  readonly appendTimeMs: number
}

export const logBeginMark: LogMark = { ...logBegin, endOffset: 0, appendTimeMs: 0 }

export class TailRecord implements LogMark {
  /** Undefined once evicted from memory; then `file` says where it lies. */
  entry: LogEntry | undefined
  /** The true entry of a missing one, while it is being written. */
  coming: LogEntry | undefined
  readonly index: number
  readonly term: number
  /** Of a missing entry only the chain may be unknown. */
  chain: Chain
  sizeBytes: number
  /** Of a missing entry, and of those without records right behind, the least that it can be. */
  appendTimeMs: number
  endOffset: number
  /** Where the WAL holds it; undefined before it is written and after a segment holds it. */
  file: WalFile | undefined
  position = 0

  constructor(entry: LogEntry, before: LogMark) {
    this.entry = entry
    this.coming = undefined
    this.index = entry.index
    this.term = entry.term
    this.chain = entry.chain
    this.sizeBytes = entry.sizeBytes
    this.appendTimeMs = entry.missing === true ? before.appendTimeMs : entry.appendTimeMs
    this.endOffset = entry.nextOffset < 0 ? before.endOffset : entry.nextOffset
    this.file = undefined
  }

  get isMissing(): boolean {
    return this.entry?.missing === true
  }

  /** A missing entry is there again. */
  fill(entry: LogEntry): void {
    this.file?.changeLive(0, entry.sizeBytes - this.sizeBytes)
    this.sizeBytes = entry.sizeBytes
    this.entry = entry
    this.coming = undefined
    this.chain = entry.chain
    this.appendTimeMs = entry.appendTimeMs
  }

  /** Moves the record to a place in the WAL, or (undefined) out of the WAL. */
  place(file: WalFile | undefined, position: number): void {
    if (this.file !== undefined) this.file.changeLive(-1, -this.sizeBytes)
    if (file !== undefined) file.changeLive(1, this.sizeBytes)
    this.file = file
    this.position = position
  }
}

/** Removed records at the front are cut off the array when they are this many. */
const compactFrom = 1024

export class Tail {
  before: LogMark
  #records: TailRecord[] = []
  /** Records of `#records` that are removed. */
  #removed = 0

  constructor(before: LogMark) {
    this.before = before
  }

  get firstIndex(): number {
    return this.before.index + 1
  }

  get lastIndex(): number {
    return this.before.index + this.#records.length - this.#removed
  }

  get last(): LogMark {
    return this.get(this.lastIndex) ?? this.before
  }

  get(index: number): TailRecord | undefined {
    const position = index - this.before.index - 1
    return position < 0 ? undefined : this.#records[this.#removed + position]
  }

  append(entry: LogEntry): TailRecord {
    const { last } = this
    if (entry.index !== last.index + 1) throw new Error(`entry ${entry.index} after ${last.index}`)
    const record = new TailRecord(entry, last)
    this.#records.push(record)
    return record
  }

  /** Removes and returns the records above the index, oldest first. */
  truncateAfter(index: number): TailRecord[] {
    const keep = Math.max(index - this.before.index, 0)
    return this.#records.splice(this.#removed + keep)
  }

  /** Offsets from the index on, after entries there were filled: up to the next known one. */
  carryOffsets(from: number): void {
    let before = this.get(from - 1) ?? this.before
    for (let index = Math.max(from, this.firstIndex); index <= this.lastIndex; index += 1) {
      const record = this.get(index)!
      const { entry } = record
      const endOffset =
        entry !== undefined && entry.nextOffset >= 0 ? entry.nextOffset : before.endOffset
      if (record.endOffset > endOffset) return
      record.endOffset = endOffset
      if (record.isMissing) record.appendTimeMs = before.appendTimeMs
      before = record
    }
  }

  removeFirst(): void {
    const record = this.#records[this.#removed]
    if (record === undefined) throw new Error('no record to remove')
    this.before = {
      index: record.index,
      term: record.term,
      chain: record.chain,
      endOffset: record.endOffset,
      appendTimeMs: record.appendTimeMs,
    }
    this.#removed += 1
    if (this.#removed >= compactFrom && this.#removed * 2 >= this.#records.length) {
      this.#records = this.#records.slice(this.#removed)
      this.#removed = 0
    }
  }

  /** Index of the entry that holds the offset; undefined when the tail ends before it. */
  indexOfOffset(offset: number): number | undefined {
    let low = this.firstIndex
    let high = this.lastIndex + 1
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (this.get(middle)!.endOffset > offset) high = middle
      else low = middle + 1
    }
    return low > this.lastIndex ? undefined : low
  }

  /** First index whose append time is not before the time; undefined when there is none. */
  indexAtTime(timeMs: number): number | undefined {
    let low = this.firstIndex
    let high = this.lastIndex + 1
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (this.get(middle)!.appendTimeMs >= timeMs) high = middle
      else low = middle + 1
    }
    return low > this.lastIndex ? undefined : low
  }
}
