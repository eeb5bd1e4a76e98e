// The manifest: which WAL files and segments must exist, and how much of each segment is synced. A
// file that is missing or too short is thereby noticed and never taken for an empty one. Two copies;
// each is replaced whole, B after A is synced. Writer while the node runs: manifest-store.ts.
import { QuorateError } from '@quorate/protocol'
import { chainText, parseChainText } from './chain.ts'
import {
  decodeCheckedText,
  encodeCheckedText,
  readCheckedFileSync,
  replaceFileSync,
} from './checked-text.ts'
import type { Disk } from './disk.ts'
import { formatVersion } from './format-version.ts'
import { type GroupId, groupKey, parseGroupKey } from './log-entry.ts'
import { type LogMark, logBeginMark } from './tail.ts'

export interface ManifestSegment {
  readonly firstIndex: number
  /** The last entry that is synced. */
  readonly last: LogMark
  /** Synced bytes; what lies beyond is left over from a crash. */
  readonly sizeBytes: number
  /** Of the newest index block. */
  readonly indexPosition: number
  /** Nothing more is added to it. */
  readonly ended: boolean
}

export interface ManifestGroup {
  readonly group: GroupId
  readonly replicaId: number
  /** The point just before the first retained entry. */
  readonly start: LogMark
  /** Without gaps, oldest first; the first begins after `start`. */
  readonly segments: readonly ManifestSegment[]
}

export interface Manifest {
  /** Rises with each change; the copy with the higher one is newer. */
  readonly sequence: number
  /** Numbers of the WAL files that may hold batches, the spare ones included, rising. */
  readonly walFiles: readonly number[]
  /** Above every WAL file number ever used. */
  readonly nextWalFile: number
  /** Only groups that have a segment or a log start. */
  readonly groups: readonly ManifestGroup[]
}

export const emptyManifest: Manifest = { sequence: 1, walFiles: [], nextWalFile: 1, groups: [] }

const magic = 'quorate-manifest'

export function manifestPaths(folder: string): readonly [string, string] {
  return [`${folder}/manifest.A`, `${folder}/manifest.B`]
}

export function encodeManifest(manifest: Manifest): Uint8Array {
  const { sequence, walFiles, nextWalFile, groups } = manifest
  return encodeCheckedText({
    magic,
    formatVersion,
    sequence,
    walFiles,
    nextWalFile,
    groups: groups.map((each) => ({
      group: groupKey(each.group),
      replicaId: each.replicaId,
      start: markRow(each.start),
      segments: each.segments.map((segment) => [
        segment.firstIndex,
        segment.sizeBytes,
        segment.indexPosition,
        segment.ended ? 1 : 0,
        ...markRow(segment.last),
      ]),
    })),
  })
}

/** Undefined when unreadable. Throws QUORATE_FORMAT_VERSION. */
export function decodeManifest(bytes: Uint8Array, path: string): Manifest | undefined {
  const found = decodeCheckedText(bytes) as Record<string, unknown> | undefined
  if (found === undefined || found['magic'] !== magic) return undefined
  if (found['formatVersion'] !== formatVersion) {
    throw new QuorateError(
      'QUORATE_FORMAT_VERSION',
      `${path} has version ${String(found['formatVersion'])}, this is ${formatVersion}`,
    )
  }
  // The CRC vouches that these are the fields `encodeManifest` wrote.
  const groups = found['groups'] as {
    group: string
    replicaId: number
    start: MarkRow
    segments: (readonly [number, number, number, number, ...MarkRow])[]
  }[]
  return {
    sequence: found['sequence'] as number,
    walFiles: found['walFiles'] as number[],
    nextWalFile: found['nextWalFile'] as number,
    groups: groups.map((each) => ({
      group: parseGroupKey(each.group),
      replicaId: each.replicaId,
      start: markOf(each.start),
      segments: each.segments.map(([firstIndex, sizeBytes, indexPosition, ended, ...last]) => ({
        firstIndex,
        sizeBytes,
        indexPosition,
        ended: ended === 1,
        last: markOf(last),
      })),
    })),
  }
}

export function writeManifestsSync(disk: Disk, folder: string, manifest: Manifest): void {
  const bytes = encodeManifest(manifest)
  for (const path of manifestPaths(folder)) replaceFileSync(disk, path, bytes)
}

export interface FoundManifest {
  readonly manifest: Manifest
  /** Copies that are missing or unreadable: to be written again. */
  readonly damaged: readonly string[]
}

/** Throws QUORATE_STORAGE_DAMAGED when neither copy can be read. */
export function readManifestSync(disk: Disk, folder: string): FoundManifest {
  const paths = manifestPaths(folder)
  const copies = paths.map((path) => {
    const bytes = readCheckedFileSync(disk, path)
    return bytes === undefined ? undefined : decodeManifest(bytes, path)
  })
  const [first, second] = copies
  const newest =
    first === undefined || (second !== undefined && second.sequence > first.sequence)
      ? second
      : first
  if (newest === undefined) {
    throw new QuorateError(
      'QUORATE_STORAGE_DAMAGED',
      `${paths.join(' and ')}: neither is readable; replace the node (quorate cluster replace-node)`,
    )
  }
  const damaged = paths.filter((_, position) => copies[position] === undefined)
  return { manifest: newest, damaged }
}

export function logStartOf(group: ManifestGroup | undefined): LogMark {
  return group?.start ?? logBeginMark
}

/** index, term, chain, end offset, append time */
type MarkRow = [number, number, string, number, number]

function markRow(mark: LogMark): MarkRow {
  return [mark.index, mark.term, chainText(mark.chain), mark.endOffset, mark.appendTimeMs]
}

function markOf([index, term, chain, endOffset, appendTimeMs]: MarkRow): LogMark {
  const parsed = parseChainText(chain)
  if (parsed === undefined) throw new Error(`not a chain: ${chain}`)
  return { index, term, chain: parsed, endOffset, appendTimeMs }
}
