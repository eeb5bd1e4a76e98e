// The WAL's files over their life: a spare is prepared in the background, taken when the current
// file is full, released when no entry needs it, and recycled as the next spare. Part of the WAL
// actor: every step comes back to it as a message (`continueWith`). A file is used only after both
// manifests name it, and recycled only after neither does.
import type { ActorRef } from '@quorate/actors'
import type { Disk, DiskError, DiskFile } from './disk.ts'
import type { ManifestMessage } from './manifest-store.ts'
import type { StorageSettings } from './options.ts'
import type { Remover } from './remover.ts'
import { create } from './replace-file.ts'
import { fillPieceBytes, WalFile, type WalIdentity, walFolder, walPath } from './wal-file.ts'
import { blockBytes, encodeWalFileHeader } from './wal-format.ts'

export interface WalFilesOptions {
  readonly disk: Disk
  readonly folder: string
  readonly identity: WalIdentity
  readonly settings: StorageSettings
  readonly manifest: ActorRef<ManifestMessage>
  readonly remover: Remover
  /** Runs in the WAL actor, on a later turn. */
  readonly continueWith: (run: () => void) => void
  readonly retryLater: (delayMs: number) => void
  /** A spare is ready. */
  readonly ready: () => void
  readonly diskFull: (full: boolean) => void
  readonly failed: (error: DiskError) => void
}

const zeros = new Uint8Array(fillPieceBytes)
/** Released files kept for recycling; more are removed. */
const recycledMax = 2

export class WalFiles {
  readonly #options: WalFilesOptions
  /** Oldest first; the last one is written to. */
  readonly #used: WalFile[]
  readonly #released: WalFile[] = []
  #spare: WalFile | undefined
  #preparing = false
  #nextNumber: number

  constructor(used: WalFile[], nextNumber: number, options: WalFilesOptions) {
    this.#used = used
    this.#nextNumber = nextNumber
    this.#options = options
  }

  get current(): WalFile {
    return this.#used.at(-1)!
  }

  get oldest(): WalFile {
    return this.#used[0]!
  }

  /** Files in use, the current one included. */
  get count(): number {
    return this.#used.length
  }

  /** The full files together: what they hold, and what of it is needed. */
  get fullBytes(): { readonly size: number; readonly live: number } {
    let size = 0
    let live = 0
    for (const file of this.#used) {
      if (file === this.current) continue
      size += file.sizeBytes
      live += file.liveBytes
    }
    return { size, live }
  }

  /** A spare is being made: files are being written. */
  get preparing(): boolean {
    return this.#preparing
  }

  /** Ends the current file and goes on in the spare. False: there is none yet. */
  takeSpare(): boolean {
    const spare = this.#spare
    if (spare === undefined) {
      this.prepare()
      return false
    }
    this.#spare = undefined
    this.#used.push(spare)
    this.prepare()
    return true
  }

  /** Makes a spare unless there is one or one is under way. */
  prepare(): void {
    if (this.#preparing || this.#spare !== undefined) return
    this.#preparing = true
    const number = this.#nextNumber
    this.#nextNumber += 1
    const recycled = this.#released.shift()
    if (recycled !== undefined) this.#recycle(recycled, number)
    else this.#create(number)
  }

  /** Gives up files from the oldest on, as long as nothing needs them. */
  release(): void {
    const given: WalFile[] = []
    while (this.#used.length > 1 && this.oldest.liveEntries === 0 && this.oldest.readers === 0) {
      given.push(this.#used.shift()!)
    }
    if (given.length === 0) return
    const numbers = new Set(given.map((file) => file.number))
    this.#options.manifest.reply({
      type: 'change',
      change: (manifest) => ({
        ...manifest,
        walFiles: manifest.walFiles.filter((number) => !numbers.has(number)),
      }),
      done: () => this.#options.continueWith(() => this.#keepOrRemove(given)),
    })
  }

  close(): void {
    for (const file of [...this.#used, ...this.#released]) file.file.close()
    this.#spare?.file.close()
  }

  #keepOrRemove(files: readonly WalFile[]): void {
    for (const file of files) {
      if (this.#released.length < recycledMax) this.#released.push(file)
      else {
        file.file.close()
        this.#options.remover.remove(file.path)
      }
    }
  }

  #recycle(old: WalFile, number: number): void {
    const { disk, folder, settings } = this.#options
    if (old.sizeBytes !== settings.walFileBytes) {
      // Made under another setting.
      old.file.close()
      disk.remove(old.path, () => this.#options.continueWith(() => this.#create(number)))
      return
    }
    const path = walPath(folder, number)
    old.file.close()
    disk.rename(old.path, path, (error) => {
      if (error !== undefined) this.#preparationFailed(error, path)
      else {
        disk.open(path, 'write', (openError, file) => {
          if (openError !== undefined) this.#preparationFailed(openError, path)
          else this.#finish(number, path, file)
        })
      }
    })
  }

  #create(number: number): void {
    const { disk, folder } = this.#options
    const path = walPath(folder, number)
    create(disk, path, (error, file) => {
      if (error !== undefined) this.#preparationFailed(error, path)
      else this.#fill(number, path, file, blockBytes)
    })
  }

  /** Zeros are written, not merely reserved: a later write then changes no metadata. */
  #fill(number: number, path: string, file: DiskFile, position: number): void {
    const left = this.#options.settings.walFileBytes - position
    if (left === 0) {
      this.#finish(number, path, file)
      return
    }
    const piece = zeros.subarray(0, Math.min(left, fillPieceBytes))
    file.write([piece], position, (error) => {
      if (error === undefined) this.#fill(number, path, file, position + piece.byteLength)
      else this.#preparationFailed(error, path, file)
    })
  }

  /** Header, sync, name, manifest: in this order, so that a named file is a whole one. */
  #finish(number: number, path: string, file: DiskFile): void {
    const { disk, folder, settings, identity } = this.#options
    const fileBytes = settings.walFileBytes
    const salt = settings.random.integer('wal-salt', 0x1_0000_0000)
    const header = encodeWalFileHeader({
      fileNumber: number,
      sizeBytes: fileBytes,
      salt,
      ...identity,
    })
    file.write([header], 0, (writeError) => {
      if (writeError !== undefined) {
        this.#preparationFailed(writeError, path, file)
        return
      }
      file.sync((syncError) => {
        if (syncError !== undefined) {
          this.#preparationFailed(syncError, path, file)
          return
        }
        disk.syncFolder(walFolder(folder), (folderError) => {
          if (folderError !== undefined) this.#preparationFailed(folderError, path, file)
          else this.#enlist(new WalFile(number, path, file, fileBytes, salt))
        })
      })
    })
  }

  #enlist(file: WalFile): void {
    this.#options.manifest.reply({
      type: 'change',
      change: (manifest) => ({
        ...manifest,
        walFiles: [...manifest.walFiles, file.number],
        nextWalFile: file.number + 1,
      }),
      done: () => {
        this.#options.continueWith(() => {
          this.#spare = file
          this.#preparing = false
          this.#options.diskFull(false)
          this.#options.ready()
        })
      },
    })
  }

  /** A full disk is waited out with a new file; anything else ends the node's storage. */
  #preparationFailed(error: DiskError, path: string, file?: DiskFile): void {
    file?.close()
    if (error.code !== 'ENOSPC') {
      this.#options.failed(error)
      return
    }
    this.#options.disk.remove(path, () => {
      this.#options.continueWith(() => {
        this.#preparing = false
        this.#options.diskFull(true)
        this.#options.retryLater(this.#options.settings.diskRetryMs)
      })
    })
  }
}
