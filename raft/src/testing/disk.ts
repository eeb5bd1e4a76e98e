// Disk of one replica in tests: what is synced, what is being written, and which entries were ever
// synced. Requests complete in order; a crash keeps any number of the unfinished ones, oldest first,
// because a write may reach the disk without anybody hearing of it. The log may start behind a
// snapshot. Checks what it is given.
import { sameChain } from '../log.ts'
import type { Configuration, HardState, LogPoint, RaftEffect, RaftRestore } from '../types.ts'
import { TestDamage } from './damage.ts'
import { chainAfter, origin, type TestEntry } from './entry.ts'

export type PersistRequest = Extract<RaftEffect<TestEntry>, { type: 'persist' }>

export interface PendingWrite {
  readonly request: PersistRequest
  readonly dueMs: number
}

export class TestDisk {
  hardState: HardState = { term: 0, votedFor: 0 }
  /** The point before the first entry, and the place of the snapshot. */
  start: LogPoint = origin
  /** The whole synced log after `start`. */
  entries: TestEntry[] = []
  /** Start after a crash begins here; entries below are read back with read-entries only. */
  checkpoint = 0
  readonly pending: PendingWrite[] = []
  readonly damage: TestDamage = new TestDamage()
  private startConfiguration: Configuration = { voters: [] }
  /** `index/term` of every entry that was synced at some time. */
  private readonly everSynced = new Set<string>()
  /** Highest index of a snapshot that was synced at some time. */
  private everInstalled = 0

  /** Before the first start: the configuration a group begins with. */
  format(configuration: Configuration): void {
    this.startConfiguration = configuration
  }

  write(request: PersistRequest, dueMs: number): void {
    this.pending.push({ request, dueMs })
  }

  /** Finishes the oldest write and returns its id. */
  finishOldest(): number {
    const { request } = this.pending.shift() as PendingWrite
    if (request.hardState !== undefined) this.syncHardState(request.hardState)
    if (request.truncateAfter !== undefined) this.truncate(request.truncateAfter)
    if (request.snapshot !== undefined) {
      const { configuration, index } = request.snapshot
      if (index <= this.checkpoint) throw new Error(`snapshot ${index} below the checkpoint`)
      this.start = request.snapshot
      this.startConfiguration = configuration
      this.entries = []
      this.checkpoint = index
      this.everInstalled = index
      this.damage.cut(0)
    }
    for (const entry of request.entries) this.syncEntry(entry)
    return request.id
  }

  /** Unfinished writes are lost, except the oldest `kept`. */
  crash(kept: number): void {
    for (let count = 0; count < kept && this.pending.length > 0; count++) this.finishOldest()
    this.pending.length = 0
  }

  /** As `crash(0)`, but the oldest write has got as far as to the names of its entries. */
  tear(): void {
    const request = this.pending[0]?.request
    if (request !== undefined && request.snapshot === undefined) {
      const before = new Set(this.everSynced)
      this.finishOldest()
      this.everSynced.clear()
      for (const each of before) this.everSynced.add(each)
      for (const { index } of request.entries) this.damage.add(index, 'begun')
    }
    this.pending.length = 0
  }

  /** The last entries are gone, and so is the knowledge of how many they were. */
  loseAfter(index: number): void {
    this.entries.length = Math.min(
      this.entries.length,
      Math.max(index, this.checkpoint) - this.start.index,
    )
    this.damage.cut(index)
    this.damage.tailKnown = false
  }

  /** Written again. */
  repaired(index: number): void {
    const { term } = this.entryAt(index) as TestEntry
    this.damage.repaired(index)
    this.everSynced.add(`${index}/${term}`)
  }

  /** It holds this entry and can read it. */
  hasGood(entry: TestEntry): boolean {
    const own = this.entryAt(entry.index)
    return own !== undefined && sameChain(own.chain, entry.chain) && !this.damage.has(entry.index)
  }

  /** Holds the entry, or held it at some time, by itself or within a snapshot. */
  hasSynced(index: number, term: number): boolean {
    return index <= this.everInstalled || this.everSynced.has(`${index}/${term}`)
  }

  entryAt(index: number): TestEntry | undefined {
    return this.entries[index - this.start.index - 1]
  }

  pointAt(index: number): LogPoint | undefined {
    if (index === this.start.index) return this.start
    const entry = this.entryAt(index)
    return entry && { index: entry.index, term: entry.term, chain: entry.chain }
  }

  /** The one in force at an index of the log, not below its start. */
  configurationAt(index: number): Configuration {
    let { startConfiguration: configuration } = this
    for (const entry of this.entries) {
      if (entry.index <= index) configuration = entry.configuration ?? configuration
    }
    return configuration
  }

  /** The log starts after `index` from now on: what is before is in the snapshot of there. */
  compact(index: number): void {
    const point = this.pointAt(index)
    if (point === undefined || index > this.checkpoint) throw new Error(`no checkpoint at ${index}`)
    this.startConfiguration = this.configurationAt(index)
    this.entries.splice(0, index - this.start.index)
    this.start = point
  }

  /** Sets the log as it was when the test begins. */
  preload(hardState: HardState, entries: readonly TestEntry[]): void {
    this.hardState = hardState
    for (const entry of entries) this.syncEntry(entry)
  }

  restore(): RaftRestore<TestEntry> {
    const base = this.pointAt(this.checkpoint) as LogPoint
    const entries = this.entries.slice(this.checkpoint - this.start.index)
    const found = { hardState: this.hardState, base, entries, commit: this.checkpoint }
    return this.damage.isNone ? found : { ...found, ...this.damage.seen(entries) }
  }

  private syncHardState(next: HardState): void {
    const { term, votedFor } = this.hardState
    if (next.term < term) throw new Error(`term on disk falls from ${term} to ${next.term}`)
    if (next.term === term && votedFor !== 0 && next.votedFor !== votedFor) {
      throw new Error(`vote of term ${term} on disk changes from ${votedFor} to ${next.votedFor}`)
    }
    this.hardState = next
  }

  private truncate(index: number): void {
    if (index < this.checkpoint) throw new Error(`truncation below the checkpoint at ${index}`)
    this.entries.length = Math.min(this.entries.length, index - this.start.index)
    this.damage.cut(index)
  }

  private syncEntry(entry: TestEntry): void {
    const previous = this.entries.at(-1) ?? this.start
    const chain = chainAfter(previous.chain, entry.index, entry.term, entry.value)
    if (entry.index !== previous.index + 1 || !sameChain(chain, entry.chain)) {
      throw new Error(`entry ${entry.index} does not follow ${previous.index} on disk`)
    }
    if (entry.term > this.hardState.term) {
      throw new Error(`entry of term ${entry.term} on disk before its term`)
    }
    this.entries.push(entry)
    this.everSynced.add(`${entry.index}/${entry.term}`)
  }
}
