// The Disk that one simulated process holds: each operation is checked against injected faults and
// the size limit, and completes as an event of that process. After a crash of the disk it is dead:
// what it still calls does nothing or throws. State and faults: simulated-disk.ts.
import type { EventOwner } from '@quorate/actors/testing'
import type { Disk, DiskFile, Done, OpenMode } from '../storage/disk.ts'
import { DiskError } from '../storage/disk.ts'
import { SimulatedContent } from './simulated-content.ts'
import type { DiskOperation, SimulatedDisk } from './simulated-disk.ts'
import { FolderNode } from './simulated-tree.ts'

export class ProcessDisk implements Disk {
  readonly disk: SimulatedDisk
  readonly #life: number
  readonly #owner: EventOwner | undefined

  constructor(disk: SimulatedDisk, life: number, owner: EventOwner | undefined) {
    this.disk = disk
    this.#life = life
    this.#owner = owner
  }

  get dead(): boolean {
    return this.#life !== this.disk.life
  }

  openSync(path: string, mode: OpenMode): DiskFile {
    this.check('open', path)
    return this.#open(path, mode)
  }

  open(
    path: string,
    mode: OpenMode,
    done: (error: DiskError | undefined, file: DiskFile) => void,
  ): void {
    let opened: DiskFile | undefined
    this.perform(
      'open',
      path,
      () => {
        opened = this.#open(path, mode)
      },
      (error) => done(error, opened as DiskFile),
    )
  }

  listSync(folder: string): string[] {
    return this.disk.tree.list(folder) ?? []
  }

  existsSync(path: string): boolean {
    return this.disk.tree.find(path) !== undefined
  }

  makeFolderSync(path: string): void {
    this.check('name', path)
    this.disk.tree.create(path, new FolderNode())
  }

  makeFolder(path: string, done: Done): void {
    this.perform('name', path, () => this.disk.tree.create(path, new FolderNode()), done)
  }

  renameSync(from: string, to: string): void {
    this.check('name', from)
    this.disk.tree.rename(from, to)
  }

  rename(from: string, to: string, done: Done): void {
    this.perform('name', from, () => this.disk.tree.rename(from, to), done)
  }

  removeSync(path: string): void {
    this.check('name', path)
    this.disk.tree.remove(path)
  }

  remove(path: string, done: Done): void {
    this.perform('name', path, () => this.disk.tree.remove(path), done)
  }

  syncFolderSync(folder: string): void {
    this.check('sync', folder)
    this.disk.tree.syncFolder(folder)
  }

  syncFolder(folder: string, done: Done): void {
    // Nothing lands when a crash comes first: the names stay unsynced.
    this.perform('sync', folder, () => this.disk.tree.syncFolder(folder), done, 'never')
  }

  freeBytes(path: string, done: (error: DiskError | undefined, bytes: number) => void): void {
    const free = Math.max(this.disk.capacityBytes - this.disk.usedBytes(), 0)
    this.perform(
      'open',
      path,
      () => {},
      (error) => {
        done(error, Number.isFinite(free) ? free : Number.MAX_SAFE_INTEGER)
      },
    )
  }

  #open(path: string, mode: OpenMode): DiskFile {
    const found = this.disk.tree.find(path)
    if (found instanceof FolderNode) throw new DiskError('OTHER', path, 'is a folder')
    if (mode !== 'create') {
      if (found === undefined) throw new DiskError('ENOENT', path, 'no such file')
      return new SimulatedFile(this, path, found)
    }
    const content = new SimulatedContent()
    this.disk.tree.create(path, content)
    return new SimulatedFile(this, path, content)
  }

  /** Throws what a synchronous operation meets. */
  check(operation: DiskOperation, path: string): void {
    if (this.dead) throw new Error(`${path}: used after the crash of its process`)
    const fault = this.disk.faultOf(operation, path)
    if (fault !== undefined) throw fault
  }

  /** Runs `effect` when the operation completes, and then `done`; a crash before runs it or not. */
  perform(
    operation: DiskOperation,
    path: string,
    effect: () => void,
    done: Done,
    onCrash: 'either' | 'never' = 'either',
  ): void {
    const fault = this.disk.faultOf(operation, path)
    const land = (share: number): DiskError | undefined => {
      if (fault !== undefined || (share < 1 && (onCrash === 'never' || share < 0.5))) return fault
      return attempt(effect)
    }
    this.schedule(path, land, done)
  }

  /** `land` gets 1 when the operation completes, and less when a crash comes first. */
  schedule(path: string, land: (share: number) => DiskError | undefined, done: Done): void {
    if (this.dead) return
    const underWay = {
      land: (share: number): void => {
        land(share)
      },
    }
    this.disk.schedule(underWay, path, this.#owner, () => done(land(1)))
  }
}

