// Records of a topic as an AsyncIterable, without a group. Takes batches from core/reader.ts when
// the loop asks for a record, decodes and checks them one by one, and ends with the first error.
import type { DecodedRecord, RecordHeader } from '@quorate/protocol'
import { decodeBatch, QuorateError } from '@quorate/protocol'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { ClientCore } from './core/client-core.ts'
import type { FetchedBatch } from './core/partition-reader.ts'
import type { ReaderCore, ReaderSettings } from './core/reader.ts'
import type { StartFrom } from './core/start-finder.ts'
import { DecodeFailedError } from './errors.ts'
import type { Topic } from './topic.ts'
import { issuesText } from './topic.ts'

export type StreamFrom =
  | 'earliest'
  /** What is sent after the stream has started; `ready()` says when that is. */
  | 'latest'
  /** The first record in each partition whose batch was stored at that time or later. */
  | { readonly time: Date }
  /** One partition only, from this offset on. */
  | { readonly partition: number; readonly offset: number }
  /** Offsets by partition, e.g. where an earlier stream stopped; the others start at the earliest. */
  | { readonly offsets: ReadonlyMap<number, number> | Readonly<Record<number, number>> }

export interface StreamOptions {
  /** Default `'earliest'`. */
  readonly from?: StreamFrom
  /** Default all. */
  readonly partitions?: readonly number[]
  /**
   * `'end'`: the stream ends when it has given what each partition held when it started. Without
   * it the stream waits for further records and does not end by itself.
   */
  readonly until?: 'end'
  /** Bytes fetched ahead of the loop. Default 8,388,608; at least 65,536. One batch may exceed it. */
  readonly maxBufferedBytes?: number
  /** The loop throws the signal's reason. */
  readonly signal?: AbortSignal
}

export interface StreamRecord<Value> {
  /** `null` for a record without a value. */
  readonly value: Value
  /** UTF-8; `null` for a record without a key. */
  readonly key: string | null
  readonly keyBytes: Uint8Array | null
  /** As UTF-8; the last one of each name. */
  readonly headers: Readonly<Record<string, string>>
  /** All of them, in order. */
  readonly rawHeaders: readonly RecordHeader[]
  readonly partition: number
  readonly offset: number
  /** Given by the producer. */
  readonly timestamp: Date
}

type Result<Value> = IteratorResult<StreamRecord<Value>, undefined>

interface Waiter<Value> {
  readonly resolve: (result: Result<Value>) => void
  readonly reject: (error: unknown) => void
}

