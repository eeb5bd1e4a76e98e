// What a data folder still holds undamaged, byte for byte, judged without recovery: every entry whose
// bytes are whole where they were promised, every entry that an identifier still names, and how many
// copies of each doubled file are left. An oracle for runs that damage files: damage is what is gone
// between two looks. Uses the codecs of the formats and none of their readers; intact-wal.ts reads
// the WAL and intact-files.ts the rest.
import type { Configuration } from '@quorate/raft'
import { chainText } from '../storage/chain.ts'
import type { HardStateRecord } from '../storage/hard-state-format.ts'
import { type GroupId, type GroupKey, groupKey, type LogEntry } from '../storage/log-entry.ts'
import { decodeManifest, logStartOf, type Manifest, manifestPaths } from '../storage/manifest.ts'
import { checkpointPath, replicaFolder, replicaName } from '../storage/replica-files.ts'
import {
  countIdentities,
  type FolderIdentity,
  type IntactPair,
  isCheckpointWhole,
  readPairs,
  readSegment,
} from './intact-files.ts'
import { type IntactWal, readIntactWal, type WrittenReplica } from './intact-wal.ts'
import type { SimulatedDisk } from './simulated-disk.ts'

/** Files of one disk; undefined for a name without file. */
export interface DiskImage {
  bytes(path: string): Uint8Array | undefined
}

/** Of something written twice: numbers of its newest state in each readable copy. */
export interface Copies {
  readonly newest: number
  /** Every readable copy is at least so new: what a restart may count on. */
  readonly settled: number
  /** How many copies can be read. */
  readonly readable: number
}

export interface IntactReplica {
  readonly group: GroupId
  readonly key: GroupKey
  readonly replicaId: number
  /** In force as far as this disk tells, and the log index that made it so. */
  readonly configuration: Configuration
  readonly configurationIndex: number
  /** Of term and vote. */
  readonly hardState: Copies
  /** Last index that retention has removed; 0 for none. */
  readonly start: number
  /** The state at `start` can be read; true without a start. */
  readonly startState: boolean
  /** First indexes of the segments that the manifest names: not of the one that still grows. */
  readonly segments: ReadonlySet<number>
  /** Chain after each entry whose bytes are whole, by index. */
  readonly entries: ReadonlyMap<number, string>
  /** Entries that something on the disk still names. */
  readonly known: ReadonlySet<number>
}

export interface IntactCopies {
  /** Of the node the folder belongs to; empty without a readable identity. */
  readonly incarnation: string
  readonly identities: number
  readonly hasSecret: boolean
  readonly manifest: Copies | undefined
  /** Numbers of the WAL files that the manifest names: others are made again or left over. */
  readonly walFiles: ReadonlySet<number>
  /** The node's own slots. */
  readonly node: Copies | undefined
  readonly wal: Pick<IntactWal, 'batches' | 'whole'>
  /** By replica folder name. */
  readonly replicas: ReadonlyMap<string, IntactReplica>
}

export function syncedImage(disk: SimulatedDisk): DiskImage {
  const synced = disk.syncedView()
  return {
    bytes: (path) => {
      if (!synced.existsSync(path)) return undefined
      const file = synced.openSync(path, 'read')
      const bytes = new Uint8Array(file.sizeSync())
      file.readSync(bytes, 0)
      return bytes
    },
  }
}

export function intactCopies(image: DiskImage, folder: string): IntactCopies {
  const { identity, identities } = countIdentities(image, folder)
  const incarnation = identity?.incarnation ?? ''
  const hasSecret = image.bytes(`${folder}/secret`) !== undefined
  const { manifest, copies } = newestManifest(image, folder)
  const empty = { batches: new Set<number>(), whole: false, replicas: new Map() }
  if (identity === undefined || manifest === undefined) {
    const none = { walFiles: new Set<number>(), node: undefined, wal: empty, replicas: new Map() }
    return { incarnation, identities, hasSecret, manifest: copies, ...none }
  }
  const wal = readIntactWal(image, folder, manifest.walFiles)
  const { node, replicas: pairs } = readPairs(image, folder, identity)
  const replicas = new Map<string, IntactReplica>()
  for (const pair of pairs) {
    const name = replicaName(pair.record)
    replicas.set(name, replicaOf(image, folder, identity, manifest, pair, wal))
  }
  const walFiles = new Set(manifest.walFiles)
  return { incarnation, identities, hasSecret, manifest: copies, walFiles, node, wal, replicas }
}

function newestManifest(
  image: DiskImage,
  folder: string,
): { manifest: Manifest | undefined; copies: Copies | undefined } {
  const found = manifestPaths(folder)
    .map((path) => decodeManifest(image.bytes(path) ?? new Uint8Array(0), path))
    .filter((manifest) => manifest !== undefined)
    .sort((one, other) => other.sequence - one.sequence)
  const [manifest] = found
  if (manifest === undefined) return { manifest, copies: undefined }
  const settled = found.at(-1)!.sequence
  return { manifest, copies: { newest: manifest.sequence, settled, readable: found.length } }
}

function replicaOf(
  image: DiskImage,
  folder: string,
  identity: FolderIdentity,
  manifest: Manifest,
  { record, copies }: IntactPair,
  wal: IntactWal,
): IntactReplica {
  const { group, replicaId } = record
  const key = groupKey(group)
  const owner = { identity, group, replicaId }
  const path = replicaFolder(folder, key, replicaId)
  const listed = manifest.groups.find((each) => replicaName(each) === replicaName(record))
  const start = logStartOf(listed)
  const entries = new Map<number, string>()
  /** Those that change members. */
  const configurations: LogEntry[] = []
  const known = new Set<number>()
  for (const segment of listed?.segments ?? []) {
    for (let index = segment.firstIndex; index <= segment.last.index; index += 1) known.add(index)
    for (const entry of readSegment(image, path, owner, segment)) {
      entries.set(entry.index, chainText(entry.chain))
      if (entry.configuration !== undefined) configurations.push(entry)
    }
  }
  const written = wal.replicas.get(replicaName(record))
  // What segments hold is read there, and a WAL file with another copy may be released at any time.
  const settled = listed?.segments.at(-1)?.last.index ?? 0
  for (const [index, chain] of written?.entries ?? []) {
    if (index > settled) entries.set(index, chain)
  }
  for (const index of written?.known ?? []) known.add(index)
  const from = start.index
  return {
    group,
    key,
    replicaId,
    ...configurationOf(record, configurations, written),
    hardState: copies,
    start: from,
    startState: from === 0 || isCheckpointWhole(image, checkpointPath(path, from), owner),
    segments: new Set(listed?.segments.map(({ firstIndex }) => firstIndex)),
    entries: new Map([...entries].filter(([index]) => index > from)),
    known: new Set([...known].filter((index) => index > from)),
  }
}

/** The newest of: the hard state, entries in segments, entries in the WAL. */
function configurationOf(
  record: HardStateRecord,
  inSegments: readonly LogEntry[],
  inWal: WrittenReplica | undefined,
): Pick<IntactReplica, 'configuration' | 'configurationIndex'> {
  const { configuration, configurationIndex } = record
  const entries = [...inSegments, ...(inWal?.configurations.values() ?? [])]
  return entries.reduce(
    (newest, entry) =>
      entry.index > newest.configurationIndex && entry.configuration !== undefined
        ? { configuration: entry.configuration, configurationIndex: entry.index }
        : newest,
    { configuration, configurationIndex },
  )
}
