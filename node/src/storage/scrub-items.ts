// The files that a cycle of scrubbing reads, each with the check of its bytes: segments entry by
// entry, checkpoints chunk by chunk. A file may go away while the cycle is under way. Does no IO.
// Next stop: scrubber.ts feeds them.
import { decodeCheckpoint } from './checkpoint.ts'
import type { GroupLogState } from './group-log.ts'
import { checkpointPath } from './replica-files.ts'
import type { Segment, SegmentOwner } from './segment.ts'
import { type DamagedRange, SegmentCheck } from './segment-check.ts'
import type { WalIdentity } from './wal-file.ts'

export interface ScrubFinding {
  readonly log: GroupLogState
  readonly file: string
  readonly range: DamagedRange
  /** Absent: it is a checkpoint. */
  readonly segment?: Segment
}

export interface ScrubItem {
  readonly path: string
  /** Bytes to be read; known after `begin`. */
  readonly sizeBytes: number
  isGone(): boolean
  /** From the first byte, again when it is called again. */
  begin(fileBytes: number): void
  feed(bytes: Uint8Array): void
  finish(): ScrubFinding[]
  /** The file is not there. */
  missing(): ScrubFinding[]
}

/** In the order of groups and indexes. */
export function scrubItems(logs: readonly GroupLogState[], identity: WalIdentity): ScrubItem[] {
  return logs.flatMap((log): ScrubItem[] => {
    const owner = { identity, group: log.group, replicaId: log.replicaId }
    return [
      ...log.segmentList.map((segment) => new SegmentItem(log, segment, owner)),
      ...log.checkpointList.map((index) => new CheckpointItem(log, index, owner)),
    ]
  })
}

class SegmentItem implements ScrubItem {
  readonly path: string
  sizeBytes = 0
  readonly #log: GroupLogState
  readonly #segment: Segment
  readonly #owner: SegmentOwner
  #check: SegmentCheck | undefined

  constructor(log: GroupLogState, segment: Segment, owner: SegmentOwner) {
    this.path = segment.path
    this.#log = log
    this.#segment = segment
    this.#owner = owner
  }

  isGone(): boolean {
    return this.#log.dropped || !this.#log.segmentList.includes(this.#segment)
  }

  begin(): void {
    this.#check = new SegmentCheck(this.#segment, this.#owner)
    this.sizeBytes = this.#check.sizeBytes
  }

  feed(bytes: Uint8Array): void {
    this.#check!.feed(bytes)
  }

  finish(): ScrubFinding[] {
    const check = this.#check!
    check.finish()
    return check.damage.map((range) => this.#finding(range))
  }

  missing(): ScrubFinding[] {
    const { firstIndex, last, sizeBytes: to } = this.#segment
    const detail = 'the file is missing'
    return [this.#finding({ from: 0, to, firstIndex, lastIndex: last.index, detail })]
  }

  #finding(range: DamagedRange): ScrubFinding {
    return { log: this.#log, file: this.path, segment: this.#segment, range }
  }
}

class CheckpointItem implements ScrubItem {
  readonly path: string
  sizeBytes = 0
  readonly #log: GroupLogState
  readonly #index: number
  readonly #owner: SegmentOwner
  #bytes = new Uint8Array(0)
  #filled = 0

  constructor(log: GroupLogState, index: number, owner: SegmentOwner) {
    this.path = checkpointPath(log.folder, index)
    this.#log = log
    this.#index = index
    this.#owner = owner
  }

  isGone(): boolean {
    return this.#log.dropped || !this.#log.checkpointList.includes(this.#index)
  }

  begin(fileBytes: number): void {
    this.sizeBytes = fileBytes
    this.#bytes = new Uint8Array(fileBytes)
    this.#filled = 0
  }

  feed(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#filled)
    this.#filled += bytes.byteLength
  }

  finish(): ScrubFinding[] {
    const found = decodeCheckpoint(this.#owner, this.#bytes)
    this.#bytes = new Uint8Array(0)
    if (typeof found === 'object' && found.index === this.#index) return []
    return [this.#finding('it is damaged', this.sizeBytes)]
  }

  missing(): ScrubFinding[] {
    return [this.#finding('the file is missing', 0)]
  }

  #finding(detail: string, to: number): ScrubFinding {
    const indexes = { firstIndex: this.#index, lastIndex: this.#index }
    return { log: this.#log, file: this.path, range: { from: 0, to, ...indexes, detail } }
  }
}
