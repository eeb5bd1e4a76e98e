// Reads again what lies on disk and nobody asks for, so that damage is found while other replicas
// still hold the same entries: every segment and checkpoint of every group, once a day or, when the
// rate does not allow it, without a pause between cycles. An actor; one read at a time through the
// gate for background IO, none while the WAL has much to write. What looks damaged is read a second
// time before it is told. Decides nothing about repair. Checks: segment-check.ts, checkpoint.ts.
import type { Actor, ActorContext } from '@quorate/actors'
import type { DiskError, DiskFile } from './disk.ts'
import type { GroupLogState } from './group-log.ts'
import type { IoGate } from './io-gate.ts'
import type { OpenFiles } from './open-files.ts'
import { backgroundPieceBytes } from './replace-file.ts'
import { type ScrubFinding, type ScrubItem, scrubItems } from './scrub-items.ts'
import type { WalIdentity } from './wal-file.ts'

export type ScrubberMessage =
  | { readonly type: 'next' }
  | { readonly type: 'continue'; readonly run: () => void }
  | { readonly type: 'close'; readonly done: () => void }

export interface ScrubberOptions {
  readonly identity: WalIdentity
  readonly gate: IoGate
  readonly openFiles: OpenFiles
  readonly bytesPerSecond: number
  /** From the start of one cycle to that of the next, when the rate allows it. */
  readonly cycleMs: number
  readonly logs: () => readonly GroupLogState[]
  /** The disk has more urgent work. */
  readonly busy: () => boolean
  readonly found: (finding: ScrubFinding) => void
}

export interface ScrubMetrics {
  bytes: number
  cycles: number
  damage: number
  /** Share of the current cycle's files that are checked; 1 between cycles. */
  position: number
  /** Calendar time at which the last complete cycle began; 0 before there is one. */
  cycleStartedMs: number
}

const busyPauseMs = 200
const startPauseMs = 60_000

export class ScrubberActor implements Actor<ScrubberMessage> {
  readonly metrics: ScrubMetrics = {
    bytes: 0,
    cycles: 0,
    damage: 0,
    position: 1,
    cycleStartedMs: 0,
  }
  readonly #options: ScrubberOptions
  #items: ScrubItem[] = []
  #done = 0
  /** Of the cycle: to time the next one by, and to show. */
  #startedMs = 0
  #startedWallMs = 0
  #inCycle = false
  #open: { readonly file: DiskFile; readonly release: () => void } | undefined
  #position = 0
  /** The item looked damaged and is read again. */
  #again = false
  /** An open or a read is under way. */
  #busy = false
  #closed = false
  #closing: (() => void) | undefined
  #context!: ActorContext<ScrubberMessage>

  constructor(options: ScrubberOptions) {
    this.#options = options
  }

  started(context: ActorContext<ScrubberMessage>): void {
    this.#context = context
    // A node that has just started has other work.
    this.#later(Math.min(this.#options.cycleMs, startPauseMs))
  }

  receive(message: ScrubberMessage): void {
    switch (message.type) {
      case 'next':
        this.#next()
        return
      case 'continue':
        this.#busy = false
        message.run()
        this.#finishClosing()
        return
      case 'close':
        this.#closed = true
        this.#closing = message.done
        this.#finishClosing()
        return
    }
  }

  #finishClosing(): void {
    if (this.#closing === undefined || this.#busy) return
    this.#letGo()
    const done = this.#closing
    this.#closing = undefined
    done()
  }

  #next(): void {
    if (this.#closed || this.#busy) return
    if (this.#options.busy()) {
      this.#later(busyPauseMs)
      return
    }
    if (!this.#inCycle) this.#begin()
    while (this.#items[0]?.isGone() === true) this.#itemDone()
    const item = this.#items[0]
    if (item === undefined) this.#end()
    else if (this.#open === undefined) this.#openItem(item)
    else this.#read(item, this.#open.file)
  }

  /** Begins somewhere: a node that never runs for a whole cycle reads something else each time. */
  #begin(): void {
    const { logs, identity } = this.#options
    const items = scrubItems(logs(), identity)
    const first = items.length === 0 ? 0 : this.#context.random.integer('scrub', items.length)
    this.#items = [...items.slice(first), ...items.slice(0, first)]
    this.#done = 0
    this.#inCycle = true
    this.#startedMs = this.#context.clock.monotonicMs()
    this.#startedWallMs = this.#context.clock.wallMs()
    this.metrics.position = items.length === 0 ? 1 : 0
  }

  #end(): void {
    this.#inCycle = false
    this.metrics.cycles += 1
    this.metrics.position = 1
    this.metrics.cycleStartedMs = this.#startedWallMs
    const took = this.#context.clock.monotonicMs() - this.#startedMs
    this.#later(Math.max(this.#options.cycleMs - took, busyPauseMs))
  }

  #openItem(item: ScrubItem): void {
    this.#busy = true
    this.#options.openFiles.acquire(item.path, (error, file, release) => {
      this.#continue(() => {
        if (error !== undefined) {
          this.#unreadable(item, error)
          return
        }
        this.#open = { file, release }
        this.#position = 0
        item.begin(file.sizeSync())
        this.#next()
      })
    })
  }

  #read(item: ScrubItem, file: DiskFile): void {
    const length = Math.min(item.sizeBytes - this.#position, backgroundPieceBytes)
    if (length <= 0) {
      this.#finishItem(item)
      return
    }
    const into = new Uint8Array(length)
    this.#busy = true
    this.#options.gate.run((freed) => {
      file.read(into, this.#position, (error, read) => {
        freed()
        this.#continue(() => this.#took(item, into, error === undefined ? read : 0))
      })
    })
  }

  /** What the device does not give counts as zeros: other bytes than were written. */
  #took(item: ScrubItem, into: Uint8Array, read: number): void {
    into.fill(0, read)
    item.feed(into)
    this.#position += into.byteLength
    this.metrics.bytes += into.byteLength
    if (this.#position >= item.sizeBytes) this.#finishItem(item)
    this.#later((into.byteLength * 1000) / this.#options.bytesPerSecond)
  }

  #finishItem(item: ScrubItem): void {
    this.#letGo()
    if (item.isGone()) {
      this.#itemDone()
      return
    }
    const findings = item.finish()
    if (findings.length > 0 && !this.#again) {
      this.#again = true
      this.#later(busyPauseMs)
      return
    }
    this.#tell(findings)
    this.#itemDone()
    this.#later(0)
  }

  #unreadable(item: ScrubItem, error: DiskError): void {
    // Out of descriptors, or removed meanwhile: nothing is known to be damaged.
    if (error.code === 'ENOENT' && !item.isGone()) this.#tell(item.missing())
    this.#itemDone()
    this.#later(busyPauseMs)
  }

  #tell(findings: readonly ScrubFinding[]): void {
    for (const finding of findings) {
      this.metrics.damage += 1
      this.#options.found(finding)
    }
  }

  #itemDone(): void {
    this.#again = false
    this.#items.shift()
    this.#done += 1
    this.metrics.position = this.#done / (this.#done + this.#items.length)
  }

  #letGo(): void {
    this.#open?.release()
    this.#open = undefined
  }

  #later(delayMs: number): void {
    this.#context.setTimer('next', delayMs, { type: 'next' })
  }

  #continue(run: () => void): void {
    this.#context.self.reply({ type: 'continue', run })
  }
}
