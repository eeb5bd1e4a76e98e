// Keeps an eye on the free space of the data folder's volume: below the reserve records are refused,
// so that votes, checkpoints, repair and what was admitted before still find room. An actor of one
// timer and one question; says only what is refused, and what there is. What to do on a disk that
// is full for good is the business of whoever writes. Previous stop: storage-parts.ts.
import type { Actor, ActorContext } from '@quorate/actors'
import type { Disk, DiskError } from './disk.ts'

export type DiskSpaceMessage =
  | { readonly type: 'look' }
  | { readonly type: 'found'; readonly error: DiskError | undefined; readonly bytes: number }
  | { readonly type: 'close'; readonly done: () => void }

export interface DiskSpaceOptions {
  readonly disk: Disk
  readonly folder: string
  /** 0: nothing is ever refused for it. */
  readonly reserveBytes: number
  readonly everyMs: number
  readonly belowReserve: (below: boolean) => void
}

/** Taken again only with this much more than the reserve, so that it does not flap. */
const resumeFactor = 1.25

export class DiskSpaceActor implements Actor<DiskSpaceMessage> {
  /** As of the last look; undefined before the first. */
  freeBytes: number | undefined
  readonly #options: DiskSpaceOptions
  #below = false
  #looking = false
  #closing: (() => void) | undefined
  #context!: ActorContext<DiskSpaceMessage>

  constructor(options: DiskSpaceOptions) {
    this.#options = options
  }

  started(context: ActorContext<DiskSpaceMessage>): void {
    this.#context = context
    this.#look()
  }

  receive(message: DiskSpaceMessage): void {
    switch (message.type) {
      case 'look':
        this.#look()
        return
      case 'found':
        this.#looking = false
        if (message.error === undefined) this.#found(message.bytes)
        this.#closing?.()
        if (this.#closing === undefined) this.#later()
        return
      case 'close':
        this.#closing = message.done
        this.#context.cancelTimer('look')
        if (!this.#looking) message.done()
        return
    }
  }

  #look(): void {
    this.#looking = true
    const { disk, folder } = this.#options
    const { self } = this.#context
    disk.freeBytes(folder, (error, bytes) => self.reply({ type: 'found', error, bytes }))
  }

  #found(bytes: number): void {
    this.freeBytes = bytes
    const { reserveBytes } = this.#options
    this.#below = bytes < reserveBytes * (this.#below ? resumeFactor : 1)
    this.#options.belowReserve(this.#below)
  }

  #later(): void {
    this.#context.setTimer('look', this.#options.everyMs, { type: 'look' })
  }
}
