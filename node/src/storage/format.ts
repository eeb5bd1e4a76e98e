// Formatting: the one act that makes a data folder. Everything is written into `<folder>.tmp`,
// synced and renamed, so a folder is either whole or not there. A start never formats. The first
// replica of the metadata group is created here, because nothing can commit its creation.
import { QuorateError } from '@quorate/protocol'
import { folderOf, writeNewFileSync } from './checked-text.ts'
import type { Disk } from './disk.ts'
import { quorateErrorOf } from './disk-error.ts'
import { formatVersion } from './format-version.ts'
import { formatHardStateSync, type HardStateRecord } from './hard-state-format.ts'
import { type Identity, secretPath, writeIdentitySync } from './identity.ts'
import { groupKey, metadataGroup } from './log-entry.ts'
import { emptyManifest, writeManifestsSync } from './manifest.ts'
import {
  metadataConfiguration,
  metadataReplicaId,
  type Plan,
  type PlanNode,
  parsePlan,
} from './plan.ts'
import { replicaFolder } from './replica-files.ts'

/** Throws QUORATE_DATA_EXISTS, or QUORATE_INVALID_ARGUMENT when the plan has no such node. */
export function formatNode(disk: Disk, plan: Plan, nodeId: string, folder: string): void {
  const checked = parsePlan(JSON.stringify(plan))
  const node = checked.nodes.find((each) => each.id === nodeId)
  if (node === undefined) {
    throw new QuorateError('QUORATE_INVALID_ARGUMENT', `the plan has no node ${nodeId}`)
  }
  if (disk.listSync(folder).length > 0) throw new QuorateError('QUORATE_DATA_EXISTS', folder)
  try {
    formatSync(disk, checked, node, folder)
  } catch (error) {
    throw quorateErrorOf(error)
  }
}

function formatSync(disk: Disk, checked: Plan, node: PlanNode, folder: string): void {
  const temporary = `${folder}.tmp`
  const nodeId = node.id
  removeTreeSync(disk, temporary)
  for (const name of ['', '/wal', '/groups', '/trash']) disk.makeFolderSync(`${temporary}${name}`)
  const identity: Identity = {
    formatVersion,
    clusterId: checked.clusterId,
    nodeId,
    incarnation: node.incarnation,
    plan: { formatVersion, clusterId: checked.clusterId, nodes: checked.nodes },
  }
  writeIdentitySync(disk, temporary, identity)
  const encoder = new TextEncoder()
  writeNewFileSync(disk, secretPath(temporary), encoder.encode(`${checked.secret}\n`))
  formatHardStateSync(disk, temporary, identity, firstRecords(checked, nodeId, disk, temporary))
  writeManifestsSync(disk, temporary, emptyManifest)
  for (const name of ['/groups', '/wal', '']) disk.syncFolderSync(`${temporary}${name}`)
  moveIntoPlace(disk, temporary, folder)
}

function moveIntoPlace(disk: Disk, temporary: string, folder: string): void {
  try {
    // An empty folder may stand in the place; one that is a mount point itself cannot be replaced.
    if (disk.existsSync(folder)) disk.removeSync(folder)
    disk.renameSync(temporary, folder)
  } catch (cause) {
    const why = `${folder} cannot be replaced: name a folder inside of it`
    throw new QuorateError('QUORATE_INVALID_ARGUMENT', why, { cause })
  }
  disk.syncFolderSync(folderOf(folder))
}

function firstRecords(plan: Plan, nodeId: string, disk: Disk, folder: string): HardStateRecord[] {
  const replicaId = metadataReplicaId(plan.nodes, nodeId)
  if (replicaId === undefined) return []
  disk.makeFolderSync(replicaFolder(folder, groupKey(metadataGroup), replicaId))
  return [
    {
      group: metadataGroup,
      replicaId,
      hardState: { term: 0, votedFor: 0 },
      configuration: metadataConfiguration(plan.nodes),
      configurationIndex: 0,
      configurationTerm: 0,
      tailUnknown: false,
    },
  ]
}

/** Removes what an interrupted formatting left. */
function removeTreeSync(disk: Disk, path: string): void {
  if (!disk.existsSync(path)) return
  for (const name of disk.listSync(path)) removeAny(disk, `${path}/${name}`)
  disk.removeSync(path)
}

function removeAny(disk: Disk, path: string): void {
  let isFolder = true
  try {
    disk.listSync(path)
  } catch {
    isFolder = false
  }
  if (isFolder) removeTreeSync(disk, path)
  else disk.removeSync(path)
}
