// Plays the records of WAL batches onto what the segments of one replica hold, and gives the entries
// that live in the WAL, missing ones among them. Decides what a loss of unknown batches means: if a
// later entry continues the known log (same chain, or same last term: then a leader's log holds
// both, and all between), the range between is a hole; else the tail of this replica is unknown.
// Knows nothing of files. Caller: recovery.ts.
import { sameChain } from './chain.ts'
import { verifyChain } from './entry-format.ts'
import type { LogEntry } from './log-entry.ts'
import { isChainKnown, isMissing, type Loss, missingEntry } from './missing-entry.ts'
import type { LogMark } from './tail.ts'
import { type DirectoryRecord, RecordKind } from './wal-format.ts'
import type { ReadRecord } from './wal-scan.ts'
import type { LostPlace } from './wal-sequence.ts'

export interface WalPlace {
  readonly fileNumber: number
  readonly position: number
}

export interface ReplayedEntry {
  readonly entry: LogEntry
  readonly place: WalPlace
}

export interface Replayed {
  /** In order, from the entry after what segments hold. */
  readonly entries: readonly ReplayedEntry[]
  /** The log was reset to this mark, and the manifest does not know it yet. */
  readonly reset: LogMark | undefined
  /** Why promised entries may be missing at the end. */
  readonly unknown: string | undefined
  /** The log ends with `entries`, whatever else the WAL holds: that is to be noted there. */
  readonly cut: boolean
}

export class ReplicaReplay {
  dropped = false
  #start: LogMark
  /** What segments hold; entries at or below it are passed over. */
  #settled: LogMark
  #reset: LogMark | undefined
  readonly #entries = new Map<number, ReplayedEntry>()
  #last: number
  /** Batches were lost, and nothing since has shown that they changed nothing here. */
  #doubt: (LostPlace & { readonly endedAt?: number }) | undefined
  /** Nothing that follows is believed. */
  #unknown: string | undefined

  constructor(start: LogMark, settled: LogMark) {
    this.#start = start
    this.#settled = settled
    this.#last = settled.index
  }

  /** Batches are lost here of which no directory is left. */
  lost(place: LostPlace): void {
    this.#doubt ??= place
  }

  /** What was lost before is noted in the hard state and by the records that follow. */
  settleLosses(): void {
    this.#doubt = undefined
    this.#unknown = undefined
  }

