// Builds logs for tests of the pure machines: entries with real batches, offsets, chain and CRCs,
// each following the one before. Takes no decision: what it is told, it writes.
import {
  type BatchHeader,
  type Chunks,
  chunksOf,
  emptyChunks,
  encodeBatch,
  readBatchHeader,
  stampBatch,
} from '@quorate/protocol'
import type { LogPoint } from '@quorate/raft'
import { encodeLogStart, type LogStart } from '../../src/partition/log-start.ts'
import { logBegin } from '../../src/storage/chain.ts'
import { makeEntry } from '../../src/storage/entry-format.ts'
import { EntryType, type LogEntry } from '../../src/storage/log-entry.ts'

export interface BatchShape {
  readonly producerId?: number
  readonly epoch?: number
  readonly sequence?: number
  readonly count?: number
  readonly valueBytes?: number
}

/** Encoded batches by shape: most tests use few different ones. */
const encoded = new Map<string, Uint8Array>()

export function batchOf(shape: BatchShape = {}): Chunks {
  const { producerId = -1, epoch = -1, sequence = -1, count = 1, valueBytes = 8 } = shape
  const key = [producerId, epoch, sequence, count, valueBytes].join()
  let bytes = encoded.get(key)
  if (bytes === undefined) {
    const value = new Uint8Array(valueBytes)
    const records = Array.from({ length: count }, () => ({ key: null, value, timestampMs: 0 }))
    bytes = encodeBatch(records, { producerId, producerEpoch: epoch, baseSequence: sequence })
    encoded.set(key, bytes)
  }
  return chunksOf(bytes)
}

export function headerOf(shape: BatchShape = {}): BatchHeader {
  return readBatchHeader(batchOf(shape))
}

export class LogBuilder {
  readonly entries: LogEntry[] = []
  previous: LogPoint = logBegin
  term = 1
  timeMs = 1_000_000
  nextOffset = 0
  /** The log start of a log nothing was retired from. */
  readonly begin: LogStart = { index: 0, offset: 0, chain: logBegin.chain }

  /** A batch at the log's end, or at an offset that is wrong on purpose. */
  records(shape: BatchShape = {}, baseOffset = this.nextOffset, leaderEpoch = this.term): LogEntry {
    const payload = stampBatch(batchOf(shape), baseOffset, leaderEpoch)
    const header = readBatchHeader(payload)
    this.nextOffset = baseOffset + header.lastOffsetDelta + 1
    return this.#add(EntryType.records, payload, header)
  }

  termStart(): LogEntry {
    return this.#add(EntryType.termStart, emptyChunks)
  }

  logStart(logStart: LogStart): LogEntry {
    return this.#add(EntryType.logStart, encodeLogStart(logStart))
  }

  metadata(command: Uint8Array): LogEntry {
    return this.#add(EntryType.metadata, chunksOf(command))
  }

  #add(type: EntryType, payload: Chunks, recordsHeader?: BatchHeader): LogEntry {
    const entry = makeEntry(this.previous, {
      term: this.term,
      type,
      appendTimeMs: this.timeMs,
      payload,
      ...(recordsHeader === undefined ? {} : { recordsHeader }),
    })
    this.entries.push(entry)
    this.previous = entry
    return entry
  }
}
