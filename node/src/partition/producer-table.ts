// Which batches of which producers a partition has: the memory that makes a resent batch a
// duplicate instead of a second copy. Judges a batch by producer id, epoch and sequence, at a given
// log time; remembers an accepted one. Pure and without a clock: producers expire by append time.
// Used twice with the same code: by machine.ts for what is applied, through admission.ts for the
// log's end.
//
// Epochs start at sequence 0, so the number of records accepted in the epoch is also the next
// sequence (modulo 2^31, where the 31-bit sequence of the wire wraps).
import type { BatchHeader, ErrorCode } from '@quorate/protocol'
import { limits } from '../limits.ts'

/** A batch that can be recognised. */
export interface RememberedBatch {
  /** Position of its first record among all records of the epoch. */
  readonly first: number
  readonly count: number
  readonly baseOffset: number
  /** Log index of the entry. */
  readonly index: number
}

export interface Producer {
  readonly epoch: number
  /** Records accepted in this epoch. Invariant: equals the end of the last remembered batch. */
  readonly accepted: number
  readonly lastAppendTimeMs: number
  /** Oldest first. Invariant: 1 to `limits.producerWindowBatches`, adjacent. */
  readonly window: readonly RememberedBatch[]
}

export type SequenceVerdict =
  | { readonly kind: 'next' }
  /** Accepted before, offset −1 when that is not remembered; committed when `index` is. */
  | { readonly kind: 'duplicate'; readonly offset: number; readonly index: number }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly detail: string }

export interface ProducerTableLimits {
  readonly producersMax: number
  readonly producerExpiryMs: number
}

/** Sequences are 31 bits on the wire. */
const sequenceModulus = 2 ** 31
/** A sequence at most this far behind is old; one further behind is ahead. */
const behindMax = 2 ** 30
const next: SequenceVerdict = { kind: 'next' }

export class ProducerTable {
  readonly #limits: ProducerTableLimits
  /** Invariant: ordered by last append, oldest first; log time never goes back. */
  readonly #producers: Map<number, Producer>

  constructor(
    tableLimits: ProducerTableLimits,
    producers: Iterable<readonly [number, Producer]> = [],
  ) {
    this.#limits = tableLimits
    this.#producers = new Map(producers)
  }

  get size(): number {
    return this.#producers.size
  }

  /** Oldest last append first: part of the state's bytes. */
  entries(): IterableIterator<[number, Producer]> {
    return this.#producers.entries()
  }

  /** An independent copy; producers themselves are immutable and shared. */
  fork(): ProducerTable {
    return new ProducerTable(this.#limits, this.#producers)
  }

  /** What the batch is if it were appended now. Changes nothing. */
  judge(header: BatchHeader, appendTimeMs: number): SequenceVerdict {
    const { producerId, producerEpoch, baseSequence } = header
    if (producerId < 0) return next
    if (producerEpoch < 0 || baseSequence < 0) {
      return refused('QUORATE_CORRUPT_BATCH', `producer ${producerId} without epoch or sequence`)
    }
    const known = this.#producers.get(producerId)
    if (known === undefined || this.#isExpired(known, appendTimeMs)) {
      return this.#judgeNewcomer(header, known !== undefined, appendTimeMs)
    }
    if (producerEpoch < known.epoch) {
      return refused(
        'QUORATE_PRODUCER_FENCED',
        `producer ${producerId} epoch ${producerEpoch} is older than ${known.epoch}`,
      )
    }
    if (producerEpoch > known.epoch) {
      if (baseSequence === 0) return next
      return refused(
        'QUORATE_OUT_OF_ORDER_SEQUENCE',
        `producer ${producerId} begins epoch ${producerEpoch} at ${baseSequence}, not at 0`,
      )
    }
    return judgeSequence(header, known)
  }

  /** Remembers a batch that `judge` called next. */
  record(header: BatchHeader, index: number, baseOffset: number, appendTimeMs: number): void {
    const { producerId, producerEpoch } = header
    if (producerId < 0) return
    const known = this.#producers.get(producerId)
    const goesOn =
      known !== undefined && known.epoch === producerEpoch && !this.#isExpired(known, appendTimeMs)
    const first = goesOn ? known.accepted : 0
    const count = header.lastOffsetDelta + 1
    const batch: RememberedBatch = { first, count, baseOffset, index }
    const kept = goesOn ? known.window.slice(1 - limits.producerWindowBatches) : []
    kept.push(batch)
    // Deleted first so that the producer moves to the end of the order.
    this.#producers.delete(producerId)
    if (this.#producers.size >= this.#limits.producersMax) this.#expireOldest(1, appendTimeMs)
    this.#producers.set(producerId, {
      epoch: producerEpoch,
      accepted: first + count,
      lastAppendTimeMs: appendTimeMs,
      window: kept,
    })
  }

