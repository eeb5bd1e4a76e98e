// Changes the manifest while the node runs. An actor: changes that come while a write is under way
// are gathered into the next one. `done` is called after both copies are synced, B being written
// after A. A full disk is waited out; any other error ends the node's storage. Used by wal-files.ts,
// segment-writer.ts and storage.ts.
import type { Actor, ActorContext } from '@quorate/actors'
import type { Disk, DiskError } from './disk.ts'
import { encodeManifest, type Manifest, manifestPaths } from './manifest.ts'
import { replaceFile } from './replace-file.ts'

export type ManifestChange = (manifest: Manifest) => Manifest

export type ManifestMessage =
  | { readonly type: 'change'; readonly change: ManifestChange; readonly done: () => void }
  | { readonly type: 'flush' }
  /** Everything asked for before is in the files. */
  | { readonly type: 'close'; readonly done: () => void }
  | { readonly type: 'written'; readonly copy: 0 | 1; readonly error: DiskError | undefined }

export interface ManifestOptions {
  readonly disk: Disk
  readonly folder: string
  readonly retryMs: number
  readonly failed: (error: DiskError) => void
  /** True when a write found the disk full, false when a later one succeeded. */
  readonly diskFull: (full: boolean) => void
}

export class ManifestActor implements Actor<ManifestMessage> {
  readonly #options: ManifestOptions
  readonly #paths: readonly [string, string]
  /** As of all changes asked for; the files follow. */
  #manifest: Manifest
  #bytes = new Uint8Array(0)
  #writing: (() => void)[] = []
  #waiting: (() => void)[] = []
  #busy = false
  #flushAsked = false
  #dead = false
  #closing: (() => void) | undefined
  #context!: ActorContext<ManifestMessage>

  constructor(manifest: Manifest, options: ManifestOptions) {
    this.#manifest = manifest
    this.#options = options
    this.#paths = manifestPaths(options.folder)
  }

  started(context: ActorContext<ManifestMessage>): void {
    this.#context = context
  }

  receive(message: ManifestMessage): void {
    if (this.#dead) return
    switch (message.type) {
      case 'change':
        this.#manifest = message.change(this.#manifest)
        this.#waiting.push(message.done)
        this.#askFlush()
        return
      case 'flush':
        this.#flushAsked = false
        if (!this.#busy) this.#start()
        return
      case 'close':
        this.#closing = message.done
        this.#finishClosing()
        return
      case 'written':
        this.#written(message.copy, message.error)
        return
    }
  }

  #finishClosing(): void {
    if (this.#busy || this.#waiting.length > 0 || this.#writing.length > 0) return
    this.#closing?.()
  }

  #askFlush(): void {
    if (this.#busy || this.#flushAsked) return
    this.#flushAsked = true
    this.#context.self.reply({ type: 'flush' })
  }

  #start(): void {
    if (this.#waiting.length === 0 && this.#writing.length === 0) return
    this.#busy = true
    this.#manifest = { ...this.#manifest, sequence: this.#manifest.sequence + 1 }
    this.#bytes = encodeManifest(this.#manifest) as Uint8Array<ArrayBuffer>
    this.#writing = [...this.#writing, ...this.#waiting]
    this.#waiting = []
    this.#write(0)
  }

  #write(copy: 0 | 1): void {
    const { disk } = this.#options
    const { self } = this.#context
    replaceFile(disk, this.#paths[copy], this.#bytes, (error) => {
      self.reply({ type: 'written', copy, error })
    })
  }

  #written(copy: 0 | 1, error: DiskError | undefined): void {
    if (error !== undefined && error.code !== 'ENOSPC') {
      this.#dead = true
      this.#options.failed(error)
      return
    }
    this.#options.diskFull(error !== undefined)
    if (error !== undefined) {
      // Written again as a whole: the copies must not part for longer than one attempt.
      this.#busy = false
      this.#flushAsked = true
      this.#context.setTimer('retry', this.#options.retryMs, { type: 'flush' })
      return
    }
    if (copy === 0) {
      this.#write(1)
      return
    }
    const done = this.#writing
    this.#writing = []
    this.#busy = false
    for (const call of done) call()
    if (this.#waiting.length > 0) this.#askFlush()
    else this.#finishClosing()
  }
}