export class RecordStream<Value>
  implements AsyncIterableIterator<StreamRecord<Value>, undefined>, AsyncDisposable
{
  readonly #topic: Topic<never, Value>
  readonly #reader: ReaderCore
  readonly #signal: AbortSignal | undefined
  readonly #gone: () => void
  readonly #waiters: Waiter<Value>[] = []
  readonly #starts: PromiseWithResolvers<void>[] = []
  #records: readonly DecodedRecord[] = []
  #next = 0
  #batch: FetchedBatch | undefined
  /** An asynchronous schema checks the record at `#next - 1`. */
  #checking = false
  #started = false
  #ended = false
  /** Thrown by the next call of `next`. */
  #error: { readonly thrown: unknown } | undefined

  constructor(
    core: ClientCore,
    topic: Topic<never, Value>,
    settings: ReaderSettings,
    signal: AbortSignal | undefined,
    gone: (stream: RecordStream<Value>) => void,
  ) {
    this.#topic = topic
    this.#signal = signal
    this.#gone = () => gone(this)
    this.#reader = core.reader(settings, {
      started: () => this.#start(),
      ready: () => this.#pump(),
      failed: (error) => this.fail(error),
    })
    if (signal?.aborted) this.#onAbort()
    else signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** Resolves when the start is found in every partition: what is sent from now on is read. */
  ready(): Promise<void> {
    if (this.#started) return Promise.resolve()
    if (this.#error !== undefined) return Promise.reject(this.#error.thrown)
    if (this.#ended) return Promise.reject(new QuorateError('QUORATE_CLOSED', 'stream'))
    const start = Promise.withResolvers<void>()
    this.#starts.push(start)
    return start.promise
  }

  next(): Promise<Result<Value>> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject })
      this.#pump()
    })
  }

  return(): Promise<Result<Value>> {
    this.#end()
    return Promise.resolve({ done: true, value: undefined })
  }

  close(): Promise<void> {
    this.#end()
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Ends the stream; the loop throws the error once. */
  fail(thrown: unknown): void {
    if (this.#ended) return
    const waiter = this.#waiters.shift()
    if (waiter === undefined) this.#error = { thrown }
    else waiter.reject(thrown)
    for (const start of this.#starts.splice(0)) start.reject(thrown)
    this.#end()
  }

  readonly #onAbort = (): void => {
    this.fail(this.#signal!.reason)
  }

  #start(): void {
    this.#started = true
    for (const start of this.#starts.splice(0)) start.resolve()
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#reader.close()
    this.#records = []
    this.#next = 0
    const closed = new QuorateError('QUORATE_CLOSED', 'stream')
    for (const start of this.#starts.splice(0)) start.reject(closed)
    this.#pump()
    this.#gone()
  }

  /** Gives records to those who wait, as long as there are both. */
  #pump(): void {
    while (this.#waiters.length > 0 && !this.#checking) {
      if (this.#ended) {
        this.#giveEnd(this.#waiters.shift()!)
        continue
      }
      const record = this.#take()
      if (record !== undefined) this.#give(record)
      else if (this.#reader.ended && !this.#ended) this.#end()
      else return
    }
  }

  #giveEnd(waiter: Waiter<Value>): void {
    const error = this.#error
    this.#error = undefined
    if (error === undefined) waiter.resolve({ done: true, value: undefined })
    else waiter.reject(error.thrown)
  }

  #take(): DecodedRecord | undefined {
    for (;;) {
      const record = this.#records[this.#next]
      if (record !== undefined) {
        this.#next += 1
        if (record.offset >= this.#batch!.fromOffset && record.offset < this.#batch!.endOffset) {
          return record
        }
        continue
      }
      const batch = this.#reader.take()
      if (batch === undefined) return undefined
      this.#batch = batch
      this.#next = 0
      try {
        this.#records = decodeBatch(batch.bytes)
      } catch (error) {
        this.#records = []
        this.fail(this.#decodeError(batch.header.baseOffset, error))
        return undefined
      }
    }
  }

  #give(record: DecodedRecord): void {
    try {
      const value = record.value === null ? null : this.#topic.codec.decode(record.value)
      const checked = this.#topic.schema?.['~standard'].validate(value)
      if (checked === undefined) this.#resolve(record, value as Value)
      else if (checked instanceof Promise) this.#giveLater(record, checked)
      else this.#giveChecked(record, checked)
    } catch (error) {
      this.fail(this.#decodeError(record.offset, error))
    }
  }

  #giveChecked(record: DecodedRecord, checked: StandardSchemaV1.Result<Value>): void {
    if (checked.issues === undefined) this.#resolve(record, checked.value)
    else this.fail(this.#decodeError(record.offset, new Error(issuesText(checked.issues))))
  }

  #giveLater(record: DecodedRecord, checking: Promise<StandardSchemaV1.Result<Value>>): void {
    this.#checking = true
    const done = (finish: () => void) => {
      this.#checking = false
      if (!this.#ended) finish()
      this.#pump()
    }
    checking.then(
      (checked) => done(() => this.#giveChecked(record, checked)),
      (error: unknown) => done(() => this.fail(this.#decodeError(record.offset, error))),
    )
  }

  #resolve(record: DecodedRecord, value: Value): void {
    const { partition } = this.#batch!
    this.#waiters.shift()!.resolve({ done: false, value: streamRecord(record, partition, value) })
  }

  #decodeError(offset: number, cause: unknown): DecodeFailedError {
    return new DecodeFailedError(this.#topic.name, this.#batch!.partition, offset, cause)
  }
}

const decoder = new TextDecoder()
const noHeaders: Readonly<Record<string, string>> = Object.freeze({})

function streamRecord<Value>(
  record: DecodedRecord,
  partition: number,
  value: Value,
): StreamRecord<Value> {
  const { key, headers, offset, timestampMs } = record
  return {
    value,
    key: key === null ? null : decoder.decode(key),
    keyBytes: key,
    headers: headers.length === 0 ? noHeaders : headerTexts(headers),
    rawHeaders: headers,
    partition,
    offset,
    timestamp: new Date(timestampMs),
  }
}

function headerTexts(headers: readonly RecordHeader[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    headers.map(({ key, value }) => [key, value === null ? '' : decoder.decode(value)]),
  )
}

/** Options with their defaults, checked. */
export function readerSettings(topic: string, options: StreamOptions): ReaderSettings {
  const { from = 'earliest', until, maxBufferedBytes = 8 * 1024 * 1024 } = options
  const invalid = (detail: string) => new QuorateError('QUORATE_INVALID_ARGUMENT', detail)
  if (until !== undefined && until !== 'end') throw invalid(`until ${String(until)}`)
  if (!Number.isInteger(maxBufferedBytes) || maxBufferedBytes < 64 * 1024) {
    throw invalid(`maxBufferedBytes is ${maxBufferedBytes}, below 65536`)
  }
  const { partitions } = options
  const start = startFrom(from, invalid)
  const only = typeof from === 'object' && 'partition' in from ? [from.partition] : partitions
  if (only !== partitions && partitions !== undefined) {
    throw invalid('from names one partition: leave `partitions` out')
  }
  return { topic, from: start, partitions: only, untilEnd: until === 'end', maxBufferedBytes }
}

function startFrom(from: StreamFrom, invalid: (detail: string) => QuorateError): StartFrom {
  if (from === 'earliest' || from === 'latest') return { kind: from }
  if (typeof from !== 'object' || from === null) throw invalid(`from ${String(from)}`)
  if ('time' in from) {
    const timeMs = Number(from.time)
    if (!Number.isSafeInteger(timeMs) || timeMs < 0) throw invalid('from.time is no valid time')
    return { kind: 'time', timeMs }
  }
  const entries: Iterable<readonly [number, number]> =
    'partition' in from
      ? [[from.partition, from.offset]]
      : from.offsets instanceof Map
        ? from.offsets
        : Object.entries(from.offsets).map(([partition, offset]) => [Number(partition), offset])
  const offsets = new Map(entries)
  for (const [partition, offset] of offsets) {
    const valid = [partition, offset].every((each) => Number.isSafeInteger(each) && each >= 0)
    if (!valid) throw invalid(`from: partition ${partition}, offset ${offset}`)
  }
  return { kind: 'offsets', offsets }
}
