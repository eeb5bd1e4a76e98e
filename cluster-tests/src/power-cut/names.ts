// Which names a power cut leaves: starting from the names that stand there now, it goes back to those
// before the first change that is not durable, and forward again with the changes that were kept. A
// rename is kept or lost whole. A change is lost with the earlier change of the same name that it
// builds upon, and a removed folder with what emptied it. Knows nothing of the content of files.
import type { FileId, NameChange } from './journal.ts'

/** Names in each folder. Invariant: a folder without a name in any folder is not part of the tree. */
export type Tree = Map<FileId, Map<string, FileId>>

/** Takes all changes back. Throws when the names cannot have come from these changes. */
export function treeBefore(now: Tree, changes: readonly NameChange[]): Tree {
  const tree = new Map([...now].map(([folder, names]) => [folder, new Map(names)]))
  for (const change of changes.toReversed()) {
    if (change.state === 'open') change.state = tookPlace(tree, change) ? 'done' : 'failed'
    if (change.state === 'done') takeBack(tree, change)
  }
  return tree
}

/** The changes that stay; `isKept` is asked for each that may be lost. All have ended. */
export function keptChanges(
  changes: readonly NameChange[],
  isKept: (change: NameChange) => boolean,
): NameChange[] {
  const done = changes.filter(({ state }) => state === 'done')
  const before = done.map((_change, index) => predecessors(done, index))
  const forced = new Set<number>()
  for (let index = done.length - 1; index >= 0; index -= 1) {
    if (!done[index]!.durable && !forced.has(index)) continue
    forced.add(index)
    for (const each of before[index]!) forced.add(each)
  }
  const kept = new Set<number>()
  for (const [index, change] of done.entries()) {
    const possible = before[index]!.every((each) => kept.has(each))
    if (forced.has(index) || (possible && isKept(change))) kept.add(index)
  }
  return done.filter((_change, index) => kept.has(index))
}

export function treeAfter(before: Tree, changes: readonly NameChange[]): Tree {
  const tree = new Map([...before].map(([folder, names]) => [folder, new Map(names)]))
  for (const change of changes) carryOut(tree, change)
  return tree
}

function namesIn(tree: Tree, folder: FileId): Map<string, FileId> {
  const known = tree.get(folder)
  if (known !== undefined) return known
  const names = new Map<string, FileId>()
  tree.set(folder, names)
  return names
}

/** The process ended between intent and end; what it would have changed tells. */
function tookPlace(
  tree: Tree,
  { kind, folder, name, toFolder, toName, file }: NameChange,
): boolean {
  const there = namesIn(tree, folder).get(name)
  if (kind === 'unlink' || kind === 'removeFolder') return file !== undefined && there === undefined
  if (kind === 'create' || kind === 'makeFolder') return there !== undefined
  const isMoved = file !== undefined && namesIn(tree, toFolder).get(toName) === file
  return isMoved && (kind === 'link' || there === undefined)
}

function takeBack(tree: Tree, change: NameChange): void {
  const { kind, folder, name, toFolder, toName, replaced } = change
  const names = namesIn(tree, folder)
  const there = namesIn(tree, toFolder).get(toName)
  if (kind === 'unlink' || kind === 'removeFolder') {
    if (there !== undefined) throw unseen(change)
    names.set(name, change.file!)
    if (kind === 'removeFolder') namesIn(tree, change.file!)
    return
  }
  if (there === undefined) throw unseen(change)
  change.file ??= there
  if (there !== change.file) throw unseen(change)
  namesIn(tree, toFolder).delete(toName)
  if (kind !== 'rename') return
  if (names.has(name)) throw unseen(change)
  names.set(name, there)
  if (replaced !== undefined) namesIn(tree, toFolder).set(toName, replaced)
}

function carryOut(tree: Tree, { kind, folder, name, toFolder, toName, file }: NameChange): void {
  if (kind === 'unlink' || kind === 'removeFolder') {
    namesIn(tree, folder).delete(name)
    return
  }
  if (kind === 'rename') namesIn(tree, folder).delete(name)
  if (kind === 'makeFolder') namesIn(tree, file!)
  namesIn(tree, toFolder).set(toName, file!)
}

function unseen({ kind, name, toName }: NameChange): Error {
  return new Error(`${kind} of ${name} to ${toName}: the names have changed without a record`)
}

/** Earlier changes this one builds upon: the last of each name it touches. */
function predecessors(changes: readonly NameChange[], index: number): number[] {
  const change = changes[index]!
  const found: number[] = []
  for (const key of keysOf(change)) {
    for (let at = index - 1; at >= 0; at -= 1) {
      if (!keysOf(changes[at]!).includes(key)) continue
      found.push(at)
      break
    }
  }
  if (change.kind !== 'removeFolder') return found
  const emptied = changes.slice(0, index).flatMap(({ folder, toFolder }, at) => {
    return folder === change.file || toFolder === change.file ? [at] : []
  })
  return [...found, ...emptied]
}

function keysOf({ folder, name, toFolder, toName }: NameChange): string[] {
  return [`${folder}/${name}`, `${toFolder}/${toName}`]
}
