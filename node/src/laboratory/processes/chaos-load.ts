// The load of a chaos run: several producers, readers that follow, somebody who asks for ends, and in
// the end one who reads everything; each side with clients of its own. All write into one history.
import type { Client } from '@quorate/client'
import type { HistoryTopic } from '../history/event.ts'
import { HistoryRecorder } from '../history/recorder.ts'
import { askForEnds } from './end-queries.ts'
import { LiveLog } from './live-log.ts'
import type { LocalCluster } from './local-cluster.ts'
import { PacedProducers } from './paced-producers.ts'
import { RecordedReader } from './recorded-reader.ts'

export interface ChaosLoadOptions {
  readonly topic: string
  readonly partitions: number
  readonly replicas: number
  /** Records a second. */
  readonly rate: number
  readonly producers: number
  readonly valueBytes: number
  readonly seed: number
}

const readers = 2

export class ChaosLoad {
  readonly history: HistoryRecorder
  readonly producers: PacedProducers
  readonly log: LiveLog
  readonly #reading: Client
  readonly #topic: HistoryTopic
  readonly #readers: readonly RecordedReader[]
  readonly #following = new AbortController()
  #followed: Promise<unknown> = Promise.resolve()
  #finalRecords = 0

  private constructor(writing: readonly Client[], reading: Client, options: ChaosLoadOptions) {
    const { topic, partitions, seed } = options
    this.#reading = reading
    this.#topic = { topic, partitions, dense: true }
    this.history = new HistoryRecorder({
      source: 'processes',
      seed,
      topics: [this.#topic],
      idempotent: true,
      retention: false,
    })
    this.log = new LiveLog(partitions)
    this.producers = new PacedProducers(writing, options, this.history, this.log)
    this.#readers = Array.from({ length: readers }, (_unused, index) =>
      this.#reader(`reader-${index}`),
    )
  }

  /** Creates the topic. Nothing is sent yet. */
  static async create(cluster: LocalCluster, options: ChaosLoadOptions): Promise<ChaosLoad> {
    const [first, second, reading] = await Promise.all([
      cluster.connect(),
      cluster.connect(),
      cluster.connect(),
    ])
    const { topic, partitions, replicas } = options
    // Small files, so that there are several of each kind to damage.
    const shape = { partitions, replicas, segmentBytes, retention: 'unlimited' } as const
    await reading.admin.createTopic(topic, shape)
    return new ChaosLoad([first, second], reading, options)
  }

  /** Read by those who follow and by the last reader. */
  get read(): number {
    const followed = this.#readers.reduce((sum, { records }) => sum + records, 0)
    return followed + this.#finalRecords
  }

  start(): void {
    const { signal } = this.#following
    this.producers.start()
    this.#followed = Promise.all([
      ...this.#readers.map((reader) => reader.follow(signal)),
      askForEnds(this.#reading, this.#topic, this.history, signal),
    ])
  }

  /** Resolves when all that was sent is settled and everything was read once more. */
  async finish(): Promise<void> {
    await this.producers.stop()
    this.#following.abort()
    await this.#followed
    const last = this.#reader('last')
    await last.readAll()
    this.#finalRecords = last.records
  }

  #reader(process: string): RecordedReader {
    return new RecordedReader(this.#reading, process, this.#topic, this.history, this.log)
  }
}

const segmentBytes = 4 * 1024 * 1024
