// Reading one partition: where the reader stands and which fetch is out. Data with its small
// transitions; reader.ts decides when to fetch and what to do with what comes back.
import type { TimerHandle } from '@quorate/actors'
import type { BatchHeader, Chunks } from '@quorate/protocol'
import type { Backoff } from './backoff.ts'
import type { Watched } from './probe.ts'

/** A batch on its way from a fetch to the reader's caller. */
export interface FetchedBatch {
  readonly partition: number
  readonly header: BatchHeader
  readonly bytes: Chunks
  /** Records below were delivered before, or not asked for. */
  readonly fromOffset: number
  /** Records from here on are not asked for. */
  readonly endOffset: number
}

export class PartitionReader {
  readonly topicId: number
  readonly partition: number
  readonly backoff: Backoff
  /** Offset of the next fetch; absent until it is found. Invariant: never falls. */
  position: number | undefined
  /** Where to stop; absent until it is found, infinite without an end. */
  endOffset: number | undefined
  /** The fetch whose answer counts. An answer to an older one is dropped: nothing repeats. */
  attempt: Watched | undefined
  /** Bytes fetched and not yet taken. */
  bufferedBytes = 0
  /** The position came from the cluster, not from the caller: a leader may be behind it. */
  trusted = false
  /** Something was delivered: from here on a moved log start is an error. */
  begun = false
  retryAtMs = 0
  /** When a leader first knew less than was read already. */
  aheadSinceMs: number | undefined
  timer: TimerHandle | undefined

  constructor(topicId: number, partition: number, backoff: Backoff) {
    this.topicId = topicId
    this.partition = partition
    this.backoff = backoff
  }

  get done(): boolean {
    const { position, endOffset } = this
    return position !== undefined && endOffset !== undefined && position >= endOffset
  }

  /** The part of a batch that is new and wanted; moves the position behind it. */
  accept(header: BatchHeader, bytes: Chunks): FetchedBatch | undefined {
    const fromOffset = this.position!
    const endOffset = this.endOffset!
    const nextOffset = header.baseOffset + header.lastOffsetDelta + 1
    if (nextOffset <= fromOffset) return undefined
    this.position = nextOffset
    if (header.baseOffset >= endOffset) return undefined
    this.begun = true
    this.trusted = true
    this.bufferedBytes += bytes.byteLength
    return { partition: this.partition, header, bytes, fromOffset, endOffset }
  }
}
