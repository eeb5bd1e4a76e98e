// Formatting: the one act that makes a data folder. Everything is written into `<folder>.tmp`,
// synced and renamed, so a folder is either whole or not there. A start never formats. The first
// replica of the metadata group is created here, because nothing can commit its creation.
import { QuorateError } from '@quorate/protocol'
import { folderOf } from './checked-text.ts'
import type { Disk } from './disk.ts'
import { quorateErrorOf } from './disk-error.ts'
import { formatVersion } from './format-version.ts'
import { formatHardStateSync, type HardStateRecord } from './hard-state-format.ts'
import { type Identity, writeIdentitySync } from './identity.ts'
import { metadataGroup, metadataKey } from './log-entry.ts'
import { emptyManifest, writeManifestsSync } from './manifest.ts'
import {
  type JoinedNode,
  metadataConfiguration,
  metadataReplicaId,
  type Plan,
  type PlanNode,
  parsePlan,
  planNode,
} from './plan.ts'
import { replicaFolder } from './replica-files.ts'
import { writeSecretSync } from './secret.ts'

/** Throws QUORATE_DATA_EXISTS, or QUORATE_INVALID_ARGUMENT when the plan has no such node. */
export function formatNode(disk: Disk, plan: Plan, nodeId: string, folder: string): void {
  const checked = parsePlan(JSON.stringify(plan))
  const node = planNode(checked, nodeId)
  if (node === undefined) {
    throw new QuorateError('QUORATE_INVALID_ARGUMENT', `the plan has no node ${nodeId}`)
  }
  if ('sinceIndex' in node && node.sinceIndex === 0) {
    const detail = `the cluster has not agreed to ${nodeId} yet: run the command that adds it again`
    throw new QuorateError('QUORATE_INVALID_ARGUMENT', detail)
  }
  if (disk.listSync(folder).length > 0) throw new QuorateError('QUORATE_DATA_EXISTS', folder)
  try {
    formatSync(disk, checked, node, folder)
  } catch (error) {
    throw quorateErrorOf(error)
  }
}

function formatSync(disk: Disk, checked: Plan, node: PlanNode | JoinedNode, folder: string): void {
  const temporary = `${folder}.tmp`
  const { secret, ...open } = checked
  removeTreeSync(disk, temporary)
  for (const name of ['', '/wal', '/groups', '/trash']) disk.makeFolderSync(`${temporary}${name}`)
  const identity: Identity = {
    formatVersion,
    clusterId: checked.clusterId,
    nodeId: node.id,
    incarnation: node.incarnation,
    plan: open,
  }
  writeIdentitySync(disk, temporary, identity)
  writeSecretSync(disk, temporary, secret)
  const record = firstRecord(checked, node)
  disk.makeFolderSync(replicaFolder(temporary, metadataKey, record.replicaId))
  formatHardStateSync(disk, temporary, identity, [record])
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

/** Whoever joined knows no voters: it learns them, and everything else, from the leader. */
function firstRecord(plan: Plan, node: PlanNode | JoinedNode): HardStateRecord {
  const joined = 'metadataReplicaId' in node
  return {
    group: metadataGroup,
    replicaId: joined ? node.metadataReplicaId : metadataReplicaId(plan.nodes, node.id)!,
    hardState: { term: 0, votedFor: 0 },
    configuration: joined ? { voters: [] } : metadataConfiguration(plan.nodes),
    configurationIndex: 0,
    configurationTerm: 0,
    tailUnknown: false,
  }
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
