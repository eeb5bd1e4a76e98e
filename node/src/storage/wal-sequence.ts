// Puts what was found in the WAL files into one sequence: the batches that count, those of which only
// a copy of the directory is left, and places where something is known to be lost and nothing is
// known of it. Decides by batch numbers and directory CRCs alone; what it means for a replica is
// decided in wal-replay.ts.
import { sameChain } from './chain.ts'
import { replicaName } from './replica-files.ts'
import {
  BatchKind,
  blockBytes,
  blocksFor,
  type DirectoryRecord,
  directoryBlocks,
  type PreviousBatch,
  RecordKind,
} from './wal-format.ts'
import { type KnownBatch, lostBatch, readBatchSync } from './wal-read.ts'
import type { LostFile, ReadRecord, ScannedBatch, ScannedFile } from './wal-scan.ts'

export type WalStep =
  | { readonly kind: 'batch'; readonly read: readonly ReadRecord[] }
  /** A start has settled everything that was lost before. */
  | { readonly kind: 'recovered' }
  /** Batches of which no copy of the directory is left. */
  | { readonly kind: 'lost'; readonly place: LostPlace }

export interface LostPlace {
  readonly path: string
  readonly from: number
  readonly to: number
  readonly detail: string
}

/** The last batch that counts, which is the last one that has a readable directory. */
export interface LastBatch {
  readonly file: ScannedFile
  readonly batch: ScannedBatch
  readonly read: readonly ReadRecord[]
}

export interface WalSequence {
  readonly steps: readonly WalStep[]
  readonly last: LastBatch | undefined
}

export interface ScannedBatchPlace {
  readonly file: ScannedFile
  readonly batch: ScannedBatch
}

export type FoundFile = ScannedFile | LostFile

type Counting = ScannedBatchPlace

export function isScanned(file: FoundFile): file is ScannedFile {
  return 'batches' in file
}

/** `files`: those the manifest names, oldest first. */
export function sequenceOf(files: readonly FoundFile[]): WalSequence {
  const steps: WalStep[] = []
  const { counting, replaced } = countingBatches(files.filter(isScanned))
  const complete = (read: readonly ReadRecord[], batchNumber: number): readonly ReadRecord[] => {
    if (isWhole(read)) return read
    const older = replaced.filter(({ batch }) => batch.directory.batchNumber === batchNumber)
    return older.reduce(filledFrom, read)
  }
  let last: LastBatch | undefined
  for (const [number, each] of counting.entries()) {
    const { kind, batchNumber } = each.batch.directory
    for (const step of stepsBetween(files, counting[number - 1], each)) {
      if (step.kind !== 'batch') steps.push(step)
      else steps.push({ ...step, read: complete(step.read, batchNumber - 1) })
    }
    const evidence = number === counting.length - 1 ? 'begun' : 'synced'
    const read = complete(readBatchSync(knownBatch(each), evidence), batchNumber)
    if (kind === BatchKind.recovered) steps.push({ kind: 'recovered' })
    steps.push({ kind: 'batch', read })
    last = { ...each, read }
  }
  for (const place of lostAtTheEnd(files, last)) steps.push({ kind: 'lost', place })
  return { steps, last }
}

/**
 * The batches that count, in order. A file that begins with a batch number replaces all batches of
 * older files from that number on: they were never acknowledged, or are written again here. A batch
 * that the next one does not know was replaced by one that is lost.
 */
function countingBatches(files: readonly ScannedFile[]): {
  readonly counting: readonly Counting[]
  readonly replaced: readonly Counting[]
} {
  const counting: Counting[] = []
  const replaced: Counting[] = []
  for (const file of files) {
    const first = file.batches[0]?.directory.batchNumber
    if (first === undefined) continue
    while (lastNumber(counting) >= first) replaced.push(counting.pop()!)
    for (const batch of file.batches) {
      if (batch.directory.batchNumber > lastNumber(counting)) counting.push({ file, batch })
    }
  }
  const known = counting.filter((each, position) => isKnownTo(counting[position + 1], each))
  const unknown = counting.filter((each) => !known.includes(each))
  return { counting: known, replaced: [...replaced, ...unknown] }
}

function isKnownTo(next: Counting | undefined, { batch }: Counting): boolean {
  const directory = next?.batch.directory
  if (directory === undefined || directory.batchNumber !== batch.directory.batchNumber + 1) {
    return true
  }
  return directory.previous.crc === batch.directory.crc
}

/** Runs that cannot be read, out of a batch that was written again because of a crash. */
function filledFrom(read: readonly ReadRecord[], older: Counting): readonly ReadRecord[] {
  const copies = readBatchSync(knownBatch(older), 'synced')
  return read.map((each) => {
    if (isWhole([each])) return each
    return copies.find((copy) => isWhole([copy]) && isSameRun(copy.record, each.record)) ?? each
  })
}

