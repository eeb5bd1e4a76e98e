// What a host reads back from a test disk for a peer: entries, or the snapshot at log start. A
// snapshot's bytes name the point they stand for and end in a filler that differs between
// replicas, as snapshots of real machines may. Whoever mixes the chunks of two
// replicas, or loses one, is found out.
import type { LogPoint, RaftEffect, RaftInput, ReplicaId, SnapshotPoint } from '../types.ts'
import type { TestDisk } from './disk.ts'
import type { TestEntry } from './entry.ts'

type EffectOf<Type> = Extract<RaftEffect<TestEntry>, { type: Type }>

const fillerBytes = 40

function snapshotOf(disk: TestDisk): SnapshotPoint {
  const { index, term, chain } = disk.start
  return { index, term, chain, configuration: disk.configurationAt(index) }
}

function contentOf({ index, term, chain }: LogPoint): number[] {
  return [...`${index}/${term}/${chain.high}.${chain.low}`].map((letter) => letter.charCodeAt(0))
}

function snapshotBytes(point: LogPoint, owner: ReplicaId): Uint8Array {
  const filler = Array.from({ length: fillerBytes }, () => owner % 256)
  return Uint8Array.from([...contentOf(point), ...filler])
}

/** Is this the whole snapshot of one replica at this point? */
export function isWhole(point: LogPoint, chunks: readonly Uint8Array[]): boolean {
  const data = chunks.flatMap((chunk) => [...chunk])
  const owner = data.at(-1)
  const expected = owner === undefined ? undefined : snapshotBytes(point, owner)
  return data.length === expected?.length && data.every((byte, place) => byte === expected[place])
}

export function readEntries(
  disk: TestDisk,
  { to, fromIndex, bytesMax }: EffectOf<'read-entries'>,
): RaftInput<TestEntry> {
  const previous = disk.pointAt(fromIndex - 1)
  if (previous === undefined) return { type: 'entries-gone', to }
  let sizeBytes = 0
  const entries: TestEntry[] = []
  for (const entry of disk.entries.slice(previous.index - disk.start.index)) {
    sizeBytes += entry.sizeBytes
    if ((entries.length > 0 && sizeBytes > bytesMax) || disk.damage.has(entry.index)) break
    entries.push(entry)
  }
  return { type: 'entries-read', to, previous, entries }
}

export function readSnapshot(
  disk: TestDisk,
  owner: ReplicaId,
  { to, offset, bytesMax }: EffectOf<'read-snapshot'>,
): RaftInput<TestEntry> {
  const snapshot = snapshotOf(disk)
  const bytes = snapshotBytes(snapshot, owner)
  const data = bytes.slice(offset, offset + bytesMax)
  return { type: 'snapshot-read', to, snapshot, offset, totalBytes: bytes.length, data }
}
