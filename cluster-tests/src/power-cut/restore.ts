// Puts the files below a folder into a state that a power cut could have left, by the journal of what
// was done to them. Three kinds of cut: everything that is not durable is lost; pages of it stay at
// random; names that are not durable may go as well. The processes must have ended. Afterwards all
// that is there counts as durable and the journal is empty. Same journal and seed, same result.
import * as fs from 'node:fs'
import { join } from 'node:path'
import { keyedRandom } from '@quorate/actors'
import { type Choice, leftover } from './contents.ts'
import { type FileId, type Journal, readJournal, savedPrefix } from './journal.ts'
import { keptChanges, type Tree, treeAfter, treeBefore } from './names.ts'

export const powerCutModes = ['lose-all', 'keep-pages', 'keep-names'] as const
export type PowerCutMode = (typeof powerCutModes)[number]

export interface PowerCut {
  /** The folder as the library was told it. */
  readonly root: string
  readonly journal: string
  readonly mode: PowerCutMode
  readonly seed: string
}

/** What the cut took. */
export interface Lost {
  /** Files with changes that were not durable. */
  readonly files: number
  /** Pages and ends of files that are not as the processes left them. */
  readonly pages: number
  readonly ends: number
  /** Changes of names that were not durable, and how many of them are lost. */
  readonly names: number
  readonly lostNames: number
}

export function restore({ root, journal: folder, mode, seed }: PowerCut): Lost {
  const random = keyedRandom(seed)
  const journal = readJournal(folder)
  const found = scan(root, journal)
  keepSaved(folder, journal, found.files)
  const before = treeBefore(found.tree, journal.names)
  const ofNames = (): boolean => mode !== 'keep-names' || random.integer('name', 2) === 1
  const kept = keptChanges(journal.names, ofNames)
  const tree = treeAfter(before, kept)
  const done = journal.names.filter(({ state }) => state === 'done')
  const lost = {
    ...restoreContents(journal, found.files, {
      integer: (bound) => (mode === 'lose-all' ? 0 : random.integer('content', bound)),
    }),
    names: done.filter(({ durable }) => !durable).length,
    lostNames: done.length - kept.length,
  }
  build(root, tree, found, journal)
  fs.rmSync(folder, { recursive: true })
  fs.mkdirSync(folder)
  return lost
}

interface Found {
  readonly tree: Tree
  /** A path to each file. */
  readonly files: Map<FileId, string>
  /** Permissions of each folder. */
  readonly modes: Map<FileId, number>
}

function scan(root: string, journal: Journal): Found {
  const found: Found = { tree: new Map(), files: new Map(), modes: new Map() }
  const visit = (folder: string): FileId => {
    const { ino, mode } = fs.lstatSync(folder)
    const id = journal.idOf(ino)
    const names = new Map<string, FileId>()
    for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) names.set(entry.name, visit(path))
      else {
        const file = journal.idOf(fs.lstatSync(path).ino)
        names.set(entry.name, file)
        found.files.set(file, path)
      }
    }
    found.tree.set(id, names)
    found.modes.set(id, mode & 0o7777)
    return id
  }
  visit(root)
  return found
}

/** Files without a name of their own any more. */
function keepSaved(folder: string, journal: Journal, files: Map<FileId, string>): void {
  for (const name of fs.readdirSync(folder)) {
    if (!name.startsWith(savedPrefix)) continue
    const id = journal.idOf(Number(name.slice(savedPrefix.length)))
    if (!files.has(id)) files.set(id, join(folder, name))
  }
}

function restoreContents(
  { contents }: Journal,
  files: ReadonlyMap<FileId, string>,
  choice: Choice,
): { files: number; pages: number; ends: number } {
  const lost = { files: 0, pages: 0, ends: 0 }
  const byFile = Map.groupBy(contents, ({ file }) => file)
  for (const [file, changes] of byFile) {
    const path = files.get(file)
    if (path === undefined) throw new Error(`a file that was written is gone without a record`)
    const descriptor = fs.openSync(path, 'r+')
    try {
      const { size } = fs.fstatSync(descriptor)
      const left = leftover(changes, size, (at, length) => readAt(descriptor, at, length), choice)
      if (left === undefined) continue
      lost.files += 1
      lost.pages += left.pages.length
      if (left.size !== size) lost.ends += 1
      for (const { position, bytes } of left.pages) {
        fs.writeSync(descriptor, bytes, 0, bytes.byteLength, position)
      }
      fs.ftruncateSync(descriptor, left.size)
    } finally {
      fs.closeSync(descriptor)
    }
  }
  return lost
}

function readAt(descriptor: number, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  return bytes.subarray(0, fs.readSync(descriptor, bytes, 0, length, position))
}

/** The tree as folders and links to the files, in place of what stood at the root. */
function build(root: string, tree: Tree, { files, modes }: Found, journal: Journal): void {
  const fresh = `${root}.cut`
  const make = (folder: FileId, path: string): void => {
    const made = journal.names.find(({ kind, file }) => kind === 'removeFolder' && file === folder)
    fs.mkdirSync(path, { mode: modes.get(folder) ?? made?.mode ?? 0o700 })
    for (const [name, child] of tree.get(folder) ?? []) {
      if (tree.has(child)) make(child, join(path, name))
      else fs.linkSync(files.get(child)!, join(path, name))
    }
  }
  make(journal.idOf(fs.lstatSync(root).ino), fresh)
  fs.rmSync(root, { recursive: true })
  fs.renameSync(fresh, root)
}
