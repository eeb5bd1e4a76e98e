// Plays the directory records of counting WAL batches onto what the segments of each replica hold
// and gives the entries that live in the WAL. A gap may be open on the way (its file was released
// because the entries were cut off later); one that is left at the end is damage. Caller: recovery.ts.
import { QuorateError } from '@quorate/protocol'
import { sameChain } from './chain.ts'
import { verifyChain } from './entry-format.ts'
import type { LogEntry } from './log-entry.ts'
import type { LogMark } from './tail.ts'
import { RecordKind } from './wal-format.ts'
import type { ReadRecord } from './wal-scan.ts'

export interface WalPlace {
  readonly fileNumber: number
  readonly position: number
}

export interface ReplayedEntry {
  readonly entry: LogEntry
  readonly place: WalPlace
}

export class ReplicaReplay {
  /** What segments hold; entries at or below it are passed over. */
  readonly settled: LogMark
  dropped = false
  #entries = new Map<number, ReplayedEntry>()
  #last: number

  constructor(settled: LogMark) {
    this.settled = settled
    this.#last = settled.index
  }

  play(read: ReadRecord, fileNumber: number): void {
    const { record } = read
    switch (record.kind) {
      case RecordKind.append:
        this.#append(read, fileNumber)
        return
      case RecordKind.truncateAfter:
        this.#truncateAfter(record.index)
        return
      case RecordKind.dropReplica:
        this.dropped = true
        this.#entries.clear()
        return
      default:
        throw new QuorateError('QUORATE_UNSUPPORTED', `WAL record of kind ${record.kind}`)
    }
  }

  /** The live entries in order. Throws QUORATE_STORAGE_DAMAGED for a gap or a broken chain. */
  finish(name: string): ReplayedEntry[] {
    const live: ReplayedEntry[] = []
    let previous: LogMark | LogEntry = this.settled
    for (let index = this.settled.index + 1; index <= this.#last; index += 1) {
      const found = this.#entries.get(index)
      if (found === undefined) {
        throw damaged(`${name}: entry ${index} is missing, the log goes on to ${this.#last}`)
      }
      const fault = verifyChain(previous, found.entry)
      if (fault !== undefined) throw damaged(`${name}: ${fault}`)
      live.push(found)
      previous = found.entry
    }
    return live
  }

  #append({ record, entries, positions }: ReadRecord, fileNumber: number): void {
    if (!record.copied) this.#truncateAfter(record.index - 1)
    for (const [number, entry] of entries.entries()) {
      if (entry.index <= this.settled.index) continue
      const known = this.#entries.get(entry.index)
      if (record.copied && known !== undefined && !sameChain(known.entry.chain, entry.chain)) {
        throw damaged(`a copy of entry ${entry.index} differs from it`)
      }
      this.#entries.set(entry.index, { entry, place: { fileNumber, position: positions[number]! } })
      this.#last = Math.max(this.#last, entry.index)
    }
  }

  #truncateAfter(index: number): void {
    for (let each = this.#last; each > index && each > this.settled.index; each -= 1) {
      this.#entries.delete(each)
    }
    this.#last = Math.max(Math.min(this.#last, index), this.settled.index)
  }
}

function damaged(detail: string): QuorateError {
  return new QuorateError('QUORATE_STORAGE_DAMAGED', detail)
}
