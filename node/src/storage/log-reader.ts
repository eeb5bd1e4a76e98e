// Reads a group's log: from memory at once; else from the WAL or a segment, in pieces through the
// gate for background IO. What comes from disk is verified (header, payload, chain) before it is
// handed on, so damage never spreads to a peer or a reader. One read answers from one medium; the
// caller asks on for more. Previous stop: group-log.ts.
import { QuorateError } from '@quorate/protocol'
import type { LogPoint } from '@quorate/raft'
import type { DiskFile } from './disk.ts'
import { ofDisk } from './disk-error.ts'
import { entryOf, verifyEntry } from './entry-format.ts'
import { EntryScanner } from './entry-scanner.ts'
import type { GroupLogState } from './group-log.ts'
import type { IoGate } from './io-gate.ts'
import type { LogEntry } from './log-entry.ts'
import type { LogHole } from './log-hole.ts'
import type { ReadDone, ReadFrom, ReadLimit, TimedOffset } from './log-view.ts'
import type { OpenFiles } from './open-files.ts'
import type { Pending } from './pending.ts'
import {
  beginOf,
  type Damage,
  damageAt,
  foundInSegment,
  foundInWal,
  holeError,
  mayBeDamage,
  notInside,
} from './read-damage.ts'
import type { Segment } from './segment.ts'
import { type IndexRow, indexBlockType } from './segment-format.ts'
import type { TailRecord } from './tail.ts'

/** Bytes of one background read. */
const readPieceBytes = 256 * 1024
/** Once the device has refused a larger one. */
const carefulPieceBytes = 4096
/** About what lies between two index rows of a segment. */
const smallestPieceBytes = 128 * 1024

/** Where a scan begins, what it wants, and where it must end. */
interface Scan {
  readonly path: string
  readonly from: number
  /** First byte that must not be read. */
  readonly end: number
  readonly previous: LogPoint
  readonly wanted: (entry: LogEntry) => boolean
  readonly limit: ReadLimit
}

export class LogReader {
  readonly #gate: IoGate
  readonly #files: OpenFiles
  readonly #pending: Pending

  constructor(gate: IoGate, files: OpenFiles, pending: Pending) {
    this.#gate = gate
    this.#files = files
    this.#pending = pending
  }

  read(log: GroupLogState, from: ReadFrom, limit: ReadLimit, done: ReadDone): void {
    if (log.dropped) {
      done(new QuorateError('QUORATE_CLOSED', `replica ${log.replicaId} is dropped`), log.start, [])
      return
    }
    if ('offset' in from) this.#readFrom(log, from, limit, notInside(log, from.offset, done))
    else this.#readFrom(log, from, limit, done)
  }

