// The in-memory end of a replica's log: entries above a base point. Everything at or below the base
// is committed, synced and readable by the host only. Decides agreement between two logs; knows
// nothing of roles, messages or time.
//
//        host only      |            in memory             |
//   1 .............. base | base+1 ............... lastIndex |
//                         commit and stable lie in [base, lastIndex], in either order
import { Configurations } from './configurations.ts'
import type {
  Chain,
  Configuration,
  LogPoint,
  RaftEntry,
  RaftRestore,
  SnapshotPoint,
} from './types.ts'

/** How a point of another log relates to this one. */
export type Agreement =
  /** Same index, term and chain: the two logs are equal up to here. */
  | 'same'
  /** Below the base, so committed; it can no longer be compared. */
  | 'released'
  /** Beyond the end of this log. */
  | 'missing'
  /** Same index, other term: an ordinary conflict. */
  | 'other-term'
  /** Same index and term, other chain: must never happen. */
  | 'forked'

export function sameChain(one: Chain, other: Chain): boolean {
  return one.high === other.high && one.low === other.low
}

export function samePoint(one: LogPoint, other: LogPoint): boolean {
  return one.index === other.index && one.term === other.term && sameChain(one.chain, other.chain)
}

/** Of a missing entry the chain may not be known; then index and term must do. */
function isChainUnknown({ missing, chain }: Pick<RaftEntry, 'missing' | 'chain'>): boolean {
  return missing === true && chain.high === 0 && chain.low === 0
}

function pointOf(place: LogPoint): LogPoint {
  return { index: place.index, term: place.term, chain: place.chain }
}

export class Log<Entry extends RaftEntry> {
  /**
   * The point before the first entry in memory. Invariant: base ≤ commit, and base ≤ stable except
   * while a snapshot is on its way to the disk.
   */
  base: LogPoint
  /** Invariant: entries[i].index = base.index + 1 + i, terms never fall. */
  readonly entries: Entry[]
  /** Highest index known to be committed. Never goes back. */
  commit: number
  /** Highest index of this log that is on this replica's disk. Goes back only by truncation. */
  stable: number
  /** Of the base and of the entries in memory. */
  readonly configurations: Configurations

  constructor(restore: RaftRestore<Entry>, configuration: Configuration) {
    this.base = pointOf(restore.base)
    this.entries = restore.entries.slice()
    this.commit = restore.commit
    this.stable = this.lastIndex
    this.assertConsecutive(this.entries, this.base.index, this.base.term)
    this.configurations = new Configurations(this.base.index, configuration)
    for (const entry of this.entries) this.adoptConfiguration(entry)
    if (this.commit < this.base.index || this.commit > this.lastIndex) {
      throw new Error(
        `restored commit ${this.commit} is outside ${this.base.index}..${this.lastIndex}`,
      )
    }
    if (restore.hardState.term < this.lastTerm) {
      throw new Error(
        `restored term ${restore.hardState.term} is below entry term ${this.lastTerm}`,
      )
    }
  }

  get firstIndex(): number {
    return this.base.index + 1
  }

  get lastIndex(): number {
    return this.base.index + this.entries.length
  }

  get lastTerm(): number {
    const last = this.entries[this.entries.length - 1]
    return last === undefined ? this.base.term : last.term
  }

  entryAt(index: number): Entry | undefined {
    return this.entries[index - this.base.index - 1]
  }

  /** Term at this index, or -1 where this log has none in memory. */
  termAt(index: number): number {
    if (index === this.base.index) return this.base.term
    const entry = this.entryAt(index)
    return entry === undefined ? -1 : entry.term
  }

  pointAt(index: number): LogPoint | undefined {
    if (index === this.base.index) return this.base
    const entry = this.entryAt(index)
    return entry === undefined ? undefined : pointOf(entry)
  }

