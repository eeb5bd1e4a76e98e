// The Disk that one simulated process holds: each operation is checked against injected faults and
// the size limit, and completes as an event of that process. After a crash of the disk it is dead:
// what it still calls does nothing or throws. State and faults: simulated-disk.ts.
import { type EventOwner, textHash } from '@quorate/actors/testing'
import { allocate, crc32c } from '@quorate/protocol'
import type { Disk, DiskFile, Done, OpenMode } from '../storage/disk.ts'
import { DiskError } from '../storage/disk.ts'
import { DiskCrash } from './crash-points.ts'
import { SimulatedContent } from './simulated-content.ts'
import type { DiskOperation, SimulatedDisk, UnderWay } from './simulated-disk.ts'
import { FolderNode } from './simulated-tree.ts'

/** Effects without bytes in the hash of a run, in the place of a position: no write lies there. */
const effect = { sync: 0xffff_fffd, synced: 0xffff_fffe, landed: 0xffff_ffff } as const

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
    if (mode === 'create') return this.changeSync('open', path, () => this.#open(path, mode))
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
      { changes: mode === 'create' },
    )
  }

  listSync(folder: string): string[] {
    return this.disk.tree.list(folder) ?? []
  }

  existsSync(path: string): boolean {
    return this.disk.tree.find(path) !== undefined
  }

  makeFolderSync(path: string): void {
    this.changeSync('name', path, () => this.#makeFolder(path))
  }

  makeFolder(path: string, done: Done): void {
    this.perform('name', path, () => this.#makeFolder(path), done)
  }

  renameSync(from: string, to: string): void {
    this.changeSync('name', from, () => this.#rename(from, to))
  }

  rename(from: string, to: string, done: Done): void {
    this.perform('name', from, () => this.#rename(from, to), done)
  }

  removeSync(path: string): void {
    this.changeSync('name', path, () => this.#remove(path))
  }

  remove(path: string, done: Done): void {
    this.perform('name', path, () => this.#remove(path), done)
  }

  syncFolderSync(folder: string): void {
    this.changeSync('sync', folder, () => this.#syncFolder(folder))
  }

  syncFolder(folder: string, done: Done): void {
    // Nothing lands when a crash comes first: the names stay unsynced.
    this.perform('sync', folder, () => this.#syncFolder(folder), done, {
      onCrash: 'never',
    })
  }

  freeBytes(path: string, done: (error: DiskError | undefined, bytes: number) => void): void {
    let free = 0
    const look = (): void => {
      const { capacityBytes } = this.disk
      if (capacityBytes === Number.POSITIVE_INFINITY) free = capacityBytes
      else free = Math.max(capacityBytes - this.disk.usedBytes(), 0)
    }
    this.perform('open', path, look, (error) => done(error, free))
  }

  #makeFolder(path: string): void {
    this.disk.note(`folder ${path}`)
    this.disk.tree.create(path, new FolderNode())
  }

  #rename(from: string, to: string): void {
    this.disk.note(`rename ${from} ${to}`)
    this.disk.tree.rename(from, to)
  }

  #remove(path: string): void {
    this.disk.note(`remove ${path}`)
    this.disk.tree.remove(path)
  }

  #syncFolder(path: string): void {
    this.disk.note(`sync ${path}`)
    this.disk.tree.syncFolder(path)
  }

  #open(path: string, mode: OpenMode): DiskFile {
    const found = this.disk.tree.find(path)
    if (found instanceof FolderNode) throw new DiskError('OTHER', path, 'is a folder')
    if (mode !== 'create') {
      if (found === undefined) throw new DiskError('ENOENT', path, 'no such file')
      return new SimulatedFile(this, path, found)
    }
    this.disk.note(`create ${path}`)
    const content = new SimulatedContent()
    this.disk.tree.create(path, content)
    return new SimulatedFile(this, path, content)
  }

  /** Throws what a synchronous operation meets. */
  check(operation: DiskOperation, path: string): void {
    if (this.dead) throw new DiskCrash(path)
    const fault = this.disk.faultOf(operation, path)
    if (fault !== undefined) throw fault
  }

  /** A synchronous operation that changes the disk: its process may crash around it. */
  changeSync<Result>(operation: DiskOperation, path: string, effect: () => Result): Result {
    this.check(operation, path)
    const { crashPoints } = this.disk
    if (crashPoints.before()) throw new DiskCrash(path)
    const result = effect()
    if (crashPoints.after()) throw new DiskCrash(path)
    return result
  }

  /** Runs `effect` when the operation completes, and then `done`; a crash before runs it or not. */
  perform(
    operation: DiskOperation,
    path: string,
    effect: () => void,
    done: Done,
    options: { readonly onCrash?: 'never'; readonly changes?: boolean } = {},
  ): void {
    const fault = this.disk.faultOf(operation, path)
    const { onCrash, changes = operation === 'name' || operation === 'sync' } = options
    const land = (share: number): DiskError | undefined => {
      if (fault !== undefined || (share < 1 && (onCrash === 'never' || share < 0.5))) return fault
      return attempt(effect)
    }
    this.schedule(path, { changes, land }, done)
  }

  /** `land` gets 1 when the operation completes, and less when a crash comes first. */
  schedule(path: string, operation: UnderWay, done: Done): void {
    if (!this.dead) this.disk.schedule(operation, path, this.#owner, done)
  }
}

class SimulatedFile implements DiskFile {
  readonly path: string
  readonly #process: ProcessDisk
  readonly #content: SimulatedContent
  /** Stands for disk and path in the hash of the run. */
  readonly #hash: number
  #closed = false
  /** As the real file: after a failed sync or durable write nothing is written any more. */
  #failed: DiskError | undefined

  constructor(owner: ProcessDisk, path: string, content: SimulatedContent) {
    this.#process = owner
    this.path = path
    this.#content = content
    this.#hash = textHash(`${owner.disk.name} ${path}`)
  }

  readSync(into: Uint8Array, position: number): number {
    this.#refuseClosed()
    this.#process.check('read', this.path)
    return this.#read(into, position)
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
        read = this.#read(into, position)
      },
      (error) => done(error, read),
    )
  }

  writeSync(bytes: Uint8Array, position: number): void {
    this.#refuseClosed()
    if (this.#failed !== undefined) throw this.#failed
    const { disk } = this.#process
    this.#process.changeSync('write', this.path, () => {
      if (!this.#hasRoom(position, bytes)) throw this.#full()
      this.#noteBytes(position, bytes, false)
      this.#content.write(bytes, this.#placeOf(position, bytes), disk.nextSequence())
    })
  }

  write(pieces: readonly Uint8Array[], position: number, done: Done): void {
    this.#write(pieces, position, false, done)
  }

  writeDurable(pieces: readonly Uint8Array[], position: number, done: Done): void {
    this.#write(pieces, position, true, done)
  }

  syncSync(): void {
    this.#refuseClosed()
    if (this.#failed !== undefined) throw this.#failed
    try {
      this.#process.changeSync('sync', this.path, () => {
        const { disk } = this.#process
        disk.noteEffect(this.#hash, effect.synced, 0, 0)
        this.#content.sync(disk.nextSequence())
      })
    } catch (error) {
      if (error instanceof DiskError) this.#fail(error)
      throw error
    }
  }

  sync(done: Done): void {
    this.#refuseClosed()
    const { disk } = this.#process
    const fault = this.#failed ?? disk.faultOf('sync', this.path)
    // What is written while the sync runs is not covered by it.
    const sequence = disk.nextSequence()
    disk.noteEffect(this.#hash, effect.sync, 0, 0)
    const land = (share: number): DiskError | undefined => {
      if (share < 1) return undefined
      disk.noteEffect(this.#hash, effect.synced, 0, 0)
      if (fault === undefined) this.#content.sync(sequence)
      else this.#fail(fault)
      return fault
    }
    this.#process.schedule(this.path, { changes: true, land }, done)
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
    this.#noteBytes(position, bytes, durable)
    const fault = this.#failed ?? disk.faultOf('write', this.path)
    const land = (share: number): DiskError | undefined => {
      const error = fault ?? (this.#hasRoom(position, bytes) ? undefined : this.#full())
      const whole = share === 1 && error === undefined
      if (whole && durable) {
        this.#content.writeDurable(bytes, this.#placeOf(position, bytes))
        disk.told(this.path, position, bytes)
        return undefined
      }
      // A part of it reaches the page cache: of a failed write, or of one that a crash cut off.
      const part = whole ? bytes : partOf(bytes, share, disk, position, this.#content)
      this.#content.write(part, this.#placeOf(position, part), disk.nextSequence())
      if (error !== undefined && durable) this.#fail(error)
      return error
    }
    this.#process.schedule(this.path, { changes: true, land }, done)
  }

  /** When they are handed over: how many of them land is noted then. */
  #noteBytes(position: number, bytes: Uint8Array, durable: boolean): void {
    const what = durable ? ~this.#hash : this.#hash
    this.#process.disk.noteEffect(what, position, bytes.byteLength, crc32c(bytes))
  }

  #read(into: Uint8Array, position: number): number {
    const { damage } = this.#process.disk
    const place = damage.placeOfRead(this.path, position, into.byteLength, this.#content.size)
    const read = this.#content.read(into, place)
    damage.ofRead(this.path, into, read)
    return read
  }

  /** Where the bytes land. */
  #placeOf(position: number, { byteLength }: Uint8Array): number {
    const { disk } = this.#process
    const place = disk.damage.placeOfWrite(this.path, position, byteLength, this.#content.size)
    disk.noteEffect(this.#hash, effect.landed, place, byteLength)
    return place
  }

  /** As in the kernel: what a sync could not write counts for clean, and is lost with the cache. */
  #fail(error: DiskError): void {
    this.#failed ??= error
    if (error.code !== 'ENOSPC') this.#content.forgetDirty()
  }

  #hasRoom(position: number, bytes: Uint8Array): boolean {
    return this.#process.disk.hasRoomFor(this.#content, position + bytes.byteLength)
  }

  #full(): DiskError {
    return new DiskError('ENOSPC', this.path, 'no space left')
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
  const bytes = allocate(byteLength)
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