  #readFrom(log: GroupLogState, from: ReadFrom, limit: ReadLimit, done: ReadDone): void {
    const index = 'index' in from ? from.index : indexOfOffset(log, from.offset)
    const below = 'index' in from ? from.index < log.firstIndex : from.offset < log.start.endOffset
    if (below) {
      const where = 'index' in from ? `index ${from.index}` : `offset ${from.offset}`
      done(
        new QuorateError('QUORATE_OFFSET_OUT_OF_RANGE', `${where} is below log start`),
        log.start,
        [],
      )
      return
    }
    if (index !== undefined && (index > log.lastIndex || index > limit.index)) {
      done(undefined, log.pointAt(index - 1) ?? log.base, [])
      return
    }
    const hole = index === undefined ? undefined : log.damaged.at(index)
    if (hole !== undefined) done(holeError(hole), log.base, [])
    else if (index !== undefined && index >= log.cachedFrom) readMemory(log, index, limit, done)
    else if (index !== undefined && log.tail.get(index)?.file !== undefined) {
      this.#readWal(log, log.tail.get(index)!, limit, done)
    } else this.#readSegment(log, from, limit, done)
  }

  /** Reads what may be damaged, so that it becomes a hole; what is one already is left out. */
  probe(log: GroupLogState, firstIndex: number, lastIndex: number): void {
    let index = firstIndex
    for (let hole = log.damaged.at(index); hole !== undefined; hole = log.damaged.at(index)) {
      index = hole.lastIndex + 1
    }
    if (index <= lastIndex) this.read(log, { index }, { index, bytes: 1 }, () => {})
  }

  /** Reads the bytes of a hole whose place is known once more; undefined: they are not its entries. */
  reread(log: GroupLogState, hole: LogHole, done: (entries?: readonly LogEntry[]) => void): void {
    const { file: path, before, firstIndex, lastIndex, to: end } = hole
    const limit = { index: lastIndex, bytes: Number.POSITIVE_INFINITY }
    const from = beginOf(hole)
    const scan: Scan = { path, from, end, previous: before!, wanted: () => true, limit }
    const read = (file: DiskFile, release: () => void): void =>
      this.#scanFile(file, scan, (damage, _previous, entries) => {
        release()
        done(damage === undefined ? entries : undefined)
      })
    if (hole.where === 'segment') {
      this.#files.acquire(path, (error, file, release) => {
        if (error === undefined) read(file, release)
        else done()
      })
      return
    }
    const file = log.tail.get(firstIndex)!.file!
    file.readers += 1
    const ended = this.#pending.begin()
    read(file.file, () => {
      file.readers -= 1
      ended()
    })
  }

  offsetAtTime(
    log: GroupLogState,
    timeMs: number,
    limitIndex: number,
    done: (error: QuorateError | undefined, found: TimedOffset | undefined) => void,
  ): void {
    const { before } = log.tail
    const segment = log.segmentList.find((each) => each.last.appendTimeMs >= timeMs)
    // The tail decides when everything before it is too old.
    if (segment !== undefined && before.appendTimeMs >= timeMs && before.index > log.start.index) {
      this.#timeInSegment(log, segment, timeMs, limitIndex, done)
      return
    }
    let index = log.tail.indexAtTime(timeMs)
    for (; index !== undefined && index <= Math.min(limitIndex, log.lastIndex); index += 1) {
      const record = log.tail.get(index)!
      const before = log.markBefore(index).endOffset
      if (record.endOffset > before) {
        done(undefined, { offset: before, appendTimeMs: record.appendTimeMs })
        return
      }
    }
    done(undefined, undefined)
  }

  #timeInSegment(
    log: GroupLogState,
    segment: Segment,
    timeMs: number,
    limitIndex: number,
    done: (error: QuorateError | undefined, found: TimedOffset | undefined) => void,
  ): void {
    const row = segment.rowOfTime(timeMs)
    if (row === undefined) {
      done(holeError(log.damaged.at(segment.firstIndex)!), undefined)
      return
    }
    const scan = scanOf(segment, row, { index: limitIndex, bytes: 1 }, (entry) => {
      return entry.appendTimeMs >= timeMs && entry.nextOffset >= 0
    })
    this.#scan(log, segment, scan, (error, _previous, entries) => {
      const entry = entries[0]
      if (error !== undefined) done(error, undefined)
      else if (entry !== undefined) {
        done(undefined, { offset: entry.baseOffset, appendTimeMs: entry.appendTimeMs })
      } else if (segment.last.index >= limitIndex) done(undefined, undefined)
      // Only entries without records are left in this segment: the first later one will do.
      else this.offsetAtTime(log, segment.last.appendTimeMs + 1, limitIndex, done)
    })
  }

  /** Records that lie one behind the other in one WAL file. */
  #readWal(log: GroupLogState, first: TailRecord, limit: ReadLimit, done: ReadDone): void {
    const file = first.file!
    let end = first.position + first.sizeBytes
    let last = first
    for (let index = first.index + 1; index <= Math.min(limit.index, log.lastIndex); index += 1) {
      const record = log.tail.get(index)!
      if (record.file !== file || record.position !== end || record.isMissing) break
      if (end + record.sizeBytes - first.position > limit.bytes) break
      end += record.sizeBytes
      last = record
    }
    file.readers += 1
    const ended = this.#pending.begin()
    const scan: Scan = {
      path: file.path,
      from: first.position,
      end,
      previous: log.markBefore(first.index),
      wanted: () => true,
      limit: { index: last.index, bytes: limit.bytes },
    }
    this.#scanFile(file.file, scan, (damage, previous, entries) => {
      file.readers -= 1
      ended()
      if (damage !== undefined) foundInWal(log, damage)
      done(damage === undefined ? undefined : damage.error, previous, entries)
    })
  }

  #readSegment(log: GroupLogState, from: ReadFrom, limit: ReadLimit, done: ReadDone): void {
    const segment = log.segmentList.find((each) =>
      'index' in from ? each.last.index >= from.index : each.last.endOffset > from.offset,
    )
    if (segment === undefined) {
      // Between segment and memory nothing may be missing.
      done(damaged(`${log.key} holds nothing at ${JSON.stringify(from)}`), log.base, [])
      return
    }
    const row = 'index' in from ? segment.rowOfIndex(from.index) : segment.rowOfOffset(from.offset)
    // The next damage that is known ends the read: what comes before it can be had.
    const next = log.damaged.after((row?.index ?? segment.firstIndex) - 1)
    if (row === undefined || (next !== undefined && next.firstIndex <= row.index)) {
      done(holeError(next!), log.base, [])
      return
    }
    const wanted =
      'index' in from
        ? (entry: LogEntry) => entry.index >= from.index
        : (entry: LogEntry) => entry.nextOffset > from.offset
    const end = next === undefined || next.firstIndex > segment.last.index ? undefined : next
    const capped =
      end === undefined ? limit : { ...limit, index: Math.min(limit.index, end.firstIndex - 1) }
    this.#scan(log, segment, scanOf(segment, row, capped, wanted), (error, previous, entries) => {
      const isEmpty = error === undefined && entries.length === 0 && end !== undefined
      const isAtHole = isEmpty && limit.index >= end.firstIndex
      done(isAtHole ? holeError(end) : error, previous, entries)
    })
  }

  #scan(log: GroupLogState, segment: Segment, scan: Scan, done: ReadDone): void {
    const damagedAt = (damage: Damage): void => {
      foundInSegment(log, segment, damage)
      done(damage.error, scan.previous, [])
    }
    this.#files.acquire(scan.path, (error, file, release) => {
      if (error !== undefined) {
        if (log.dropped) done(closed(log), scan.previous, [])
        else if (!mayBeDamage(error)) done(ofDisk(error), scan.previous, [])
        else damagedAt(damageAt(scan, scan.previous, scan.from, error.message))
        return
      }
      this.#scanFile(file, scan, (damage, previous, entries) => {
        release()
        if (damage === undefined) done(undefined, previous, entries)
        else damagedAt(damage)
      })
    })
  }

  #scanFile(file: DiskFile, scan: Scan, done: ScanDone): void {
    const scanner = new EntryScanner(scan.from)
    const collector = new Collector(scan)
    let position = scan.from
    let pieceBytes = readPieceBytes
    const next = (): void => {
      if (position >= scan.end) {
        done(collector.atEnd(scanner.position), collector.previous, collector.entries)
        return
      }
      const wished = Math.max(scanner.missingBytes, scan.limit.bytes, smallestPieceBytes)
      // A careful read does not reach into the device's next block: that may be the bad one.
      const pieceEnd = pieceBytes - (pieceBytes === carefulPieceBytes ? position % pieceBytes : 0)
      const length = Math.min(wished, pieceEnd)
      const into = new Uint8Array(Math.min(length, scan.end - position))
      this.#gate.run((release) => {
        file.read(into, position, (error, read) => {
          release()
          if (error !== undefined && into.byteLength > carefulPieceBytes) {
            // One bad place must not take its neighbours along.
            pieceBytes = carefulPieceBytes
            next()
            return
          }
          // What the device does not give is other bytes than were written.
          into.fill(0, error === undefined ? read : 0)
          position += into.byteLength
          scanner.feed(into)
          const outcome = collector.collect(scanner)
          if (outcome === 'more') next()
          else done(outcome, collector.previous, outcome === undefined ? collector.entries : [])
        })
      })
    }
    next()
  }
}

