// The write-ahead log: group commit. An actor with one durable write outstanding; requests that
// come meanwhile are gathered into the next batch, so under load one sync carries many groups. Calls
// back when a request is on disk, in the order requests came. After a failed write it writes no more
// and the node must stop. Previous stop: storage.ts; files: wal-files.ts; bytes: wal-batch.ts.
import type { Actor, ActorContext } from '@quorate/actors'
import type { DiskError } from './disk.ts'
import type { GroupLogState } from './group-log.ts'
import type { LogEntry } from './log-entry.ts'
import type { TailRecord } from './tail.ts'
import { WalBatch, type WalWork } from './wal-batch.ts'
import type { WalFile } from './wal-file.ts'
import { WalFiles, type WalFilesOptions } from './wal-files.ts'
import { BatchKind, type PreviousBatch } from './wal-format.ts'

export interface WalRequest extends WalWork {
  readonly log: GroupLogState
  /** Records that `truncateAfter` removed: their places are needed until this is on disk. */
  readonly cut: readonly TailRecord[]
  written(): void
}

export type WalMessage =
  | { readonly type: 'append'; readonly request: WalRequest }
  | { readonly type: 'flush' }
  | { readonly type: 'written'; readonly error: DiskError | undefined }
  | { readonly type: 'seal' }
  | { readonly type: 'retry' }
  /** Entries have left the WAL: files may be free. */
  | { readonly type: 'release' }
  | { readonly type: 'continue'; readonly run: () => void }
  | { readonly type: 'close'; readonly done: () => void }

/** What goes on where recovery stopped. */
export interface WalStart {
  readonly files: WalFile[]
  readonly nextFileNumber: number
  readonly nextBatchNumber: number
  readonly previous: PreviousBatch
  /** The last batch is known to be synced. */
  readonly sealed: boolean
}

export interface WalOptions extends Omit<WalFilesOptions, 'continueWith' | 'retryLater' | 'ready'> {
  /** The current file is full and another one is in use now. */
  readonly fileFilled: () => void
}

export interface WalMetrics {
  batches: number
  bytes: number
  entries: number
  seals: number
  /** Bytes of entries that wait for or are in a write. */
  pendingBytes: number
  /** Monotonic time since when a write is outstanding; undefined while there is none. */
  outstandingSinceMs: number | undefined
}

export class WalActor implements Actor<WalMessage> {
  readonly metrics: WalMetrics = {
    batches: 0,
    bytes: 0,
    entries: 0,
    seals: 0,
    pendingBytes: 0,
    outstandingSinceMs: undefined,
  }
  readonly #options: WalOptions
  readonly #files: WalFiles
  readonly #batch = new WalBatch()
  /** Requests to be written, and how many at the front are done with. */
  #queue: WalRequest[] = []
  #taken = 0
  #writing: WalRequest[] = []
  /** Copied entries of the batch under way and where they will be found. */
  #moves: { readonly record: TailRecord; readonly position: number }[] = []
  #busy = false
  #flushAsked = false
  #dead = false
  #nextBatchNumber: number
  #previous: PreviousBatch
  #sealed: boolean
  #pendingPrevious: PreviousBatch
  #closing: (() => void)[] = []
  #context!: ActorContext<WalMessage>

