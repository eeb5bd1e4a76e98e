// One producer's way into one partition: which records gather, which batches are in flight, under
// which identity (producer id, epoch, next sequence) the next batch is formed. Synchronous state
// with its transitions; when to call them and what to send is decided in delivery.ts.
import type { TimerHandle } from '@quorate/actors'
import type { Backoff } from './backoff.ts'
import type { Batch, Entry, Gathering } from './batch.ts'
import { newGathering } from './batch.ts'

export interface Session {
  readonly producerId: number
  epoch: number
  nextSequence: number
}

export class Lane {
  readonly topic: string
  readonly topicId: number
  readonly partition: number
  readonly backoff: Backoff
  /** Absent until the first batch, and after the last epoch of a producer id. */
  session: Session | undefined
  /** Full gatherings, and batches taken apart for a new epoch; before `open`. */
  queue: Gathering[] = []
  /** Takes further records. */
  open: Gathering | undefined
  /**
   * In order of their sequences. A batch that is settled stays until all before it are: the broker
   * remembers the last 5 batches, so the distance counts and not how many are open.
   * Invariant: at most `batchesInFlight`; the first is not settled.
   */
  inFlight: Batch[] = []
  /**
   * The sequence has a hole: a batch in the middle is gone. Nothing is sent until all attempts have
   * ended; then what is left starts again under the next epoch.
   */
  renumbering = false
  /** The producer id itself is of no use here any more. */
  fenced = false
  /** Nothing is sent before this time. */
  retryAtMs = 0
  timer: TimerHandle | undefined
  /** The topic of this id is gone. */
  retired = false
  /** Why the last attempt did not succeed: the cause of a missed deadline. */
  lastError: Error | undefined

  constructor(topic: string, topicId: number, partition: number, backoff: Backoff) {
    this.topic = topic
    this.topicId = topicId
    this.partition = partition
    this.backoff = backoff
  }

  get idle(): boolean {
    return this.inFlight.length === 0 && this.queue.length === 0 && this.open === undefined
  }

  /** Whether a record of this size would have to wait for the next batch. */
  isFullFor(sizeBytes: number, maxBatchBytes: number): boolean {
    return this.open !== undefined && this.open.sizeBytes + sizeBytes > maxBatchBytes
  }

  append(entry: Entry, nowMs: number, maxBatchBytes: number, gatherMs: number): void {
    let { open } = this
    if (open !== undefined) {
      const full = open.sizeBytes + entry.sizeBytes > maxBatchBytes
      if (full || nowMs - open.sinceMs >= gatherMs) {
        this.queue.push(open)
        open = undefined
      }
    }
    if (open === undefined) {
      open = newGathering(nowMs)
      this.open = open
    }
    open.entries.push(entry)
    open.sizeBytes += entry.sizeBytes
  }

  /** True when the open gathering is large enough to go beside batches in flight. */
  closeIfFull(maxBatchBytes: number): void {
    if (this.open === undefined || this.open.sizeBytes < maxBatchBytes) return
    this.queue.push(this.open)
    this.open = undefined
  }

  /** Takes a record back that is in no batch yet. */
  remove(entry: Entry): void {
    for (const gathering of this.gatherings) {
      const index = gathering.entries.indexOf(entry)
      if (index === -1) continue
      gathering.entries.splice(index, 1)
      gathering.sizeBytes -= entry.sizeBytes
    }
    this.drop(this.gatherings.filter((gathering) => gathering.entries.length === 0))
  }

  /** Everything that is in no batch, in order. */
  get gatherings(): readonly Gathering[] {
    return this.open === undefined ? this.queue : [...this.queue, this.open]
  }

  drop(gatherings: readonly Gathering[]): void {
    this.queue = this.queue.filter((each) => !gatherings.includes(each))
    if (this.open !== undefined && gatherings.includes(this.open)) this.open = undefined
  }

  /** The gathering that comes next in order, taken out. */
  takeNext(): Gathering | undefined {
    const next = this.queue.shift()
    if (next !== undefined) return next
    const { open } = this
    this.open = undefined
    return open
  }

  get unsettled(): Batch[] {
    return this.inFlight.filter((batch) => !batch.settled)
  }

  resendAll(): void {
    for (const batch of this.inFlight) batch.needsSend = !batch.settled
  }

  /** To be called when a batch was settled. */
  trim(): void {
    const first = this.inFlight.findIndex((batch) => !batch.settled)
    this.inFlight = first === -1 ? [] : this.inFlight.slice(first)
  }

  /**
   * Ends the renumbering when no attempt is out any more: takes the batches in flight apart, in
   * order, and starts the next epoch at sequence 0. Returns the batches that cannot be sent again
   * because an earlier attempt may have been applied; `undefined` while attempts are out.
   */
  startNextEpoch(nowMs: number, lastEpoch: number): Batch[] | undefined {
    const open = this.unsettled
    if (open.some((batch) => batch.attempts > 0)) return undefined
    const lost = open.filter((batch) => batch.uncertain)
    const again = open.filter((batch) => !batch.uncertain)
    this.inFlight = []
    this.queue.unshift(...again.map((batch) => newGathering(nowMs, [...batch.entries])))
    for (const { entries } of again) for (const entry of entries) entry.state = 'queued'
    const { session } = this
    if (this.fenced || session === undefined || session.epoch >= lastEpoch) {
      this.session = undefined
    } else {
      session.epoch += 1
      session.nextSequence = 0
    }
    this.fenced = false
    this.renumbering = false
    return lost
  }

  /** Whether `count` more records would come too near to the end of the sequence numbers. */
  needsEpochFor(count: number, lastSequence: number): boolean {
    return this.session !== undefined && this.session.nextSequence + count > lastSequence
  }
}
