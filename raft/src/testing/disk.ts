// Disk of one replica in tests: what is synced, what is being written, and which entries were ever
// synced. Requests complete in order; a crash keeps any number of the unfinished ones, oldest first,
// because a write may reach the disk without anybody hearing of it. Checks what it is given.
import { sameChain } from '../log.ts'
import type { HardState, LogPoint, RaftEffect, RaftRestore } from '../types.ts'
import { chainAfter, origin, type TestEntry } from './entry.ts'

export type PersistRequest = Extract<RaftEffect<TestEntry>, { type: 'persist' }>

export interface PendingWrite {
  readonly request: PersistRequest
  readonly dueMs: number
}

export class TestDisk {
  hardState: HardState = { term: 0, votedFor: 0 }
  /** The whole synced log, from index 1. */
  entries: TestEntry[] = []
  /** Start after a crash begins here; entries below are read back with read-entries only. */
  checkpoint = 0
  readonly pending: PendingWrite[] = []
  /** `index/term` of every entry that was synced at some time. */
  private readonly everSynced = new Set<string>()

  write(request: PersistRequest, dueMs: number): void {
    this.pending.push({ request, dueMs })
  }

  /** Finishes the oldest write and returns its id. */
  finishOldest(): number {
    const { request } = this.pending.shift() as PendingWrite
    if (request.hardState !== undefined) this.syncHardState(request.hardState)
    if (request.truncateAfter !== undefined) this.truncate(request.truncateAfter)
    for (const entry of request.entries) this.syncEntry(entry)
    return request.id
  }

  /** Unfinished writes are lost, except the oldest `kept`. */
  crash(kept: number): void {
    for (let count = 0; count < kept && this.pending.length > 0; count++) this.finishOldest()
    this.pending.length = 0
  }

  hasSynced(index: number, term: number): boolean {
    return this.everSynced.has(`${index}/${term}`)
  }

  pointAt(index: number): LogPoint {
    const entry = this.entries[index - 1]
    return entry === undefined
      ? origin
      : { index: entry.index, term: entry.term, chain: entry.chain }
  }

  /** Sets the log as it was when the test begins. */
  preload(hardState: HardState, entries: readonly TestEntry[]): void {
    this.hardState = hardState
    for (const entry of entries) this.syncEntry(entry)
  }

  restore(): RaftRestore<TestEntry> {
    const base = this.pointAt(this.checkpoint)
    const entries = this.entries.slice(this.checkpoint)
    return { hardState: this.hardState, base, entries, commit: this.checkpoint }
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
    this.entries.length = Math.min(this.entries.length, index)
  }

  private syncEntry(entry: TestEntry): void {
    const previous = this.pointAt(this.entries.length)
    const chain = chainAfter(previous.chain, entry.index, entry.term, entry.value)
    if (entry.index !== this.entries.length + 1 || !sameChain(chain, entry.chain)) {
      throw new Error(`entry ${entry.index} does not follow ${this.entries.length} on disk`)
    }
    if (entry.term > this.hardState.term) {
      throw new Error(`entry of term ${entry.term} on disk before its term`)
    }
    this.entries.push(entry)
    this.everSynced.add(`${entry.index}/${entry.term}`)
  }
}