  compare(point: LogPoint): Agreement {
    if (point.index < this.base.index) return 'released'
    const own: (LogPoint & Pick<RaftEntry, 'missing'>) | undefined =
      point.index === this.base.index ? this.base : this.entryAt(point.index)
    if (own === undefined) return 'missing'
    if (own.term !== point.term) return 'other-term'
    return isChainUnknown(own) || sameChain(own.chain, point.chain) ? 'same' : 'forked'
  }

  /** The first missing entry above this index. */
  firstMissingAfter(index: number): Entry | undefined {
    return this.entries.find((entry) => entry.missing && entry.index > index)
  }

  /** Puts an entry in the place of the missing one of the same term, and chain where it is known. */
  fill(entry: Entry): void {
    const own = this.entryAt(entry.index)
    if (!own?.missing || this.compare(entry) !== 'same') return
    this.entries[entry.index - this.base.index - 1] = entry
    if (entry.configuration !== undefined) this.configurations.filled(entry, entry.configuration)
  }

  /** Paper 5.4.1: may a replica whose log ends there lead this one? */
  isUpToDate(lastIndex: number, lastTerm: number): boolean {
    const ownTerm = this.lastTerm
    return lastTerm > ownTerm || (lastTerm === ownTerm && lastIndex >= this.lastIndex)
  }

  /**
   * Highest index at or below `index`, and not below `floor`, whose term is at most `term`: nothing
   * between it and `index` can agree with a log that has `term` at `index`.
   */
  lastAtMost(index: number, term: number, floor: number): number {
    let candidate = Math.min(index, this.lastIndex)
    while (candidate > floor && this.termAt(candidate) > term) candidate--
    return Math.max(candidate, floor)
  }

  append(entries: readonly Entry[]): void {
    this.assertConsecutive(entries, this.lastIndex, this.lastTerm)
    for (const entry of entries) {
      this.entries.push(entry)
      this.adoptConfiguration(entry)
    }
  }

  truncateAfter(index: number): void {
    if (index < this.commit) {
      throw new Error(`truncation after ${index} would drop committed index ${this.commit}`)
    }
    this.entries.length = index - this.base.index
    this.stable = Math.min(this.stable, index)
    this.configurations.truncatedAfter(index)
  }

  /** Entries from `index` on, up to this many bytes but at least one. `index` is in memory. */
  from(index: number, bytesMax: number): Entry[] {
    const start = index - this.base.index - 1
    let end = start
    let sizeBytes = 0
    while (end < this.entries.length) {
      sizeBytes += (this.entries[end] as Entry).sizeBytes
      if (end > start && sizeBytes > bytesMax) break
      end++
    }
    return this.entries.slice(start, end)
  }

  /** The log starts from a snapshot beyond `commit`. Of the disk, only the old prefix counts. */
  reset(snapshot: SnapshotPoint): void {
    this.stable = Math.min(this.stable, this.commit)
    this.base = pointOf(snapshot)
    this.entries.length = 0
    this.commit = snapshot.index
    this.configurations.reset(snapshot.index, snapshot.configuration)
  }

  /** Forgets entries up to `index` as far as they are committed and synced. */
  release(index: number): void {
    let through = Math.min(index, this.commit, this.stable)
    // Logs are compared by the base: it is a point whose chain is known.
    while (through > this.base.index && isChainUnknown(this.entryAt(through) as Entry)) through--
    const count = through - this.base.index
    if (count <= 0) return
    this.base = pointOf(this.entries[count - 1] as Entry)
    this.entries.copyWithin(0, count)
    this.entries.length -= count
    this.configurations.released(through)
  }

  private adoptConfiguration(entry: Entry): void {
    const { configuration } = entry
    if (configuration !== undefined) this.configurations.appended(entry, configuration)
  }

  private assertConsecutive(entries: readonly Entry[], index: number, term: number): void {
    let expected = index
    let atLeast = term
    for (const entry of entries) {
      expected++
      if (entry.index !== expected || entry.term < atLeast) {
        throw new Error(
          `entry ${entry.index} of term ${entry.term} cannot follow ${expected - 1} of term ${atLeast}`,
        )
      }
      atLeast = entry.term
    }
  }
}
