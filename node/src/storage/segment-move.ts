// Moves one group's committed entries from the WAL into segment files: writes them in small pieces
// through the gate for background IO, ends each file exactly where the log rolls, adds the index
// block and syncs. What it made counts only once the manifests name it (segment-writer.ts). A chain
// of completions; every step runs in the segment actor.
import type { Configuration } from '@quorate/raft'
import type { Disk, DiskError, DiskFile } from './disk.ts'
import { entryHeaderBytes, writeEntryHeader } from './entry-format.ts'
import { Gatherer } from './gather.ts'
import type { GroupLogState } from './group-log.ts'
import type { IoGate } from './io-gate.ts'
import type { LogEntry } from './log-entry.ts'
import type { ManifestSegment } from './manifest.ts'
import { backgroundPieceBytes, create } from './replace-file.ts'
import { segmentPath } from './replica-files.ts'
import { Segment } from './segment.ts'
import { encodeIndexBlock, encodeSegmentHeader, type IndexRow } from './segment-format.ts'
import type { LogMark } from './tail.ts'
import type { WalIdentity } from './wal-file.ts'
import { blockBytes } from './wal-format.ts'

export interface MoveOptions {
  readonly disk: Disk
  readonly identity: WalIdentity
  readonly gate: IoGate
  readonly indexIntervalBytes: number
  /** Runs in the segment actor, on a later turn. */
  readonly continueWith: (run: () => void) => void
}

/** What one file has become; to be taken over when both manifests name it. */
export interface MovedSegment {
  readonly segment: Segment
  readonly isNew: boolean
  readonly state: ManifestSegment
  readonly rows: readonly IndexRow[]
}

/** The last configuration among the entries moved. */
export interface MovedConfiguration {
  readonly index: number
  readonly term: number
  readonly configuration: Configuration
}

export interface MoveOutcome {
  readonly log: GroupLogState
  /** Of the log when the move began. */
  readonly epoch: number
  readonly configuration: MovedConfiguration | undefined
  readonly moved: readonly MovedSegment[]
  readonly entries: number
  readonly bytes: number
  /** The move stopped here; what was moved before it counts. */
  readonly error: Error | undefined
}

interface OpenPart {
  readonly segment: Segment
  readonly isNew: boolean
  readonly file: DiskFile
  readonly rows: IndexRow[]
  /** Index of the last entry that goes into the file now. */
  readonly end: number
  position: number
  /** Bytes written since the last row; from the interval on the next entry gets one. */
  sinceRow: number
}

export class SegmentMove {
  readonly #options: MoveOptions
  readonly #log: GroupLogState
  readonly #through: number
  readonly #done: (outcome: MoveOutcome) => void
  readonly #moved: MovedSegment[] = []
  readonly #gatherer = new Gatherer()
  /** The last entry that is written. */
  #at: LogMark
  #entries = 0
  #bytes = 0
  #configuration: MovedConfiguration | undefined
  readonly #epoch: number

  constructor(
    log: GroupLogState,
    through: number,
    options: MoveOptions,
    done: (outcome: MoveOutcome) => void,
  ) {
    this.#log = log
    this.#through = through
    this.#options = options
    this.#done = done
    this.#at = log.settled
    this.#epoch = log.epoch
  }

  start(): void {
    this.#nextFile()
  }

