// The undamaged parts of all files but the WAL, for intact-copies.ts: identity, hard state, segments
// and checkpoints, each judged by its own checksums.
import { chunksOf, viewOf } from '@quorate/protocol'
import { decodeCheckedText } from '../storage/checked-text.ts'
import { decodeCheckpoint } from '../storage/checkpoint.ts'
import {
  decodeEntryHeader,
  type EntryHeader,
  entryHeaderBytes,
  entryOf,
  verifyPayload,
} from '../storage/entry-format.ts'
import {
  checkHardStateHeader,
  decodeSlot,
  type HardStateRecord,
  hardStatePaths,
  pairBytes,
  type Slot,
  slotBytes,
  slotPosition,
} from '../storage/hard-state-format.ts'
import { identityPaths } from '../storage/identity.ts'
import type { LogEntry } from '../storage/log-entry.ts'
import type { ManifestSegment } from '../storage/manifest.ts'
import { segmentPath } from '../storage/replica-files.ts'
import type { SegmentOwner } from '../storage/segment.ts'
import { decodeIndexBlock, decodeSegmentHeader, indexBlockType } from '../storage/segment-format.ts'
import type { WalIdentity } from '../storage/wal-file.ts'
import { blockBytes } from '../storage/wal-format.ts'
import type { Copies, DiskImage } from './intact-copies.ts'

export type FolderIdentity = WalIdentity

export function countIdentities(
  image: DiskImage,
  folder: string,
): { identity: FolderIdentity | undefined; identities: number } {
  const found = identityPaths(folder).flatMap((path) => {
    const text = decodeCheckedText(image.bytes(path) ?? new Uint8Array(0))
    return text === undefined ? [] : [text as FolderIdentity]
  })
  return { identity: found[0], identities: found.length }
}

export interface IntactPair {
  readonly record: HardStateRecord
  readonly copies: Copies
}

/**
 * The pairs of slots that are in use, each by its newest readable state. Not one of which a slot that
 * was written can be read nowhere: it may have held a newer state, so what is left promises nothing.
 */
export function readPairs(
  image: DiskImage,
  folder: string,
  identity: FolderIdentity,
): { node: Copies | undefined; replicas: readonly IntactPair[] } {
  const files = hardStatePaths(folder).flatMap((path, position) => {
    const bytes = image.bytes(path)
    if (bytes === undefined || bytes.byteLength < blockBytes) return []
    const letter = position === 0 ? 'A' : 'B'
    const fault = checkHardStateHeader(bytes.subarray(0, blockBytes), letter, identity)
    return fault === undefined ? [bytes] : []
  })
  const sizeBytes = Math.max(0, ...files.map((bytes) => bytes.byteLength))
  let node: Copies | undefined
  const replicas: IntactPair[] = []
  for (let pair = 0; blockBytes + (pair + 1) * pairBytes <= sizeBytes; pair += 1) {
    const slots = files
      .map((bytes) => newestOf([slotAt(bytes, pair, 0), slotAt(bytes, pair, 1)]))
      .filter((slot) => slot !== undefined)
      .sort((one, other) => other.sequence - one.sequence)
    const [newest] = slots
    if (newest === undefined || isSlotLost(files, pair, newest)) continue
    const settled = slots.at(-1)!.sequence
    const copies = { newest: newest.sequence, settled, readable: slots.length }
    if (newest.content.kind === 'node') node = copies
    if (newest.content.kind === 'replica') replicas.push({ record: newest.content.record, copies })
  }
  return { node, replicas }
}

type FoundSlot = ReturnType<typeof decodeSlot>

/** From the second state of a pair on both of its slots were written. */
function isSlotLost(files: readonly Uint8Array[], pair: number, newest: Slot): boolean {
  return [0, 1].some((parity) => {
    const found = files.map((bytes) => slotAt(bytes, pair, parity))
    const isUnreadable = found.every((slot) => typeof slot === 'string')
    return isUnreadable && (newest.sequence > 1 || found.every((slot) => slot === 'bad'))
  })
}

function slotAt(bytes: Uint8Array, pair: number, parity: number): FoundSlot {
  const position = slotPosition(pair, parity)
  if (position + slotBytes > bytes.byteLength) return 'empty'
  return decodeSlot(bytes.subarray(position, position + slotBytes))
}

function newestOf(slots: readonly FoundSlot[]): Slot | undefined {
  return slots
    .filter((slot) => typeof slot !== 'string')
    .reduce<Slot | undefined>(
      (newest, slot) => (newest === undefined || slot.sequence > newest.sequence ? slot : newest),
      undefined,
    )
}

export function isCheckpointWhole(image: DiskImage, path: string, owner: SegmentOwner): boolean {
  const bytes = image.bytes(path)
  return bytes !== undefined && typeof decodeCheckpoint(owner, bytes) === 'object'
}

/** Entries that are whole; none when the header or an index block is not, which all reading needs. */
export function readSegment(
  image: DiskImage,
  replicaFolder: string,
  owner: SegmentOwner,
  state: ManifestSegment,
): readonly LogEntry[] {
  const bytes = image.bytes(segmentPath(replicaFolder, state.firstIndex))
  if (bytes === undefined || bytes.byteLength < state.sizeBytes) return []
  const header = decodeSegmentHeader(bytes.subarray(0, blockBytes))
  if (typeof header !== 'object') return []
  const { group, replicaId, previous } = header
  const isOwn =
    group.topicId === owner.group.topicId &&
    group.partition === owner.group.partition &&
    replicaId === owner.replicaId &&
    previous.index === state.firstIndex - 1
  const view = viewOf(bytes)
  if (!isOwn || !isIndexWhole(bytes, view, state.indexPosition)) return []
  const entries: LogEntry[] = []
  let position = blockBytes
  while (position + entryHeaderBytes <= state.sizeBytes) {
    const entry = decodeEntryHeader(view, position)
    if (entry === undefined) {
      position += 1
      continue
    }
    const whole = entry.type === indexBlockType ? undefined : wholeEntry(bytes, position, entry)
    if (whole !== undefined) entries.push(whole)
    position += entry.sizeBytes
  }
  return entries
}

function isIndexWhole(bytes: Uint8Array, view: DataView, newestPosition: number): boolean {
  let position = newestPosition
  while (position > 0) {
    if (position + entryHeaderBytes > bytes.byteLength) return false
    const header = decodeEntryHeader(view, position)
    if (header === undefined) return false
    const from = position + entryHeaderBytes
    const block = decodeIndexBlock(header, bytes.subarray(from, from + header.payloadBytes))
    if (block === undefined || block.previousPosition >= position) return false
    position = block.previousPosition
  }
  return true
}

function wholeEntry(
  bytes: Uint8Array,
  position: number,
  header: EntryHeader,
): LogEntry | undefined {
  const from = position + entryHeaderBytes
  const entry = entryOf(header, chunksOf(bytes.subarray(from, from + header.payloadBytes)))
  return verifyPayload(entry) === undefined ? entry : undefined
}
