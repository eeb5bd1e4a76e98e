// Reads what power-cut.c has written about the changes of files below one folder, through all lives
// of the process that changed them, and decides which of them are durable: those a sync of the same
// file or folder began after, and writes through a descriptor that syncs. Inodes become numbers of
// their own, because a file system uses an inode again. It does not look at the files themselves.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const kinds = {
  write: 1,
  truncate: 2,
  create: 3,
  makeFolder: 4,
  unlink: 5,
  removeFolder: 6,
  rename: 7,
  link: 8,
  done: 20,
  failed: 21,
  sync: 22,
} as const
const magic = 0x4a43_5051
const headerBytes = 96
const flagDurable = 1
const flagZeros = 2

/** Of a file or folder, through all its names. */
export type FileId = number

interface Change {
  /** A process that was killed meanwhile leaves it open: it may have happened. */
  state: 'open' | 'done' | 'failed'
  durable: boolean
}

/** Bytes of a file were written or its end was moved. */
export interface ContentChange extends Change {
  readonly kind: 'write' | 'truncate'
  readonly file: FileId
  /** Write: where; truncation: the new size. */
  readonly position: number
  /** Of a write. */
  readonly length: number
  readonly sizeBefore: number
  /** What stood from `position` on, as far as the change destroyed it. */
  readonly old: Uint8Array
}

export interface NameChange extends Change {
  readonly kind: 'create' | 'makeFolder' | 'unlink' | 'removeFolder' | 'rename' | 'link'
  readonly folder: FileId
  readonly name: string
  /** Rename and link; else the same as `folder` and `name`. */
  readonly toFolder: FileId
  readonly toName: string
  /** What the name stands for; undefined for one made by a call whose end is not known. */
  file: FileId | undefined
  /** Rename: whose name was taken over. */
  readonly replaced: FileId | undefined
  readonly mode: number
}

export interface Journal {
  /** In the order in which they happened. */
  readonly contents: readonly ContentChange[]
  readonly names: readonly NameChange[]
  idOf(inode: number): FileId
}

export const journalPrefix = 'journal-'
export const savedPrefix = 'saved-'

export function readJournal(folder: string): Journal {
  const reader = new JournalReader()
  const names = existsSync(folder) ? readdirSync(folder).sort() : []
  for (const name of names) {
    if (name.startsWith(journalPrefix)) reader.read(readFileSync(join(folder, name)))
  }
  return reader
}

interface Header {
  readonly kind: number
  readonly flags: number
  readonly number: number
  readonly refers: number
  readonly file: number
  readonly folder: number
  readonly toFolder: number
  readonly replaced: number
  readonly position: number
  readonly length: number
  readonly size: number
  readonly mode: number
  readonly name: string
  readonly toName: string
  readonly old: Uint8Array
}

class JournalReader implements Journal {
  readonly contents: ContentChange[] = []
  readonly names: NameChange[] = []
  readonly #ids = new Map<number, FileId>()
  #lastId: FileId = 0
  /** Changes that the next sync of the file or folder can make durable, with the number of their end. */
  readonly #unsynced = new Map<FileId, { readonly change: Change; end: number }[]>()

  /** The same until the inode's file or folder is removed and the inode is used again. */
  idOf(inode: number): FileId {
    const known = this.#ids.get(inode)
    if (known !== undefined) return known
    this.#lastId += 1
    this.#ids.set(inode, this.#lastId)
    return this.#lastId
  }