  #nextFile(): void {
    const isStale = this.#log.dropped || this.#log.epoch !== this.#epoch
    if (this.#at.index >= this.#through || isStale) {
      this.#finish(undefined)
      return
    }
    const last = this.#moved.length === 0 ? this.#log.segmentList.at(-1) : undefined
    if (last !== undefined && !last.ended) this.#continueFile(last)
    else this.#newFile()
  }

  #continueFile(segment: Segment): void {
    this.#options.disk.open(segment.path, 'write', (error, file) => {
      this.#then(error, () => {
        this.#fill(this.#part(segment, file, false, segment.sizeBytes))
      })
    })
  }

  #newFile(): void {
    const { disk, identity } = this.#options
    const { group, replicaId, folder } = this.#log
    const previous = this.#at
    const path = segmentPath(folder, previous.index + 1)
    const state = {
      firstIndex: previous.index + 1,
      last: previous,
      sizeBytes: 0,
      indexPosition: 0,
      ended: false,
    }
    const segment = new Segment(path, previous, state, [])
    create(disk, path, (openError, file) => {
      this.#then(openError, () => {
        const header = encodeSegmentHeader({ identity, group, replicaId, previous })
        this.#gated(
          (settle) => file.write([header], 0, settle),
          (error) => {
            const part = this.#part(segment, file, true, blockBytes)
            if (error !== undefined) this.#abandon(part, error)
            else this.#fill(part)
          },
        )
      })
    })
  }

  #part(segment: Segment, file: DiskFile, isNew: boolean, position: number): OpenPart {
    return { segment, file, isNew, position, rows: [], end: this.#endAfter(), sinceRow: 0 }
  }

  /** Reads some entries and writes them, until the segment or the move ends. */
  #fill(part: OpenPart): void {
    const { end } = part
    if (this.#at.index >= end) {
      this.#close(part)
      return
    }
    const from = { index: this.#at.index + 1 }
    this.#log.read(
      from,
      { index: end, bytes: backgroundPieceBytes },
      (error, _previous, entries) => {
        this.#options.continueWith(() => {
          if (error !== undefined || entries.length === 0) {
            this.#abandon(part, error ?? new Error(`nothing at ${from.index}`))
            return
          }
          this.#gatherer.reset()
          for (const entry of entries) this.#add(part, entry)
          this.#write(part, this.#gatherer.finish(), () => this.#fill(part))
        })
      },
    )
  }

  /** Where a file that goes on after `#at` ends: at the next roll, or with the move. */
  #endAfter(): number {
    const roll = this.#log.rolls.find((index) => index > this.#at.index)
    return roll === undefined ? this.#through : Math.min(roll, this.#through)
  }

  #add(part: OpenPart, entry: LogEntry): void {
    const before = this.#at
    const isFirst = part.rows.length === 0 && part.segment.rows.length === 0
    if (isFirst || part.sinceRow >= this.#options.indexIntervalBytes) {
      const position = part.position + this.#gatherer.byteLength
      part.rows.push({
        index: entry.index,
        position,
        appendTimeMs: entry.appendTimeMs,
        previous: before,
        offsetBefore: before.endOffset,
      })
      part.sinceRow = 0
    }
    part.sinceRow += entry.sizeBytes
    writeEntryHeader(this.#gatherer.reserve(entryHeaderBytes), entry)
    for (const piece of entry.payload.pieces) this.#gatherer.add(piece)
    const { index, term, chain, appendTimeMs } = entry
    const endOffset = entry.nextOffset < 0 ? before.endOffset : entry.nextOffset
    this.#at = { index, term, chain, appendTimeMs, endOffset }
    this.#entries += 1
    this.#bytes += entry.sizeBytes
    const { configuration } = entry
    if (configuration !== undefined) this.#configuration = { index, term, configuration }
  }

  /** A large entry goes out in several writes. */
  #write(part: OpenPart, pieces: readonly Uint8Array[], then: () => void): void {
    const { head, rest } = cut(pieces, backgroundPieceBytes)
    if (head.length === 0) {
      then()
      return
    }
    const { position } = part
    for (const piece of head) part.position += piece.byteLength
    this.#gated(
      (settle) => part.file.write(head, position, settle),
      (error) => {
        if (error !== undefined) this.#abandon(part, error)
        else this.#write(part, rest, then)
      },
    )
  }

  #close(part: OpenPart): void {
    const { segment, file, rows, end } = part
    const indexPosition = part.position
    const previousPosition = segment.indexPosition
    const block = encodeIndexBlock(indexPosition, this.#at, { previousPosition, rows })
    this.#write(part, [block], () => {
      this.#gated(
        (settle) => file.sync(settle),
        (error) => {
          if (error !== undefined) {
            this.#abandon(part, error)
            return
          }
          file.close()
          const ended = this.#log.rolls.includes(end)
          const state = {
            firstIndex: segment.firstIndex,
            last: this.#at,
            sizeBytes: part.position,
            indexPosition,
            ended,
          }
          this.#moved.push({ segment, isNew: part.isNew, state, rows })
          if (part.isNew) this.#syncName()
          else this.#nextFile()
        },
      )
    })
  }

  #syncName(): void {
    const { folder } = this.#log
    this.#gated(
      (settle) => this.#options.disk.syncFolder(folder, settle),
      (error) => {
        // Without its name the file may be gone after a crash: it must not be in a manifest.
        if (error !== undefined) this.#moved.pop()
        this.#then(error, () => this.#nextFile())
      },
    )
  }

  /** Nothing more goes into this file: what is in a manifest of it stays as it is. */
  #abandon(part: OpenPart, error: Error): void {
    part.file.close()
    if (!part.isNew) part.segment.ended = true
    if (!part.isNew) this.#finish(error)
    else
      this.#options.disk.remove(part.segment.path, () =>
        this.#then(undefined, () => this.#finish(error)),
      )
  }

  #gated(
    start: (settle: (error: DiskError | undefined) => void) => void,
    then: (error: DiskError | undefined) => void,
  ): void {
    this.#options.gate.run((release) => {
      start((error) => {
        release()
        this.#options.continueWith(() => then(error))
      })
    })
  }

  #then(error: DiskError | undefined, run: () => void): void {
    this.#options.continueWith(() => {
      if (error !== undefined) this.#finish(error)
      else run()
    })
  }

  #finish(error: Error | undefined): void {
    this.#done({
      log: this.#log,
      epoch: this.#epoch,
      configuration: this.#configuration,
      moved: this.#moved,
      entries: this.#entries,
      bytes: this.#bytes,
      error,
    })
  }
}

/** The first `bytes` of the pieces, and what follows. */
function cut(
  pieces: readonly Uint8Array[],
  bytes: number,
): { head: Uint8Array[]; rest: Uint8Array[] } {
  const head: Uint8Array[] = []
  const rest: Uint8Array[] = []
  let room = bytes
  for (const piece of pieces) {
    const taken = Math.min(room, piece.byteLength)
    if (taken > 0) head.push(taken === piece.byteLength ? piece : piece.subarray(0, taken))
    if (taken < piece.byteLength) rest.push(taken === 0 ? piece : piece.subarray(taken))
    room -= taken
  }
  return { head, rest }
}