class SimulatedFile implements DiskFile {
  readonly path: string
  readonly #process: ProcessDisk
  readonly #content: SimulatedContent
  #closed = false
  /** As the real file: after a failed sync or durable write nothing is written any more. */
  #failed: DiskError | undefined

  constructor(process: ProcessDisk, path: string, content: SimulatedContent) {
    this.#process = process
    this.path = path
    this.#content = content
  }

  readSync(into: Uint8Array, position: number): number {
    this.#check('read')
    return this.#content.read(into, position)
  }

  read(
    into: Uint8Array,
    position: number,
    done: (error: DiskError | undefined, bytesRead: number) => void,
  ): void {
    this.#refuseClosed()
    let read = 0
    this.#process.perform(
      'read',
      this.path,
      () => {
        read = this.#content.read(into, position)
      },
      (error) => done(error, read),
    )
  }

  writeSync(bytes: Uint8Array, position: number): void {
    this.#check('write')
    if (this.#failed !== undefined) throw this.#failed
    const { disk } = this.#process
    if (!disk.hasRoomFor(this.#content, position + bytes.byteLength)) throw this.#full()
    this.#content.write(bytes, position, disk.nextSequence())
  }

  write(pieces: readonly Uint8Array[], position: number, done: Done): void {
    this.#write(pieces, position, false, done)
  }

  writeDurable(pieces: readonly Uint8Array[], position: number, done: Done): void {
    this.#write(pieces, position, true, done)
  }

  syncSync(): void {
    this.#check('sync')
    if (this.#failed !== undefined) throw this.#failed
    this.#content.sync(this.#process.disk.nextSequence())
  }

  sync(done: Done): void {
    this.#refuseClosed()
    const { disk } = this.#process
    const fault = this.#failed ?? disk.faultOf('sync', this.path)
    // What is written while the sync runs is not covered by it.
    const sequence = disk.nextSequence()
    const land = (share: number): DiskError | undefined => {
      if (share < 1) return undefined
      if (fault === undefined) this.#content.sync(sequence)
      else this.#content.forgetDirty()
      this.#failed ??= fault
      return fault
    }
    this.#process.schedule(this.path, land, done)
  }

  sizeSync(): number {
    return this.#content.size
  }

  close(): void {
    this.#closed = true
  }

  #write(pieces: readonly Uint8Array[], position: number, durable: boolean, done: Done): void {
    this.#refuseClosed()
    const { disk } = this.#process
    // Taken now: the caller may use its buffers again only later, but a crash must find them whole.
    const bytes = joined(pieces)
    const fault = this.#failed ?? disk.faultOf('write', this.path)
    const land = (share: number): DiskError | undefined => {
      const error = fault ?? (this.#hasRoom(position, bytes) ? undefined : this.#full())
      const whole = share === 1 && error === undefined
      if (whole && durable) {
        this.#content.writeDurable(bytes, position, disk.nextSequence())
        disk.told(this.path, position, bytes)
        return undefined
      }
      // A part of it reaches the page cache: of a failed write, or of one that a crash cut off.
      const part = whole ? bytes : partOf(bytes, share, disk, position, this.#content)
      this.#content.write(part, position, disk.nextSequence())
      if (error !== undefined && durable) this.#failed ??= error
      return error
    }
    this.#process.schedule(this.path, land, done)
  }

  #hasRoom(position: number, bytes: Uint8Array): boolean {
    return this.#process.disk.hasRoomFor(this.#content, position + bytes.byteLength)
  }

  #full(): DiskError {
    return new DiskError('ENOSPC', this.path, 'no space left')
  }

  #check(operation: DiskOperation): void {
    this.#refuseClosed()
    this.#process.check(operation, this.path)
  }

  #refuseClosed(): void {
    if (this.#closed) throw new Error(`${this.path}: used after close`)
  }
}

/** A prefix in whole sectors; of a failed write a random one, within the room there is. */
function partOf(
  bytes: Uint8Array,
  share: number,
  disk: SimulatedDisk,
  position: number,
  content: SimulatedContent,
): Uint8Array {
  const portion = share < 1 ? share : disk.random.integer(`${disk.name}/short-write`, 100) / 100
  const length = Math.floor((bytes.byteLength * portion) / 512) * 512
  return disk.hasRoomFor(content, position + length) ? bytes.subarray(0, length) : new Uint8Array(0)
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  let byteLength = 0
  for (const piece of pieces) byteLength += piece.byteLength
  const bytes = new Uint8Array(byteLength)
  let position = 0
  for (const piece of pieces) {
    bytes.set(piece, position)
    position += piece.byteLength
  }
  return bytes
}

function attempt(effect: () => void): DiskError | undefined {
  try {
    effect()
    return undefined
  } catch (error) {
    if (error instanceof DiskError) return error
    throw error
  }
}