  /** One life of the process. */
  read(bytes: Buffer): void {
    const open = new Map<number, { readonly change: ContentChange | NameChange; end: number }>()
    for (const header of headersOf(bytes)) {
      const { kind, number, refers, file } = header
      if (kind === kinds.sync) this.#sync(this.idOf(file), refers)
      else if (kind === kinds.done || kind === kinds.failed) {
        const entry = open.get(refers)
        if (entry === undefined) throw new Error(`record ${number}: no change ${refers}`)
        entry.end = number
        this.#end(entry.change, header)
      } else open.set(number, this.#begin(header))
    }
    // Whatever happened in this life was done before anything the next life does.
    for (const waiting of this.#unsynced.values()) for (const entry of waiting) entry.end = 0
  }

  #begin(header: Header): { readonly change: ContentChange | NameChange; end: number } {
    const change = this.#changeOf(header)
    const entry = { change, end: Number.POSITIVE_INFINITY }
    if ('old' in change) this.contents.push(change)
    else this.names.push(change)
    const of = 'old' in change ? change.file : change.toFolder
    const waiting = this.#unsynced.get(of)
    if (waiting === undefined) this.#unsynced.set(of, [entry])
    else waiting.push(entry)
    return entry
  }

  #changeOf(header: Header): ContentChange | NameChange {
    const { kind, file, position, length, name, old, mode } = header
    const state = 'open' as const
    if (kind === kinds.write || kind === kinds.truncate) {
      const what = kind === kinds.write ? 'write' : 'truncate'
      const of = { file: this.idOf(file), position, length, sizeBefore: header.size, old }
      return { kind: what, state, durable: false, ...of }
    }
    const isMove = kind === kinds.rename || kind === kinds.link
    const folder = this.idOf(header.folder)
    return {
      kind: nameKindOf(kind),
      state,
      durable: false,
      folder,
      name,
      toFolder: isMove ? this.idOf(header.toFolder) : folder,
      toName: isMove ? header.toName : name,
      file: file === 0 ? undefined : this.idOf(file),
      replaced: header.replaced === 0 ? undefined : this.idOf(header.replaced),
      mode,
    }
  }

  #end(change: ContentChange | NameChange, { kind, flags, file }: Header): void {
    change.state = kind === kinds.done ? 'done' : 'failed'
    if (change.state === 'failed') return
    if ((flags & flagDurable) !== 0) change.durable = true
    if (change.kind === 'create' || change.kind === 'makeFolder') {
      this.#ids.delete(file)
      change.file = this.idOf(file)
    }
    if (change.kind === 'removeFolder') this.#ids.delete(file)
  }

  #sync(of: FileId, begun: number): void {
    const waiting = this.#unsynced.get(of) ?? []
    const later = waiting.filter(({ change, end }) => {
      if (end > begun) return true
      change.durable = true
      return false
    })
    this.#unsynced.set(of, later)
  }
}

function nameKindOf(kind: number): NameChange['kind'] {
  const names = ['create', 'makeFolder', 'unlink', 'removeFolder', 'rename', 'link'] as const
  const found = names.find((name) => kinds[name] === kind)
  if (found === undefined) throw new Error(`record of kind ${kind}`)
  return found
}

/** A last record that the end of the process has cut off belongs to a change that never began. */
function* headersOf(bytes: Buffer): Generator<Header> {
  for (let at = 0; at + headerBytes <= bytes.byteLength; ) {
    if (bytes.readUInt32LE(at) !== magic) throw new Error(`no record at ${at}`)
    const number = (offset: number) => Number(bytes.readBigUInt64LE(at + offset))
    const [nameLength, toNameLength, oldLength] = [84, 88, 92].map((offset) =>
      bytes.readUInt32LE(at + offset),
    ) as [number, number, number]
    const flags = bytes.readUInt16LE(at + 6)
    const isZeros = (flags & flagZeros) !== 0
    const nameAt = at + headerBytes
    const oldAt = nameAt + nameLength + toNameLength
    const end = oldAt + (isZeros ? 0 : oldLength)
    if (end > bytes.byteLength) return
    yield {
      kind: bytes.readUInt16LE(at + 4),
      flags,
      number: number(8),
      refers: number(16),
      file: number(24),
      folder: number(32),
      toFolder: number(40),
      replaced: number(48),
      position: number(56),
      length: number(64),
      size: number(72),
      mode: bytes.readUInt32LE(at + 80),
      name: bytes.toString('utf8', nameAt, nameAt + nameLength),
      toName: bytes.toString('utf8', nameAt + nameLength, oldAt),
      old: isZeros ? new Uint8Array(oldLength) : bytes.subarray(oldAt, end),
    }
    at = end
  }
}
