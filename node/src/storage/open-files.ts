// Keeps the files that are read from open for a while: opening costs a trip through the IO pool.
// Bounded; the least recently used file that nobody reads is closed. Knows nothing of contents.
import type { Disk, DiskError, DiskFile } from './disk.ts'

interface Entry {
  readonly path: string
  file: DiskFile | undefined
  users: number
  /** Removed from the table while in use: closed by its last user. */
  forgotten: boolean
  waiting: ((error: DiskError | undefined) => void)[]
}

export type Opened = (error: DiskError | undefined, file: DiskFile, release: () => void) => void

export class OpenFiles {
  readonly #disk: Disk
  readonly #limit: number
  /** In order of use, the latest last. */
  readonly #entries = new Map<string, Entry>()

  constructor(disk: Disk, limit: number) {
    this.#disk = disk
    this.#limit = limit
  }

  /** `done` is called synchronously when the file is open already. */
  acquire(path: string, done: Opened): void {
    let entry = this.#entries.get(path)
    if (entry === undefined) {
      entry = { path, file: undefined, users: 0, forgotten: false, waiting: [] }
      this.#entries.set(path, entry)
      this.#open(entry)
    } else {
      this.#entries.delete(path)
      this.#entries.set(path, entry)
    }
    entry.users += 1
    const used = entry
    const opened = (error: DiskError | undefined): void => {
      if (error !== undefined) done(error, undefined as never, () => {})
      else done(undefined, used.file!, () => this.#release(used))
    }
    if (entry.file !== undefined) opened(undefined)
    else entry.waiting.push(opened)
  }

  /** The file is gone, or another one has its name now. */
  forget(path: string): void {
    const entry = this.#entries.get(path)
    if (entry === undefined) return
    this.#entries.delete(path)
    entry.forgotten = true
    if (entry.users === 0) entry.file?.close()
  }

  close(): void {
    for (const path of [...this.#entries.keys()]) this.forget(path)
  }

  #open(entry: Entry): void {
    this.#disk.open(entry.path, 'read', (error, file) => {
      const { waiting } = entry
      entry.waiting = []
      if (error === undefined) entry.file = file
      else {
        entry.users = 0
        if (!entry.forgotten) this.#entries.delete(entry.path)
      }
      for (const call of waiting) call(error)
    })
  }

  #release(entry: Entry): void {
    entry.users -= 1
    if (entry.forgotten) {
      if (entry.users === 0) entry.file?.close()
      return
    }
    if (this.#entries.size <= this.#limit) return
    for (const [path, each] of this.#entries) {
      if (each.users > 0 || each.file === undefined) continue
      this.#entries.delete(path)
      each.file.close()
      if (this.#entries.size <= this.#limit) return
    }
  }
}
