// The real Disk, over node:fs. On Linux a durable write is one writev on a second descriptor opened
// with O_DSYNC (one trip through the thread pool); elsewhere it is writev + fdatasync. A file whose
// durable write or sync failed is never written or synced again: the kernel has marked the lost
// pages clean, so a second sync would lie. Knows nothing of what the bytes mean.
import * as fs from 'node:fs'
import {
  type Disk,
  DiskError,
  type DiskErrorCode,
  type DiskFile,
  type Done,
  type OpenMode,
} from './disk.ts'
import { fewEnough } from './gather.ts'

const openFlags: Record<OpenMode, number> = {
  read: fs.constants.O_RDONLY,
  write: fs.constants.O_RDWR,
  create: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL,
}
/** Files hold other people's records; the secret lies beside them. */
const fileMode = 0o600
const folderMode = 0o700

const codes: Readonly<Record<string, DiskErrorCode>> = {
  ENOSPC: 'ENOSPC',
  EDQUOT: 'ENOSPC',
  EIO: 'EIO',
  EROFS: 'EIO',
  ENOENT: 'ENOENT',
  ENOTDIR: 'ENOENT',
  EEXIST: 'EEXIST',
  ENOTEMPTY: 'EEXIST',
  EACCES: 'EACCES',
  EPERM: 'EACCES',
}

export function createNodeDisk(options: { readonly synchronousWrites?: boolean } = {}): Disk {
  return new NodeDisk(options.synchronousWrites ?? process.platform === 'linux')
}

class NodeDisk implements Disk {
  readonly #synchronousWrites: boolean

  constructor(synchronousWrites: boolean) {
    this.#synchronousWrites = synchronousWrites
  }

