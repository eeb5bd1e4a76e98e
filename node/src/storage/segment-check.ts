// Checks the bytes of one segment file from its first to its last: header, every entry with payload
// CRC and chain, every index block, and that it ends as the manifest says. Goes on behind damage at
// the next place that the sparse index knows. Takes the bytes in pieces of any size, in order; does
// no IO and repairs nothing. Fed by verify.ts and scrubber.ts.
import { joinChunks } from '@quorate/protocol'
import type { LogPoint } from '@quorate/raft'
import { nextChain, sameChain } from './chain.ts'
import { type EntryHeader, entryOf, verifyEntry } from './entry-format.ts'
import { EntryScanner, type ScannedEntry } from './entry-scanner.ts'
import type { Segment, SegmentOwner } from './segment.ts'
import {
  decodeIndexBlock,
  decodeSegmentHeader,
  indexBlockType,
  segmentHeaderBytes,
} from './segment-format.ts'
import { blockBytes } from './wal-format.ts'

/** A range of bytes that is not what was written; with the entries that lie in it, if any do. */
export interface DamagedRange {
  readonly from: number
  readonly to: number
  readonly firstIndex?: number
  readonly lastIndex?: number
  readonly detail: string
}

export class SegmentCheck {
  readonly damage: DamagedRange[] = []
  /** Bytes that count: what lies behind them is left over from a crash. */
  readonly sizeBytes: number
  readonly #segment: Segment
  readonly #owner: SegmentOwner
  readonly #last: LogPoint
  readonly #header = new Uint8Array(blockBytes)
  #fed = 0
  #scanner = new EntryScanner(blockBytes)
  /** The last entry whose identifier is known. */
  #at: LogPoint
  /** Bytes before this position are passed over. */
  #skipTo = blockBytes
  /** The damage reaches to the end: nothing behind it is known. */
  #lost = false

  constructor(segment: Segment, owner: SegmentOwner) {
    this.#segment = segment
    this.#owner = owner
    this.#last = segment.last
    this.sizeBytes = segment.sizeBytes
    this.#at = segment.previous
  }

  /** The next bytes of the file; the check keeps references to them. */
  feed(bytes: Uint8Array): void {
    const from = this.#fed
    this.#fed += bytes.byteLength
    if (from < blockBytes) {
      this.#header.set(bytes.subarray(0, blockBytes - from), from)
      if (this.#fed >= blockBytes) this.#checkHeader()
    }
    if (this.#lost || this.#fed <= this.#skipTo) return
    this.#scanner.feed(bytes.subarray(Math.max(this.#skipTo - from, 0)))
    for (;;) {
      const scanned = this.#scanner.next()
      if (scanned === undefined) return
      const fault = scanned === 'damaged' ? 'entry header' : this.#check(scanned)
      if (fault === undefined) continue
      const position = scanned === 'damaged' ? this.#scanner.position : scanned.position
      this.#loseFrom(position, fault, from)
      if (this.#lost || this.#skipTo >= this.#fed) return
      this.#scanner.feed(bytes.subarray(this.#skipTo - from))
    }
  }

  /** After the last byte. */
  finish(): void {
    if (this.#lost) return
    const { index, chain } = this.#at
    const whole = index === this.#last.index && sameChain(chain, this.#last.chain)
    const position = Math.max(this.#scanner.position, this.#skipTo)
    if (!whole) this.#loseToEnd(position, 'cut off')
    else if (position < this.sizeBytes) {
      this.damage.push({ from: position, to: this.sizeBytes, detail: 'cut off in an index block' })
    }
  }

  #checkHeader(): void {
    const header = decodeSegmentHeader(this.#header)
    if (typeof header !== 'object') {
      this.damage.push({ from: 0, to: blockBytes, detail: 'file header' })
      return
    }
    const { identity, group, replicaId } = this.#owner
    const same =
      header.identity.clusterId === identity.clusterId &&
      header.identity.incarnation === identity.incarnation &&
      header.group.topicId === group.topicId &&
      header.group.partition === group.partition &&
      header.replicaId === replicaId &&
      header.previous.index === this.#at.index &&
      sameChain(header.previous.chain, this.#at.chain)
    if (!same) this.#loseToEnd(0, 'it belongs to another log')
    else if (this.#header.subarray(segmentHeaderBytes).some((byte) => byte !== 0)) {
      this.damage.push({ from: segmentHeaderBytes, to: blockBytes, detail: 'padding' })
    }
  }

  /** What is wrong, when nothing behind it can be believed. */
  #check(scanned: ScannedEntry): string | undefined {
    const { header, payload, position } = scanned
    if (header.type === indexBlockType) {
      if (decodeIndexBlock(header, joinChunks(payload)) === undefined) {
        this.damage.push({ from: position, to: this.#scanner.position, detail: 'index block' })
      }
      return undefined
    }
    if (header.index > this.#last.index) return `entry ${header.index} behind the last one`
    const fault = verifyEntry(this.#at, entryOf(header, payload))
    if (fault !== undefined) {
      if (!this.#follows(header)) return fault
      const { index } = header
      const range = { from: position, to: this.#scanner.position }
      this.#add({ ...range, firstIndex: index, lastIndex: index, detail: fault })
    }
    const { index, term, chain } = header
    this.#at = { index, term, chain }
    return undefined
  }

  #follows({ index, term, chain, ...fields }: EntryHeader): boolean {
    const next = nextChain(this.#at.chain, { index, term, ...fields })
    return index === this.#at.index + 1 && sameChain(next, chain)
  }

  /** `held`: where the bytes begin that are at hand; a row before them cannot be gone back to. */
  #loseFrom(position: number, detail: string, held: number): void {
    const row = this.#segment.rows.find(
      (each) => each.position > position && each.position >= held && each.index <= this.#last.index,
    )
    if (row === undefined) {
      this.#loseToEnd(position, detail)
      return
    }
    this.#lose(position, row.position, row.index - 1, detail)
    this.#at = row.previous
    this.#skipTo = row.position
    this.#scanner = new EntryScanner(row.position)
  }

  #loseToEnd(from: number, detail: string): void {
    this.#lost = true
    this.#lose(from, this.sizeBytes, this.#last.index, detail)
  }

  /** An index block may be lost without an entry. */
  #lose(from: number, to: number, lastIndex: number, detail: string): void {
    const firstIndex = this.#at.index + 1
    const range = { from, to, detail }
    this.#add(firstIndex > lastIndex ? range : { ...range, firstIndex, lastIndex })
  }

  /** What lies without a gap behind known damage is one range with it. */
  #add(range: DamagedRange): void {
    const before = this.damage.at(-1)
    const joins =
      before?.to === range.from &&
      before.lastIndex !== undefined &&
      range.firstIndex === before.lastIndex + 1
    if (!joins) this.damage.push(range)
    else {
      const { to, lastIndex = before.lastIndex } = range
      this.damage[this.damage.length - 1] = { ...before, to, lastIndex }
    }
  }
}
