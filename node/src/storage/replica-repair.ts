// Fills holes of a replica's log with the entries another replica sent: verifies them against the
// hole once more, puts them into the WAL or has the segment written again. Or reads the hole's bytes
// once more: if they are its entries now, nothing has to be written. A hole is gone only when its
// entries are on disk. Decides nothing about where entries come from. Used by node-storage.ts.
import { QuorateError } from '@quorate/protocol'
import type { LogPoint } from '@quorate/raft'
import { sameChain } from './chain.ts'
import type { DamageBook } from './damage-reports.ts'
import type { EntryCache } from './entry-cache.ts'
import { verifyEntry, verifyPayload } from './entry-format.ts'
import type { GroupLogState } from './group-log.ts'
import type { LogEntry } from './log-entry.ts'
import { type LogHole, takesPart } from './log-hole.ts'
import { PersistStep } from './persist-order.ts'
import { isPlaceKnown, readableAgain } from './read-damage.ts'
import type { Replica } from './replica.ts'
import type { Done } from './storage.ts'
import type { StorageParts } from './storage-parts.ts'
import { feedWal } from './wal-feed.ts'

export interface RepairOwner {
  readonly cache: EntryCache
  readonly damage: DamageBook
}

export function repairHole(
  parts: StorageParts,
  replica: Replica,
  wanted: LogHole,
  entries: readonly LogEntry[],
  owner: RepairOwner,
  done: Done,
): void {
  const { log } = replica
  const hole = log.damaged.find(wanted)
  if (hole === undefined) {
    later(parts, () => done())
    return
  }
  const fault = faultOf(hole, entries)
  if (fault !== undefined) {
    const detail = `${log.key}: ${fault} does not fill ${hole.firstIndex}..${hole.lastIndex}`
    later(parts, () => done(new QuorateError('QUORATE_INVALID_ARGUMENT', detail)))
    return
  }
  const isWhole = entries.at(-1)!.index === hole.lastIndex
  const finish: Done = (error) => {
    if (error === undefined && isWhole) filled(parts, log, hole, owner.damage)
    done(error)
  }
  if (hole.where === 'wal') fillInWal(parts, replica, entries, owner, finish)
  else fillInSegment(parts, log, hole, entries, finish)
}

/** The entries of the hole, which is gone then; none when its bytes still cannot be read. */
export function rereadHole(
  parts: StorageParts,
  { log }: Replica,
  wanted: LogHole,
  damage: DamageBook,
  done: (entries?: readonly LogEntry[]) => void,
): void {
  const present = (): LogHole | undefined => {
    const hole = log.damaged.find(wanted)
    return hole !== undefined && isPlaceKnown(log, hole) ? hole : undefined
  }
  const hole = present()
  if (hole === undefined) {
    later(parts, () => done())
    return
  }
  parts.reader.reread(log, hole, (entries) => {
    const still = log.dropped ? undefined : present()
    const isAll = (hole: LogHole) => entries?.length === sizeOf(hole)
    if (entries === undefined || still === undefined || !isAll(still) || faultOf(still, entries)) {
      done()
      return
    }
    readableAgain(log, still, entries)
    filled(parts, log, still, damage)
    done(entries)
  })
}

/** What is wrong with the entries; undefined when they are those of the hole, or its first ones. */
function faultOf(hole: LogHole, entries: readonly LogEntry[]): string | undefined {
  if (hole.where === 'checkpoint') return 'an entry'
  const { firstIndex, before, last } = hole
  const isPart = entries.length > 0 && entries.length < sizeOf(hole) && takesPart(hole)
  if (entries.length !== sizeOf(hole) && !isPart) return `${entries.length} entries`
  let previous: LogPoint | undefined = before
  for (const [position, entry] of entries.entries()) {
    if (entry.index !== firstIndex + position || entry.missing === true) {
      return `entry ${entry.index}`
    }
    const fault = previous === undefined ? verifyPayload(entry) : verifyEntry(previous, entry)
    if (fault !== undefined) return fault
    if (isPart && entry.term !== hole.term) return `entry ${entry.index} of term ${entry.term}`
    previous = entry
  }
  if (isPart) return undefined
  const { term, chain } = entries.at(-1)!
  return term === last.term && sameChain(chain, last.chain) ? undefined : 'another chain'
}

function sizeOf({ firstIndex, lastIndex }: LogHole): number {
  return lastIndex - firstIndex + 1
}

/** Behind what was asked for before; a truncation that comes later takes them along. */
function fillInWal(
  parts: StorageParts,
  replica: Replica,
  entries: readonly LogEntry[],
  owner: RepairOwner,
  done: Done,
): void {
  const { log, order } = replica
  for (const entry of entries) {
    log.tail.get(entry.index)!.coming = entry
    parts.walActor.metrics.pendingBytes += entry.sizeBytes
  }
  const work = { truncateAfter: undefined, cut: [], entries, copied: true }
  const step = new PersistStep(
    done,
    () => {
      feedWal(parts, log, work, () => {
        owner.cache.added(log, log.fill(entries))
        order.settle(step)
      })
    },
    false,
  )
  order.add(step)
}

function fillInSegment(
  parts: StorageParts,
  log: GroupLogState,
  hole: LogHole,
  entries: readonly LogEntry[],
  done: Done,
): void {
  const { firstIndex, lastIndex } = hole
  const segment = log.segmentList.find(({ last }) => last.index >= firstIndex)!
  const others = log.damaged
    .all()
    .filter(({ firstIndex: first }) => first >= segment.firstIndex && first <= segment.last.index)
  if (others.length > 1) {
    // The file is written whole: it takes all that is missing, and what lies between.
    const joined = log.damaged.joinInSegment(others)
    const range = `${joined.firstIndex}..${joined.lastIndex}`
    const detail = `${log.key}: ${firstIndex}..${lastIndex} is part of ${range} now`
    later(parts, () => done(new QuorateError('QUORATE_INVALID_ARGUMENT', detail)))
    return
  }
  parts.segments.reply({ type: 'repair', task: { log, segment, hole, entries, done } })
}

function filled(
  { settings }: StorageParts,
  log: GroupLogState,
  hole: LogHole,
  damage: DamageBook,
): void {
  settings.probe.reached('storage.hole-filled')
  damage.repaired(log, hole)
}

function later(parts: StorageParts, run: () => void): void {
  parts.segments.reply({ type: 'continue', run })
}
