// What a node's data folder holds on a simulated disk, by kind, so that a plan of faults can aim at
// "the second segment" and means the same after it was shrunk. Names that are synced, in one order.
// Knows nothing of damage itself: simulated-damage.ts does.
import { type GroupKey, groupKey } from '../storage/log-entry.ts'
import {
  checkpointIndexOf,
  groupsFolder,
  parseReplicaFolderName,
  segmentIndexOf,
} from '../storage/replica-files.ts'
import { walFolder, walNumberOf } from '../storage/wal-file.ts'
import type { SimulatedDisk } from './simulated-disk.ts'

export const damageableKinds = [
  'wal',
  'segment',
  'checkpoint',
  'hard.A',
  'hard.B',
  'manifest.A',
  'manifest.B',
  'identity',
  'wal/identity',
  'secret',
] as const
export type DamageableKind = (typeof damageableKinds)[number]

export interface DamageableFile {
  readonly kind: DamageableKind
  readonly path: string
  readonly sizeBytes: number
  /** Segments and checkpoints: whose they are. */
  readonly group?: GroupKey
  readonly replicaId?: number
  /** WAL file: its number. Segment: its first index. Checkpoint: its index. */
  readonly number?: number
}

/** `folder`: the node's data folder. */
export function damageableFiles(disk: SimulatedDisk, folder: string): DamageableFile[] {
  const view = disk.syncedView()
  const files: DamageableFile[] = []
  const add = (file: Omit<DamageableFile, 'sizeBytes'>): void => {
    if (!view.existsSync(file.path)) return
    files.push({ ...file, sizeBytes: view.openSync(file.path, 'read').sizeSync() })
  }
  for (const name of view.listSync(walFolder(folder))) {
    const number = walNumberOf(name)
    if (number !== undefined) add({ kind: 'wal', path: `${walFolder(folder)}/${name}`, number })
  }
  for (const name of view.listSync(groupsFolder(folder))) {
    const replica = parseReplicaFolderName(name)
    if (replica === undefined) continue
    const owner = { group: groupKey(replica.group), replicaId: replica.replicaId }
    const replicaPath = `${groupsFolder(folder)}/${name}`
    for (const each of view.listSync(replicaPath)) {
      const path = `${replicaPath}/${each}`
      const first = segmentIndexOf(each)
      const index = checkpointIndexOf(each)
      if (first !== undefined) add({ kind: 'segment', path, ...owner, number: first })
      if (index !== undefined) add({ kind: 'checkpoint', path, ...owner, number: index })
    }
  }
  for (const kind of damageableKinds) {
    if (kind !== 'wal' && kind !== 'segment' && kind !== 'checkpoint') {
      add({ kind, path: `${folder}/${kind}` })
    }
  }
  return files
}

/** The file of this kind that the number picks, whatever their count; undefined without one. */
export function pickFile(
  disk: SimulatedDisk,
  folder: string,
  kind: DamageableKind,
  number: number,
): DamageableFile | undefined {
  const files = damageableFiles(disk, folder).filter((file) => file.kind === kind)
  return files[number % Math.max(files.length, 1)]
}
