// Who this data folder belongs to: cluster, node and incarnation, written twice when the folder is
// formatted and never changed. One copy makes the other again; two that disagree are no identity.
// Read first at start-up, before anything else in the folder is trusted. Writer: format.ts.
import { QuorateError } from '@quorate/protocol'
import {
  decodeCheckedText,
  encodeCheckedText,
  readCheckedFileSync,
  replaceFileSync,
  writeNewFileSync,
} from './checked-text.ts'
import type { Disk } from './disk.ts'
import { formatVersion } from './format-version.ts'
import type { DamageReport } from './log-hole.ts'
import { type Plan, parseJoined, parseLeft, parsePlanNodes } from './plan.ts'

export interface Identity {
  readonly formatVersion: 1
  readonly clusterId: string
  readonly nodeId: string
  readonly incarnation: string
  /** The plan it was formatted from, without its secret. */
  readonly plan: Omit<Plan, 'secret'>
}

const magic = 'quorate-identity'

export function identityPaths(folder: string): readonly [string, string] {
  return [`${folder}/identity`, `${folder}/wal/identity`]
}

export function writeIdentitySync(disk: Disk, folder: string, identity: Identity): void {
  const bytes = encodeIdentity(identity)
  for (const path of identityPaths(folder)) writeNewFileSync(disk, path, bytes)
}

function encodeIdentity({ formatVersion: version, ...rest }: Identity): Uint8Array {
  return encodeCheckedText({ magic, formatVersion: version, ...rest })
}

export interface FoundIdentity {
  readonly identity: Identity
  readonly reports: readonly DamageReport[]
}

/**
 * Throws QUORATE_DATA_NOT_FORMATTED for an empty or missing folder, QUORATE_DATA_FOREIGN for one
 * with other files, QUORATE_FORMAT_VERSION, and QUORATE_STORAGE_DAMAGED when no copy is readable or
 * they disagree. In `write` mode one copy is made again from the other.
 */
export function recoverIdentitySync(
  disk: Disk,
  folder: string,
  mode: 'read' | 'write',
): FoundIdentity {
  const names = disk.listSync(folder).filter((name) => !bystanders.has(name))
  if (names.length === 0) throw new QuorateError('QUORATE_DATA_NOT_FORMATTED', folder)
  const paths = identityPaths(folder)
  const bytes = paths.map((path) => readCheckedFileSync(disk, path))
  if (bytes.every((copy) => copy === undefined)) {
    const ours = names.includes('wal') && names.includes('hard.A')
    if (ours) throw damaged(paths[0], `both copies of the identity are missing; ${replaceIt}`)
    throw new QuorateError(
      'QUORATE_DATA_FOREIGN',
      `${folder} holds ${names.slice(0, 3).join(', ')}`,
    )
  }
  const copies = bytes.map((copy, position) => {
    return copy === undefined ? 'the file is missing' : parse(copy, paths[position]!)
  })
  const good = copies.filter((copy) => typeof copy !== 'string')
  const [identity, other] = good
  if (identity === undefined) {
    throw damaged(paths.join(' and '), `no copy of the identity is readable; ${replaceIt}`)
  }
  if (other !== undefined && JSON.stringify(identity) !== JSON.stringify(other)) {
    throw damaged(paths[1], `it disagrees with ${paths[0]}`)
  }
  const reports = copies.flatMap((copy, position): DamageReport[] => {
    if (typeof copy !== 'string') return []
    return [{ state: 'repaired', file: paths[position]!, from: 0, to: 0, detail: copy }]
  })
  if (mode === 'write') {
    for (const { file } of reports) replaceFileSync(disk, file, encodeIdentity(identity))
  }
  return { identity, reports }
}

/** Changes nothing; throws as `recoverIdentitySync` does. */
export function readIdentitySync(disk: Disk, folder: string): Identity {
  return recoverIdentitySync(disk, folder, 'read').identity
}

const replaceIt = 'replace the node (quorate cluster replace-node)'

/** Files that may lie in a folder before it is formatted. */
const bystanders: ReadonlySet<string> = new Set(['pid', 'lock', 'lost+found', '.DS_Store'])

/** What is wrong with the copy, else the identity. Throws QUORATE_FORMAT_VERSION. */
function parse(bytes: Uint8Array, path: string): Identity | string {
  const found = decodeCheckedText(bytes)
  if (typeof found !== 'object' || found === null) return `bytes 0..${bytes.byteLength}`
  const fields = found as Record<string, unknown>
  if (fields['magic'] !== magic) return 'it is no identity'
  if (fields['formatVersion'] !== formatVersion) {
    throw new QuorateError(
      'QUORATE_FORMAT_VERSION',
      `${path} has version ${String(fields['formatVersion'])}, this is ${formatVersion}`,
    )
  }
  const { clusterId, nodeId, incarnation } = fields
  const plan = fields['plan'] as Record<string, unknown> | undefined
  if (
    typeof clusterId !== 'string' ||
    typeof nodeId !== 'string' ||
    typeof incarnation !== 'string' ||
    plan === undefined
  ) {
    return 'a field is missing'
  }
  return {
    formatVersion,
    clusterId,
    nodeId,
    incarnation,
    plan: {
      formatVersion,
      clusterId,
      nodes: parsePlanNodes(plan['nodes']),
      ...parseJoined(plan['joined']),
      ...parseLeft(plan['left']),
    },
  }
}

function damaged(path: string, what: string): QuorateError {
  return new QuorateError('QUORATE_STORAGE_DAMAGED', `${path}: ${what}`)
}
