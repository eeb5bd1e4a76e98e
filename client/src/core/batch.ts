// Records on their way: one record as the producer holds it, records gathering for a batch, and the
// encoded batch with what is known about its attempts. Data only. Gathered in lane.ts, sent and
// settled in delivery.ts.
import type { QuorateError, RecordHeader, RecordInput } from '@quorate/protocol'
import { batchHeaderBytes } from '@quorate/protocol'
import type { Watched } from './probe.ts'

export interface PendingRecord extends RecordInput {
  readonly topic: string
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly RecordHeader[]
  readonly timestampMs: number
  /** Given by the caller; overrides the key. */
  readonly partition: number | undefined
  /** Called exactly once, unless the record is cancelled. `offset` is -1 when nobody knows it. */
  settled(error: QuorateError | undefined, partition: number, offset: number): void
}

/** A record inside the producer. */
export interface Entry {
  readonly record: PendingRecord
  /** Upper bound of its bytes in a batch; what the buffer is charged. */
  readonly sizeBytes: number
  deadlineMs: number
  /** `queued` records can be taken back; `sent` ones are in an encoded batch. */
  state: 'waiting' | 'queued' | 'sent' | 'settled'
  /** Counts what a flush waits for. */
  group: FlushGroup | undefined
}

/** Records admitted between two calls of flush. */
export interface FlushGroup {
  unsettled: number
  readonly done: (() => void)[]
}

/** Records that will share a batch. */
export interface Gathering {
  readonly entries: Entry[]
  sizeBytes: number
  /** When the first record came. */
  readonly sinceMs: number
  /** Flushed: does not wait for linger. */
  due: boolean
}

export function newGathering(nowMs: number, entries: Entry[] = []): Gathering {
  let sizeBytes = batchHeaderBytes
  for (const entry of entries) sizeBytes += entry.sizeBytes
  return { entries, sizeBytes, sinceMs: nowMs, due: false }
}

/** A write request that is out. */
export interface Attempt extends Watched {
  readonly batches: readonly Batch[]
}

export interface Batch {
  readonly topicId: number
  readonly partition: number
  readonly entries: readonly Entry[]
  /** Sent as they are with every attempt. */
  readonly bytes: Uint8Array
  readonly deadlineMs: number
  /** Requests that carry it and are out. */
  attempts: number
  /** The newest of them: it alone decides whether the batch is sent again. */
  last: Attempt | undefined
  /**
   * An attempt ended without an answer, or with one that says unknown: a leader may have it.
   * Invariant: once true it stays true; a later refusal does not make the batch not-applied.
   */
  uncertain: boolean
  needsSend: boolean
  settled: boolean
}
