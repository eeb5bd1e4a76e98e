// The damaged ranges of one log: those in segments and at the log start as they were found, those in
// the WAL as the tail's missing entries say. Kept as one rising list, made again when something
// changed. Owned by group-log.ts; asked by reads, segment moves and the replication host.

import type { LogPoint } from '@quorate/raft'
import { folderOf } from './checked-text.ts'
import type { GroupLogState } from './group-log.ts'
import type { LogEntry } from './log-entry.ts'
import type { LogHole } from './log-hole.ts'
import {
  isChainKnown,
  isMissing,
  type Loss,
  type MissingEntry,
  missingEntry,
  splitMissing,
} from './missing-entry.ts'
import { checkpointPath } from './replica-files.ts'
import { walPath } from './wal-file.ts'

const none: readonly LogHole[] = []

export class LogHoles {
  readonly #log: GroupLogState
  #segments: LogHole[]
  #checkpoint: LogHole | undefined
  #all: readonly LogHole[] | undefined

  constructor(log: GroupLogState, segments: readonly LogHole[]) {
    this.#log = log
    this.#segments = [...segments]
  }

  all(): readonly LogHole[] {
    this.#all ??= this.#collect()
    return this.#all
  }

  /** Entries became missing, were filled or truncated. */
  changed(): void {
    this.#all = undefined
  }

  clear(): void {
    this.#segments = []
    this.#checkpoint = undefined
    this.changed()
  }

  /** The log begins at a checkpoint that is there. */
  dropBelow(index: number): void {
    this.#checkpoint = undefined
    this.#segments = this.#segments.filter(({ firstIndex }) => firstIndex > index)
    this.changed()
  }

  at(index: number): LogHole | undefined {
    return this.all().find(
      ({ firstIndex, lastIndex, where }) =>
        where !== 'checkpoint' && firstIndex <= index && index <= lastIndex,
    )
  }

  /** The first one that begins above the index. */
  after(index: number): LogHole | undefined {
    return this.all().find(({ firstIndex, where }) => where !== 'checkpoint' && firstIndex > index)
  }

  /** The same range, still there. */
  find(hole: LogHole): LogHole | undefined {
    return this.all().find(
      ({ firstIndex, lastIndex, where }) =>
        firstIndex === hole.firstIndex && lastIndex === hole.lastIndex && where === hole.where,
    )
  }

  /** False: it is known. A hole that touches a known one is joined with it. */
  addInSegment(hole: LogHole): boolean {
    if (this.at(hole.firstIndex) !== undefined) return false
    this.#segments = [...this.#segments, hole].sort(
      (one, other) => one.firstIndex - other.firstIndex,
    )
    this.changed()
    return true
  }

  /** Holes of one segment become one, with what lies between them. */
  joinInSegment(holes: readonly LogHole[]): LogHole {
    const first = holes[0]!
    const { lastIndex, term, last, to } = holes.at(-1)!
    const joined = { ...first, lastIndex, term, last, to }
    this.#segments = [...this.#segments.filter((each) => !holes.includes(each)), joined].sort(
      (one, other) => one.firstIndex - other.firstIndex,
    )
    this.changed()
    return joined
  }

  removeInSegment(hole: LogHole): void {
    this.#segments = this.#segments.filter((each) => each !== hole)
    this.changed()
  }

  /** The state at the log start is not there. */
  checkpointLost(): LogHole {
    const { start, folder } = this.#log
    const hole: LogHole = {
      firstIndex: start.index,
      lastIndex: start.index,
      term: start.term,
      before: undefined,
      last: { index: start.index, term: start.term, chain: start.chain },
      evidence: 'synced',
      where: 'checkpoint',
      file: checkpointPath(folder, start.index),
      from: 0,
      to: 0,
    }
    this.#checkpoint = hole
    this.changed()
    return hole
  }

  checkpointFound(): void {
    this.#checkpoint = undefined
    this.changed()
  }

  /** An entry of the WAL that is not in memory turned out to be unreadable. */
  addInWal(index: number, loss: Loss): void {
    const record = this.#log.tail.get(index)!
    record.entry = missingEntry(index, record.term, loss, record.chain)
    this.changed()
  }

  /** It can be read after all, from where it always lay. */
  removeInWal(index: number): void {
    this.#log.tail.get(index)!.entry = undefined
    this.changed()
  }

  /** What of the WAL is missing, as it is written there. */
  missingRuns(): (readonly LogEntry[])[] {
    const runs: (readonly LogEntry[])[] = []
    for (const { where, firstIndex, lastIndex } of this.all()) {
      if (where !== 'wal') continue
      const entries: LogEntry[] = []
      for (let index = firstIndex; index <= lastIndex; index += 1) {
        entries.push(this.#log.tail.get(index)!.entry!)
      }
      runs.push(...splitMissing(entries))
    }
    return runs
  }

  #collect(): readonly LogHole[] {
    const inWal = this.#inWal()
    if (inWal.length === 0 && this.#segments.length === 0 && this.#checkpoint === undefined) {
      return none
    }
    const first = this.#checkpoint === undefined ? [] : [this.#checkpoint]
    return [...first, ...this.#segments, ...inWal]
  }

  #inWal(): LogHole[] {
    const { tail } = this.#log
    const holes: LogHole[] = []
    let run: MissingEntry[] = []
    for (let index = tail.firstIndex; index <= tail.lastIndex; index += 1) {
      const entry = tail.get(index)!.entry
      const missing = entry !== undefined && isMissing(entry) ? entry : undefined
      const last = run.at(-1)
      if (last !== undefined && (missing === undefined || !belongs(last, missing))) {
        holes.push(this.#holeOf(run))
        run = []
      }
      if (missing !== undefined) run.push(missing)
    }
    if (run.length > 0) holes.push(this.#holeOf(run))
    return holes
  }

  /** Cut off in its middle, a hole ends with the entry behind it: that one vouches for the others. */
  #knownFrom(end: MissingEntry): LogPoint {
    return isChainKnown(end) ? end : (this.#log.tail.get(end.index + 1) ?? end)
  }

  #holeOf(run: readonly MissingEntry[]): LogHole {
    const first = run[0]!
    const { term, loss } = run.at(-1)!
    const last = this.#knownFrom(run.at(-1)!)
    const before = this.#log.markBefore(first.index)
    const isBeforeKnown = before.index === 0 || isChainKnown(before)
    return {
      firstIndex: first.index,
      lastIndex: last.index,
      term,
      before: isBeforeKnown
        ? { index: before.index, term: before.term, chain: before.chain }
        : undefined,
      last: { index: last.index, term: last.term, chain: last.chain },
      evidence: loss.evidence,
      where: 'wal',
      file: walPath(folderOf(folderOf(this.#log.folder)), loss.fileNumber),
      from: loss.from,
      to: loss.to,
    }
  }
}

/** One hole: the chain in the middle is not needed, and the end must have one. */
function belongs(last: MissingEntry, next: MissingEntry): boolean {
  if (!isChainKnown(last)) return true
  return last.loss === next.loss && last.term === next.term
}
