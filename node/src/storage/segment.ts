// One segment file of a group: what it holds, and its sparse index in memory. It holds committed
// entries only and is never truncated; bytes beyond `sizeBytes` are left over from a crash and mean
// nothing. Read by log-reader.ts, written by segment-writer.ts, opened by recovery.
import { QuorateError, viewOf } from '@quorate/protocol'
import { sameChain } from './chain.ts'
import type { Disk, DiskFile } from './disk.ts'
import { decodeEntryHeader, entryHeaderBytes } from './entry-format.ts'
import type { SegmentSummary } from './group-log.ts'
import type { GroupId } from './log-entry.ts'
import type { ManifestSegment } from './manifest.ts'
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
  /** Rising; the first row is the first entry. */
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

  rowOfIndex(index: number): IndexRow {
    return this.#lastRow((row) => row.index <= index)
  }

  /** Where to start looking for the entry that holds the offset. */
  rowOfOffset(offset: number): IndexRow {
    return this.#lastRow((row) => row.offsetBefore <= offset)
  }

  /** Where to start looking for the first entry that is not before the time. */
  rowOfTime(timeMs: number): IndexRow {
    return this.#lastRow((row) => row.appendTimeMs < timeMs)
  }

  /** The last row for which the test, true for a prefix of the rows, holds; else the first row. */
  #lastRow(test: (row: IndexRow) => boolean): IndexRow {
    let low = 0
    let high = this.rows.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (test(this.rows[middle]!)) low = middle + 1
      else high = middle
    }
    return this.rows[Math.max(low - 1, 0)]!
  }
}

export interface SegmentOwner {
  readonly identity: WalIdentity
  readonly group: GroupId
  readonly replicaId: number
}

/** Opens a segment from its header and index blocks. Throws QUORATE_STORAGE_DAMAGED. */
export function openSegmentSync(
  disk: Disk,
  path: string,
  owner: SegmentOwner,
  previous: LogMark,
  state: ManifestSegment,
): Segment {
  if (!disk.existsSync(path)) throw damaged(path, 'the file is missing')
  const file = disk.openSync(path, 'read')
  try {
    const size = file.sizeSync()
    if (size < state.sizeBytes) {
      throw damaged(path, `bytes ${size}..${state.sizeBytes} are missing`)
    }
    checkHeader(file, owner, previous)
    const rows = readRowsSync(file, state)
    return new Segment(path, previous, state, rows)
  } finally {
    file.close()
  }
}

function checkHeader(file: DiskFile, owner: SegmentOwner, previous: LogMark): void {
  const block = new Uint8Array(blockBytes)
  file.readSync(block, 0)
  const header = decodeSegmentHeader(block)
  if (header === 'version') throw new QuorateError('QUORATE_FORMAT_VERSION', file.path)
  if (header === undefined) throw damaged(file.path, `bytes 0..${blockBytes}`)
  const { identity, group, replicaId } = owner
  const same =
    header.identity.clusterId === identity.clusterId &&
    header.identity.incarnation === identity.incarnation &&
    header.group.topicId === group.topicId &&
    header.group.partition === group.partition &&
    header.replicaId === replicaId &&
    header.previous.index === previous.index &&
    sameChain(header.previous.chain, previous.chain)
  if (!same) throw damaged(file.path, 'it belongs to another log')
}

function readRowsSync(file: DiskFile, state: ManifestSegment): IndexRow[] {
  const blocks: IndexBlock[] = []
  let position = state.indexPosition
  while (position > 0) {
    const block = readIndexBlockSync(file, position)
    if (block === undefined || block.previousPosition >= position) {
      throw damaged(file.path, `the index block at byte ${position}`)
    }
    blocks.push(block)
    position = block.previousPosition
  }
  return blocks.reverse().flatMap((block) => block.rows)
}

function readIndexBlockSync(file: DiskFile, position: number): IndexBlock | undefined {
  const headerBytes = new Uint8Array(entryHeaderBytes)
  file.readSync(headerBytes, position)
  const header = decodeEntryHeader(viewOf(headerBytes), 0)
  if (header === undefined) return undefined
  const payload = new Uint8Array(header.payloadBytes)
  if (file.readSync(payload, position + entryHeaderBytes) < payload.byteLength) return undefined
  return decodeIndexBlock(header, payload)
}

function damaged(path: string, what: string): QuorateError {
  return new QuorateError('QUORATE_STORAGE_DAMAGED', `${path}: ${what}`)
}
