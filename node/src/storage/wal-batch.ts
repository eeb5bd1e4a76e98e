// Turns queued requests into the bytes of one WAL batch: directory blocks, entry headers, payload
// pieces by reference, padding. Decides which entries form one directory record (same group, same
// term, dense). Allocation-light: per entry only its header is written, into a slab that is used
// again. Fed by wal.ts; the layout is wal-format.ts's.
import { emptyChain } from './chain.ts'
import { entryHeaderBytes, writeEntryHeader } from './entry-format.ts'
import { Gatherer } from './gather.ts'
import type { GroupId, LogEntry } from './log-entry.ts'
import { isMissing, type MissingEntry } from './missing-entry.ts'
import type { LogMark } from './tail.ts'
import {
  type BatchKind,
  blockBytes,
  blocksFor,
  type DirectoryRecord,
  directoryBlocks,
  type PreviousBatch,
  RecordKind,
  writeDirectory,
} from './wal-format.ts'

/** What one request adds to a batch, in this order. */
export interface WalWork {
  readonly group: GroupId
  readonly replicaId: number
  readonly drop: boolean
  /** The log begins anew after this mark. */
  readonly reset?: LogMark | undefined
  readonly truncateAfter: number | undefined
  /** Missing ones, which become identifiers, come alone and from one loss. */
  readonly entries: readonly LogEntry[]
  /** The entries lie in an older batch too (copy-forward), or fill a hole. */
  readonly copied: boolean
}

/** Directory records of a batch; one more request may add a few. */
export const recordsMax = 1_000

/** Small requests of one group that follow each other share a record. */
function continues(work: WalWork, first: LogEntry, last: DirectoryRecord): boolean {
  return (
    last.kind === RecordKind.append &&
    last.copied === work.copied &&
    last.replicaId === work.replicaId &&
    last.group.topicId === work.group.topicId &&
    last.group.partition === work.group.partition &&
    last.term === first.term &&
    last.index + last.count === first.index
  )
}

const padding = new Uint8Array(blockBytes)

function plainRecord({ group, replicaId }: WalWork, kind: RecordKind): DirectoryRecord {
  return {
    kind,
    copied: false,
    begun: false,
    group,
    replicaId,
    index: 0,
    term: 0,
    count: 0,
    position: 0,
    byteLength: 0,
    chain: emptyChain,
    lostFile: 0,
    endOffset: 0,
    appendTimeMs: 0,
  }
}

export class WalBatch {
  records: DirectoryRecord[] = []
  payloadBytes = 0
  readonly #payload = new Gatherer()
  #directory = new Uint8Array(blockBytes)

  get isEmpty(): boolean {
    return this.records.length === 0
  }

  reset(): void {
    this.records = []
    this.payloadBytes = 0
    this.#payload.reset()
  }

  /** Whether a batch with this work added keeps inside of all bounds. */
  hasRoomFor(work: WalWork, previousRecords: number, roomBytes: number, bytesMax: number): boolean {
    let workBytes = 0
    let pieces = 0
    for (const entry of work.entries) {
      workBytes += entry.sizeBytes
      // Each header opens a slab piece, each payload piece closes it.
      pieces += 1 + 2 * entry.payload.pieces.length
    }
    // In the worst case every entry has a term of its own.
    const records = this.records.length + work.entries.length + 2
    const payload = this.payloadBytes + workBytes
    const size = directoryBlocks(records, previousRecords) + blocksFor(payload)
    if (size * blockBytes > roomBytes) return false
    if (this.isEmpty) return true
    return records <= recordsMax && payload <= bytesMax && this.#payload.hasRoomFor(pieces)
  }

