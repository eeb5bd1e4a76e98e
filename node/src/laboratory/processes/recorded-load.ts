// Producers that send numbered records to every partition of a topic through whatever happens to the
// cluster, and write down what became of each in a history, which the same checkers judge as those of
// simulated clusters. It can be stopped and started again; sequences go on.
import { setTimeout as pause } from 'node:timers/promises'
import {
  type Client,
  OffsetOutOfRangeError,
  type Producer,
  QuorateError,
  topic,
} from '@quorate/client'
import { makeValue, valueMark } from '../cluster/values.ts'
import { isFatal } from '../history/anomaly.ts'
import { checkHistory } from '../history/check-history.ts'
import type { ReadRecord } from '../history/event.ts'
import { HistoryRecorder } from '../history/recorder.ts'

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

/** Of one poll, when everything is read back. */
const pollRecordsMax = 1000

export class RecordedLoad {
  readonly history: HistoryRecorder
  readonly #client: Client
  readonly #options: Required<LoadOptions>
  readonly #producers: readonly Producer[]
  #timer: NodeJS.Timeout | undefined
  #sequence = 0
  #unsettled = 0
  #sent = 0
  #readers = 0
  /** By partition: when each record was acknowledged, in order. */
  readonly #acks: readonly number[][]

  constructor(client: Client, options: LoadOptions) {
    this.#client = client
    const defaults = { producers: 2, everyMs: 10, valueBytes: 40, inFlightMax: 5000 }
    this.#options = { ...defaults, retention: false, ...options }
    this.history = new HistoryRecorder({
      source: 'processes',
      topics: [{ topic: options.topic, partitions: options.partitions, dense: true }],
      idempotent: true,
      retention: this.#options.retention,
    })
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

  get sent(): number {
    return this.#sent
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
    // Retention went on while it was read. No load comes in any more, so it has an end.
    while (!(await this.#readAll())) {}
    const fatal = checkHistory(this.history).filter(isFatal)
    return fatal.map(({ name, text }) => `${name}: ${text}`).slice(0, 20)
  }

  /** False when records were removed meanwhile by retention. */
  async #readAll(): Promise<boolean> {
    const { topic: name, partitions, retention } = this.#options
    const starts = new Map(Array.from({ length: partitions }, (_, partition) => [partition, 0]))
    if (retention) {
      const earliest = await this.#client.admin.offsets(name, { at: 'earliest' })
      for (const { partition, offset } of earliest) starts.set(partition, offset)
    }
    const positions = [...starts].map(([partition, offset]) => ({ topic: name, partition, offset }))
    this.#readers += 1
    const reader = `reader-${this.#readers}`
    const assignment = { positions, final: true }
    const assigned = this.history.invoke('assign', reader, performance.now(), assignment)
    try {
      await this.#read(reader, retention ? starts : new Map())
    } catch (error) {
      const code = error instanceof QuorateError ? error.code : String(error)
      this.history.fail(assigned, performance.now(), code)
      if (retention && error instanceof OffsetOutOfRangeError) return false
      throw error
    }
    this.history.ok('assign', assigned, performance.now(), {})
    return true
  }

  async #read(reader: string, offsets: ReadonlyMap<number, number>): Promise<void> {
    const { topic: name, valueBytes } = this.#options
    let records: ReadRecord[] = []
    const deliver = (): void => {
      if (records.length > 0) this.history.delivered(reader, performance.now(), { records })
      records = []
    }
    const described = topic(name, { codec: 'text' })
    const stream = this.#client.stream(described, { from: { offsets }, until: 'end' })
    for await (const { partition, offset, key, value: whole } of stream) {
      // Only the mark is kept: values may be large.
      const mark = valueMark(whole)
      const value = whole === mark.padEnd(valueBytes, '.') ? mark : whole
      const record = { topic: name, partition, offset, value }
      records.push(key === null || key === undefined ? record : { ...record, key })
      if (records.length >= pollRecordsMax) deliver()
    }
    deliver()
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
    const of = this.history.invoke('send', `producer-${producer}`, performance.now(), {
      topic: name,
      value: valueMark(value),
      partition,
    })
    this.#sent += 1
    this.#unsettled += 1
    this.#producers[producer]!.send(topic(name, { codec: 'text' }), value, { partition }).then(
      ({ offset }) => this.#acked(of, partition, offset),
      (error: unknown) => this.#unacked(of, error),
    )
  }

  #acked(of: number, partition: number, offset: number): void {
    this.#unsettled -= 1
    const nowMs = performance.now()
    this.#acks[partition]!.push(nowMs)
    this.history.stored(of, nowMs, partition, offset)
  }

  #unacked(of: number, error: unknown): void {
    this.#unsettled -= 1
    this.history.refused(of, performance.now(), error)
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
