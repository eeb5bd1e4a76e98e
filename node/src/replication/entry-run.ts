// Entries on their way into and between logs: made in a run by the leader, each chained to the one
// before it, and checked by whoever is about to write or send them. Knows nothing of Raft's rules
// and of disks. Previous stop: partition-leader.ts; next stop: raft-host.ts.
import type { BatchHeader, Chunks } from '@quorate/protocol'
import type { Configuration, LogPoint } from '@quorate/raft'
import { sameChain } from '../storage/chain.ts'
import { makeEntry, verifyEntry } from '../storage/entry-format.ts'
import { EntryType, type LogEntry } from '../storage/log-entry.ts'
import type { GroupLog } from '../storage/storage.ts'
import { encodeConfiguration, type NodeOf } from './configuration-entry.ts'

/** Entries on their way into the log: each is chained to the one before it as it is added. */
export class EntryRun {
  readonly entries: LogEntry[] = []
  readonly #term: number
  /** Append time of every entry of the run: log time never goes back. */
  readonly appendTimeMs: number
  #previous: LogPoint

  constructor(previous: LogPoint, term: number, appendTimeMs: number) {
    this.#previous = previous
    this.#term = term
    this.appendTimeMs = appendTimeMs
  }

  add(type: Exclude<EntryType, typeof EntryType.records>, payload: Chunks): LogEntry {
    const { appendTimeMs } = this
    return this.#push(makeEntry(this.#previous, { term: this.#term, type, appendTimeMs, payload }))
  }

  /** `payload` is stamped already, and `recordsHeader` says what it says. */
  addRecords(payload: Chunks, recordsHeader: BatchHeader): LogEntry {
    const { appendTimeMs } = this
    const fields = {
      term: this.#term,
      type: EntryType.records,
      appendTimeMs,
      payload,
      recordsHeader,
    }
    return this.#push(makeEntry(this.#previous, fields))
  }

  /** Throws unless `nodeOf` knows the node of every replica named. */
  addConfiguration(configuration: Configuration, nodeOf: NodeOf): LogEntry {
    return this.add(EntryType.configuration, encodeConfiguration(configuration, nodeOf))
  }

  #push(entry: LogEntry): LogEntry {
    this.entries.push(entry)
    this.#previous = entry
    return entry
  }
}

/**
 * Checks chain and payload of entries about to be written or sent; the reason why one is not what
 * its maker wrote, or undefined. `held` names entries that this log has, the same to the hash: they
 * were checked when they came.
 */
export function firstDamage(
  previous: LogPoint,
  entries: readonly LogEntry[],
  held: (entry: LogEntry) => boolean,
): string | undefined {
  let before = previous
  for (const entry of entries) {
    if (!held(entry)) {
      const reason = verifyEntry(before, entry)
      if (reason !== undefined) return reason
    }
    before = entry
  }
  return undefined
}

/** Whether a log has an entry, the same to the hash. */
export function heldBy(log: Pick<GroupLog, 'lastIndex' | 'pointAt'>): (entry: LogEntry) => boolean {
  return (entry) => {
    if (entry.index > log.lastIndex) return false
    const point = log.pointAt(entry.index)
    return point?.term === entry.term && sameChain(point.chain, entry.chain)
  }
}
