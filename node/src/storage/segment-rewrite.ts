// Writes a segment once more, whole, from what can be read of the old file and the entries that fill
// its hole; or, when only its header or index was lost, without any: a temporary file, synced, renamed over the old one. The manifest names the new layout
// after that; a start in between finds a whole file of the right log and makes its index again. A
// chain of completions; every step runs in the segment actor. Caller: segment-writer.ts.

import { folderOf } from './checked-text.ts'
import { type Disk, DiskError, type DiskFile } from './disk.ts'
import { entryHeaderBytes, writeEntryHeader } from './entry-format.ts'
import { Gatherer } from './gather.ts'
import type { GroupLogState } from './group-log.ts'
import type { LogEntry } from './log-entry.ts'
import type { LogHole } from './log-hole.ts'
import type { ManifestSegment } from './manifest.ts'
import { backgroundPieceBytes, create } from './replace-file.ts'
import type { Segment } from './segment.ts'
import { encodeIndexBlock, encodeSegmentHeader, type IndexRow } from './segment-format.ts'
import type { MoveOptions } from './segment-move.ts'
import type { LogMark } from './tail.ts'
import { blockBytes } from './wal-format.ts'

export interface RepairTask {
  readonly log: GroupLogState
  readonly segment: Segment
  /** Undefined: every entry can be read, though not the file as it is meant to be. */
  readonly hole: LogHole | undefined
  /** Exactly those of the hole. */
  readonly entries: readonly LogEntry[]
  readonly done: (error?: Error) => void
}

/** What a start had to read through: once is enough. One that fails is left to the next start. */
export function wornSegments(logs: readonly GroupLogState[]): RepairTask[] {
  return logs.flatMap((log) =>
    log.segmentList
      .filter(({ worn }) => worn)
      .map((segment) => ({ log, segment, hole: undefined, entries: [], done: () => {} })),
  )
}

export interface RewrittenSegment {
  readonly state: ManifestSegment
  readonly rows: readonly IndexRow[]
}

export class SegmentRewrite {
  readonly #task: RepairTask
  readonly #options: MoveOptions
  readonly #disk: Disk
  readonly #done: (error: Error | undefined, rewritten?: RewrittenSegment) => void
  readonly #temporary: string
  readonly #rows: IndexRow[] = []
  readonly #gatherer = new Gatherer()
  #file!: DiskFile
  #at: LogMark
  #position = blockBytes
  #sinceRow = Number.POSITIVE_INFINITY

  constructor(
    task: RepairTask,
    options: MoveOptions,
    done: (error: Error | undefined, rewritten?: RewrittenSegment) => void,
  ) {
    this.#task = task
    this.#options = options
    this.#disk = options.disk
    this.#done = done
    this.#temporary = `${task.segment.path}.tmp`
    this.#at = task.segment.previous
  }

  start(): void {
    const { log, segment } = this.#task
    const { group, replicaId } = log
    const { previous } = segment
    create(this.#disk, this.#temporary, (error, file) => {
      this.#options.continueWith(() => {
        if (error !== undefined) {
          this.#done(error)
          return
        }
        this.#file = file
        const header = { identity: this.#options.identity, group, replicaId, previous }
        this.#write([encodeSegmentHeader(header)], 0, () => this.#next())
      })
    })
  }

  #next(): void {
    const { log, segment, hole, entries } = this.#task
    const index = this.#at.index + 1
    if (index > segment.last.index) {
      this.#finish()
      return
    }
    if (hole !== undefined && index >= hole.firstIndex && index <= hole.lastIndex) {
      this.#add(piece(entries, index - hole.firstIndex))
      return
    }
    const isBefore = hole !== undefined && index < hole.firstIndex
    const end = isBefore ? hole.firstIndex - 1 : segment.last.index
    log.read({ index }, { index: end, bytes: backgroundPieceBytes }, (error, _, read) => {
      this.#options.continueWith(() => {
        if (error === undefined && read.length > 0) this.#add(read)
        else this.#abandon(error ?? new Error(`nothing at ${index}`))
      })
    })
  }

  #add(entries: readonly LogEntry[]): void {
    this.#gatherer.reset()
    const from = this.#position
    for (const entry of entries) {
      const before = this.#at
      if (this.#sinceRow >= this.#options.indexIntervalBytes) {
        this.#rows.push({
          index: entry.index,
          position: this.#position,
          appendTimeMs: entry.appendTimeMs,
          previous: before,
          offsetBefore: before.endOffset,
        })
        this.#sinceRow = 0
      }
      writeEntryHeader(this.#gatherer.reserve(entryHeaderBytes), entry)
      for (const part of entry.payload.pieces) this.#gatherer.add(part)
      const { index, term, chain, appendTimeMs } = entry
      const endOffset = entry.nextOffset < 0 ? before.endOffset : entry.nextOffset
      this.#at = { index, term, chain, appendTimeMs, endOffset }
      this.#position += entry.sizeBytes
      this.#sinceRow += entry.sizeBytes
    }
    this.#write(this.#gatherer.finish(), from, () => this.#next())
  }

  #finish(): void {
    const { segment } = this.#task
    const indexPosition = this.#position
    const block = encodeIndexBlock(indexPosition, this.#at, {
      previousPosition: 0,
      rows: this.#rows,
    })
    this.#write([block], indexPosition, () => {
      this.#gated(
        (settle) => this.#file.sync(settle),
        () => {
          this.#file.close()
          this.#rename({
            firstIndex: segment.firstIndex,
            last: this.#at,
            sizeBytes: indexPosition + block.byteLength,
            indexPosition,
            ended: segment.ended,
          })
        },
      )
    })
  }

  #rename(state: ManifestSegment): void {
    const { path } = this.#task.segment
    const fail = (error: DiskError): void => this.#done(error)
    this.#disk.rename(this.#temporary, path, (error) => {
      this.#options.continueWith(() => {
        if (error !== undefined) {
          fail(error)
          return
        }
        this.#disk.syncFolder(folderOf(path), (syncError) => {
          this.#options.continueWith(() => {
            // The new file is there, its index is not in force: only a start gets this right.
            if (syncError !== undefined) fail(new DiskError('OTHER', path, syncError.message))
            else this.#done(undefined, { state, rows: this.#rows })
          })
        })
      })
    })
  }

  #write(pieces: readonly Uint8Array[], position: number, then: () => void): void {
    this.#gated((settle) => this.#file.write(pieces, position, settle), then)
  }

  #gated(start: (settle: (error: DiskError | undefined) => void) => void, then: () => void): void {
    this.#options.gate.run((release) => {
      start((error) => {
        release()
        this.#options.continueWith(() => {
          if (error === undefined) then()
          else this.#abandon(error)
        })
      })
    })
  }

  #abandon(error: Error): void {
    this.#file.close()
    this.#disk.remove(this.#temporary, () => this.#options.continueWith(() => this.#done(error)))
  }
}

/** Some entries from a position on, as many as make one write. */
function piece(entries: readonly LogEntry[], from: number): readonly LogEntry[] {
  let to = from
  for (let bytes = 0; to < entries.length && bytes < backgroundPieceBytes; to += 1) {
    bytes += entries[to]!.sizeBytes
  }
  return entries.slice(from, to)
}