  /**
   * A start that settled losses noted where the log ended then. A log that ends earlier now has lost
   * something since, unless what is missing is cut off later in the WAL.
   */
  endedAt(index: number, place: LostPlace): void {
    if (this.#unknown !== undefined) return
    if (index > this.#last) this.#doubt ??= { ...place, endedAt: index }
    else this.#truncateAfter(index)
  }

  play(read: ReadRecord): void {
    const { record } = read
    switch (record.kind) {
      case RecordKind.append:
      case RecordKind.missing:
        if (this.#unknown === undefined) this.#append(read)
        return
      case RecordKind.truncateAfter:
        if (this.#unknown === undefined) this.#truncateAfter(record.index)
        return
      case RecordKind.resetToSnapshot:
        this.#resetTo(record)
        return
      case RecordKind.dropReplica:
        this.dropped = true
        this.#entries.clear()
        return
    }
  }

  finish(): Replayed {
    const live: ReplayedEntry[] = []
    let previous: LogMark | LogEntry = this.#settled
    let unknown = this.#unknown
    let index = this.#settled.index + 1
    for (; index <= this.#last; index += 1) {
      const fault = this.#fillGap(index, previous) ?? this.#checkChain(index, previous)
      if (fault !== undefined) {
        unknown ??= fault
        break
      }
      const found = this.#entries.get(index)!
      live.push(found)
      previous = found.entry
    }
    const { path, detail, endedAt } = this.#doubt ?? {}
    // What had been there may have been copied forward before its file was released.
    const isThere = endedAt !== undefined && endedAt <= this.#last
    if (path !== undefined && !isThere) unknown ??= `${path}: ${detail}`
    const cut = unknown !== undefined || index <= this.#last
    return { entries: live, reset: this.#reset, unknown, cut }
  }

  /** Entries lost without a trace become missing, with the next one whose chain is known. */
  #fillGap(index: number, previous: LogMark | LogEntry): string | undefined {
    if (this.#entries.has(index)) return undefined
    let next = index + 1
    while (next <= this.#last && !this.#entries.has(next)) next += 1
    const found = this.#entries.get(next)
    const what = `entries ${index} to ${next - 1} are lost`
    // The log was cut off among them: no entry behind tells their chain.
    if (found === undefined) return `${what}, and the log ends there`
    const { entry, place } = found
    if (entry.term !== previous.term) return `${what}, and the term changes there`
    const loss: Loss = {
      evidence: 'synced',
      fileNumber: place.fileNumber,
      from: place.position,
      to: place.position,
    }
    for (let each = index; each < next; each += 1) {
      this.#entries.set(each, { entry: missingEntry(each, entry.term, loss), place })
    }
    this.#entries.set(next, { entry: missingEntry(next, entry.term, loss, entry.chain), place })
    return undefined
  }

  /** Nothing can be verified right after an entry of unknown chain: it is part of that hole. */
  #checkChain(index: number, previous: LogMark | LogEntry): string | undefined {
    const { entry, place } = this.#entries.get(index)!
    if (isMissing(entry)) return undefined
    if ('payload' in previous && isMissing(previous) && !isChainKnown(previous)) {
      const { loss } = previous
      this.#entries.set(index, { entry: missingEntry(index, entry.term, loss, entry.chain), place })
      return undefined
    }
    return verifyChain(previous, entry)
  }

  #append({ record, fileNumber, entries, positions }: ReadRecord): void {
    if (!record.copied) {
      if (this.#doubt !== undefined) this.#join(record, entries)
      if (this.#unknown !== undefined) return
      this.#truncateAfter(record.index - 1)
    }
    for (const [number, entry] of entries.entries()) {
      if (entry.index <= this.#settled.index) continue
      const known = this.#entries.get(entry.index)?.entry
      // An identifier is kept of what cannot be read; it never replaces what can.
      if (isMissing(entry) && known !== undefined && !isMissing(known)) continue
      const place = { fileNumber, position: positions[number]! }
      const chained =
        isMissing(entry) && !isChainKnown(entry) && known !== undefined && isChainKnown(known)
          ? missingEntry(entry.index, entry.term, entry.loss, known.chain)
          : entry
      this.#entries.set(entry.index, { entry: chained, place })
      this.#last = Math.max(this.#last, entry.index)
    }
  }

  /** After a loss: whether this run shows what the log before it is. */
  #join(record: DirectoryRecord, entries: readonly LogEntry[]): void {
    const first = entries[0]!
    const before = record.index - 1
    if (before < this.#settled.index) {
      const same = entries.find(({ index }) => index === this.#settled.index)
      if (same !== undefined && sameChain(same.chain, this.#settled.chain)) this.#doubt = undefined
      return
    }
    const last: LogMark | LogEntry = this.#entries.get(this.#last)?.entry ?? this.#settled
    const previous =
      before === this.#settled.index ? this.#settled : this.#entries.get(before)?.entry
    if (previous === undefined) {
      if (last.term === record.term) this.#doubt = undefined
      return
    }
    if (isMissing(first) || (!isChainKnown(previous) && before > 0)) {
      if (previous.term === record.term) this.#doubt = undefined
      return
    }
    const fault = verifyChain(previous, first)
    if (fault === undefined) this.#doubt = undefined
    else this.#unknown = `${this.#doubt!.path}: ${this.#doubt!.detail}; ${fault}`
  }

  /** A start at or above the mark was written to the manifest after this. */
  #resetTo(record: DirectoryRecord): void {
    this.#entries.clear()
    this.#doubt = undefined
    this.#unknown = undefined
    const { index, term, chain, endOffset, appendTimeMs } = record
    if (this.#start.index < index) {
      this.#reset = { index, term, chain, endOffset, appendTimeMs }
      this.#start = this.#reset
      this.#settled = this.#reset
    }
    this.#last = this.#settled.index
  }

  #truncateAfter(index: number): void {
    if (this.#doubt?.endedAt !== undefined && index <= this.#last) this.#doubt = undefined
    for (let each = this.#last; each > index && each > this.#settled.index; each -= 1) {
      this.#entries.delete(each)
    }
    this.#last = Math.max(Math.min(this.#last, index), this.#settled.index)
  }
}
