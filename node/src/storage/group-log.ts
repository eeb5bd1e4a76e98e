// One group's log as the node sees it: segments (committed, on disk), then the tail (in the WAL and
// mostly in memory). Entries appear with `append` at once and become durable later. Synchronous but
// for reads of what is no longer in memory. Changed by storage.ts, wal.ts and segment-writer.ts;
// read by the replication host and the partition actor through the GroupLog interface.
import type { QuorateError } from '@quorate/protocol'
import type { LogPoint } from '@quorate/raft'
import type { GroupId, GroupKey, LogEntry } from './log-entry.ts'
import { groupKey } from './log-entry.ts'
import type { LogHole } from './log-hole.ts'
import { LogHoles } from './log-holes.ts'
import type { LogReader } from './log-reader.ts'
import type {
  GroupLog,
  ReadDone,
  ReadFrom,
  ReadLimit,
  SegmentSummary,
  TimedOffset,
} from './log-view.ts'
import type { Segment } from './segment.ts'
import type { MovedConfiguration } from './segment-move.ts'
import { type LogMark, Tail, type TailRecord } from './tail.ts'

/** What a log asks of the storage around it. */
export interface LogOwner {
  readonly reader: LogReader
  /** A read found damage that was not known. */
  holeFound(log: GroupLogState, hole: LogHole): void
  /** A segment may be due. */
  committed(log: GroupLogState): void
  dropBelow(
    log: GroupLogState,
    index: number,
    done: (error: Error | undefined, startIndex: number) => void,
  ): void
}

export interface RestoredLog {
  readonly group: GroupId
  readonly replicaId: number
  readonly folder: string
  readonly start: LogMark
  readonly segments: readonly Segment[]
  readonly checkpoints: readonly number[]
  /** In segments. */
  readonly holes: readonly LogHole[]
}

export class GroupLogState implements GroupLog {
  readonly group: GroupId
  readonly key: GroupKey
  readonly replicaId: number
  /** Of the replica's files. */
  readonly folder: string
  tail: Tail
  readonly damaged: LogHoles
  /** Changes when the log begins anew: work begun before does not count. */
  epoch = 0
  /** While the log begins anew: where the old one began, which a crash brings back. */
  oldStartIndex: number | undefined
  /** Oldest first, without gaps from `start`. */
  segmentList: Segment[]
  checkpointList: number[]
  /** Segment ends to come, rising. */
  rolls: number[] = []
  commitIndex: number
  durableIndex: number
  dropped = false
  /** The newest one that left memory. */
  configuration: MovedConfiguration | undefined
  /** Payload bytes of entries in memory. */
  cachedBytes = 0
  #start: LogMark
  #settled: LogMark
  /** First index that is in memory. Invariant: all from here to `lastIndex` are. */
  #cachedFrom: number
  /** Bytes of entries above `#settled`. */
  #tailBytes = 0
  #owner: LogOwner | undefined