  /**
   * Frees expired producers, a bounded number every so many indexes: the order of the map makes
   * the oldest cheap to find, but not free.
   */
  expire(index: number, appendTimeMs: number): void {
    if (index % limits.producerPurgeEveryEntries === 0) {
      this.#expireOldest(limits.producerPurgeMax, appendTimeMs)
    }
  }

  #judgeNewcomer(header: BatchHeader, present: boolean, appendTimeMs: number): SequenceVerdict {
    const { producerId, baseSequence } = header
    if (baseSequence !== 0) {
      return refused(
        'QUORATE_UNKNOWN_PRODUCER',
        `producer ${producerId} is not known here and sends sequence ${baseSequence}, not 0`,
      )
    }
    const full = !present && this.#producers.size >= this.#limits.producersMax
    if (full && !this.#oldestIsExpired(appendTimeMs)) {
      return refused(
        'QUORATE_PRODUCER_TABLE_FULL',
        `${this.#producers.size} producers wrote within the expiry time`,
      )
    }
    return next
  }

  #isExpired(producer: Producer, appendTimeMs: number): boolean {
    return appendTimeMs - producer.lastAppendTimeMs >= this.#limits.producerExpiryMs
  }

  #oldestIsExpired(appendTimeMs: number): boolean {
    for (const producer of this.#producers.values()) return this.#isExpired(producer, appendTimeMs)
    return false
  }

  #expireOldest(max: number, appendTimeMs: number): void {
    let freed = 0
    for (const [id, producer] of this.#producers) {
      if (freed === max || !this.#isExpired(producer, appendTimeMs)) return
      this.#producers.delete(id)
      freed += 1
    }
  }
}

function judgeSequence(header: BatchHeader, known: Producer): SequenceVerdict {
  const { producerId, baseSequence } = header
  const { accepted } = known
  const expected = accepted % sequenceModulus
  if (baseSequence === expected) return next
  const behind = (expected - baseSequence + sequenceModulus) % sequenceModulus
  const count = header.lastOffsetDelta + 1
  // "Applied" is said only of sequences that were accepted in this epoch, all of them.
  if (behind > accepted || behind >= behindMax || count > behind) {
    return refused(
      'QUORATE_OUT_OF_ORDER_SEQUENCE',
      `producer ${producerId} sends ${baseSequence}, expected is ${expected}`,
    )
  }
  const first = accepted - behind
  const end = first + count
  for (const batch of known.window) {
    if (batch.first + batch.count < end) continue
    // The first remembered batch that reaches as far: once it is committed, so are these records.
    const same = batch.first === first && batch.count === count
    return { kind: 'duplicate', offset: same ? batch.baseOffset : -1, index: batch.index }
  }
  throw new Error(`producer ${producerId}: window ends before its ${accepted} accepted records`)
}

function refused(code: ErrorCode, detail: string): SequenceVerdict {
  return { kind: 'refused', code, detail }
}
