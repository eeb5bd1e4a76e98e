// Readers of a topic that write down what they get: one that follows the topic through whatever
// happens and goes on where it was after an error, and one that reads all there is in the end.
import { setTimeout as pause } from 'node:timers/promises'
import { type Client, type StreamRecord, topic } from '@quorate/client'
import { valueMark } from '../cluster/values.ts'
import type { HistoryTopic, ReadRecord } from '../history/event.ts'
import type { HistoryRecorder } from '../history/recorder.ts'
import type { LiveLog } from './live-log.ts'

const reopenMs = 200
/** Records told in one event at most, and how long they may wait for that. */
const batchRecords = 500
const batchMs = 20

export class RecordedReader {
  /** Records so far. */
  records = 0
  readonly #client: Client
  readonly #topic: HistoryTopic
  readonly #recorder: HistoryRecorder
  readonly #log: LiveLog
  readonly #process: string
  /** By partition: the next one. */
  readonly #next: Map<number, number>
  #batch: ReadRecord[] = []

  constructor(
    client: Client,
    process: string,
    described: HistoryTopic,
    recorder: HistoryRecorder,
    log: LiveLog,
  ) {
    this.#client = client
    this.#process = process
    this.#topic = described
    this.#recorder = recorder
    this.#log = log
    const partitions = Array.from({ length: described.partitions }, (_unused, index) => index)
    this.#next = new Map(partitions.map((partition) => [partition, 0]))
  }

  /** Resolves when the signal aborts. */
  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const from = { offsets: new Map(this.#next) }
      const assign = this.#assign(false)
      this.#recorder.ok('assign', assign, performance.now(), {})
      const flushing = setInterval(() => this.#flush(), batchMs)
      try {
        const stream = this.#client.stream(topic(this.#topic.topic, { codec: 'text' }), {
          from,
          signal,
        })
        for await (const record of stream) this.#take(record)
      } catch {
        // Nobody to read from for a while, or the end.
      } finally {
        clearInterval(flushing)
        this.#flush()
      }
      if (!signal.aborted) await pause(reopenMs)
    }
  }

  /** Everything, from the first offset on. Rejects when that cannot be read. */
  async readAll(): Promise<void> {
    const from = { offsets: new Map(this.#next) }
    const assign = this.#assign(true)
    const described = topic(this.#topic.topic, { codec: 'text' })
    for await (const record of this.#client.stream(described, { from, until: 'end' })) {
      this.#take(record)
    }
    this.#flush()
    this.#recorder.ok('assign', assign, performance.now(), {})
  }

  #assign(final: boolean): number {
    const positions = [...this.#next].map(([partition, offset]) => ({
      topic: this.#topic.topic,
      partition,
      offset,
    }))
    const assignment = final ? { positions, final } : { positions }
    return this.#recorder.invoke('assign', this.#process, performance.now(), assignment)
  }

  #take({ partition, offset, value: text }: StreamRecord<string>): void {
    // Values are padded; only the mark is kept, and whatever is not padding.
    const mark = valueMark(text)
    const value = mark !== '' && text === mark.padEnd(text.length, '.') ? mark : text
    this.#next.set(partition, offset + 1)
    this.#log.saw(partition, offset, value)
    this.records += 1
    this.#batch.push({ topic: this.#topic.topic, partition, offset, value })
    if (this.#batch.length >= batchRecords) this.#flush()
  }

  #flush(): void {
    if (this.#batch.length === 0) return
    this.#recorder.delivered(this.#process, performance.now(), { records: this.#batch })
    this.#batch = []
  }
}
