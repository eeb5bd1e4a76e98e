// One segment file of a group: what it holds, and its sparse index in memory. It holds committed
// entries only and is never truncated; bytes beyond `sizeBytes` are left over from a crash and mean
// nothing. Read by log-reader.ts, written by segment-writer.ts, opened by recovery.
import { QuorateError, viewOf } from '@quorate/protocol'
import { sameChain } from './chain.ts'
import type { Disk, DiskFile } from './disk.ts'
import { decodeEntryHeader, entryHeaderBytes } from './entry-format.ts'
import type { GroupId } from './log-entry.ts'
import type { SegmentSummary } from './log-view.ts'
import type { ManifestSegment } from './manifest.ts'
import { readBytesSync } from './read-bytes.ts'
import {
  decodeIndexBlock,
  decodeSegmentHeader,
  type IndexBlock,
  type IndexRow,
} from './segment-format.ts'
import type { LogMark } from './tail.ts'
import type { WalIdentity } from './wal-file.ts'
import { blockBytes } from './wal-format.ts'

export class Segment {
  readonly path: string
  readonly firstIndex: number
  /** The point just before the first entry. */
  readonly previous: LogMark
  last: LogMark
  sizeBytes: number
  indexPosition: number
  /** Nothing more is added. */
  ended: boolean
  /** Header or index were lost: the rows were made again by reading the file through. */
  worn = false
  /** Rising; the first row is the first entry that can be read. */
  readonly rows: IndexRow[]

  constructor(path: string, previous: LogMark, state: ManifestSegment, rows: IndexRow[]) {
    this.path = path
    this.firstIndex = previous.index + 1
    this.previous = previous
    this.last = state.last
    this.sizeBytes = state.sizeBytes
    this.indexPosition = state.indexPosition
    this.ended = state.ended
    this.rows = rows
  }

  summary(): SegmentSummary {
    return {
      firstIndex: this.firstIndex,
      lastIndex: this.last.index,
      firstOffset: this.previous.endOffset,
      nextOffset: this.last.endOffset,
      sizeBytes: this.sizeBytes,
      firstAppendTimeMs: this.rows[0]?.appendTimeMs ?? this.last.appendTimeMs,
      lastAppendTimeMs: this.last.appendTimeMs,
    }
  }

  manifest(): ManifestSegment {
    const { firstIndex, last, sizeBytes, indexPosition, ended } = this
    return { firstIndex, last, sizeBytes, indexPosition, ended }
  }

  /** Reading may begin here too: something before it cannot be read. */
  addRow(row: IndexRow): void {
    const at = this.rows.findIndex(({ index }) => index >= row.index)
    if (at === -1) this.rows.push(row)
    else if (this.rows[at]!.index > row.index) this.rows.splice(at, 0, row)
  }

  /** The first place after the index from which on reading is possible. */
  rowAfter(index: number): IndexRow | undefined {
    return this.rows.find((row) => row.index > index)
  }

  /** The file was written once more, whole. */
  replaced(state: ManifestSegment, rows: readonly IndexRow[]): void {
    this.sizeBytes = state.sizeBytes
    this.indexPosition = state.indexPosition
    this.worn = false
    this.rows.length = 0
    for (const row of rows) this.rows.push(row)
  }

  rowOfIndex(index: number): IndexRow | undefined {
    return this.#lastRow((row) => row.index <= index)
  }

  /** Where to start looking for the entry that holds the offset. */
  rowOfOffset(offset: number): IndexRow | undefined {
    return this.#lastRow((row) => row.offsetBefore <= offset)
  }

  /** Where to start looking for the first entry that is not before the time. */
  rowOfTime(timeMs: number): IndexRow | undefined {
    return this.#lastRow((row) => row.appendTimeMs < timeMs)
  }

  /**
   * The last row for which the test, true for a prefix of the rows, holds; else the first row.
   * Undefined when nothing of the file can be read.
   */
  #lastRow(test: (row: IndexRow) => boolean): IndexRow | undefined {
    let low = 0
    let high = this.rows.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (test(this.rows[middle]!)) low = middle + 1
      else high = middle
    }
    return this.rows[Math.max(low - 1, 0)]
  }
}

export interface SegmentOwner {
  readonly identity: WalIdentity
  readonly group: GroupId
  readonly replicaId: number
}

/** The file is whole, as far as header and index blocks tell; or what is wrong with it. */
export function openSegmentSync(
  disk: Disk,
  path: string,
  owner: SegmentOwner,
  previous: LogMark,
  state: ManifestSegment,
): Segment | SegmentFault {
  if (!disk.existsSync(path)) return { reason: 'the file is missing', isOurs: false }
  const file = disk.openSync(path, 'read')
  try {
    const header = headerFault(file, owner, previous)
    if (header !== undefined) return header
    const size = file.sizeSync()
    if (size < state.sizeBytes) {
      return { reason: `bytes ${size}..${state.sizeBytes} are missing`, isOurs: true }
    }
    const rows = readRowsSync(file, state)
    if (typeof rows === 'number') {
      return { reason: `the index block at byte ${rows} is not readable`, isOurs: true }
    }
    return new Segment(path, previous, state, rows)
  } finally {
    file.close()
  }
}

export interface SegmentFault {
  readonly reason: string
  /** Undefined: only its entries can tell whether it is a file of this log. */
  readonly isOurs: boolean | undefined
}

function headerFault(
  file: DiskFile,
  owner: SegmentOwner,
  previous: LogMark,
): SegmentFault | undefined {
  const block = new Uint8Array(blockBytes)
  readBytesSync(file, block, 0)
  const header = decodeSegmentHeader(block)
  if (header === 'version') throw new QuorateError('QUORATE_FORMAT_VERSION', file.path)
  if (header === undefined) {
    return { reason: `bytes 0..${blockBytes} are not readable`, isOurs: undefined }
  }
  const { identity, group, replicaId } = owner
  const same =
    header.identity.clusterId === identity.clusterId &&
    header.identity.incarnation === identity.incarnation &&
    header.group.topicId === group.topicId &&
    header.group.partition === group.partition &&
    header.replicaId === replicaId &&
    header.previous.index === previous.index &&
    sameChain(header.previous.chain, previous.chain)
  return same ? undefined : { reason: 'it belongs to another log', isOurs: false }
}

/** The position of an index block that cannot be read, when there is one. */
function readRowsSync(file: DiskFile, state: ManifestSegment): IndexRow[] | number {
  const blocks: IndexBlock[] = []
  let position = state.indexPosition
  while (position > 0) {
    const block = readIndexBlockSync(file, position)
    if (block === undefined || block.previousPosition >= position) return position
    blocks.push(block)
    position = block.previousPosition
  }
  return blocks.reverse().flatMap((block) => block.rows)
}

function readIndexBlockSync(file: DiskFile, position: number): IndexBlock | undefined {
  const headerBytes = new Uint8Array(entryHeaderBytes)
  readBytesSync(file, headerBytes, position)
  const header = decodeEntryHeader(viewOf(headerBytes), 0)
  if (header === undefined) return undefined
  const payload = new Uint8Array(header.payloadBytes)
  readBytesSync(file, payload, position + entryHeaderBytes)
  return decodeIndexBlock(header, payload)
}
