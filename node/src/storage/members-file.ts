// Who was in the cluster when this node last heard, kept beside its data: `members`, checked text.
// After a power cut the metadata a node has applied may be older than what is in its log, and it
// cannot apply more before a leader is elected, for which it must know whom to talk to. A hint: a
// file that is missing or damaged is none. Written by rename; read by node-members.ts at the start.
import { checkedFields, encodeCheckedText, readCheckedFileSync } from './checked-text.ts'
import type { Disk, Done } from './disk.ts'
import { formatVersion } from './format-version.ts'
import { isMember, type Members } from './plan.ts'
import { replaceFile } from './replace-file.ts'

const magic = 'quorate-members'

function membersPath(folder: string): string {
  return `${folder}/members`
}

export function saveMembers(disk: Disk, folder: string, members: Members, done: Done): void {
  const { index, nodes } = members
  const bytes = encodeCheckedText({ magic, formatVersion, index, nodes })
  replaceFile(disk, membersPath(folder), bytes, done)
}

export function readMembersSync(disk: Disk, folder: string): Members | undefined {
  const bytes = readCheckedFileSync(disk, membersPath(folder))
  const fields = bytes === undefined ? undefined : checkedFields(bytes, { magic, formatVersion })
  return fields === undefined ? undefined : membersOf(fields)
}

/** Undefined for what does not name members and the metadata index they stand for. */
export function membersOf(fields: Readonly<Record<string, unknown>>): Members | undefined {
  const { index, nodes } = fields
  if (typeof index !== 'number' || !Number.isSafeInteger(index) || !Array.isArray(nodes)) {
    return undefined
  }
  return nodes.length > 0 && nodes.every(isMember) ? { index, nodes } : undefined
}