  constructor(start: WalStart, options: WalOptions) {
    this.#options = options
    this.#nextBatchNumber = start.nextBatchNumber
    this.#previous = start.previous
    this.#pendingPrevious = start.previous
    this.#sealed = start.sealed
    this.#files = new WalFiles(start.files, start.nextFileNumber, {
      ...options,
      continueWith: (run) => this.#context.self.reply({ type: 'continue', run }),
      retryLater: (delayMs) => this.#context.setTimer('retry', delayMs, { type: 'retry' }),
      ready: () => this.#flush(),
      failed: (error) => this.#fail(error),
    })
  }

  get files(): WalFiles {
    return this.#files
  }

  started(context: ActorContext<WalMessage>): void {
    this.#context = context
    this.#files.prepare()
    if (!this.#sealed) this.#armSeal()
  }

  receive(message: WalMessage): void {
    if (this.#dead) return
    switch (message.type) {
      case 'append':
        this.#queue.push(message.request)
        this.#askFlush()
        return
      case 'flush':
        if (this.#options.settings.probe.provoke('storage.wal-flush-later')) {
          this.#context.self.reply(message)
          return
        }
        this.#flushAsked = false
        this.#flush()
        return
      case 'written':
        this.#written(message.error)
        return
      case 'seal':
        this.#seal()
        return
      case 'retry':
        this.#files.prepare()
        return
      case 'release':
        this.#files.release()
        return
      case 'continue':
        message.run()
        this.#finishClosing()
        return
      case 'close':
        this.#closing.push(message.done)
        this.#finishClosing()
        return
    }
  }

  /** Behind all actors that are ready now: what they persist in this turn joins the batch. */
  #askFlush(): void {
    if (this.#busy || this.#flushAsked) return
    this.#flushAsked = true
    this.#context.self.reply({ type: 'flush' })
  }

  #flush(): void {
    if (this.#busy || this.#dead) return
    const first = this.#queue[this.#taken]
    if (first === undefined) {
      this.#finishClosing()
      return
    }
    if (this.#endsEarly()) this.#nextFile()
    if (!this.#fits(first) && !this.#nextFile()) return
    if (!this.#fits(first)) throw new Error('a request is larger than a WAL file')
    this.#gather()
    this.#write(BatchKind.data)
  }

  #endsEarly(): boolean {
    const { position, sizeBytes } = this.#files.current
    return (
      position * 2 > sizeBytes && this.#options.settings.probe.provoke('storage.wal-file-early')
    )
  }

  #fits(request: WalRequest): boolean {
    const { remainingBytes } = this.#files.current
    const previousRecords = this.#previous.records.length
    const { walBatchBytesMax } = this.#options.settings
    return this.#batch.hasRoomFor(request, previousRecords, remainingBytes, walBatchBytesMax)
  }

  /** False: no spare is ready; `ready` flushes again. */
  #nextFile(): boolean {
    if (!this.#files.takeSpare()) return false
    this.#options.fileFilled()
    return true
  }

  #gather(): void {
    const works: WalRequest[] = []
    const { probe } = this.#options.settings
    let request = this.#queue[this.#taken]
    const positions: number[] = []
    while (request !== undefined && this.#fits(request)) {
      this.#batch.add(request, (_entry, position) => positions.push(position))
      works.push(request)
      this.#taken += 1
      if (probe.provoke('storage.wal-batch-small')) break
      request = this.#queue[this.#taken]
    }
    if (this.#taken === this.#queue.length) {
      this.#queue = []
      this.#taken = 0
    }
    this.#writing = works
    this.#place(works, positions)
  }

  /** Tells the logs where their entries are going to lie. */
  #place(works: readonly WalRequest[], positions: readonly number[]): void {
    const file = this.#files.current
    const { directoryBytes } = this.#batch.measure(this.#previous.records.length)
    const base = file.position + directoryBytes
    this.#moves = []
    let each = 0
    for (const { log, entries, copied } of works) {
      for (const entry of entries) {
        const position = base + positions[each]!
        each += 1
        const record = log.recordOf(entry)
        if (record === undefined) continue
        // A copied entry is found at its old place until the new one is synced.
        if (copied) this.#moves.push({ record, position })
        else record.place(file, position)
      }
    }
  }

  #write(kind: BatchKind): void {
    const file = this.#files.current
    const { sizeBytes } = this.#batch.measure(this.#previous.records.length)
    const { pieces, crc } = this.#batch.finish(kind, this.#nextBatchNumber, this.#previous, file)
    this.#pendingPrevious = {
      crc,
      fileNumber: file.number,
      position: file.position,
      payloadBytes: this.#batch.payloadBytes,
      records: this.#batch.records,
    }
    this.#busy = true
    this.#context.cancelTimer('seal')
    this.metrics.outstandingSinceMs = this.#context.clock.monotonicMs()
    const { position } = file
    file.position += sizeBytes
    this.metrics.bytes += sizeBytes
    this.#sealed = kind === BatchKind.seal
    const { self } = this.#context
    file.file.writeDurable(pieces, position, (error) => self.reply({ type: 'written', error }))
  }

  #written(error: DiskError | undefined): void {
    this.#busy = false
    this.metrics.outstandingSinceMs = undefined
    if (error !== undefined) {
      this.#writeFailed(error)
      return
    }
    this.#previous = this.#pendingPrevious
    this.#nextBatchNumber += 1
    const works = this.#writing
    const file = this.#files.current
    this.#writing = []
    this.#batch.reset()
    if (this.#sealed) this.metrics.seals += 1
    else this.metrics.batches += 1
    for (const { record, position } of this.#moves) {
      if (record.file !== undefined) record.place(file, position)
    }
    // They are of this batch only: a seal that follows, perhaps in the next file, moves nothing.
    this.#moves = []
    for (const work of works) this.#complete(work)
    if (!this.#sealed && this.#taken === this.#queue.length) this.#armSeal()
    this.#flush()
  }

  #complete(work: WalRequest): void {
    for (const record of work.cut) record.place(undefined, 0)
    if (!work.copied) work.log.markDurable(work.entries)
    for (const entry of work.entries) {
      this.metrics.pendingBytes -= entry.sizeBytes
      this.metrics.entries += 1
    }
    work.written()
  }

  /** A full disk: the same batch again in a new file, never again in this one. */
  #writeFailed(error: DiskError): void {
    if (error.code !== 'ENOSPC') {
      this.#fail(error)
      return
    }
    this.#options.settings.probe.reached('storage.write-again')
    this.#options.diskFull(true)
    this.#sealed = false
    this.#queue = [...this.#writing, ...this.#queue.slice(this.#taken)]
    this.#taken = 0
    this.#writing = []
    this.#moves = []
    this.#batch.reset()
    const { current } = this.#files
    current.position = current.sizeBytes
    this.#flush()
  }

  #armSeal(): void {
    this.#context.setTimer('seal', this.#options.settings.sealIdleMs, { type: 'seal' })
  }

  #seal(): void {
    if (this.#busy || this.#sealed || this.#taken < this.#queue.length) return
    const { sizeBytes } = this.#batch.measure(this.#previous.records.length)
    if (sizeBytes > this.#files.current.remainingBytes && !this.#nextFile()) return
    this.#write(BatchKind.seal)
  }

  #finishClosing(): void {
    if (this.#closing.length === 0 || this.#busy || this.#taken < this.#queue.length) return
    // A spare under way is finished first: it would write into a folder that may be opened again.
    if (this.#files.preparing) return
    if (!this.#sealed) {
      this.#seal()
      if (this.#busy) return
    }
    this.#dead = true
    this.#files.close()
    for (const done of this.#closing) done()
  }

  #fail(error: DiskError): void {
    if (this.#dead) return
    this.#dead = true
    this.#options.failed(error)
  }
}

/** Cuts a large request into parts that fit into a batch; all but the last complete silently. */
export function splitEntries(
  entries: readonly LogEntry[],
  partBytes: number,
): (readonly LogEntry[])[] {
  const parts: LogEntry[][] = []
  let part: LogEntry[] = []
  let bytes = 0
  for (const entry of entries) {
    if (part.length > 0 && bytes + entry.sizeBytes > partBytes) {
      parts.push(part)
      part = []
      bytes = 0
    }
    part.push(entry)
    bytes += entry.sizeBytes
  }
  if (part.length > 0) parts.push(part)
  return parts
}
