// Names of a simulated disk, apart from contents: a created, renamed or removed name is kept or lost
// on its own by a power loss, until its folder is synced. Holds the tree that processes see and the
// tree that is synced, and the operations between them. Knows nothing of what files hold.
import type { Random } from '@quorate/actors'
import { DiskError } from '../storage/disk.ts'
import type { SimulatedContent } from './simulated-content.ts'

export class FolderNode {
  entries = new Map<string, TreeNode>()
  synced = new Map<string, TreeNode>()
}

export type TreeNode = FolderNode | SimulatedContent

interface Place {
  readonly folder: FolderNode
  readonly name: string
}

/** One change of names that is not synced yet: `set` gets the node, `cleared` loses its own. */
interface NameOperation {
  readonly set: Place | undefined
  readonly node: TreeNode | undefined
  readonly cleared: Place | undefined
}

export class SimulatedTree {
  readonly root = new FolderNode()
  #unsynced: NameOperation[] = []

  find(path: string): TreeNode | undefined {
    return walk(this.root, path, (folder) => folder.entries)
  }

  findSynced(path: string): TreeNode | undefined {
    return walk(this.root, path, (folder) => folder.synced)
  }

  /** Names in the tree that processes see, or in the synced one; undefined for no folder. */
  list(path: string, which: 'entries' | 'synced' = 'entries'): string[] | undefined {
    const found = which === 'entries' ? this.find(path) : this.findSynced(path)
    if (found === undefined) return undefined
    if (!(found instanceof FolderNode)) throw new DiskError('OTHER', path, 'not a folder')
    return [...found[which].keys()].sort()
  }

  create(path: string, node: TreeNode): void {
    const place = this.#place(path)
    if (place.folder.entries.has(place.name)) throw new DiskError('EEXIST', path, 'exists')
    this.#apply({ set: place, node, cleared: undefined })
  }

  remove(path: string): void {
    const place = this.#place(path)
    const node = place.folder.entries.get(place.name)
    if (node === undefined) throw new DiskError('ENOENT', path, 'no such file')
    if (node instanceof FolderNode && node.entries.size > 0) {
      throw new DiskError('EEXIST', path, 'folder is not empty')
    }
    this.#apply({ set: undefined, node: undefined, cleared: place })
  }

  rename(from: string, to: string): void {
    const cleared = this.#place(from)
    const set = this.#place(to)
    const node = cleared.folder.entries.get(cleared.name)
    if (node === undefined) throw new DiskError('ENOENT', from, 'no such file')
    const replaced = set.folder.entries.get(set.name)
    if (replaced instanceof FolderNode && replaced.entries.size > 0) {
      throw new DiskError('EEXIST', to, 'folder is not empty')
    }
    this.#apply({ set, node, cleared })
  }

  /** The name is gone, synced and unsynced, as if it had never been there. */
  lose(path: string): void {
    const { folder, name } = this.#place(path)
    folder.entries.delete(name)
    folder.synced.delete(name)
    this.#unsynced = this.#unsynced.filter(
      ({ set }) => set === undefined || set.folder !== folder || set.name !== name,
    )
  }

  /** Makes every change of names in the folder durable. */
  syncFolder(path: string): void {
    const folder = this.find(path)
    if (!(folder instanceof FolderNode)) throw new DiskError('ENOENT', path, 'no such folder')
    this.#unsynced = this.#unsynced.filter((operation) => {
      const touches = operation.set?.folder === folder || operation.cleared?.folder === folder
      if (touches) applyTo(operation, 'synced')
      return !touches
    })
  }

  /** Each change that is not synced survives or is lost, on its own; then both trees are one. */
  losePower(random: Random, purpose: string, survivePercent: number): void {
    for (const operation of this.#unsynced) {
      if (random.integer(purpose, 100) < survivePercent) applyTo(operation, 'synced')
    }
    this.#unsynced = []
    revert(this.root)
  }

  /** Every file that a process can reach. */
  files(): Iterable<SimulatedContent> {
    return filesBelow(this.root, 'entries')
  }

  /** Every file whose name is synced. */
  syncedFiles(): Iterable<SimulatedContent> {
    return filesBelow(this.root, 'synced')
  }

  #apply(operation: NameOperation): void {
    applyTo(operation, 'entries')
    this.#unsynced.push(operation)
  }

  #place(path: string): Place {
    const slash = path.lastIndexOf('/')
    const name = path.slice(slash + 1)
    const folder = this.find(path.slice(0, Math.max(slash, 0)))
    if (isNothing(name) || !(folder instanceof FolderNode)) {
      throw new DiskError('ENOENT', path, 'no such folder')
    }
    return { folder, name }
  }
}

function applyTo({ set, node, cleared }: NameOperation, which: 'entries' | 'synced'): void {
  if (cleared !== undefined) cleared.folder[which].delete(cleared.name)
  if (set !== undefined && node !== undefined) set.folder[which].set(set.name, node)
}

function* filesBelow(folder: FolderNode, which: 'entries' | 'synced'): Generator<SimulatedContent> {
  for (const node of folder[which].values()) {
    if (node instanceof FolderNode) yield* filesBelow(node, which)
    else yield node
  }
}

function revert(folder: FolderNode): void {
  folder.entries = new Map(folder.synced)
  for (const node of folder.entries.values()) if (node instanceof FolderNode) revert(node)
}

function walk(
  root: FolderNode,
  path: string,
  of: (folder: FolderNode) => ReadonlyMap<string, TreeNode>,
): TreeNode | undefined {
  let node: TreeNode | undefined = root
  for (let start = 0; start < path.length; ) {
    const slash = path.indexOf('/', start)
    const end = slash === -1 ? path.length : slash
    const part = path.slice(start, end)
    start = end + 1
    if (isNothing(part)) continue
    if (!(node instanceof FolderNode)) return undefined
    node = of(node).get(part)
  }
  return node
}

/** Parts of a path that lead nowhere. */
function isNothing(part: string): boolean {
  return part === '' || part === '.'
}
