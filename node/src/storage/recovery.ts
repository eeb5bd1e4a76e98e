// Start-up: reads everything a node has on disk, decides what is whole and what is damaged, and
// changes nothing but copies that the other copy can make again. Synchronous; nothing is served
// before it returns. Order: identity, hard state, manifest, segments, WAL, checkpoints. Damage within
// a replica never stops it: it becomes a hole, an unknown tail, or a replica that may not run.
// Next stop: open.ts makes it safe to write again.

import { type LostReplica, lostReplicas } from './amnesia.ts'
import type { Disk } from './disk.ts'
import { hardStatePaths, nodePair } from './hard-state-format.ts'
import { type RecoveredHardState, recoverHardStateSync } from './hard-state-recovery.ts'
import { type Identity, recoverIdentitySync } from './identity.ts'
import { groupKey, metadataGroup, metadataKey } from './log-entry.ts'
import type { DamageReport } from './log-hole.ts'
import { type FoundManifest, type Manifest, readManifestSync } from './manifest.ts'
import {
  groupsFolder,
  parseReplicaFolderName,
  replicaFolder,
  replicaName,
} from './replica-files.ts'
import {
  buildReplica,
  type FoundReplica,
  findReplica,
  type RecoveredReplica,
} from './replica-recovery.ts'
import { readSecretSync } from './secret.ts'
import { type RecoveredWal, recoverWalSync, type StorageEvent } from './wal-recovery.ts'

export interface RecoveredStore {
  readonly identity: Identity
  readonly secret: string
  readonly executedIndex: number
  /** Its record was lost: it is to be written again. */
  readonly isExecutedIndexNew: boolean
  readonly hard: RecoveredHardState
  readonly found: FoundManifest
  readonly replicas: readonly RecoveredReplica[]
  /** Replicas whose term and vote are lost. */
  readonly lost: readonly LostReplica[]
  /** Pairs of replicas that the WAL says are dropped. */
  readonly droppedPairs: readonly number[]
  readonly wal: RecoveredWal
  readonly events: readonly StorageEvent[]
  readonly reports: readonly DamageReport[]
}

/** In `read` mode nothing is changed; in `write` mode copies are made again from each other. */
export function readStoreSync(disk: Disk, folder: string, mode: 'read' | 'write'): RecoveredStore {
  const { identity, reports } = recoverIdentitySync(disk, folder, mode)
  const secret = readSecretSync(disk, folder, mode)
  const hard = recoverHardStateSync(disk, folder, identity, mode)
  const found = readManifestSync(disk, folder)
  const { manifest } = found
  const candidates = findReplicas(disk, folder, identity, hard, manifest)
  const settled = new Map(
    candidates.map(({ record, start, segments }) => {
      return [replicaName(record), { start, settled: segments.at(-1)?.last ?? start }]
    }),
  )
  const wal = recoverWalSync(disk, folder, manifest, identity, settled, mode)
  const events: StorageEvent[] = [...wal.events]
  const replicas: RecoveredReplica[] = []
  const droppedPairs: number[] = []
  for (const candidate of candidates) {
    const replay = wal.replicas.get(replicaName(candidate.record))!
    if (replay.dropped) droppedPairs.push(candidate.pair)
    else {
      const replayed = replay.finish()
      replicas.push(buildReplica(disk, identity, candidate, replayed, events))
    }
  }
  const folders = disk.listSync(groupsFolder(folder))
  const recorded = [...manifest.groups.map(replicaName), ...wal.strangers.keys()]
  const lost = lostReplicas(hard, { recorded, folders })
  const executed = executedIndexOf(hard)
  return {
    identity,
    secret: secret.secret,
    executedIndex: executed ?? guessedIndex(hard, replicas, manifest, wal, folders),
    isExecutedIndexNew: executed === undefined,
    hard,
    found,
    replicas,
    lost,
    droppedPairs,
    wal,
    events,
    reports: [...reports, ...secret.reports, ...reportsOf(folder, hard, found, wal)],
  }
}

function executedIndexOf(hard: RecoveredHardState): number | undefined {
  for (const { slot } of hard.pairs) {
    if (slot.content.kind === 'node') return slot.content.executedIndex
  }
  return undefined
}

/**
 * At least what was executed, as far as anything here says it: a creation is an entry of the metadata
 * log on this node, and a topic is named after the one that made it. Never what only looks like an
 * index (replica ids are counted apart): replicas of entries yet to come would be taken for lost ones.
 */
function guessedIndex(
  { damaged }: RecoveredHardState,
  replicas: readonly RecoveredReplica[],
  manifest: Manifest,
  wal: RecoveredWal,
  folders: readonly string[],
): number {
  const key = metadataKey
  const logs = replicas.filter(({ log }) => log.key === key).map(({ log }) => log.lastIndex)
  const ends = manifest.groups
    .filter(({ group }) => groupKey(group) === key)
    .map(({ start, segments }) => segments.at(-1)?.last.index ?? start.index)
  const known = damaged.map((pair) => pair.known?.content)
  const before = known.map((content) => (content?.kind === 'node' ? content.executedIndex : 0))
  const names = [...folders, ...wal.strangers.keys()].map(parseReplicaFolderName)
  const topics = names.map((name) => name?.group.topicId ?? 0)
  const tails = [...wal.strangers]
    .filter(([name]) => parseReplicaFolderName(name)?.group.topicId === metadataGroup.topicId)
    .map(([, last]) => last)
  return Math.max(0, ...logs, ...ends, ...tails, ...topics, ...before)
}

function findReplicas(
  disk: Disk,
  folder: string,
  identity: Identity,
  hard: RecoveredHardState,
  manifest: Manifest,
): FoundReplica[] {
  const listed = new Map(manifest.groups.map((each) => [replicaName(each), each]))
  const replicas: FoundReplica[] = []
  for (const { pair, slot } of hard.pairs) {
    if (slot.content.kind !== 'replica') continue
    const { record } = slot.content
    const path = replicaFolder(folder, groupKey(record.group), record.replicaId)
    const group = listed.get(replicaName(record))
    replicas.push(findReplica(disk, path, identity, pair, record, group))
  }
  return replicas
}

/** What concerns the whole node; replicas bring their own. */
function reportsOf(
  folder: string,
  hard: RecoveredHardState,
  found: FoundManifest,
  wal: RecoveredWal,
): DamageReport[] {
  const reports: DamageReport[] = []
  const add = (state: 'faulty' | 'repaired', file: string, detail: string, from = 0, to = 0) => {
    reports.push({ state, file, from, to, detail })
  }
  for (const { path, reason } of hard.repaired) add('repaired', path, reason)
  for (const { pair, from, to } of hard.damaged) {
    const what = pair === nodePair ? 'the record of the node' : 'a slot'
    add('faulty', hardStatePaths(folder)[0], `${what} is unreadable in both files`, from, to)
  }
  for (const path of found.damaged) add('repaired', path, 'it was not readable')
  for (const { path, reason } of wal.lostFiles) add('faulty', path, reason)
  for (const { path, from, to, detail } of wal.lostPlaces) add('faulty', path, detail, from, to)
  return reports
}
