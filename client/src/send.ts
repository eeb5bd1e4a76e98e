// One call of `send`: the encoded record, and the way back to the promise. Its bytes are taken when
// the call is made, so that changing the value afterwards changes nothing. Made in producer.ts,
// held by core/producer-core.ts until it is settled.
import type { RecordHeader } from '@quorate/protocol'
import { QuorateError } from '@quorate/protocol'
import type { Entry, PendingRecord } from './core/batch.ts'
import type { ProducerCore } from './core/producer-core.ts'
import type { Key, Topic } from './topic.ts'

export interface SendOptions {
  /** Overrides the key function of the topic. Records of one key go to one partition, in order. */
  readonly key?: Key
  /** Overrides the key's partition. */
  readonly partition?: number
  /** Default now. */
  readonly timestamp?: Date | number
  readonly headers?: Readonly<Record<string, string | Uint8Array>>
  /**
   * Gives the call up: it rejects with the signal's reason. A record that is in a batch already is
   * still delivered.
   */
  readonly signal?: AbortSignal
}

export interface SendResult {
  readonly partition: number
  /** -1 if the record is in the log and its offset is not known any more. */
  readonly offset: number
  /** An earlier `send` with the same idempotency key had stored the record. */
  readonly duplicate: boolean
}

const encoder = new TextEncoder()
const noHeaders: readonly RecordHeader[] = []

export class Send implements PendingRecord {
  readonly topic: string
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly RecordHeader[]
  readonly timestampMs: number
  readonly partition: number | undefined
  readonly #resolve: (result: SendResult) => void
  readonly #reject: (error: unknown) => void
  readonly #signal: AbortSignal | undefined
  #core: ProducerCore | undefined
  #entry: Entry | undefined
  #ended = false

  constructor(
    topic: Topic<never, unknown>,
    value: unknown,
    options: SendOptions,
    nowMs: number,
    resolve: (result: SendResult) => void,
    reject: (error: unknown) => void,
  ) {
    const key = options.key ?? topic.key?.(value as never)
    this.topic = topic.name
    this.key = key === undefined ? null : typeof key === 'string' ? encoder.encode(key) : key
    this.value = encodeValue(topic, value)
    this.headers = options.headers === undefined ? noHeaders : headerList(options.headers)
    this.timestampMs = options.timestamp === undefined ? nowMs : timestampMs(options.timestamp)
    this.partition = options.partition
    this.#resolve = resolve
    this.#reject = reject
    this.#signal = options.signal
    this.#signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  start(core: ProducerCore): void {
    if (this.#ended) return
    this.#core = core
    this.#entry = core.send(this)
  }

  settled(error: QuorateError | undefined, partition: number, offset: number): void {
    if (error !== undefined) this.fail(error)
    else if (this.#end()) this.#resolve({ partition, offset, duplicate: false })
  }

  fail(error: unknown): void {
    if (this.#end()) this.#reject(error)
  }

  readonly #onAbort = (): void => {
    if (this.#entry !== undefined) this.#core?.cancel(this.#entry)
    this.fail(this.#signal!.reason)
  }

  /** False when the promise is settled already. */
  #end(): boolean {
    if (this.#ended) return false
    this.#ended = true
    this.#signal?.removeEventListener('abort', this.#onAbort)
    return true
  }
}

function encodeValue(topic: Topic<never, unknown>, value: unknown): Uint8Array {
  try {
    return topic.codec.encode(value)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new QuorateError('QUORATE_INVALID_ARGUMENT', `value for ${topic.name}: ${why}`, { cause })
  }
}

function headerList(headers: Readonly<Record<string, string | Uint8Array>>): RecordHeader[] {
  return Object.entries(headers).map(([key, value]) => ({
    key,
    value: typeof value === 'string' ? encoder.encode(value) : value,
  }))
}

function timestampMs(timestamp: Date | number): number {
  const ms = Number(timestamp)
  if (Number.isSafeInteger(ms) && ms >= 0) return ms
  throw new QuorateError('QUORATE_INVALID_ARGUMENT', `timestamp ${String(timestamp)}`)
}
