// Who this data folder belongs to: cluster, node and incarnation, written twice when the folder is
// formatted and never again. Both copies must agree; one alone is a half-missing folder. Read first
// at start-up, before anything else in the folder is trusted. Writer: format.ts.
import { QuorateError } from '@quorate/protocol'
import {
  decodeCheckedText,
  encodeCheckedText,
  readFileSync,
  writeNewFileSync,
} from './checked-text.ts'
import type { Disk } from './disk.ts'
import { formatVersion } from './format-version.ts'
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

export function secretPath(folder: string): string {
  return `${folder}/secret`
}

export function writeIdentitySync(disk: Disk, folder: string, identity: Identity): void {
  const { formatVersion: version, ...rest } = identity
  const bytes = encodeCheckedText({ magic, formatVersion: version, ...rest })
  for (const path of identityPaths(folder)) writeNewFileSync(disk, path, bytes)
}

/**
 * Throws QUORATE_DATA_NOT_FORMATTED for an empty or missing folder, QUORATE_DATA_FOREIGN for one
 * with other files, QUORATE_FORMAT_VERSION, and QUORATE_STORAGE_DAMAGED when a copy is missing,
 * unreadable or says something else than the other.
 */
export function readIdentitySync(disk: Disk, folder: string): Identity {
  const names = disk.listSync(folder).filter((name) => !bystanders.has(name))
  if (names.length === 0) throw new QuorateError('QUORATE_DATA_NOT_FORMATTED', folder)
  const paths = identityPaths(folder)
  const copies = paths.map((path) => readFileSync(disk, path))
  if (copies.every((copy) => copy === undefined)) {
    const ours = names.includes('wal') && names.includes('hard.A')
    if (ours) throw damaged(paths[0], 'both copies of the identity are missing')
    throw new QuorateError(
      'QUORATE_DATA_FOREIGN',
      `${folder} holds ${names.slice(0, 3).join(', ')}`,
    )
  }
  const texts = copies.map((copy, position) => {
    if (copy === undefined) throw damaged(paths[position]!, 'the file is missing')
    return parse(copy, paths[position]!)
  })
  if (JSON.stringify(texts[0]) !== JSON.stringify(texts[1])) {
    throw damaged(paths[1], `it disagrees with ${paths[0]}`)
  }
  return texts[0]!
}

/** Files that may lie in a folder before it is formatted. */
const bystanders: ReadonlySet<string> = new Set(['pid', 'lock', 'lost+found', '.DS_Store'])

function parse(bytes: Uint8Array, path: string): Identity {
  const found = decodeCheckedText(bytes)
  if (typeof found !== 'object' || found === null)
    throw damaged(path, `bytes 0..${bytes.byteLength}`)
  const fields = found as Record<string, unknown>
  if (fields['magic'] !== magic) throw damaged(path, 'it is no identity')
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
    throw damaged(path, 'a field is missing')
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
