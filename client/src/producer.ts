// The producer a program holds: values in, promises out. Checks and encodes a value when `send` is
// called (send.ts), then gives the record to core/producer-core.ts, which batches, sends and retries
// it. Order is that of the calls, also when a schema checks asynchronously.
import type { Compression } from '@quorate/protocol'
import { maxBatchBytes as largestBatchBytes, QuorateError } from '@quorate/protocol'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { abortable } from './abort.ts'
import type { ProducerCore, ProducerSettings } from './core/producer-core.ts'
import type { Duration } from './duration.ts'
import { durationMs } from './duration.ts'
import type { SendOptions, SendResult } from './send.ts'
import { Send } from './send.ts'
import type { Topic } from './topic.ts'
import { issuesText } from './topic.ts'

export interface ProducerOptions {
  /**
   * How long a record may wait for others before its batch is sent. Default 0: nothing waits, and
   * records gather while a request of their partition is in flight.
   */
  readonly linger?: Duration
  /**
   * Time for all attempts of a record, from the moment it has its place in the buffer. Then
   * QUORATE_DELIVERY_TIMEOUT with outcome `unknown` if a leader may have it, else `not-applied`.
   * Default `'30s'`, at least 1 ms.
   */
  readonly deliveryTimeout?: Duration
  /** Default `'none'`. Batches are stored and read as they were compressed here. */
  readonly compression?: Compression
  /**
   * Bytes of a batch at which the next one is begun; a larger record travels alone. Default
   * 131,072; range 1,024 to 983,040.
   */
  readonly maxBatchBytes?: number
  /**
   * Bytes of records that are sent and not settled, and 256 more for each of them; above it `send`
   * waits. Default 33,554,432; at least `maxBatchBytes`.
   */
  readonly maxBufferedBytes?: number
}

type Validation = StandardSchemaV1.Result<unknown>

/** Always idempotent: a record is stored once, however often its batch has to be sent. */
export class Producer implements AsyncDisposable {
  readonly #core: ProducerCore
  readonly #now: () => number
  readonly #gone: (producer: Producer) => void
  /** Present while an asynchronous schema checks a value: later sends wait, order is kept. */
  #admission: Promise<void> | undefined

  constructor(core: ProducerCore, now: () => number, gone: (producer: Producer) => void) {
    this.#core = core
    this.#now = now
    this.#gone = gone
  }

  /** Bytes of records that are sent and not settled yet. */
  get bufferedBytes(): number {
    return this.#core.bufferedBytes
  }

  /**
   * Resolves when the record is on the disks of a quorum. Rejects with a QuorateError whose
   * `outcome` says whether the record may be in the log all the same: retrying after `unknown` may
   * store it twice.
   */
  send<Input>(
    topic: Topic<Input, unknown>,
    value: NoInfer<Input>,
    options: SendOptions = {},
  ): Promise<SendResult> {
    return new Promise<SendResult>((resolve, reject) => {
      options.signal?.throwIfAborted()
      const validation = topic.schema?.['~standard'].validate(value)
      const later = validation instanceof Promise
      if (!later && validation?.issues !== undefined) {
        throw schemaError(topic.name, validation.issues)
      }
      const send = new Send(topic, value, options, this.#now(), resolve, reject)
      if (later || this.#admission !== undefined) this.#admitLater(send, validation)
      else send.start(this.#core)
    })
  }

  /** Resolves when every record sent so far is settled, well or badly. */
  async flush(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    await this.#admission
    await abortable<void>(options.signal, (resolve) => {
      this.#core.flush(resolve)
      return () => {}
    })
  }

  /**
   * Takes no more records, settles those it has, ends. With an aborted signal it ends at once and
   * unsettled records reject with QUORATE_CLOSED.
   */
  async close(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    try {
      await this.#admission
      await abortable<void>(options.signal, (resolve) => {
        this.#core.close(resolve)
        return () => {}
      })
    } finally {
      this.#core.destroy()
      this.#gone(this)
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #admitLater(send: Send, validation: Validation | Promise<Validation> | undefined): void {
    const admission = (this.#admission ?? Promise.resolve())
      .then(() => validation)
      .then((result) => {
        if (result?.issues !== undefined) throw schemaError(send.topic, result.issues)
        send.start(this.#core)
      })
      .catch((error: unknown) => send.fail(error))
      .finally(() => {
        if (this.#admission === admission) this.#admission = undefined
      })
    this.#admission = admission
  }
}

function schemaError(topic: string, issues: readonly StandardSchemaV1.Issue[]): QuorateError {
  return new QuorateError('QUORATE_SCHEMA_INVALID', `${topic}: ${issuesText(issues)}`)
}

const compressions: readonly string[] = ['none', 'gzip', 'zstd']

/** Options with their defaults, checked. */
export function producerSettings(options: ProducerOptions): ProducerSettings {
  const {
    linger = 0,
    deliveryTimeout = '30s',
    compression = 'none',
    maxBatchBytes = 128 * 1024,
    maxBufferedBytes = 32 * 1024 * 1024,
  } = options
  const invalid = (detail: string) => new QuorateError('QUORATE_INVALID_ARGUMENT', detail)
  if (
    !Number.isInteger(maxBatchBytes) ||
    maxBatchBytes < 1024 ||
    maxBatchBytes > largestBatchBytes
  ) {
    throw invalid(`maxBatchBytes is ${maxBatchBytes}, not 1024 to ${largestBatchBytes}`)
  }
  if (!Number.isInteger(maxBufferedBytes) || maxBufferedBytes < maxBatchBytes) {
    throw invalid(`maxBufferedBytes is ${maxBufferedBytes}, below maxBatchBytes`)
  }
  if (!compressions.includes(compression)) throw invalid(`compression ${String(compression)}`)
  const deliveryTimeoutMs = durationMs('deliveryTimeout', deliveryTimeout)
  const lingerMs = durationMs('linger', linger)
  if (deliveryTimeoutMs < 1) throw invalid('deliveryTimeout is 0')
  if (lingerMs >= deliveryTimeoutMs) throw invalid('linger is not below deliveryTimeout')
  return { lingerMs, deliveryTimeoutMs, compression, maxBatchBytes, maxBufferedBytes }
}
