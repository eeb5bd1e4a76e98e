// Producers that together send a given number of records a second to all partitions of a topic, each
// value once, and write down what became of each. While the cluster does not take them only so many
// wait: what could not be sent then is not sent later. Next stop: ../history/recorder.ts.
import { setTimeout as pause } from 'node:timers/promises'
import { type Client, type Producer, topic } from '@quorate/client'
import { makeValue, valueMark } from '../cluster/values.ts'
import type { HistoryRecorder } from '../history/recorder.ts'
import type { LiveLog } from './live-log.ts'

export interface PacedOptions {
  readonly topic: string
  readonly partitions: number
  /** Records a second, all producers together. */
  readonly rate: number
  readonly producers: number
  readonly valueBytes: number
}

/** A time in which a partition acknowledged nothing. */
export interface Gap {
  readonly partition: number
  /** Since the load began. */
  readonly fromMs: number
  readonly ms: number
}

const tickMs = 10
/** Sends nobody has answered. */
const inFlightMax = 30_000
/** A tick that comes late makes up for no more. */
const catchUpMs = 2_000

export class PacedProducers {
  acked = 0
  /** May be stored, now or later. */
  unknown = 0
  /** Certainly not stored. */
  failed = 0
  longestGap: Gap = { partition: 0, fromMs: 0, ms: 0 }
  readonly #options: PacedOptions
  readonly #recorder: HistoryRecorder
  readonly #log: LiveLog
  readonly #producers: readonly Producer[]
  readonly #lastAckMs: number[]
  #timer: NodeJS.Timeout | undefined
  #startMs = 0
  #paidMs = 0
  #count = 0
  #unsettled = 0

  /** Producers are spread over the clients. */
  constructor(
    clients: readonly Client[],
    options: PacedOptions,
    recorder: HistoryRecorder,
    log: LiveLog,
  ) {
    this.#options = options
    this.#recorder = recorder
    this.#log = log
    this.#producers = Array.from({ length: options.producers }, (_unused, index) =>
      clients[index % clients.length]!.producer({ deliveryTimeout: '30s' }),
    )
    this.#lastAckMs = Array.from({ length: options.partitions }, () => 0)
  }

  start(): void {
    this.#startMs = performance.now()
    this.#paidMs = this.#startMs
    this.#lastAckMs.fill(this.#startMs)
    this.#timer = setInterval(() => this.#tick(), tickMs)
  }

  /** Every partition has acknowledged something behind that time of `performance.now()`. */
  servedSince(ms: number): boolean {
    return this.#lastAckMs.every((lastMs) => lastMs > ms)
  }

  /** Resolves when everything that was sent is settled. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    while (this.#unsettled > 0) await pause(tickMs)
    for (const partition of this.#lastAckMs.keys()) this.#gapEnds(partition)
  }

  #tick(): void {
    const nowMs = performance.now()
    const { rate } = this.#options
    this.#paidMs = Math.max(this.#paidMs, nowMs - catchUpMs)
    const due = Math.floor(((nowMs - this.#paidMs) * rate) / 1000)
    this.#paidMs += (due * 1000) / rate
    for (let each = 0; each < due && this.#unsettled < inFlightMax; each += 1) this.#send(nowMs)
  }

  #send(nowMs: number): void {
    const { topic: name, partitions, valueBytes } = this.#options
    const number = this.#count % this.#producers.length
    const partition = Math.floor(this.#count / this.#producers.length) % partitions
    const text = makeValue(number, this.#count, valueBytes)
    const value = valueMark(text)
    this.#count += 1
    this.#unsettled += 1
    const sent = { topic: name, value, partition }
    const send = this.#recorder.invoke('send', `producer-${number}`, nowMs, sent)
    this.#producers[number]!.send(topic(name, { codec: 'text' }), text, { partition }).then(
      ({ offset }) => {
        this.#recorder.stored(send, this.#settled(), partition, offset)
        this.acked += 1
        if (offset >= 0) this.#log.saw(partition, offset, value)
        this.#gapEnds(partition)
      },
      (error: unknown) => this.#refused(send, error),
    )
  }

  #refused(send: number, error: unknown): void {
    if (this.#recorder.refused(send, this.#settled(), error) === 'fail') this.failed += 1
    else this.unknown += 1
  }

  #settled(): number {
    this.#unsettled -= 1
    return performance.now()
  }

  #gapEnds(partition: number): void {
    const nowMs = performance.now()
    const lastMs = this.#lastAckMs[partition]!
    this.#lastAckMs[partition] = nowMs
    if (nowMs - lastMs <= this.longestGap.ms) return
    const fromMs = Math.round(lastMs - this.#startMs)
    this.longestGap = { partition, fromMs, ms: Math.round(nowMs - lastMs) }
  }
}
