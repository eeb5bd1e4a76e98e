// What a read does when it meets damage: finds the range that cannot be read, as exactly as the index
// of the file tells, and enters it as a hole into the log, from where it is repaired; and takes it
// out again when a later read got the entries. Decides nothing about repair. Used by log-reader.ts
// and replica-repair.ts.
import { QuorateError } from '@quorate/protocol'
import type { LogPoint } from '@quorate/raft'
import { nextChain, sameChain } from './chain.ts'
import type { DiskError } from './disk.ts'
import type { GroupLogState } from './group-log.ts'
import type { LogEntry } from './log-entry.ts'
import type { LogHole } from './log-hole.ts'
import type { ReadDone } from './log-view.ts'
import type { Segment } from './segment.ts'
import { blockBytes } from './wal-format.ts'

export interface Damage {
  readonly error: QuorateError
  /** The entry before the first one that cannot be read. */
  readonly before: LogPoint
  readonly position: number
  /** Its header is whole and follows, so that its identifier is known. */
  readonly entry: LogEntry | undefined
}

/** `entry`: what stood there, with a whole header. */
export function damageAt(
  place: { readonly path: string },
  before: LogPoint,
  position: number,
  what: string,
  entry?: LogEntry,
): Damage {
  const detail = `${place.path} at byte ${position}: entry ${before.index + 1}: ${what}`
  const follows = entry !== undefined && isNext(before, entry)
  return {
    error: new QuorateError('QUORATE_STORAGE_DAMAGED', detail),
    before: { index: before.index, term: before.term, chain: before.chain },
    position,
    entry: follows ? entry : undefined,
  }
}

function isNext(before: LogPoint, entry: LogEntry): boolean {
  const { index, term, type, appendTimeMs, payloadCrc } = entry
  if (index !== before.index + 1) return false
  const payloadBytes = entry.payload.byteLength
  const fields = { index, term, type, appendTimeMs, payloadBytes, payloadCrc }
  return sameChain(nextChain(before.chain, fields), entry.chain)
}

export function holeError({ file, from, to, firstIndex, lastIndex }: LogHole): QuorateError {
  const detail = `${file}: bytes ${from}..${to}: entries ${firstIndex}..${lastIndex} are unreadable`
  return new QuorateError('QUORATE_STORAGE_DAMAGED', detail)
}

/** Errors of the device itself; running out of descriptors says nothing about the data. */
export function mayBeDamage({ code }: DiskError): boolean {
  return code === 'EIO' || code === 'ENOENT'
}

export function foundInSegment(log: GroupLogState, segment: Segment, damage: Damage): void {
  if (log.dropped || !log.segmentList.includes(segment)) return
  const { before, position, entry } = damage
  const { last: end } = segment
  if (before.index >= end.index) return
  const row = segment.rowAfter(before.index + 1)
  let last: LogPoint = row?.previous ?? end
  let to = row?.position ?? segment.sizeBytes
  if (entry !== undefined) {
    const { index, term, chain, appendTimeMs } = entry
    last = { index, term, chain }
    to = position + entry.sizeBytes
    if (index < end.index) {
      // The next entry is no earlier than this one, in offset and in time.
      const offsetBefore =
        entry.nextOffset >= 0 ? entry.nextOffset : segment.rowOfIndex(index)!.offsetBefore
      segment.addRow({ index: index + 1, position: to, appendTimeMs, previous: last, offsetBefore })
    }
  }
  const hole: LogHole = {
    firstIndex: before.index + 1,
    lastIndex: last.index,
    term: last.term,
    before,
    last: { index: last.index, term: last.term, chain: last.chain },
    evidence: 'synced',
    where: 'segment',
    file: segment.path,
    from: position,
    to,
  }
  if (log.damaged.addInSegment(hole)) log.owner.holeFound(log, hole)
}

/** In the WAL each entry's place and identifier are in memory. */
export function foundInWal(log: GroupLogState, { before }: Damage): void {
  const index = before.index + 1
  const record = log.tail.get(index)
  if (log.dropped || record?.file === undefined || record.isMissing) return
  const { file, position, sizeBytes } = record
  const to = position + sizeBytes
  log.damaged.addInWal(index, { evidence: 'synced', fileNumber: file.number, from: position, to })
  log.owner.holeFound(log, log.damaged.at(index)!)
}

/** Where the first entry of a hole should lie. */
export function beginOf({ where, from }: LogHole): number {
  // A segment that is lost as a whole begins with its header.
  return where === 'segment' ? Math.max(from, blockBytes) : from
}

/**
 * Whether the bytes of the hole may still be read. In the WAL only for an entry whose loss a read
 * found: what a start finds, and what was copied forward since, is kept by identifier only.
 */
export function isPlaceKnown(log: GroupLogState, hole: LogHole): boolean {
  const { where, before, file, from, to, firstIndex, lastIndex } = hole
  if (before === undefined || where === 'checkpoint') return false
  if (where === 'segment') return true
  const record = log.tail.get(firstIndex)!
  const isThere = record.file?.path === file && record.position === from
  return isThere && record.sizeBytes === to - from && lastIndex === firstIndex
}

/** The bytes of the hole hold these entries after all; its place is known. */
export function readableAgain(
  log: GroupLogState,
  hole: LogHole,
  entries: readonly LogEntry[],
): void {
  if (hole.where === 'wal') {
    log.damaged.removeInWal(hole.firstIndex)
    return
  }
  const segment = log.segmentList.find(({ path }) => path === hole.file)!
  const { index, appendTimeMs } = entries[0]!
  const offsetBefore =
    entries.find(({ nextOffset }) => nextOffset >= 0)?.baseOffset ??
    segment.rowAfter(hole.lastIndex)?.offsetBefore ??
    segment.last.endOffset
  // Without it nothing before the hole might lead into it.
  const position = beginOf(hole)
  segment.addRow({ index, position, appendTimeMs, previous: hole.before!, offsetBefore })
  log.damaged.removeInSegment(hole)
}

/** A read by offset that begins behind a hole would pass over what the hole holds. */
export function notInside(log: GroupLogState, offset: number, done: ReadDone): ReadDone {
  return (error, previous, entries) => {
    const first = entries.find(({ nextOffset }) => nextOffset >= 0)
    const hole =
      first !== undefined && first.baseOffset > offset
        ? log.damaged.at(entries[0]!.index - 1)
        : undefined
    if (hole === undefined) done(error, previous, entries)
    else done(holeError(hole), previous, [])
  }
}
