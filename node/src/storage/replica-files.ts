// Where the files of a replica lie and what they are called. Group and replica id are both in the
// folder's name, because two replicas of one group may lie on one node (a dead one and the one that
// replaces it). Indexes are padded, so that names sort as indexes do.
import { type GroupId, type GroupKey, groupKey, parseGroupKey } from './log-entry.ts'

const indexDigits = 16

export function groupsFolder(folder: string): string {
  return `${folder}/groups`
}

export function trashFolder(folder: string): string {
  return `${folder}/trash`
}

export function replicaFolder(folder: string, key: GroupKey, replicaId: number): string {
  return `${groupsFolder(folder)}/${replicaFolderName(key, replicaId)}`
}

export function replicaFolderName(key: GroupKey, replicaId: number): string {
  return `${key}.${replicaId}`
}

/** Names a replica on this node: group and replica id together. */
export function replicaName(replica: {
  readonly group: GroupId
  readonly replicaId: number
}): string {
  return replicaFolderName(groupKey(replica.group), replica.replicaId)
}

/** Undefined for other names. */
export function parseReplicaFolderName(
  name: string,
): { group: GroupId; replicaId: number } | undefined {
  const match = /^(\d+-\d+)\.(\d+)$/.exec(name)
  return match === null
    ? undefined
    : { group: parseGroupKey(match[1]!), replicaId: Number(match[2]) }
}

export function segmentPath(replicaFolderPath: string, firstIndex: number): string {
  return `${replicaFolderPath}/seg-${padded(firstIndex)}`
}

export function checkpointPath(replicaFolderPath: string, index: number): string {
  return `${replicaFolderPath}/checkpoint-${padded(index)}`
}

export function segmentIndexOf(name: string): number | undefined {
  return indexOf(name, 'seg-')
}

export function checkpointIndexOf(name: string): number | undefined {
  return indexOf(name, 'checkpoint-')
}

function padded(index: number): string {
  return String(index).padStart(indexDigits, '0')
}

function indexOf(name: string, prefix: string): number | undefined {
  if (!name.startsWith(prefix)) return undefined
  const digits = name.slice(prefix.length)
  return digits.length === indexDigits && /^\d+$/.test(digits) ? Number(digits) : undefined
}
