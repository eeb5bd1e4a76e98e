// Reads a damaged segment through, at start-up: gives the rows of a new index over what can be read,
// and the exact ranges that cannot. Behind a header that is damaged it looks for the next one byte by
// byte. What it finds there is believed only when the file is known to be of this log: by its header,
// its first entries, or the chain of its last entry, which the manifest holds. Caller: recovery.ts.
import { chunksOf, viewOf } from '@quorate/protocol'
import type { LogPoint } from '@quorate/raft'
import { nextChain, sameChain } from './chain.ts'
import type { DiskFile } from './disk.ts'
import {
  decodeEntryHeader,
  type EntryHeader,
  entryHeaderBytes,
  entryOf,
  verifyPayload,
} from './entry-format.ts'
import type { LogHole } from './log-hole.ts'
import type { ManifestSegment } from './manifest.ts'
import { readBytesSync } from './read-bytes.ts'
import { type IndexRow, indexBlockType } from './segment-format.ts'
import type { LogMark } from './tail.ts'
import { blockBytes } from './wal-format.ts'

export interface ScannedSegment {
  readonly rows: readonly IndexRow[]
  readonly holes: readonly LogHole[]
}

/** Bytes between two rows. */
const rowIntervalBytes = 128 * 1024
const windowBytes = 1024 * 1024

/** Nothing of the file can be read, or nothing in it is believed. */
export function lostSegment(
  path: string,
  previous: LogPoint,
  { firstIndex, last, sizeBytes }: ManifestSegment,
): LogHole {
  return {
    firstIndex,
    lastIndex: last.index,
    term: last.term,
    before: previous,
    last,
    evidence: 'synced',
    where: 'segment',
    file: path,
    from: 0,
    to: sizeBytes,
  }
}

export function scanSegmentSync(
  file: DiskFile,
  previous: LogMark,
  state: ManifestSegment,
  isOurs: boolean | undefined,
): ScannedSegment {
  const scan = new SegmentScan(file, previous, state)
  scan.run()
  if (isOurs === true || scan.isProven) return { rows: scan.rows, holes: scan.holes }
  return { rows: [], holes: [lostSegment(file.path, previous, state)] }
}

class SegmentScan {
  readonly rows: IndexRow[] = []
  readonly holes: LogHole[] = []
  readonly #file: DiskFile
  readonly #state: ManifestSegment
  readonly #end: number
  /** The last entry whose identifier is known, and what the log carries on there. */
  #at: LogPoint
  #endOffset: number
  #appendTimeMs: number
  #position = blockBytes
  #sinceRow = Number.POSITIVE_INFINITY
  /** Where the entries that cannot be read begin; undefined while all is well. */
  #hole: { readonly before: LogPoint; readonly from: number } | undefined
  #firstEntryRead = false
  readonly #window = new Uint8Array(windowBytes)
  #windowFrom = 0
  #windowTo = 0

  constructor(file: DiskFile, previous: LogMark, state: ManifestSegment) {
    this.#file = file
    this.#state = state
    this.#end = Math.min(state.sizeBytes, file.sizeSync())
    this.#at = previous
    this.#endOffset = previous.endOffset
    this.#appendTimeMs = previous.appendTimeMs
  }

  /** The content itself shows that this is the file of this log. */
  get isProven(): boolean {
    const { last } = this.#state
    const endsRight = this.#at.index === last.index && sameChain(this.#at.chain, last.chain)
    return this.#firstEntryRead || endsRight
  }

