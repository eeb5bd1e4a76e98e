// A read-only Disk over what a simulated disk holds synced: the image that the worst power loss now
// would leave. For oracles and for dumps of a running simulation. It changes with the disk.
import type { Disk, DiskFile, Done, OpenMode } from '../storage/disk.ts'
import { DiskError } from '../storage/disk.ts'
import type { SimulatedContent } from './simulated-content.ts'
import { FolderNode, type SimulatedTree } from './simulated-tree.ts'

export class SyncedDisk implements Disk {
  readonly #tree: SimulatedTree

  constructor(tree: SimulatedTree) {
    this.#tree = tree
  }

  openSync(path: string, mode: OpenMode): DiskFile {
    const found = this.#tree.findSynced(path)
    if (found === undefined) throw new DiskError('ENOENT', path, 'no such file')
    if (found instanceof FolderNode || mode !== 'read') throw readOnly(path)
    return new SyncedFile(path, found)
  }

  listSync(folder: string): string[] {
    return this.#tree.list(folder, 'synced') ?? []
  }

  existsSync(path: string): boolean {
    return this.#tree.findSynced(path) !== undefined
  }

  open(path: string): void {
    throw readOnly(path)
  }
  makeFolderSync(path: string): void {
    throw readOnly(path)
  }
  makeFolder(path: string): void {
    throw readOnly(path)
  }
  renameSync(from: string): void {
    throw readOnly(from)
  }
  rename(from: string): void {
    throw readOnly(from)
  }
  removeSync(path: string): void {
    throw readOnly(path)
  }
  remove(path: string): void {
    throw readOnly(path)
  }
  syncFolderSync(folder: string): void {
    throw readOnly(folder)
  }
  syncFolder(folder: string): void {
    throw readOnly(folder)
  }
  freeBytes(path: string): void {
    throw readOnly(path)
  }
}

class SyncedFile implements DiskFile {
  readonly path: string
  readonly #content: SimulatedContent

  constructor(path: string, content: SimulatedContent) {
    this.path = path
    this.#content = content
  }

  readSync(into: Uint8Array, position: number): number {
    return this.#content.readSynced(into, position)
  }
  sizeSync(): number {
    return this.#content.syncedSize
  }
  close(): void {}

  read(): void {
    throw readOnly(this.path)
  }
  writeSync(): void {
    throw readOnly(this.path)
  }
  write(_pieces: readonly Uint8Array[], _position: number, _done: Done): void {
    throw readOnly(this.path)
  }
  writeDurable(): void {
    throw readOnly(this.path)
  }
  syncSync(): void {
    throw readOnly(this.path)
  }
  sync(): void {
    throw readOnly(this.path)
  }
}

function readOnly(path: string): Error {
  return new Error(`${path}: the synced image is read only and synchronous`)
}
