// Raft messages and log entries for the tests of the mesh: arbitrary ones, and a few at hand.
import {
  batchHeaderBytes,
  type Chunks,
  chunksOf,
  encodeBatch,
  readBatchHeader,
  stampBatch,
} from '@quorate/protocol'
import type { Holding, LogPoint, RaftMessage } from '@quorate/raft'
import fc from 'fast-check'
import { makeEntry } from '../../src/storage/entry-format.ts'
import { EntryType, type LogEntry } from '../../src/storage/log-entry.ts'

export type Message = RaftMessage<LogEntry>

export const logStart: LogPoint = { index: 0, term: 0, chain: { high: 0, low: 0 } }

/** A record batch with one value of this size as the entry after `previous`. */
export function recordsEntry(previous: LogPoint, term: number, valueBytes: number): LogEntry {
  const value = new Uint8Array(valueBytes).fill(term % 251)
  const fields = { producerId: -1, producerEpoch: -1, baseSequence: -1 }
  const batch = encodeBatch([{ key: null, value, timestampMs: 1_700_000_000_000 }], fields)
  const payload = stampBatch(chunksOf(batch), previous.index, term)
  const recordsHeader = readBatchHeader(payload)
  const type = EntryType.records
  return makeEntry(previous, {
    term,
    type,
    appendTimeMs: 1_700_000_000_000,
    payload,
    recordsHeader,
  })
}

export function commandEntry(previous: LogPoint, term: number, payload: Chunks): LogEntry {
  return makeEntry(previous, { term, type: EntryType.metadata, appendTimeMs: 5, payload })
}

export function entriesAfter(
  previous: LogPoint,
  term: number,
  sizes: readonly number[],
): LogEntry[] {
  const entries: LogEntry[] = []
  for (const size of sizes) entries.push(recordsEntry(entries.at(-1) ?? previous, term, size))
  return entries
}

const index = fc.nat({ max: 2 ** 31 - 1 })
const uint53 = fc.maxSafeNat()
const uint32 = fc.nat({ max: 0xffff_ffff })
const session = fc.integer({ min: 1, max: 0xffff_ffff })
const extent = fc.record({ index: uint53, term: uint53 })

const append = fc
  .record({
    previous: fc.record({
      index,
      term: fc.nat({ max: 1000 }),
      chain: fc.record({ high: uint32, low: uint32 }),
    }),
    term: fc.nat({ max: 1000 }),
    commit: uint53,
    sizes: fc.array(fc.nat({ max: 2000 }), { maxLength: 4, size: 'small' }),
  })
  .map(({ previous, term, commit, sizes }): Message => {
    const entries = entriesAfter(previous, term, sizes)
    return { type: 'append', term, previous, entries, commit }
  })

const replicas = fc.uniqueArray(fc.integer({ min: 1, max: 2 ** 45 }), { maxLength: 5 })
const configuration = fc
  .record({ voters: replicas, outgoing: replicas, learners: replicas })
  .map(({ voters, outgoing, learners }) => ({
    voters,
    ...(outgoing.length === 0 ? {} : { outgoing }),
    ...(learners.length === 0 ? {} : { learners }),
  }))

const snapshot = fc.record({
  type: fc.constant('snapshot' as const),
  term: uint53,
  snapshot: fc.record({
    index: uint53,
    term: uint53,
    chain: fc.record({ high: uint32, low: uint32 }),
    configuration,
  }),
  offset: uint53,
  totalBytes: uint53,
  data: fc.uint8Array({ maxLength: 2000, size: 'max' }),
})

export const anyMessage: fc.Arbitrary<Message> = fc.oneof(
  append,
  fc.record({
    type: fc.constant('vote-request' as const),
    pre: fc.boolean(),
    term: uint53,
    lastIndex: uint53,
    lastTerm: uint53,
    transfer: fc.boolean(),
  }),
  fc.record({
    type: fc.constant('vote-reply' as const),
    pre: fc.boolean(),
    term: uint53,
    granted: fc.boolean(),
    session,
  }),
  fc.record({
    type: fc.constant('append-reply' as const),
    term: uint53,
    success: fc.boolean(),
    match: uint53,
    hintTerm: uint53,
    rejected: uint53,
    extent,
    session,
    reached: uint53,
    recovering: fc.boolean(),
  }),
  fc.record({
    type: fc.constant('heartbeat' as const),
    term: uint53,
    commit: uint53,
    read: uint53,
  }),
  fc.record({
    type: fc.constant('heartbeat-reply' as const),
    term: uint53,
    read: uint53,
    extent,
    session,
    recovering: fc.boolean(),
  }),
  fc.record({ type: fc.constant('timeout-now' as const), term: uint53 }),
  snapshot,
  fc.record({
    type: fc.constant('snapshot-reply' as const),
    term: uint53,
    index: uint53,
    received: uint53,
    session,
  }),
  fc.record({
    type: fc.constant('hole-request' as const),
    pre: fc.boolean(),
    term: uint53,
    index: uint53,
    entryTerm: uint53,
  }),
  fc.record({
    type: fc.constant('hole-reply' as const),
    pre: fc.boolean(),
    term: uint53,
    index: uint53,
    entryTerm: uint53,
    holding: fc.constantFrom<Holding>('have', 'lack', 'undecided', 'faulty', 'unknown', 'refused'),
  }),
  fc.record({ type: fc.constant('fence-passed' as const), term: uint53, session }),
  fc.record({ type: fc.constant('quarantine' as const), term: uint53, session, index: uint53 }),
)

export const heartbeat: Message = { type: 'heartbeat', term: 3, commit: 17, read: 4 }

/** The same message whatever pieces its payloads lie in. */
export function comparable(message: Message): unknown {
  if (message.type === 'snapshot') return { ...message, data: [...message.data] }
  if (message.type !== 'append') return message
  const entries = message.entries.map((entry) => ({ ...entry, payload: joined(entry.payload) }))
  return { ...message, entries }
}

export function joined(chunks: Chunks): number[] {
  return chunks.pieces.flatMap((piece) => [...piece])
}

/** The same bytes in pieces cut at these places (in any order, modulo the length). */
export function cutAt(chunks: Chunks, places: readonly number[]): Chunks {
  const bytes = Uint8Array.from(joined(chunks))
  const cuts = [...new Set(places.map((place) => place % (bytes.byteLength + 1)))].sort(
    (a, b) => a - b,
  )
  const pieces: Uint8Array[] = []
  let start = 0
  for (const cut of [...cuts, bytes.byteLength]) {
    pieces.push(bytes.slice(start, cut))
    start = cut
  }
  return chunksOf(...pieces)
}

export const smallestBatchBytes: number = batchHeaderBytes
