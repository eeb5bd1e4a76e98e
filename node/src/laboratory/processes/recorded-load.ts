// Producers that send numbered records to every partition of a topic through whatever happens to the
// cluster, and write down what became of each in the history of the simulator, so that its checkers
// judge real processes too. It can be stopped and started again; sequences go on.
import { setTimeout as pause } from 'node:timers/promises'
import {
  type Client,
  OffsetOutOfRangeError,
  type Producer,
  QuorateError,
  topic,
} from '@quorate/client'
import { checkAckedOnce } from '../checkers/acked-once.ts'
import { checkDenseOffsets } from '../checkers/dense-offsets.ts'
import { checkOrder } from '../checkers/order.ts'
import { checkOutcomes } from '../checkers/outcomes.ts'
import { makeValue, valueMark } from '../cluster/values.ts'
import { type History, newHistory, type ReadRecord, type Send } from '../history/history.ts'

export interface LoadOptions {
  readonly topic: string
  readonly partitions: number
  /** Default 2. */
  readonly producers?: number
  /** Each producer sends one record to each partition so often. Default 10. */
  readonly everyMs?: number
  /** Default 40. */
  readonly valueBytes?: number
  /** Records not settled, above which none is sent. Default 5,000. */
  readonly inFlightMax?: number
  /** Old records may go. Default false. */
  readonly retention?: boolean
}

export class RecordedLoad {
  readonly history: History
  readonly #client: Client
  readonly #options: Required<LoadOptions>
  readonly #producers: readonly Producer[]
  #timer: NodeJS.Timeout | undefined
  #sequence = 0
  #unsettled = 0
  /** By partition: when each record was acknowledged, in order. */
  readonly #acks: readonly number[][]

  constructor(client: Client, options: LoadOptions) {
    this.#client = client
    const defaults = { producers: 2, everyMs: 10, valueBytes: 40, inFlightMax: 5000 }
    this.#options = { ...defaults, retention: false, ...options }
    this.history = newHistory(this.#options.retention)
    this.#producers = Array.from({ length: this.#options.producers }, () =>
      client.producer({ deliveryTimeout: '60s' }),
    )
    this.#acks = Array.from({ length: options.partitions }, () => [])
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#sendAll(), this.#options.everyMs)
  }

  /** Resolves when everything that was sent is settled. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
    while (this.#unsettled > 0) await pause(5)
  }

  /** In the partition with the fewest. */
  ackedSince(ms: number): number {
    const counts = this.#acks.map((times) => times.length - firstAfter(times, ms))
    return Math.min(...counts)
  }

  get acked(): number {
    return this.#acks.reduce((sum, times) => sum + times.length, 0)
  }

  /** By partition, the longest time without an acknowledgement that ends after `fromMs`. */
  gapsMs(fromMs: number): number[] {
    return this.#acks.map((times) => {
      let longest = 0
      for (let index = Math.max(1, firstAfter(times, fromMs)); index < times.length; index += 1) {
        longest = Math.max(longest, times[index]! - times[index - 1]!)
      }
      return longest
    })
  }

  /** Reads everything back and compares; call it when all is settled. */
  async problems(): Promise<string[]> {
    let records = await this.#readAll()
    // Retention went on while it was read. No load comes in any more, so it has an end.
    while (records === undefined) records = await this.#readAll()
    this.history.final = { reader: 'final', records, failure: undefined }
    const checks = [checkAckedOnce, checkOutcomes, checkOrder, checkDenseOffsets]
    return checks.flatMap((check) => check(this.history)).slice(0, 20)
  }

  /** Undefined when records were removed meanwhile by retention. */
  async #readAll(): Promise<ReadRecord[] | undefined> {
    const { topic: name, valueBytes, retention } = this.#options
    const described = topic(name, { codec: 'text' })
    const { starts } = this.history
    if (retention) {
      const earliest = await this.#client.admin.offsets(name, { at: 'earliest' })
      for (const { partition, offset } of earliest) starts.set(partition, offset)
    }
    const records: ReadRecord[] = []
    try {
      const from = { offsets: starts }
      for await (const record of this.#client.stream(described, { from, until: 'end' })) {
        const { partition, offset, key } = record
        // Only the mark is kept: values may be large.
        const mark = valueMark(record.value)
        const value = record.value === mark.padEnd(valueBytes, '.') ? mark : record.value
        records.push({ partition, offset, value, key: key ?? undefined })
      }
    } catch (error) {
      if (retention && error instanceof OffsetOutOfRangeError) return undefined
      throw error
    }
    return records
  }

  #sendAll(): void {
    if (this.#unsettled >= this.#options.inFlightMax) return
    this.#sequence += 1
    for (let partition = 0; partition < this.#options.partitions; partition += 1) {
      for (const number of this.#producers.keys()) this.#send(number, partition)
    }
  }

  #send(producer: number, partition: number): void {
    const { topic: name, partitions, valueBytes } = this.#options
    const sequence = this.#sequence * partitions + partition
    const value = makeValue(producer, sequence, valueBytes)
    const send: Send = {
      producer,
      sequence,
      value: valueMark(value),
      key: undefined,
      invokedMs: performance.now(),
      outcome: 'pending',
      settledMs: -1,
      partition,
      offset: -1,
      code: undefined,
    }
    this.history.sends.push(send)
    this.#unsettled += 1
    this.#producers[producer]!.send(topic(name, { codec: 'text' }), value, { partition }).then(
      ({ offset }) => this.#settle(send, 'acked', offset, undefined),
      (error: unknown) => {
        const known = error instanceof QuorateError ? error : undefined
        const outcome = known?.outcome === 'not-applied' ? 'not-applied' : 'unknown'
        this.#settle(send, outcome, -1, known?.code ?? String(error))
      },
    )
  }

  #settle(send: Send, outcome: Send['outcome'], offset: number, code: string | undefined): void {
    this.#unsettled -= 1
    Object.assign(send, { outcome, offset, code, settledMs: performance.now() })
    if (outcome === 'acked') this.#acks[send.partition]!.push(send.settledMs)
  }
}

/** Index of the first time behind `ms`; times rise. */
function firstAfter(times: readonly number[], ms: number): number {
  let low = 0
  let high = times.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (times[middle]! > ms) high = middle
    else low = middle + 1
  }
  return low
}