  run(): void {
    const { last } = this.#state
    while (this.#at.index < last.index) {
      const header = this.#headerAt(this.#position)
      if (header?.type === indexBlockType) this.#position += header.sizeBytes
      else if (header !== undefined && this.#follows(header)) this.#take(header)
      else if (!this.#search()) break
    }
    if (this.#at.index < last.index || !sameChain(this.#at.chain, last.chain)) this.#loseRest()
    else this.#closeHole(this.#end)
  }

  #follows({ index, term, chain, ...header }: EntryHeader): boolean {
    if (index !== this.#at.index + 1 || index > this.#state.last.index) return false
    return sameChain(nextChain(this.#at.chain, { index, term, ...header }), chain)
  }

  #take(header: EntryHeader): void {
    const { index, term, chain, sizeBytes } = header
    const payload = this.#bytesAt(this.#position + entryHeaderBytes, header.payloadBytes)
    const entry = entryOf(header, chunksOf(payload))
    if (payload.byteLength < header.payloadBytes || verifyPayload(entry) !== undefined) {
      this.#openHole()
    } else {
      this.#closeHole(this.#position)
      this.#firstEntryRead ||= index === this.#state.firstIndex
      if (this.#sinceRow >= rowIntervalBytes) this.#addRow(header)
    }
    this.#advance(header)
    this.#at = { index, term, chain }
    this.#sinceRow += sizeBytes
    this.#position += sizeBytes
  }

  #addRow({ index, appendTimeMs }: EntryHeader): void {
    const offsetBefore = this.#endOffset
    this.rows.push({
      index,
      position: this.#position,
      appendTimeMs,
      previous: this.#at,
      offsetBefore,
    })
    this.#sinceRow = 0
  }

  #advance({ nextOffset, appendTimeMs }: EntryHeader): void {
    if (nextOffset >= 0) this.#endOffset = nextOffset
    this.#appendTimeMs = appendTimeMs
  }

  #openHole(): void {
    this.#hole ??= { before: this.#at, from: this.#position }
    this.#sinceRow = Number.POSITIVE_INFINITY
  }

  #closeHole(to: number, last: LogPoint = this.#at): void {
    if (this.#hole === undefined) return
    const { before, from } = this.#hole
    this.#hole = undefined
    this.holes.push({
      firstIndex: before.index + 1,
      lastIndex: last.index,
      term: last.term,
      before,
      last: { index: last.index, term: last.term, chain: last.chain },
      evidence: 'synced',
      where: 'segment',
      file: this.#file.path,
      from,
      to,
    })
  }

  /** What was found behind a hole and does not end as it must is not believed. */
  #loseRest(): void {
    this.#openHole()
    const { before } = this.#hole!
    while ((this.rows.at(-1)?.index ?? 0) > before.index) this.rows.pop()
    this.#closeHole(this.#state.sizeBytes, this.#state.last)
  }

  /**
   * The next header that may be of this log. The entry itself stays in the hole: without the one
   * before it, it is what the hole is verified against.
   */
  #search(): boolean {
    this.#openHole()
    const { firstIndex, last } = this.#state
    for (let at = this.#position + 1; at + entryHeaderBytes <= this.#end; at += 1) {
      if (!this.#mayBeHeader(at)) continue
      const header = this.#headerAt(at)
      if (header === undefined || header.type === indexBlockType) continue
      if (this.#follows(header)) {
        // Only something between two entries was damaged.
        if (this.#hole!.before.index === this.#at.index) this.#hole = undefined
        this.#position = at
        return true
      }
      const { index, term } = header
      const inRange = index > this.#at.index && index >= firstIndex && index <= last.index
      if (!inRange || term < this.#at.term || term > last.term) continue
      this.#advance(header)
      this.#at = { index, term, chain: header.chain }
      this.#position = at + header.sizeBytes
      return true
    }
    return false
  }

  /** Seven bytes of every entry header are zero: a cheap look before its CRC is computed. */
  #mayBeHeader(at: number): boolean {
    this.#load(at)
    const from = at - this.#windowFrom
    for (let byte = from + 57; byte < from + entryHeaderBytes; byte += 1) {
      if (this.#window[byte] !== 0) return false
    }
    return this.#window[from + 56] !== 0
  }

  #headerAt(position: number): EntryHeader | undefined {
    if (position + entryHeaderBytes > this.#end) return undefined
    this.#load(position)
    const header = decodeEntryHeader(viewOf(this.#window), position - this.#windowFrom)
    return header === undefined || position + header.sizeBytes > this.#end ? undefined : header
  }

  /** Makes a header at the position lie in the window. */
  #load(position: number): void {
    if (position >= this.#windowFrom && position + entryHeaderBytes <= this.#windowTo) return
    this.#windowFrom = position
    const read = readBytesSync(this.#file, this.#window, position)
    this.#window.fill(0, read)
    this.#windowTo = position + windowBytes
  }

  #bytesAt(position: number, length: number): Uint8Array {
    const within = position - this.#windowFrom
    if (within >= 0 && within + length <= windowBytes) {
      return this.#window.subarray(within, within + length)
    }
    const bytes = new Uint8Array(length)
    return bytes.subarray(0, readBytesSync(this.#file, bytes, position))
  }
}