  openSync(path: string, mode: OpenMode): DiskFile {
    return attempt(path, () => this.#wrap(path, fs.openSync(path, openFlags[mode], fileMode)))
  }

  open(
    path: string,
    mode: OpenMode,
    done: (error: DiskError | undefined, file: DiskFile) => void,
  ): void {
    fs.open(path, openFlags[mode], fileMode, (error, descriptor) => {
      if (error !== null) done(wrap(path, error), undefined as never)
      else done(undefined, this.#wrap(path, descriptor))
    })
  }

  listSync(folder: string): string[] {
    try {
      return fs.readdirSync(folder).sort()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw wrap(folder, error)
    }
  }

  existsSync(path: string): boolean {
    return fs.existsSync(path)
  }

  makeFolderSync(path: string): void {
    attempt(path, () => fs.mkdirSync(path, { mode: folderMode }))
  }

  makeFolder(path: string, done: Done): void {
    fs.mkdir(path, { mode: folderMode }, settle(path, done))
  }

  renameSync(from: string, to: string): void {
    attempt(from, () => fs.renameSync(from, to))
  }

  rename(from: string, to: string, done: Done): void {
    fs.rename(from, to, settle(from, done))
  }

  removeSync(path: string): void {
    attempt(path, () => {
      if (fs.lstatSync(path).isDirectory()) fs.rmdirSync(path)
      else fs.unlinkSync(path)
    })
  }

  remove(path: string, done: Done): void {
    fs.lstat(path, (error, found) => {
      if (error !== null) done(wrap(path, error))
      else if (found.isDirectory()) fs.rmdir(path, settle(path, done))
      else fs.unlink(path, settle(path, done))
    })
  }

  syncFolderSync(folder: string): void {
    attempt(folder, () => {
      const descriptor = fs.openSync(folder, fs.constants.O_RDONLY)
      try {
        fs.fsyncSync(descriptor)
      } finally {
        fs.closeSync(descriptor)
      }
    })
  }

  syncFolder(folder: string, done: Done): void {
    fs.open(folder, fs.constants.O_RDONLY, (openError, descriptor) => {
      if (openError !== null) {
        done(wrap(folder, openError))
        return
      }
      fs.fsync(descriptor, (error) => {
        fs.close(descriptor, () => done(error === null ? undefined : wrap(folder, error)))
      })
    })
  }

  freeBytes(path: string, done: (error: DiskError | undefined, bytes: number) => void): void {
    fs.statfs(path, (error, found) => {
      if (error !== null) done(wrap(path, error), 0)
      else done(undefined, found.bavail * found.bsize)
    })
  }

  #wrap(path: string, descriptor: number): DiskFile {
    return new NodeFile(path, descriptor, this.#synchronousWrites)
  }
}

class NodeFile implements DiskFile {
  readonly path: string
  readonly #descriptor: number
  readonly #synchronousWrites: boolean
  /** Opened by the first durable write; -1 before. */
  #durable = -1
  /** Set by a failed sync or durable write. From then on every write and sync fails with it. */
  #failed: DiskError | undefined

  constructor(path: string, descriptor: number, synchronousWrites: boolean) {
    this.path = path
    this.#descriptor = descriptor
    this.#synchronousWrites = synchronousWrites
  }

  readSync(into: Uint8Array, position: number): number {
    return attempt(this.path, () => {
      let read = 0
      while (read < into.byteLength) {
        const count = fs.readSync(
          this.#descriptor,
          into,
          read,
          into.byteLength - read,
          position + read,
        )
        if (count === 0) break
        read += count
      }
      return read
    })
  }

  read(
    into: Uint8Array,
    position: number,
    done: (error: DiskError | undefined, bytesRead: number) => void,
  ): void {
    let read = 0
    const next = (): void => {
      const wanted = into.byteLength - read
      fs.read(this.#descriptor, into, read, wanted, position + read, (error, count) => {
        if (error !== null) {
          done(wrap(this.path, error), read)
          return
        }
        read += count
        if (count === 0 || read === into.byteLength) done(undefined, read)
        else next()
      })
    }
    next()
  }

  writeSync(bytes: Uint8Array, position: number): void {
    this.#refuseAfterFailure()
    attempt(this.path, () => {
      let written = 0
      while (written < bytes.byteLength) {
        const rest = bytes.byteLength - written
        written += fs.writeSync(this.#descriptor, bytes, written, rest, position + written)
      }
    })
  }

  write(pieces: readonly Uint8Array[], position: number, done: Done): void {
    if (this.#failed !== undefined) {
      this.#failLater(done)
      return
    }
    writeAll(this.path, this.#descriptor, pieces, position, done)
  }

  writeDurable(pieces: readonly Uint8Array[], position: number, done: Done): void {
    if (this.#failed !== undefined) {
      this.#failLater(done)
      return
    }
    if (!this.#synchronousWrites) {
      writeAll(this.path, this.#descriptor, pieces, position, (error) => {
        if (error === undefined) this.sync(done)
        else done(this.#remember(error))
      })
      return
    }
    let descriptor: number
    try {
      descriptor = this.#durableDescriptor()
    } catch (error) {
      this.#remember(wrap(this.path, error))
      this.#failLater(done)
      return
    }
    writeAll(this.path, descriptor, pieces, position, (error) => done(this.#remember(error)))
  }

  syncSync(): void {
    this.#refuseAfterFailure()
    try {
      fs.fdatasyncSync(this.#descriptor)
    } catch (error) {
      throw this.#remember(wrap(this.path, error))!
    }
  }

  sync(done: Done): void {
    if (this.#failed !== undefined) {
      this.#failLater(done)
      return
    }
    fs.fdatasync(this.#descriptor, (error) => {
      done(this.#remember(error === null ? undefined : wrap(this.path, error)))
    })
  }

  sizeSync(): number {
    return attempt(this.path, () => fs.fstatSync(this.#descriptor).size)
  }

  close(): void {
    fs.close(this.#descriptor, ignore)
    if (this.#durable !== -1) fs.close(this.#durable, ignore)
  }

  #durableDescriptor(): number {
    if (this.#durable === -1) {
      this.#durable = fs.openSync(this.path, fs.constants.O_WRONLY | fs.constants.O_DSYNC)
    }
    return this.#durable
  }

  #remember(error: DiskError | undefined): DiskError | undefined {
    if (error !== undefined) this.#failed ??= error
    return error
  }

  #refuseAfterFailure(): void {
    if (this.#failed !== undefined) throw this.#failed
  }

  #failLater(done: Done): void {
    const failed = this.#failed
    setImmediate(() => done(failed))
  }
}

/** Writes every byte: a short write goes on where it stopped. */
function writeAll(
  path: string,
  descriptor: number,
  pieces: readonly Uint8Array[],
  position: number,
  done: Done,
): void {
  const list = fewEnough(pieces)
  fs.writev(descriptor, list as Uint8Array[], position, (error, written) => {
    if (error !== null) {
      done(wrap(path, error))
      return
    }
    const rest = dropBytes(list, written)
    if (rest.length === 0) done(undefined)
    else writeAll(path, descriptor, rest, position + written, done)
  })
}

function dropBytes(pieces: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let left = bytes
  const rest: Uint8Array[] = []
  for (const piece of pieces) {
    if (left >= piece.byteLength) {
      left -= piece.byteLength
      continue
    }
    rest.push(left === 0 ? piece : piece.subarray(left))
    left = 0
  }
  return rest
}

function settle(path: string, done: Done): (error: NodeJS.ErrnoException | null) => void {
  return (error) => done(error === null ? undefined : wrap(path, error))
}

function attempt<Result>(path: string, run: () => Result): Result {
  try {
    return run()
  } catch (error) {
    throw wrap(path, error)
  }
}

function wrap(path: string, error: unknown): DiskError {
  if (error instanceof DiskError) return error
  const { code, message } = error as NodeJS.ErrnoException
  return new DiskError(codes[code ?? ''] ?? 'OTHER', path, message, error)
}

function ignore(): void {}