function isSameRun(one: DirectoryRecord, other: DirectoryRecord): boolean {
  return (
    one.kind === RecordKind.append &&
    other.kind === RecordKind.append &&
    replicaName(one) === replicaName(other) &&
    one.index === other.index &&
    one.count === other.count &&
    sameChain(one.chain, other.chain)
  )
}

function lastNumber(counting: readonly Counting[]): number {
  return counting.at(-1)?.batch.directory.batchNumber ?? -1
}

/** What was lost between two batches that count, or before the first one. */
function stepsBetween(
  files: readonly FoundFile[],
  before: Counting | undefined,
  next: Counting,
): WalStep[] {
  const { batchNumber, previous } = next.batch.directory
  const copy = files.find(({ number }) => number === previous.fileNumber)
  if (before === undefined) {
    // Older batches were released with their files.
    if (copy === undefined) return []
    const isFirst = copy === files[0] && previous.position === blockBytes
    const place = { path: copy.path, from: blockBytes, to: previous.position }
    const steps = isFirst ? [] : [lostStep(place, `batches before ${batchNumber - 1}`)]
    return [...steps, batchFromCopy(copy, previous, next)]
  }
  const known = before.batch.directory.batchNumber
  if (known === batchNumber - 1) return []
  const steps: WalStep[] = []
  if (known < batchNumber - 2) {
    const from = before.batch.position + before.batch.directory.sizeBytes
    const to = before.file === next.file ? previous.position : before.file.sizeBytes
    const which = `batches ${known + 1} to ${batchNumber - 2}`
    steps.push(lostStep({ path: before.file.path, from, to }, which))
  }
  if (copy === undefined) {
    const place = { path: before.file.path, from: 0, to: 0 }
    return [...steps, lostStep(place, `batch ${batchNumber - 1}`)]
  }
  return [...steps, batchFromCopy(copy, previous, next)]
}

function lostStep(
  place: { readonly path: string; readonly from: number; readonly to: number },
  what: string,
): WalStep {
  return { kind: 'lost', place: { ...place, detail: `${what}: no directory is readable` } }
}

/** The next batch repeats the directory; the entries may still be there. */
function batchFromCopy(file: FoundFile, previous: PreviousBatch, next: Counting): WalStep {
  const { records, position, payloadBytes } = previous
  const sizes = directorySizes(file, previous, next)
  const loss = {
    evidence: 'synced',
    fileNumber: file.number,
    from: position,
    to: position + sizes[0]! + payloadBytes,
  } as const
  if (isScanned(file)) {
    for (const directoryBytes of sizes) {
      const payloadPosition = position + directoryBytes
      const read = readBatchSync({ file, records, payloadPosition, payloadBytes }, 'synced')
      if (sizes.length === 1 || isWhole(read)) {
        return { kind: 'batch', read }
      }
    }
  }
  return { kind: 'batch', read: lostBatch(records, loss) }
}

function isWhole(read: readonly ReadRecord[]): boolean {
  return read.every(({ entries }) => entries.every(({ missing }) => missing !== true))
}

/** How many records of the batch before it a lost directory repeated is not known at a file's end. */
const sizesTried = 16

function directorySizes(file: FoundFile, previous: PreviousBatch, next: Counting): number[] {
  const payload = blocksFor(previous.payloadBytes) * blockBytes
  const least = directoryBlocks(previous.records.length, 0)
  // Unless the device has put the next batch at another place.
  const between = next.batch.position - previous.position - payload
  if (next.file === file && between >= least * blockBytes) return [between]
  return Array.from({ length: sizesTried }, (_, more) => (least + more) * blockBytes)
}

function knownBatch({ file, batch }: Counting): KnownBatch {
  const { directory, position } = batch
  return {
    file,
    records: directory.records,
    payloadPosition: position + directory.directoryBytes,
    payloadBytes: directory.payloadBytes,
  }
}

/** A file that nothing follows: whether it held batches, and which, cannot be known. */
function lostAtTheEnd(files: readonly FoundFile[], last: LastBatch | undefined): LostPlace[] {
  const lastNumber = last?.file.number ?? 0
  const places: LostPlace[] = []
  for (const file of files) {
    if (file.number < lastNumber) continue
    const { path } = file
    if (!isScanned(file)) places.push({ path, from: 0, to: 0, detail: file.reason })
    else if (file.cutAt !== undefined) {
      const { cutAt: from, sizeBytes: to } = file
      const what = from < to ? `bytes ${from}..${to} are` : `what may have followed ${from} is`
      places.push({ path, from, to, detail: `${what} missing` })
    }
  }
  return places
}

/** A seal says so itself; any batch but the last one is proven by the next. */
export function isSealed(last: LastBatch | undefined): boolean {
  return last === undefined || last.batch.directory.kind === BatchKind.seal
}
