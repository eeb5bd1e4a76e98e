// Nodes this node has given up, by an operator's word that their disks are gone for good: `given-up`
// and a copy in `wal/given-up`, checked text. What either copy names holds, so that one damaged file
// brings nobody back. Written by rename, one copy after the other; read by node-given-up.ts at the start.
import { checkedFields, encodeCheckedText, readCheckedFileSync } from './checked-text.ts'
import type { Disk, Done } from './disk.ts'
import { formatVersion } from './format-version.ts'
import { isMember } from './plan.ts'
import { replaceFile } from './replace-file.ts'

/** One life of a node: a replacement has another incarnation, and is not meant. */
export interface GivenUpNode {
  readonly nodeId: string
  readonly incarnation: string
}

const magic = 'quorate-given-up'

function givenUpPaths(folder: string): readonly [string, string] {
  return [`${folder}/given-up`, `${folder}/wal/given-up`]
}

export function saveGivenUp(
  disk: Disk,
  folder: string,
  nodes: readonly GivenUpNode[],
  done: Done,
): void {
  const bytes = encodeCheckedText({ magic, formatVersion, nodes })
  const [first, second] = givenUpPaths(folder)
  replaceFile(disk, first, bytes, (error) => {
    if (error === undefined) replaceFile(disk, second, bytes, done)
    else done(error)
  })
}

export function readGivenUpSync(disk: Disk, folder: string): readonly GivenUpNode[] {
  const found = new Map<string, GivenUpNode>()
  for (const path of givenUpPaths(folder)) {
    const bytes = readCheckedFileSync(disk, path)
    for (const node of bytes === undefined ? [] : nodesIn(bytes)) {
      found.set(`${node.nodeId} ${node.incarnation}`, node)
    }
  }
  return [...found.values()]
}

/** None for what is no such file. */
function nodesIn(bytes: Uint8Array): readonly GivenUpNode[] {
  const nodes = checkedFields(bytes, { magic, formatVersion })?.['nodes']
  return Array.isArray(nodes) ? nodes.filter(isGivenUpNode) : []
}

export function isGivenUpNode(value: unknown): value is GivenUpNode {
  if (typeof value !== 'object' || value === null) return false
  return isMember({ ...value, address: 'host:1' })
}