  constructor(restored: RestoredLog) {
    this.group = restored.group
    this.key = groupKey(restored.group)
    this.replicaId = restored.replicaId
    this.folder = restored.folder
    this.#start = restored.start
    this.segmentList = [...restored.segments]
    this.checkpointList = [...restored.checkpoints]
    this.#settled = this.segmentList.at(-1)?.last ?? restored.start
    this.tail = new Tail(this.#settled)
    this.damaged = new LogHoles(this, restored.holes)
    this.#cachedFrom = this.tail.firstIndex
    this.commitIndex = this.#settled.index
    this.durableIndex = this.#settled.index
  }

  attach(owner: LogOwner): void {
    this.#owner = owner
  }

  get owner(): LogOwner {
    if (this.#owner === undefined) throw new Error(`the log of ${this.key} is not started`)
    return this.#owner
  }

  get start(): LogMark {
    return this.#start
  }
  /** The last entry that a segment named by both manifests holds. */
  get settled(): LogMark {
    return this.#settled
  }
  get firstIndex(): number {
    return this.#start.index + 1
  }
  get lastIndex(): number {
    return this.tail.lastIndex
  }
  get endOffset(): number {
    return this.tail.last.endOffset
  }
  get lastAppendTimeMs(): number {
    return this.tail.last.appendTimeMs
  }
  get cachedFrom(): number {
    return this.#cachedFrom
  }
  get base(): LogPoint {
    return this.markBefore(this.#cachedFrom)
  }
  get sizeBytes(): number {
    let bytes = this.#tailBytes
    for (const segment of this.segmentList) bytes += segment.sizeBytes
    return bytes
  }

  pointAt(index: number): LogPoint | undefined {
    if (index === this.tail.before.index) return this.tail.before
    const record = this.tail.get(index)
    if (record !== undefined) return record
    if (index === this.#start.index) return this.#start
    return this.segmentList.find((segment) => segment.last.index === index)?.last
  }

  entriesFrom(index: number): readonly LogEntry[] {
    if (index < this.#cachedFrom) {
      throw new Error(
        `entry ${index} of ${this.key} is not in memory, which begins at ${this.#cachedFrom}`,
      )
    }
    const entries: LogEntry[] = []
    for (let each = index; each <= this.lastIndex; each += 1) {
      entries.push(this.tail.get(each)!.entry!)
    }
    return entries
  }

  /** Throws for a request that cannot follow this log: a defect of whoever made it. */
  checkChange(truncateAfter: number | undefined, entries: readonly LogEntry[]): void {
    if (truncateAfter !== undefined && truncateAfter < this.#floor) {
      throw new Error(`${this.key}: truncation after ${truncateAfter}, committed is ${this.#floor}`)
    }
    const last = Math.min(truncateAfter ?? this.lastIndex, this.lastIndex)
    let { index, term } = this.tail.get(last) ?? this.tail.before
    for (const entry of entries) {
      if (entry.index !== index + 1 || entry.term < term) {
        const after = `${index} of term ${term}`
        throw new Error(`${this.key}: entry ${entry.index} of term ${entry.term} after ${after}`)
      }
      index = entry.index
      term = entry.term
    }
  }

  /** Nothing at or below may be cut off. */
  get #floor(): number {
    return Math.max(this.#settled.index, this.commitIndex, this.checkpointList.at(-1) ?? 0)
  }

  /** Entries that follow the last one; durable when the WAL says so. */
  append(entries: readonly LogEntry[]): void {
    // A hole that ends here gets a chain to be filled against.
    if (this.tail.get(this.lastIndex)?.isMissing === true) this.damaged.changed()
    for (const entry of entries) {
      this.tail.append(entry)
      this.cachedBytes += entry.sizeBytes
      this.#tailBytes += entry.sizeBytes
    }
  }

  /** The true entries of a hole are on disk. Returns the bytes that are in memory now. */
  fill(entries: readonly LogEntry[]): number {
    let bytes = 0
    for (const entry of entries) {
      const record = this.tail.get(entry.index)
      if (record?.coming !== entry) continue
      const { isMissing } = record
      this.#tailBytes += entry.sizeBytes - record.sizeBytes
      record.fill(entry)
      this.#keepConfiguration(entry)
      if (entry.index < this.#cachedFrom) record.entry = undefined
      else if (isMissing) bytes += entry.sizeBytes
    }
    this.tail.carryOffsets(entries[0]!.index)
    this.damaged.changed()
    this.cachedBytes += bytes
    return bytes
  }

  /** Forgets everything; the log goes on after the mark. Returns records whose places are needed. */
  resetTo(mark: LogMark): readonly TailRecord[] {
    const cut = this.tail.truncateAfter(this.tail.before.index)
    this.epoch += 1
    this.oldStartIndex ??= this.#start.index
    this.#start = mark
    this.#settled = mark
    this.segmentList = []
    this.rolls = []
    this.tail = new Tail(mark)
    this.#cachedFrom = mark.index + 1
    this.#tailBytes = 0
    this.cachedBytes = 0
    this.commitIndex = mark.index
    this.durableIndex = mark.index
    this.configuration = undefined
    this.damaged.clear()
    return cut
  }

  /** Returns the records removed; their places in the WAL are needed until that is on disk. */
  truncateAfter(index: number): readonly TailRecord[] {
    const cut = this.tail.truncateAfter(index)
    for (const record of cut) {
      if (record.entry !== undefined) this.cachedBytes -= record.sizeBytes
      this.#tailBytes -= record.sizeBytes
    }
    this.durableIndex = Math.min(this.durableIndex, index)
    this.rolls = this.rolls.filter((roll) => roll <= index)
    if (cut.some((record) => record.isMissing)) this.damaged.changed()
    return cut
  }

  /** First index from `from` to `through` whose record the test holds for; undefined for none. */
  findRecord(
    from: number,
    through: number,
    test: (record: TailRecord) => boolean,
  ): number | undefined {
    for (let index = from; index <= Math.min(through, this.lastIndex); index += 1) {
      const record = this.tail.get(index)
      if (record !== undefined && test(record)) return index
    }
    return undefined
  }

  /** The record of exactly this entry; undefined when it was truncated since. */
  recordOf(entry: LogEntry): TailRecord | undefined {
    const record = this.tail.get(entry.index)
    return record?.entry === entry || record?.coming === entry ? record : undefined
  }

  /** The WAL holds these entries, synced. Those that were truncated meanwhile do not count. */
  markDurable(entries: readonly LogEntry[]): void {
    for (let position = entries.length - 1; position >= 0; position -= 1) {
      const entry = entries[position]!
      if (entry.index <= this.durableIndex) return
      if (this.recordOf(entry) === undefined) continue
      this.durableIndex = entry.index
      if (this.commitIndex >= entry.index || this.rolls.length > 0) this.#owner?.committed(this)
      return
    }
  }

  commit(index: number): void {
    if (index <= this.commitIndex) return
    if (index > this.lastIndex) {
      throw new Error(`${this.key}: commit ${index} is above the last index ${this.lastIndex}`)
    }
    this.commitIndex = index
    this.#owner?.committed(this)
  }

  roll(index: number): void {
    if (index <= this.#settled.index || this.rolls.includes(index)) return
    this.rolls.push(index)
    this.rolls.sort((one, other) => one - other)
  }

  /** Segments hold everything up to here and both manifests say so. */
  settle(mark: LogMark): void {
    for (let index = this.#settled.index + 1; index <= mark.index; index += 1) {
      const record = this.tail.get(index)!
      record.place(undefined, 0)
      this.#tailBytes -= record.sizeBytes
    }
    this.#settled = mark
    this.rolls = this.rolls.filter((roll) => roll > mark.index)
    this.#trim()
  }

  /** Lets the oldest entry in memory go; returns its bytes, 0 when it must stay. */
  evictOldest(): number {
    const index = this.#cachedFrom
    if (index > this.durableIndex || index > this.commitIndex) return 0
    const record = this.tail.get(index)!
    if (record.isMissing) return 0
    this.#keepConfiguration(record.entry!)
    record.entry = undefined
    this.#cachedFrom += 1
    this.cachedBytes -= record.sizeBytes
    this.#trim()
    return record.sizeBytes
  }

  /** An actor that begins anew does not see entries that are not in memory. */
  #keepConfiguration({ index, term, configuration }: LogEntry): void {
    if (configuration === undefined || index < (this.configuration?.index ?? 0)) return
    if (index <= this.#cachedFrom) this.configuration = { index, term, configuration }
  }

  /** Records neither in memory nor in need of the WAL are forgotten: a segment holds them. */
  #trim(): void {
    const keepFrom = Math.min(this.#settled.index + 1, this.#cachedFrom)
    while (this.tail.firstIndex < keepFrom) this.tail.removeFirst()
  }

  /** Whole segments have gone. */
  moveStart(start: LogMark, segments: Segment[]): void {
    this.#start = start
    this.segmentList = segments
    this.damaged.dropBelow(start.index)
    // It was found damaged while the manifest was written.
    if (!this.checkpointList.includes(start.index)) {
      this.owner.holeFound(this, this.damaged.checkpointLost())
    }
  }

  /** The replica is dropped: nothing of it is needed any more. */
  discard(): void {
    this.dropped = true
    for (let index = this.tail.firstIndex; index <= this.lastIndex; index += 1) {
      this.tail.get(index)!.place(undefined, 0)
    }
    this.cachedBytes = 0
  }

  read(from: ReadFrom, limit: ReadLimit, done: ReadDone): void {
    this.owner.reader.read(this, from, limit, done)
  }

  offsetAtTime(
    timeMs: number,
    limitIndex: number,
    done: (error: QuorateError | undefined, found: TimedOffset | undefined) => void,
  ): void {
    this.owner.reader.offsetAtTime(this, timeMs, limitIndex, done)
  }

  dropBelow(index: number, done: (error: Error | undefined, startIndex: number) => void): void {
    this.owner.dropBelow(this, index, done)
  }

  holes(): readonly LogHole[] {
    return this.damaged.all()
  }

  get cleanThrough(): number {
    // Without the state at the log start all entries are there, and the machine has a later one.
    const first = this.damaged.all().find(({ where }) => where !== 'checkpoint')
    return first === undefined ? Number.POSITIVE_INFINITY : first.firstIndex - 1
  }

  checkpoints(): readonly number[] {
    return this.checkpointList
  }

  segments(): readonly SegmentSummary[] {
    return this.segmentList.map((segment) => segment.summary())
  }

  /** The mark just before an index of the tail, or just before its first. */
  markBefore(index: number): LogMark {
    return this.tail.get(index - 1) ?? this.tail.before
  }
}
