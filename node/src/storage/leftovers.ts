// Removes at start-up what no record of the node names: files of interrupted steps and the trash.
// Nothing here was ever promised to anybody; what a record does name is never touched. Folders of
// replicas go to the trash first, so that an interrupted removal is finished by the next start.
import type { Disk } from './disk.ts'
import { type Manifest, manifestPaths } from './manifest.ts'
import type { RecoveredStore } from './recovery.ts'
import {
  checkpointIndexOf,
  groupsFolder,
  replicaName,
  segmentIndexOf,
  trashFolder,
} from './replica-files.ts'
import { walFolder, walNumberOf, walPath } from './wal-file.ts'

export function removeLeftoversSync(
  disk: Disk,
  folder: string,
  manifest: Manifest,
  store: RecoveredStore,
): void {
  for (const path of manifestPaths(folder)) removeIfThere(disk, `${path}.tmp`)
  const listed = new Set(manifest.walFiles)
  for (const name of disk.listSync(walFolder(folder))) {
    const number = walNumberOf(name)
    if (number !== undefined && !listed.has(number)) disk.removeSync(walPath(folder, number))
  }
  const live = new Map(store.replicas.map(({ log }) => [replicaName(log), log]))
  const lost = new Set(store.lost.map(replicaName))
  const groups = groupsFolder(folder)
  const trash = trashFolder(folder)
  for (const name of disk.listSync(groups)) {
    const log = live.get(name)
    // It lies there until it is dropped.
    if (lost.has(name)) continue
    if (log !== undefined) {
      const segments = new Set(log.segmentList.map((segment) => segment.firstIndex))
      const checkpoints = new Set(log.checkpointList)
      removeUnlisted(disk, `${groups}/${name}`, segments, checkpoints)
    } else if (!disk.existsSync(`${trash}/${name}`)) {
      disk.renameSync(`${groups}/${name}`, `${trash}/${name}`)
    } else emptyFolder(disk, `${groups}/${name}`, true)
  }
  disk.syncFolderSync(groups)
  disk.syncFolderSync(trash)
  for (const name of disk.listSync(trash)) emptyFolder(disk, `${trash}/${name}`, true)
}

function removeUnlisted(
  disk: Disk,
  folder: string,
  segments: ReadonlySet<number>,
  checkpoints: ReadonlySet<number>,
): void {
  let removed = false
  for (const name of disk.listSync(folder)) {
    const segment = segmentIndexOf(name)
    const checkpoint = checkpointIndexOf(name)
    const unlisted =
      (segment !== undefined && !segments.has(segment)) ||
      (checkpoint !== undefined && !checkpoints.has(checkpoint)) ||
      name.endsWith('.tmp')
    if (unlisted) {
      disk.removeSync(`${folder}/${name}`)
      removed = true
    }
  }
  // A damaged checkpoint that comes back with a power cut would be told of again.
  if (removed) disk.syncFolderSync(folder)
}

/** Replica folders hold files only. */
function emptyFolder(disk: Disk, folder: string, remove: boolean): void {
  for (const name of disk.listSync(folder)) disk.removeSync(`${folder}/${name}`)
  if (remove) disk.removeSync(folder)
}

function removeIfThere(disk: Disk, path: string): void {
  if (disk.existsSync(path)) disk.removeSync(path)
}
