// Reads the whole WAL at start-up: scans the files the manifest names, puts their batches into
// sequence and plays them onto each replica. Never stops for damage: what is lost becomes holes and
// unknown tails of the replicas it concerns. Changes nothing on disk. Next stop: recovery.ts builds
// the logs from it.
import type { Disk } from './disk.ts'
import type { Manifest } from './manifest.ts'
import { replicaName } from './replica-files.ts'
import type { LogMark } from './tail.ts'
import { type WalIdentity, walPath } from './wal-file.ts'
import { noPreviousBatch, type PreviousBatch, RecordKind } from './wal-format.ts'
import { ReplicaReplay } from './wal-replay.ts'
import { type LostFile, type ReadRecord, type ScannedFile, scanWalFileSync } from './wal-scan.ts'
import { isScanned, type LastBatch, type LostPlace, sequenceOf } from './wal-sequence.ts'

export interface StorageEvent {
  readonly event: string
  readonly [field: string]: unknown
}

export interface RecoveredWal {
  readonly files: readonly ScannedFile[]
  readonly lostFiles: readonly LostFile[]
  /** By replica folder name: group and replica id. */
  readonly replicas: ReadonlyMap<string, ReplicaReplay>
  /**
   * Of other replicas that the WAL holds records of, those it says are dropped left out: by name the
   * highest index of an entry, 0 without entries.
   */
  readonly strangers: ReadonlyMap<string, number>
  /** The last batch that counts; undefined in a new WAL. */
  readonly last: LastBatch | undefined
  /** Where batches were lost of which nothing is known, since the last start that settled such. */
  readonly lostPlaces: readonly LostPlace[]
  readonly events: readonly StorageEvent[]
}

/** What segments hold of a replica: the WAL goes on from there. */
export interface SettledReplica {
  readonly start: LogMark
  readonly settled: LogMark
}

/** `settled`: by replica folder name; other replicas are dropped ones. */
export function recoverWalSync(
  disk: Disk,
  folder: string,
  manifest: Manifest,
  identity: WalIdentity,
  settled: ReadonlyMap<string, SettledReplica>,
  mode: 'read' | 'write',
): RecoveredWal {
  const found = manifest.walFiles.map((number) => {
    return scanWalFileSync(disk, folder, number, identity, mode)
  })
  const { steps, last } = sequenceOf(found)
  const replicas = new Map<string, ReplicaReplay>()
  for (const [name, { start, settled: mark }] of settled) {
    replicas.set(name, new ReplicaReplay(start, mark))
  }
  const strangers = new Map<string, number>()
  let lostPlaces: LostPlace[] = []
  let settles = false
  for (const step of steps) {
    if (step.kind === 'recovered') {
      lostPlaces = []
      settles = true
      for (const replica of replicas.values()) replica.settleLosses()
      continue
    }
    if (step.kind === 'lost') {
      lostPlaces.push(step.place)
      for (const replica of replicas.values()) replica.lost(step.place)
      continue
    }
    for (const read of step.read) {
      const name = replicaName(read.record)
      const replica = replicas.get(name)
      if (replica !== undefined && settles && read.record.kind === RecordKind.truncateAfter) {
        replica.endedAt(read.record.index, placeOf(folder, read))
      } else if (replica !== undefined) replica.play(read)
      else if (read.record.kind === RecordKind.dropReplica) strangers.delete(name)
      else {
        const last = read.entries.at(-1)?.index ?? 0
        strangers.set(name, Math.max(last, strangers.get(name) ?? 0))
      }
    }
    settles = false
  }
  const files = found.filter(isScanned)
  return {
    files,
    lostFiles: found.filter((file): file is LostFile => !isScanned(file)),
    replicas,
    strangers,
    last,
    lostPlaces,
    events: [...tornTails(files, last), ...lostPlaces.map(lostEvent)],
  }
}

function placeOf(folder: string, { record, fileNumber }: ReadRecord): LostPlace {
  const detail = `an earlier start found entries up to ${record.index}`
  return { path: walPath(folder, fileNumber), from: 0, to: 0, detail }
}

/** A directory that was begun after the last batch and is not whole: a torn write, cut off. */
function tornTails(files: readonly ScannedFile[], last: LastBatch | undefined): StorageEvent[] {
  const lastNumber = last?.file.number ?? 0
  const events: StorageEvent[] = []
  for (const { number, path, tornAt, sizeBytes } of files) {
    if (tornAt === undefined || number < lastNumber) continue
    if (number === lastNumber && tornAt < last!.batch.position) continue
    events.push({
      event: 'wal.tail-dropped',
      file: path,
      from: tornAt,
      to: sizeBytes,
      batchNumber: (last?.batch.directory.batchNumber ?? 0) + 1,
      reason: 'its directory is not readable',
    })
  }
  return events
}

function lostEvent({ path, from, to, detail }: LostPlace): StorageEvent {
  return { event: 'wal.batches-lost', file: path, from, to, reason: detail }
}

/** What the next batch says about the last one. */
export function previousOf(last: LastBatch | undefined): PreviousBatch {
  if (last === undefined) return noPreviousBatch
  const { directory, position } = last.batch
  return {
    crc: directory.crc,
    fileNumber: directory.fileNumber,
    position,
    payloadBytes: directory.payloadBytes,
    records: directory.records,
  }
}
