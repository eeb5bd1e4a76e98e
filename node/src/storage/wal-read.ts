// Reads the payload of one WAL batch at start-up: every entry that its directory names comes out,
// verified, or as missing with its identifier. One damaged entry does not take its neighbours along:
// a header that can be read and continues the chain vouches for the identifier. Next stop:
// wal-replay.ts.
import { nextChain, sameChain } from './chain.ts'
import { entryOf, verifyEntry, verifyPayload } from './entry-format.ts'
import { EntryScanner } from './entry-scanner.ts'
import type { LogEntry } from './log-entry.ts'
import type { HoleEvidence } from './log-hole.ts'
import { type Loss, missingEntry } from './missing-entry.ts'
import { readBytesSync } from './read-bytes.ts'
import { type DirectoryRecord, RecordKind } from './wal-format.ts'
import type { ReadRecord, ScannedFile } from './wal-scan.ts'

/** A batch that is known by its directory, or by the copy of it in the next one. */
export interface KnownBatch {
  readonly file: ScannedFile
  readonly records: readonly DirectoryRecord[]
  /** Of the payload in the file. */
  readonly payloadPosition: number
  readonly payloadBytes: number
}

export function readBatchSync(batch: KnownBatch, evidence: HoleEvidence): ReadRecord[] {
  const { file, payloadPosition, payloadBytes } = batch
  const bytes = new Uint8Array(payloadBytes)
  const payload = bytes.subarray(0, readBytesSync(file.file, bytes, payloadPosition))
  return batch.records.map((record) => {
    if (record.kind === RecordKind.append) {
      return new RunReader(record, batch, evidence).read(payload)
    }
    if (record.kind === RecordKind.missing) {
      return missingAgain(record, file.number, payloadPosition)
    }
    return { record, fileNumber: file.number, entries: [], positions: [] }
  })
}

/** All of a batch of which only the identifiers are left. */
export function lostBatch(records: readonly DirectoryRecord[], loss: Loss): ReadRecord[] {
  return records.map((record) => {
    const { fileNumber } = loss
    if (record.kind === RecordKind.missing) return missingAgain(record, fileNumber, loss.from)
    if (record.kind !== RecordKind.append) {
      return { record, fileNumber, entries: [], positions: [] }
    }
    return missingRun(record, loss, record.index, record.chain)
  })
}

function missingAgain(record: DirectoryRecord, fileNumber: number, position: number): ReadRecord {
  const loss: Loss = {
    evidence: record.begun ? 'begun' : 'synced',
    fileNumber: record.lostFile,
    from: record.position,
    to: record.position + record.byteLength,
  }
  const read = missingRun(record, loss, record.index, record.chain)
  return { ...read, fileNumber, positions: read.entries.map(() => position) }
}

function missingRun(
  record: DirectoryRecord,
  loss: Loss,
  from: number,
  chain: DirectoryRecord['chain'],
): ReadRecord {
  const entries: LogEntry[] = []
  const last = record.index + record.count - 1
  for (let index = from; index <= last; index += 1) {
    entries.push(missingEntry(index, record.term, loss, index === last ? chain : undefined))
  }
  const positions = entries.map(() => loss.from)
  return { record, fileNumber: loss.fileNumber, entries, positions }
}

/** The entries of one record. */
class RunReader {
  readonly #record: DirectoryRecord
  readonly #base: number
  readonly #evidence: HoleEvidence
  readonly #fileNumber: number
  readonly #entries: LogEntry[] = []
  readonly #positions: number[] = []
  #loss: Loss | undefined

  constructor(record: DirectoryRecord, batch: KnownBatch, evidence: HoleEvidence) {
    this.#record = record
    this.#base = batch.payloadPosition
    this.#evidence = evidence
    this.#fileNumber = batch.file.number
  }

  read(payload: Uint8Array): ReadRecord {
    const record = this.#record
    const scanner = new EntryScanner(this.#base + record.position)
    scanner.feed(payload.subarray(record.position, record.position + record.byteLength))
    while (this.#entries.length < record.count) {
      const scanned = scanner.next()
      if (scanned === undefined || scanned === 'damaged') break
      if (!this.#take(entryOf(scanned.header, scanned.payload), scanned.position)) break
    }
    const last = this.#entries.at(-1)
    if (this.#entries.length < record.count) this.#restIsLost(scanner.position)
    else if (!sameChain(last!.chain, record.chain)) return this.#allIsLost()
    const fileNumber = this.#fileNumber
    return { record, fileNumber, entries: this.#entries, positions: this.#positions }
  }

  /** False: this is not the entry that was written here. */
  #take(entry: LogEntry, position: number): boolean {
    const { index, term } = this.#record
    if (entry.index !== index + this.#entries.length || entry.term !== term) return false
    const before = this.#entries.at(-1)
    const fault = before === undefined ? verifyPayload(entry) : verifyEntry(before, entry)
    if (fault === undefined) {
      this.#loss = undefined
      this.#push(entry, position)
      return true
    }
    if (before !== undefined && !continues(before, entry)) return false
    // The header is whole. That of the first entry is vouched for by the chain of the whole run.
    const to = position + entry.sizeBytes
    this.#loss = this.#lossOf(this.#loss?.from ?? position, to)
    this.#push(missingEntry(entry.index, entry.term, this.#loss, entry.chain), position)
    return true
  }

  /** Neighbours share what they lost, so that they make one hole. */
  #lossOf(from: number, to: number): Loss {
    const loss = { evidence: this.#evidence, fileNumber: this.#fileNumber, from, to }
    for (let each = this.#entries.length - 1; each >= 0; each -= 1) {
      const { index, term, chain, missing } = this.#entries[each]!
      if (missing !== true) break
      this.#entries[each] = missingEntry(index, term, loss, chain)
    }
    return loss
  }

  #restIsLost(position: number): void {
    const { index, term, count, chain, byteLength, position: start } = this.#record
    const from = this.#loss?.from ?? position
    const loss = this.#lossOf(from, this.#base + start + byteLength)
    for (let each = this.#entries.length; each < count; each += 1) {
      const isLast = each === count - 1
      this.#push(missingEntry(index + each, term, loss, isLast ? chain : undefined), from)
    }
  }

  /** Whole entries of another log, or an older state of the file. */
  #allIsLost(): ReadRecord {
    const record = this.#record
    const from = this.#base + record.position
    this.#entries.length = 0
    const loss = this.#lossOf(from, from + record.byteLength)
    return missingRun(record, loss, record.index, record.chain)
  }

  #push(entry: LogEntry, position: number): void {
    this.#entries.push(entry)
    this.#positions.push(position)
  }
}

/** Whether the entry's identifier follows, whatever its payload is. */
function continues(before: LogEntry, entry: LogEntry): boolean {
  const { index, term, type, appendTimeMs, payloadCrc } = entry
  const payloadBytes = entry.payload.byteLength
  const fields = { index, term, type, appendTimeMs, payloadBytes, payloadCrc }
  return sameChain(nextChain(before.chain, fields), entry.chain)
}
