// A disk that tells of each operation that changes something, in words, when it is complete or has
// failed: a crash in between leaves no line. Reads go through untold.
import type { Disk, DiskError, DiskFile, Done, OpenMode } from '../../storage/disk.ts'
import { recordsText } from './records-text.ts'

type Tell = (text: string) => void

export class TracedDisk implements Disk {
  readonly #disk: Disk
  readonly #nowMs: () => number
  readonly #tell: Tell

  constructor(disk: Disk, nowMs: () => number, tell: Tell) {
    this.#disk = disk
    this.#nowMs = nowMs
    this.#tell = tell
  }

  openSync(path: string, mode: OpenMode): DiskFile {
    const open = (): DiskFile => this.#disk.openSync(path, mode)
    return this.#file(mode === 'create' ? this.now(`create ${path}`, open) : open())
  }

  open(
    path: string,
    mode: OpenMode,
    done: (error: DiskError | undefined, file: DiskFile) => void,
  ): void {
    const told: Done = mode === 'create' ? this.later(`create ${path}`, () => {}) : () => {}
    this.#disk.open(path, mode, (error, file) => {
      told(error)
      done(error, error === undefined ? this.#file(file) : file)
    })
  }

  listSync(folder: string): string[] {
    return this.#disk.listSync(folder)
  }

  existsSync(path: string): boolean {
    return this.#disk.existsSync(path)
  }

  makeFolderSync(path: string): void {
    this.now(`folder ${path}`, () => this.#disk.makeFolderSync(path))
  }

  makeFolder(path: string, done: Done): void {
    this.#disk.makeFolder(path, this.later(`folder ${path}`, done))
  }

  renameSync(from: string, to: string): void {
    this.now(`rename ${from} to ${to}`, () => this.#disk.renameSync(from, to))
  }

  rename(from: string, to: string, done: Done): void {
    this.#disk.rename(from, to, this.later(`rename ${from} to ${to}`, done))
  }

  removeSync(path: string): void {
    this.now(`remove ${path}`, () => this.#disk.removeSync(path))
  }

  remove(path: string, done: Done): void {
    this.#disk.remove(path, this.later(`remove ${path}`, done))
  }

  syncFolderSync(folder: string): void {
    this.now(`sync ${folder}`, () => this.#disk.syncFolderSync(folder))
  }

  syncFolder(folder: string, done: Done): void {
    this.#disk.syncFolder(folder, this.later(`sync ${folder}`, done))
  }

  freeBytes(path: string, done: (error: DiskError | undefined, bytes: number) => void): void {
    this.#disk.freeBytes(path, done)
  }

  /** For its files: an operation that is over when it returns. */
  now<Result>(text: string, run: () => Result): Result {
    try {
      const result = run()
      this.#tell(text)
      return result
    } catch (error) {
      this.#tell(`${text}: ${error instanceof Error ? error.message : String(error)}`)
      throw error
    }
  }

  /** For its files: what to call when an operation that begins now is over. */
  later(text: string, done: Done): Done {
    const fromMs = this.#nowMs()
    return (error) => {
      const tookMs = (this.#nowMs() - fromMs).toFixed(1)
      this.#tell(error === undefined ? `${text}, took ${tookMs} ms` : `${text}: ${error.message}`)
      done(error)
    }
  }

  #file(file: DiskFile): DiskFile {
    return new TracedFile(this, file)
  }
}

class TracedFile implements DiskFile {
  readonly path: string
  readonly #disk: TracedDisk
  readonly #file: DiskFile

  constructor(disk: TracedDisk, file: DiskFile) {
    this.path = file.path
    this.#disk = disk
    this.#file = file
  }

  readSync(into: Uint8Array, position: number): number {
    return this.#file.readSync(into, position)
  }

  read(
    into: Uint8Array,
    position: number,
    done: (error: DiskError | undefined, bytesRead: number) => void,
  ): void {
    this.#file.read(into, position, done)
  }

  writeSync(bytes: Uint8Array, position: number): void {
    this.#disk.now(this.#writing('write', [bytes], position), () =>
      this.#file.writeSync(bytes, position),
    )
  }

  write(pieces: readonly Uint8Array[], position: number, done: Done): void {
    const text = this.#writing('write', pieces, position)
    this.#file.write(pieces, position, this.#disk.later(text, done))
  }

  writeDurable(pieces: readonly Uint8Array[], position: number, done: Done): void {
    const text = this.#writing('write+sync', pieces, position)
    this.#file.writeDurable(pieces, position, this.#disk.later(text, done))
  }

  syncSync(): void {
    this.#disk.now(`sync ${this.path}`, () => this.#file.syncSync())
  }

  sync(done: Done): void {
    this.#file.sync(this.#disk.later(`sync ${this.path}`, done))
  }

  sizeSync(): number {
    return this.#file.sizeSync()
  }

  close(): void {
    this.#file.close()
  }

  #writing(what: string, pieces: readonly Uint8Array[], position: number): string {
    const bytes = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0)
    return `${what} ${this.path} ${bytes} bytes at ${position}${recordsText(pieces)}`
  }
}
