// One partition of the model broker: a committed log that enforces producer sequences as the real
// one does. Shared by all nodes: whoever leads appends here, so nothing is ever lost by the model.
import type { ErrorCode, RecordInput } from '@quorate/protocol'
import { chunksOf, decodeBatch, joinChunks, readBatchHeader, stampBatch } from '@quorate/protocol'

export interface StoredRecord {
  readonly offset: number
  readonly producerId: number
  readonly producerEpoch: number
  readonly sequence: number
  readonly record: RecordInput
}

export interface StoredBatch {
  readonly baseOffset: number
  readonly nextOffset: number
  readonly bytes: Uint8Array
  readonly atMs: number
}

interface ProducerState {
  epoch: number
  nextSequence: number
  readonly recent: { sequence: number; offset: number }[]
}

export type Appended = { offset: number; duplicate: boolean } | { error: ErrorCode }

const window = 5

export class ModelPartition {
  readonly partition: number
  /** Node id. */
  leader: string | undefined
  term = 0
  readonly records: StoredRecord[] = []
  readonly batches: StoredBatch[] = []
  readonly #producers = new Map<number, ProducerState>()
  startOffset = 0
  nextOffset = 0
  /** Long polls to wake. */
  readonly waiting = new Set<() => void>()

  constructor(partition: number) {
    this.partition = partition
  }

  append(bytes: Uint8Array, nowMs: number): Appended {
    const header = readBatchHeader(bytes)
    const { producerId, producerEpoch: epoch, baseSequence: sequence, recordCount } = header
    const state = this.#producers.get(producerId)
    if (state !== undefined && epoch < state.epoch) return { error: 'QUORATE_PRODUCER_FENCED' }
    if (state === undefined || epoch > state.epoch) {
      if (sequence !== 0) return { error: 'QUORATE_UNKNOWN_PRODUCER' }
    } else {
      const known = state.recent.find((each) => each.sequence === sequence)
      if (known !== undefined) return { offset: known.offset, duplicate: true }
      if (sequence < state.nextSequence) return { offset: -1, duplicate: true }
      if (sequence > state.nextSequence) return { error: 'QUORATE_OUT_OF_ORDER_SEQUENCE' }
    }
    const offset = this.#store(bytes, nowMs)
    const recent = state?.epoch === epoch ? state.recent : []
    recent.push({ sequence, offset })
    if (recent.length > window) recent.shift()
    this.#producers.set(producerId, { epoch, nextSequence: sequence + recordCount, recent })
    return { offset, duplicate: false }
  }

  /** The broker forgets a producer, as after seven idle days. */
  forgetProducers(): void {
    this.#producers.clear()
  }

  /** Offsets that no record has, as a control entry would leave. */
  skipOffsets(count: number): void {
    this.nextOffset += count
  }

  deleteBelow(offset: number): void {
    this.startOffset = offset
    while (this.batches[0] !== undefined && this.batches[0].nextOffset <= offset) {
      this.batches.shift()
    }
  }

  /** Whole batches from the one with this offset, at least one. */
  read(offset: number, maxBytes: number): Uint8Array[] {
    const found: Uint8Array[] = []
    let sizeBytes = 0
    for (const batch of this.batches) {
      if (batch.nextOffset <= offset) continue
      if (found.length > 0 && sizeBytes + batch.bytes.byteLength > maxBytes) break
      found.push(batch.bytes)
      sizeBytes += batch.bytes.byteLength
    }
    return found
  }

  #store(bytes: Uint8Array, nowMs: number): number {
    const offset = this.nextOffset
    const stamped = joinChunks(stampBatch(chunksOf(bytes), offset, this.term))
    const { producerId, producerEpoch, baseSequence } = readBatchHeader(stamped)
    const records = decodeBatch(stamped)
    this.nextOffset += records.length
    this.batches.push({
      baseOffset: offset,
      nextOffset: this.nextOffset,
      bytes: stamped,
      atMs: nowMs,
    })
    for (const [index, record] of records.entries()) {
      const sequence = baseSequence + index
      const stored = { offset: record.offset, producerId, producerEpoch, sequence, record }
      this.records.push(stored)
    }
    for (const wake of [...this.waiting]) wake()
    return offset
  }
}