type ScanDone = (
  damage: Damage | undefined,
  previous: LogPoint,
  entries: readonly LogEntry[],
) => void

/** Takes verified entries from a scanner until the limits of the scan are reached. */
class Collector {
  readonly entries: LogEntry[] = []
  /** The point before the first entry taken, or the last one seen. */
  previous: LogPoint
  #last: LogPoint
  #bytes = 0
  readonly #scan: Scan

  constructor(scan: Scan) {
    this.#scan = scan
    this.previous = scan.previous
    this.#last = scan.previous
  }

  /** Undefined: finished. `more`: the scanner needs bytes. */
  collect(scanner: EntryScanner): Damage | 'more' | undefined {
    const { limit, wanted } = this.#scan
    for (;;) {
      if (this.#last.index >= limit.index) return undefined
      const scanned = scanner.next()
      if (scanned === undefined) return 'more'
      if (scanned === 'damaged') return this.damaged(scanner.position, 'entry header')
      if (scanned.header.type === indexBlockType) continue
      const entry = entryOf(scanned.header, scanned.payload)
      const fault = verifyEntry(this.#last, entry)
      if (fault !== undefined) return this.damaged(scanned.position, fault, entry)
      if (this.entries.length > 0 || wanted(entry)) {
        if (this.entries.length > 0 && this.#bytes + entry.sizeBytes > limit.bytes) return undefined
        this.entries.push(entry)
        this.#bytes += entry.sizeBytes
      } else this.previous = entry
      this.#last = entry
    }
  }

  atEnd(position: number): Damage | undefined {
    return position === this.#scan.end ? undefined : this.damaged(position, 'cut off')
  }

  damaged(position: number, what: string, entry?: LogEntry): Damage {
    return damageAt(this.#scan, this.#last, position, what, entry)
  }
}

function readMemory(log: GroupLogState, index: number, limit: ReadLimit, done: ReadDone): void {
  const entries: LogEntry[] = []
  let bytes = 0
  const last = Math.min(limit.index, log.lastIndex)
  for (let each = index; each <= last; each += 1) {
    const entry = log.tail.get(each)!.entry!
    if (entry.missing === true) break
    bytes += entry.sizeBytes
    if (entries.length > 0 && bytes > limit.bytes) break
    entries.push(entry)
  }
  done(undefined, log.markBefore(index), entries)
}

/** Undefined: the offset lies in a segment. */
function indexOfOffset(log: GroupLogState, offset: number): number | undefined {
  if (offset < log.tail.before.endOffset) return undefined
  return log.tail.indexOfOffset(offset) ?? log.lastIndex + 1
}

function scanOf(
  segment: Segment,
  row: IndexRow,
  limit: ReadLimit,
  wanted: (entry: LogEntry) => boolean,
): Scan {
  const { path, sizeBytes, last } = segment
  const { position, previous } = row
  const index = Math.min(limit.index, last.index)
  return { path, from: position, end: sizeBytes, previous, wanted, limit: { ...limit, index } }
}

function closed(log: GroupLogState): QuorateError {
  return new QuorateError('QUORATE_CLOSED', `replica ${log.replicaId} is dropped`)
}

function damaged(detail: string): QuorateError {
  return new QuorateError('QUORATE_STORAGE_DAMAGED', detail)
}
