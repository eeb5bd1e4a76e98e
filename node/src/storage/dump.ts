// Reads the files of a stopped node and gives every retained entry of every group, segments first,
// then the WAL. Changes nothing, not even what a start would repair; verifies header, payload and
// chain of each entry and stops at damage. The caller holds the data lock. For `storage dump` and
// for oracles of a simulation.
import { QuorateError } from '@quorate/protocol'
import type { LogPoint } from '@quorate/raft'
import { chainText } from './chain.ts'
import type { Checkpoint } from './checkpoint.ts'
import type { Disk } from './disk.ts'
import { entryOf, verifyEntry } from './entry-format.ts'
import { EntryScanner } from './entry-scanner.ts'
import { EntryType, type GroupId, type LogEntry } from './log-entry.ts'
import { readStoreSync } from './recovery.ts'
import type { RecoveredReplica } from './replica-recovery.ts'
import type { Segment } from './segment.ts'
import { indexBlockType } from './segment-format.ts'
import type { StorageEvent } from './wal-recovery.ts'

export interface DumpRow {
  readonly group: GroupId
  readonly replicaId: number
  readonly index: number
  readonly term: number
  /** Name of the EntryType. */
  readonly type: string
  readonly appendTimeMs: number
  /** 16 hex digits. */
  readonly chain: string
  /** 8 hex digits. */
  readonly payloadCrc: string
  readonly payloadBytes: number
  /** -1 for entries without records. */
  readonly baseOffset: number
  readonly place: 'segment' | 'wal'
}

export interface DumpedGroup {
  readonly group: GroupId
  readonly replicaId: number
  /** Last index that retention has removed; 0 for none. */
  readonly logStartIndex: number
  readonly lastIndex: number
  readonly term: number
  readonly votedFor: number
  /** The newest readable one. */
  readonly checkpoint: Checkpoint | undefined
  readonly rows: Iterable<DumpRow>
  /** What the rows are of; each walk reads the files again. */
  entries(): Iterable<LogEntry>
}

export interface Dump {
  readonly nodeId: string
  readonly clusterId: string
  /** By topic, then by partition. */
  readonly groups: readonly DumpedGroup[]
  /** Tails that a start would drop, and the like. */
  readonly events: readonly StorageEvent[]
}

const readBytes = 256 * 1024
const typeNames = new Map<number, string>(
  Object.entries(EntryType).map(([name, number]) => [number, name]),
)

/** Throws as `openStorage` does; iterating `rows` throws QUORATE_STORAGE_DAMAGED at damage. */
export function dumpStorage(disk: Disk, folder: string): Dump {
  const store = readStoreSync(disk, folder, 'read')
  for (const file of store.hard.files) file.close()
  for (const { file } of store.wal.files) file.close()
  const groups = store.replicas.map((replica): DumpedGroup => {
    const { log, record } = replica
    return {
      group: record.group,
      replicaId: record.replicaId,
      logStartIndex: log.start.index,
      lastIndex: log.lastIndex,
      ...record.hardState,
      checkpoint: replica.checkpoint,
      rows: rowsOf(disk, replica),
      entries: () => entriesOf(disk, replica),
    }
  })
  groups.sort(
    (one, other) =>
      one.group.topicId - other.group.topicId || one.group.partition - other.group.partition,
  )
  const { nodeId, clusterId } = store.identity
  return { nodeId, clusterId, groups, events: store.events }
}

function* rowsOf(disk: Disk, { log, record, walEntries }: RecoveredReplica): Generator<DumpRow> {
  for (const segment of log.segmentList) {
    for (const entry of segmentEntries(disk, segment)) {
      yield rowOf(record.group, record.replicaId, entry, 'segment')
    }
  }
  for (const { entry } of walEntries) {
    if (entry.missing !== true) yield rowOf(record.group, record.replicaId, entry, 'wal')
  }
}

function* entriesOf(disk: Disk, { log, walEntries }: RecoveredReplica): Generator<LogEntry> {
  for (const segment of log.segmentList) yield* segmentEntries(disk, segment)
  for (const { entry } of walEntries) if (entry.missing !== true) yield entry
}

function* segmentEntries(disk: Disk, segment: Segment): Generator<LogEntry> {
  const [first] = segment.rows
  if (first === undefined) throw damaged(segment, 0, 'nothing of it is readable')
  const file = disk.openSync(segment.path, 'read')
  try {
    let position = first.position
    const scanner = new EntryScanner(position)
    let previous: LogPoint = segment.previous
    while (previous.index < segment.last.index) {
      const scanned = scanner.next()
      if (scanned === undefined) {
        const block = new Uint8Array(Math.min(readBytes, segment.sizeBytes - position))
        if (block.byteLength === 0) throw damaged(segment, position, 'cut off')
        if (file.readSync(block, position) < block.byteLength)
          throw damaged(segment, position, 'short')
        position += block.byteLength
        scanner.feed(block)
        continue
      }
      if (scanned === 'damaged') throw damaged(segment, scanner.position, 'entry header')
      if (scanned.header.type === indexBlockType) continue
      const entry = entryOf(scanned.header, scanned.payload)
      const fault = verifyEntry(previous, entry)
      if (fault !== undefined) throw damaged(segment, scanned.position, fault)
      yield entry
      previous = entry
    }
  } finally {
    file.close()
  }
}

function rowOf(
  group: GroupId,
  replicaId: number,
  entry: LogEntry,
  place: 'segment' | 'wal',
): DumpRow {
  const { index, term, type, appendTimeMs, chain, payloadCrc, payload, baseOffset } = entry
  return {
    group,
    replicaId,
    index,
    term,
    type: typeNames.get(type) ?? String(type),
    appendTimeMs,
    chain: chainText(chain),
    payloadCrc: payloadCrc.toString(16).padStart(8, '0'),
    payloadBytes: payload.byteLength,
    baseOffset,
    place,
  }
}

function damaged(segment: Segment, position: number, what: string): QuorateError {
  const detail = `${segment.path} at byte ${position}: ${what}`
  return new QuorateError('QUORATE_STORAGE_DAMAGED', detail)
}
