// A group's log as the replication host and the partition actor see it. Vocabulary only; the log
// itself is group-log.ts.
import type { QuorateError } from '@quorate/protocol'
import type { LogPoint } from '@quorate/raft'
import type { GroupId, LogEntry } from './log-entry.ts'
import type { LogHole } from './log-hole.ts'
import type { LogMark } from './tail.ts'

export type ReadFrom = { readonly index: number } | { readonly offset: number }

export interface ReadLimit {
  /** Last index that may be read. */
  readonly index: number
  /** One entry is read even when it is larger. */
  readonly bytes: number
}

/** `previous` is the point just before `entries[0]`. */
export type ReadDone = (
  error: QuorateError | undefined,
  previous: LogPoint,
  entries: readonly LogEntry[],
) => void

export interface TimedOffset {
  readonly offset: number
  readonly appendTimeMs: number
}

export interface SegmentSummary {
  readonly firstIndex: number
  readonly lastIndex: number
  readonly firstOffset: number
  /** Offset after the segment's last record. */
  readonly nextOffset: number
  readonly sizeBytes: number
  readonly firstAppendTimeMs: number
  readonly lastAppendTimeMs: number
}

export interface GroupLog {
  readonly group: GroupId
  readonly replicaId: number
  /** Log start + 1: the first retained entry, or where it will be. */
  readonly firstIndex: number
  readonly lastIndex: number
  /** Highest index up to which all entries are on this disk, synced. */
  readonly durableIndex: number
  /** The point just before `firstIndex`; with the first offset that can be read. */
  readonly start: LogMark
  /** The point just before the entries held in memory. All at or below it is committed. */
  readonly base: LogPoint
  /** Offset after the last record; uncommitted ones count. */
  readonly endOffset: number
  /** Append time of the last entry; 0 in an empty log. */
  readonly lastAppendTimeMs: number
  /** Bytes of segments and tail. */
  readonly sizeBytes: number
  /** Damaged ranges, rising. */
  holes(): readonly LogHole[]
  /** Index before the first hole; Infinity without one. */
  readonly cleanThrough: number
  /** Known for `base`, everything after it, the log start and segment ends. */
  pointAt(index: number): LogPoint | undefined
  /** Entries held in memory from `index` on; `index` must be above `base.index`. */
  entriesFrom(index: number): readonly LogEntry[]
  /**
   * Entries up to here may move to segments: they are committed, and every `roll` at or below the
   * index has been called. So call it after applying, not before. Falling values are ignored.
   */
  commit(index: number): void
  /** A segment ends at this index, on every replica alike. Repeating it is harmless. */
  roll(index: number): void
  /** From memory `done` is called synchronously; from disk on a later turn. */
  read(from: ReadFrom, limit: ReadLimit, done: ReadDone): void
  /** The first record batch whose append time is not before `timeMs`, up to `limitIndex`. */
  offsetAtTime(
    timeMs: number,
    limitIndex: number,
    done: (error: QuorateError | undefined, found: TimedOffset | undefined) => void,
  ): void
  /**
   * Deletes the segments wholly at or below `index`, as far as a checkpoint stands where the log
   * will begin. `done` gets the log start index as it is afterwards.
   */
  dropBelow(index: number, done: (error: Error | undefined, startIndex: number) => void): void
  /** Indexes of the checkpoints on disk, rising. */
  checkpoints(): readonly number[]
  segments(): readonly SegmentSummary[]
}
