// The undamaged part of a WAL, for intact-copies.ts: batches whose directory is readable, in place or
// as the copy in the next one, and the entries in them that are whole. Damage hides what it covers and
// nothing else. Knows nothing of what a start would decide.
import { chunksOf, viewOf } from '@quorate/protocol'
import { chainText } from '../storage/chain.ts'
import {
  decodeEntryHeader,
  entryHeaderBytes,
  entryOf,
  verifyPayload,
} from '../storage/entry-format.ts'
import type { LogEntry } from '../storage/log-entry.ts'
import { replicaName } from '../storage/replica-files.ts'
import { walPath } from '../storage/wal-file.ts'
import {
  announcedBlocks,
  type BatchDirectory,
  blockBytes,
  type DirectoryRecord,
  decodeDirectory,
  decodeWalFileHeader,
  RecordKind,
} from '../storage/wal-format.ts'
import type { DiskImage } from './intact-copies.ts'

export interface IntactWal {
  /** Numbers of the batches that something still names. */
  readonly batches: ReadonlySet<number>
  /** Every file is there, in its whole length and with its header. */
  readonly whole: boolean
  /** By replica folder name. */
  readonly replicas: ReadonlyMap<string, WrittenReplica>
}

export interface WrittenReplica {
  readonly entries: ReadonlyMap<number, string>
  /** Entries that change members, by index. */
  readonly configurations: ReadonlyMap<number, LogEntry>
  readonly known: ReadonlySet<number>
}

interface Batch {
  readonly records: readonly DirectoryRecord[]
  /** Absent when only the copy of its directory is left. */
  readonly payload?: Uint8Array
}

export function readIntactWal(
  image: DiskImage,
  folder: string,
  numbers: readonly number[],
): IntactWal {
  let whole = true
  const batches = new Map<number, Batch>()
  for (const number of numbers) {
    const found = readFile(image.bytes(walPath(folder, number)), number)
    if (found === undefined) {
      whole = false
      continue
    }
    if (!found.whole) whole = false
    const first = found.directories[0]?.batchNumber ?? Number.POSITIVE_INFINITY
    // A file that begins with a number makes what older files hold from that number on void.
    for (const older of batches.keys()) if (older >= first) batches.delete(older)
    for (const { batchNumber, records, payload, previous } of found.directories) {
      batches.set(batchNumber, { records, payload })
      if (previous.fileNumber > 0 && !batches.has(batchNumber - 1)) {
        batches.set(batchNumber - 1, { records: previous.records })
      }
    }
  }
  const replicas = new Map<string, Played>()
  const inOrder = [...batches].sort(([one], [other]) => one - other)
  for (const [, batch] of inOrder) for (const record of batch.records) play(replicas, record, batch)
  return { batches: new Set(batches.keys()), whole, replicas }
}

interface FoundFile {
  readonly whole: boolean
  readonly directories: readonly (BatchDirectory & { readonly payload: Uint8Array })[]
}

function readFile(bytes: Uint8Array | undefined, number: number): FoundFile | undefined {
  const header =
    bytes === undefined ? undefined : decodeWalFileHeader(bytes.subarray(0, blockBytes))
  if (bytes === undefined || typeof header !== 'object') return undefined
  if (header.fileNumber !== number) return undefined
  const directories: (BatchDirectory & { payload: Uint8Array })[] = []
  let position = blockBytes
  while (position + blockBytes <= bytes.byteLength) {
    const blocks = announcedBlocks(bytes.subarray(position, position + blockBytes), number)
    const end = position + (blocks ?? 0) * blockBytes
    const directory =
      blocks === undefined || end > bytes.byteLength
        ? undefined
        : decodeDirectory(bytes.subarray(position, end), number, header.salt)
    if (directory === undefined) {
      position += blockBytes
      continue
    }
    const payload = bytes.subarray(end, end + directory.payloadBytes)
    directories.push({ ...directory, payload })
    position += directory.sizeBytes
  }
  return { whole: bytes.byteLength >= header.sizeBytes, directories }
}

interface Played {
  readonly entries: Map<number, string>
  readonly configurations: Map<number, LogEntry>
  readonly known: Set<number>
}

function play(replicas: Map<string, Played>, record: DirectoryRecord, { payload }: Batch): void {
  const name = replicaName(record)
  let played = replicas.get(name)
  if (played === undefined) {
    played = { entries: new Map(), configurations: new Map(), known: new Set() }
    replicas.set(name, played)
  }
  if (record.kind === RecordKind.dropReplica || record.kind === RecordKind.resetToSnapshot) {
    cutFrom(played, 0)
    return
  }
  if (record.kind === RecordKind.truncateAfter) {
    cutFrom(played, record.index + 1)
    return
  }
  if (!record.copied) cutFrom(played, record.index)
  for (let count = 0; count < record.count; count += 1) played.known.add(record.index + count)
  if (payload !== undefined) playEntries(played, record, payload)
}

function playEntries(played: Played, record: DirectoryRecord, payload: Uint8Array): void {
  const view = viewOf(payload)
  let position = record.position
  for (let count = 0; count < record.count; count += 1) {
    if (position + entryHeaderBytes > payload.byteLength) return
    const header = decodeEntryHeader(view, position)
    if (header === undefined) return
    const from = position + entryHeaderBytes
    const bytes = payload.subarray(from, from + header.payloadBytes)
    const entry = entryOf(header, chunksOf(bytes))
    if (verifyPayload(entry) === undefined) {
      played.entries.set(header.index, chainText(header.chain))
      if (entry.configuration !== undefined) played.configurations.set(header.index, entry)
    }
    position += header.sizeBytes
  }
}

function cutFrom({ entries, configurations, known }: Played, index: number): void {
  for (const each of configurations.keys()) if (each >= index) configurations.delete(each)
  for (const each of entries.keys()) if (each >= index) entries.delete(each)
  for (const each of known) if (each >= index) known.delete(each)
}
