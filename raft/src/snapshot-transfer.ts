// A snapshot on its way to one peer, as the leader sees it: which one, how much of it the peer holds,
// and whether bytes are being read for it. Bookkeeping only, part of progress.ts; snapshot-sender.ts
// reads and sends. One chunk is under way at a time.
import { samePoint } from './log.ts'
import type { SnapshotPoint } from './types.ts'

export class SnapshotTransfer {
  /** Undefined until the host has given the first bytes. */
  point: SnapshotPoint | undefined = undefined
  totalBytes = 0
  /** Bytes the peer holds; the chunk under way starts here. Invariant: offset ≤ totalBytes. */
  offset = 0
  /** A read-snapshot effect is without its answer. */
  isReading = false
  /** Sent again for want of an answer, so an answer may say that the peer holds less by now. */
  isResumed = false

  get isSent(): boolean {
    return this.point !== undefined && this.offset === this.totalBytes
  }

  /** Bytes from `offset` on have been read. False when they belong to another snapshot. */
  isContinuedBy(point: SnapshotPoint, totalBytes: number): boolean {
    if (this.offset === 0) {
      this.point = point
      this.totalBytes = totalBytes
    }
    return (
      this.point !== undefined && samePoint(this.point, point) && this.totalBytes === totalBytes
    )
  }

  /** The peer holds so much of the snapshot at `index`. False when that is no news. */
  received(index: number, bytes: number): boolean {
    if (this.point?.index !== index || bytes > this.totalBytes) return false
    const isNews = this.isResumed ? bytes !== this.offset : bytes > this.offset
    if (!isNews) return false
    this.moveTo(bytes)
    return true
  }

  restart(): void {
    this.point = undefined
    this.totalBytes = 0
    this.moveTo(0)
  }

  private moveTo(offset: number): void {
    this.offset = offset
    this.isReading = false
    this.isResumed = false
  }
}
