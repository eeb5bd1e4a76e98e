// What a leader knows of one peer: how far its log agrees, what is on its way to it, and when it
// was last heard. Bookkeeping only: it decides when the next append may leave, replication.ts builds
// and sends it. Probe sends one append at a time until a point of agreement is found; replicate
// sends ahead of the replies, within a window of messages and bytes.
// A peer that needs a snapshot gets no appends until it holds it (snapshot-transfer.ts).
import type { Fence } from './fence.ts'
import { SnapshotTransfer } from './snapshot-transfer.ts'
import type { RaftOptions, ReplicaId } from './types.ts'

export type ProgressState = 'probe' | 'replicate' | 'snapshot'

export class Progress {
  readonly id: ReplicaId
  state: ProgressState = 'probe'
  /** Highest index known to be equal to the leader's, synced and readable there. 0 when unknown. */
  match = 0
  /** As `match`, but entries that the peer can name and not read count. Invariant: ≥ match. */
  reached = 0
  /** Highest `reached` in all sessions of this leadership. */
  highest = 0
  /** Present: the peer's tail is unknown, and it counts for nothing (fence.ts). */
  fence: Fence | undefined
  /** Index of the next entry to send. Invariant: reached < next ≤ lastIndex + 1. */
  next: number
  /** Last message of this term that counts from the peer; the start of the term before any. */
  heardMs: number
  /** Highest ReadIndex position the peer has confirmed. */
  read = 0
  /** Boot session whose replies count, 0 until the first. */
  session = 0
  /** Another session that was seen. It counts once it has confirmed a heartbeat sent after that. */
  unprovenSession = 0
  /** The ReadIndex position that proves it: a late reply of an ended session cannot carry it. */
  provingPosition = 0
  /** Probe: an append is on its way, and nothing more is sent until its answer. */
  paused = false
  /** Last time `reached` rose or something was sent into an empty window. */
  movedMs: number
  /** Present exactly in the state snapshot. */
  transfer: SnapshotTransfer | undefined = undefined
  /** First index of the outstanding read-entries effect, 0 when there is none. */
  readingFrom = 0
  /** No further read-entries or read-snapshot effect before this time. */
  readAgainMs = 0
  /** Entry bytes in the window. Invariant: the sum of `sizes`. */
  inflightBytes = 0
  /** Last index and bytes of each append in the window, oldest first. */
  private readonly lastIndexes: number[] = []
  private readonly sizes: number[] = []

  constructor(id: ReplicaId, next: number, nowMs: number) {
    this.id = id
    this.next = next
    this.heardMs = nowMs
    this.movedMs = nowMs
  }

  get inflightMessages(): number {
    return this.sizes.length
  }

  /** May an append with entries leave now? */
  maySend(options: RaftOptions): boolean {
    if (this.state !== 'replicate') return this.state === 'probe' && !this.paused
    return (
      this.sizes.length < options.inflightMessagesMax &&
      this.inflightBytes < options.inflightBytesMax
    )
  }

  /** Bytes the next append may take; a first entry larger than this still goes. */
  roomBytes(options: RaftOptions): number {
    return Math.min(options.appendBytesMax, options.inflightBytesMax - this.inflightBytes)
  }

  /** An append ending at `lastIndex` has been sent. */
  sent(lastIndex: number, sizeBytes: number, nowMs: number): void {
    if (this.state === 'probe') {
      this.paused = true
      this.movedMs = nowMs
      return
    }
    if (this.sizes.length === 0) this.movedMs = nowMs
    this.lastIndexes.push(lastIndex)
    this.sizes.push(sizeBytes)
    this.inflightBytes += sizeBytes
    this.next = lastIndex + 1
  }

  /**
   * The peer holds the leader's log up to `reached`, synced, and can read it up to `match`. True
   * when one of the two is news.
   */
  acked(match: number, reached: number, nowMs: number): boolean {
    if (reached < this.reached && match <= this.match) return false
    const advanced = match > this.match || reached > this.reached
    if (advanced) this.movedMs = nowMs
    this.match = Math.max(this.match, match)
    this.reached = Math.max(this.reached, reached)
    this.highest = Math.max(this.highest, this.reached)
    if (this.state !== 'replicate') {
      // Short of the snapshot, or of the entry that is gone, nothing can follow.
      if (reached < (this.transfer?.point?.index ?? this.next) && this.state === 'snapshot') {
        this.next = Math.max(this.next, this.reached + 1)
        return advanced
      }
      this.state = 'replicate'
      this.paused = false
      this.transfer = undefined
      this.next = this.reached + 1
      return advanced
    }
    this.next = Math.max(this.next, this.reached + 1)
    while (this.sizes.length > 0 && (this.lastIndexes[0] as number) <= this.reached) {
      this.lastIndexes.shift()
      this.inflightBytes -= this.sizes.shift() as number
    }
    return advanced
  }

  /**
   * The peer refused an append that followed `rejected`; its log may agree up to `agreed`. False
   * for a late refusal: of a point known to match, of one not sent since, or of another probe.
   */
  refused(rejected: number, agreed: number): boolean {
    if (this.state === 'snapshot' || rejected <= this.reached || rejected >= this.next) return false
    if (this.state === 'probe' && rejected !== this.next - 1) return false
    this.probeFrom(Math.min(rejected, agreed + 1))
    return true
  }

  /** Back to one append at a time; whatever is in the window is given up. */
  probeFrom(next: number): void {
    this.state = 'probe'
    this.next = Math.max(next, this.reached + 1)
    this.paused = false
    this.transfer = undefined
    this.lastIndexes.length = 0
    this.sizes.length = 0
    this.inflightBytes = 0
  }

  /** The next entry is gone for good: only a snapshot can help. */
  needsSnapshot(nowMs: number): SnapshotTransfer {
    this.probeFrom(this.next)
    this.state = 'snapshot'
    this.movedMs = nowMs
    this.transfer = new SnapshotTransfer()
    return this.transfer
  }

  /** The peer has restarted: nothing is known of it any more. */
  restarted(session: number, extentIndex: number): void {
    const next = Math.min(this.reached, extentIndex) + 1
    this.session = session
    this.unprovenSession = 0
    this.match = 0
    this.reached = 0
    this.read = 0
    this.probeFrom(next)
  }

  /** Throws when the bookkeeping contradicts itself. */
  assertConsistent(lastIndex: number): void {
    const total = this.sizes.reduce((sum, size) => sum + size, 0)
    const window = this.state === 'replicate' ? !this.paused : this.sizes.length === 0
    const isTransferred = (this.transfer !== undefined) === (this.state === 'snapshot')
    if (
      this.match > this.reached ||
      this.reached >= this.next ||
      this.next > lastIndex + 1 ||
      total !== this.inflightBytes ||
      !window ||
      !isTransferred
    ) {
      throw new Error(
        `progress of ${this.id}: ${this.state} match ${this.match}/${this.reached} next ${this.next} last ${lastIndex} bytes ${this.inflightBytes}/${total}`,
      )
    }
  }
}