  /** `placed` is told where in the payload each entry begins. */
  add(work: WalWork, placed: (entry: LogEntry, position: number) => void): void {
    const { truncateAfter, entries } = work
    if (work.drop) this.#addMark(work, RecordKind.dropReplica, 0)
    if (work.reset !== undefined) this.#addReset(work, work.reset)
    if (truncateAfter !== undefined) this.#addMark(work, RecordKind.truncateAfter, truncateAfter)
    const [first] = entries
    if (first !== undefined && isMissing(first)) {
      this.#addMissing(work, first, placed)
      return
    }
    let from = 0
    for (let to = 1; to <= entries.length; to += 1) {
      if (to < entries.length && entries[to]!.term === entries[from]!.term) continue
      this.#addRun(work, from, to, placed)
      from = to
    }
  }

  #addMark(work: WalWork, kind: RecordKind, index: number): void {
    this.records.push({ ...plainRecord(work, kind), index })
  }

  #addReset(work: WalWork, { index, term, chain, endOffset, appendTimeMs }: LogMark): void {
    const record = plainRecord(work, RecordKind.resetToSnapshot)
    this.records.push({ ...record, index, term, chain, endOffset, appendTimeMs })
  }

  #addRun(
    work: WalWork,
    from: number,
    to: number,
    placed: (entry: LogEntry, position: number) => void,
  ): void {
    const start = this.payloadBytes
    for (let each = from; each < to; each += 1) {
      const entry = work.entries[each]!
      placed(entry, this.payloadBytes)
      writeEntryHeader(this.#payload.reserve(entryHeaderBytes), entry)
      for (const piece of entry.payload.pieces) this.#payload.add(piece)
      this.payloadBytes += entry.sizeBytes
    }
    const first = work.entries[from]!
    const { chain } = work.entries[to - 1]!
    const last = this.records.at(-1)
    if (last !== undefined && continues(work, first, last)) {
      const count = last.count + to - from
      const byteLength = last.byteLength + this.payloadBytes - start
      this.records[this.records.length - 1] = { ...last, count, byteLength, chain }
      return
    }
    this.records.push({
      kind: RecordKind.append,
      copied: work.copied,
      begun: false,
      group: work.group,
      replicaId: work.replicaId,
      index: first.index,
      term: first.term,
      count: to - from,
      position: start,
      byteLength: this.payloadBytes - start,
      chain,
      lostFile: 0,
      endOffset: 0,
      appendTimeMs: 0,
    })
  }

  #addMissing(
    work: WalWork,
    { index, term, loss }: MissingEntry,
    placed: (entry: LogEntry, position: number) => void,
  ): void {
    for (const entry of work.entries) placed(entry, this.payloadBytes)
    this.records.push({
      ...plainRecord(work, RecordKind.missing),
      copied: work.copied,
      begun: loss.evidence === 'begun',
      index,
      term,
      count: work.entries.length,
      position: loss.from,
      byteLength: loss.to - loss.from,
      chain: work.entries.at(-1)!.chain,
      lostFile: loss.fileNumber,
    })
  }

  /** Bytes the finished batch takes in the file; the payload begins `directoryBytes` after it. */
  measure(previousRecords: number): { sizeBytes: number; directoryBytes: number } {
    const directoryBytes = directoryBlocks(this.records.length, previousRecords) * blockBytes
    return { sizeBytes: directoryBytes + blocksFor(this.payloadBytes) * blockBytes, directoryBytes }
  }

  /** The pieces are valid until `reset`. */
  finish(
    kind: BatchKind,
    batchNumber: number,
    previous: PreviousBatch,
    file: { readonly number: number; readonly salt: number },
  ): { pieces: readonly Uint8Array[]; crc: number } {
    const { directoryBytes } = this.measure(previous.records.length)
    if (this.#directory.byteLength < directoryBytes) {
      this.#directory = new Uint8Array(directoryBytes)
    }
    const directory = this.#directory.subarray(0, directoryBytes)
    const crc = writeDirectory(
      directory,
      {
        kind,
        fileNumber: file.number,
        batchNumber,
        payloadBytes: this.payloadBytes,
        records: this.records,
        previous,
      },
      file.salt,
    )
    const missing = blocksFor(this.payloadBytes) * blockBytes - this.payloadBytes
    if (missing > 0) this.#payload.add(padding.subarray(0, missing))
    return { pieces: [directory, ...this.#payload.finish()], crc }
  }
}
