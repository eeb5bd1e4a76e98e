// What replicas ask each other to fill holes, and the answer: entries as they lie on disk, header and
// payload. Bytes of another process: nothing is believed of them here but their lengths; the asker
// verifies content and chain (repair-driver.ts). Previous stop: the mesh.
import {
  ChunkCursor,
  type Chunks,
  chunksOf,
  emptyChunks,
  joinChunks,
  readUint64,
  viewOf,
  writeUint64,
} from '@quorate/protocol'
import {
  decodeEntryHeader,
  encodeEntryHeader,
  entryHeaderBytes,
  entryOf,
} from '../storage/entry-format.ts'
import { EntryType, type GroupKey, type LogEntry } from '../storage/log-entry.ts'

/** A question between nodes (handlers/node-requests.ts has the others), answered in bytes. */
export const entriesQuestion = 'entries'

export interface EntriesWanted {
  readonly group: GroupKey
  readonly fromIndex: number
  /** The answer may end before. */
  readonly lastIndex: number
}

/** Undefined when it is none. */
export function readWanted(body: Readonly<Record<string, unknown>>): EntriesWanted | undefined {
  const { group, fromIndex, lastIndex } = body
  if (typeof group !== 'string' || !isIndex(fromIndex) || !isIndex(lastIndex)) return undefined
  return fromIndex <= lastIndex ? { group, fromIndex, lastIndex } : undefined
}

function isIndex(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0
}

/** What a node has of the entries that were asked for. */
export interface EntriesFound {
  /** From the first one on; perhaps none. */
  readonly entries: readonly LogEntry[]
  /** It keeps nothing up to here any more, by a committed entry; 0: what was asked is above that. */
  readonly retiredThrough: number
}

const retiredBytes = 8

/** Shorter than an entry: whoever knows nothing of it takes it for no entries. */
export function encodeRetired(throughIndex: number): Chunks {
  const bytes = new Uint8Array(retiredBytes)
  writeUint64(viewOf(bytes), 0, throughIndex)
  return chunksOf(bytes)
}

/** Undefined when it is no answer. */
export function decodeFound(bytes: Chunks): EntriesFound | undefined {
  if (bytes.byteLength === retiredBytes) {
    const view = viewOf(joinChunks(bytes))
    const isSafe = view.getUint32(0) <= Math.floor(Number.MAX_SAFE_INTEGER / 2 ** 32)
    return isSafe ? { entries: [], retiredThrough: readUint64(view, 0) } : undefined
  }
  const entries = decodeEntries(bytes)
  return entries === undefined ? undefined : { entries, retiredThrough: 0 }
}

export function encodeEntries(entries: readonly LogEntry[]): Chunks {
  if (entries.length === 0) return emptyChunks
  const pieces: Uint8Array[] = []
  for (const entry of entries) pieces.push(encodeEntryHeader(entry), ...entry.payload.pieces)
  return chunksOf(...pieces)
}

/** Undefined when these are no entries. */
export function decodeEntries(bytes: Chunks): readonly LogEntry[] | undefined {
  const cursor = new ChunkCursor(bytes)
  const entries: LogEntry[] = []
  while (cursor.remaining > 0) {
    if (cursor.remaining < entryHeaderBytes) return undefined
    const header = decodeEntryHeader(viewOf(cursor.takeJoined(entryHeaderBytes)), 0)
    if (header === undefined || !knownTypes.has(header.type)) return undefined
    if (header.payloadBytes > cursor.remaining) return undefined
    entries.push(entryOf(header, cursor.take(header.payloadBytes)))
  }
  return entries
}

const knownTypes: ReadonlySet<number> = new Set(Object.values(EntryType))
