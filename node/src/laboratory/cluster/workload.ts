// The traffic of a run: one client per producer, which sends unique values at its pace and asks now
// and then where a partition ends; and one reader per partition from the beginning on. Writes down
// everything in the history. It knows of no faults and has no opinion on what it sees.
import type { OffsetsReply, QuorateError } from '@quorate/protocol'
import { decodeBatch } from '@quorate/protocol'
import { type History, newHistory, type Reading, type Send } from '../history/history.ts'
import type { SimulatedCluster } from './cluster.ts'
import { SimulatedClient } from './simulated-client.ts'
import { makeValue, valueMark } from './values.ts'

export const topicName = 'chaos'

const positionEveryMs = 350
const readAgainMs = 500
const bufferBytes = 4 * 1024 * 1024
const encoder = new TextEncoder()
const decoder = new TextDecoder()

type Producer = ReturnType<SimulatedClient['core']['producer']>

interface Wanted {
  readonly partitions: readonly number[]
  readonly untilEnd: boolean
  readonly from?: Parameters<SimulatedClient['core']['reader']>[0]['from']
}

export class Workload {
  readonly history: History
  readonly clients: readonly SimulatedClient[]
  /** Reads during the faults, and everything at the end. */
  readonly reader: SimulatedClient
  /** Called when a record is acked, at that moment. */
  acked: ((send: Send) => void) | undefined
  readonly #cluster: SimulatedCluster
  readonly #producers: readonly Producer[]
  #sending = false
  #reading = false
  #unsettled = 0
  #lastSequence = 1_000_000

  constructor(cluster: SimulatedCluster) {
    this.#cluster = cluster
    this.history = newHistory(cluster.plan.settings.retentionBytes > 0)
    this.clients = cluster.clientNames.map((name) => new SimulatedClient(name, cluster))
    this.reader = new SimulatedClient('reader', cluster)
    const { deliveryTimeoutMs } = cluster.plan.settings
    this.#producers = this.clients.map(({ core }) =>
      core.producer({
        lingerMs: 0,
        deliveryTimeoutMs,
        compression: 'none',
        maxBatchBytes: 16 * 1024,
        maxBufferedBytes: 1024 * 1024,
      }),
    )
  }

  get unsettled(): number {
    return this.#unsettled
  }

  connect(): void {
    for (const client of [...this.clients, this.reader]) client.connect()
  }

  start(): void {
    this.#sending = true
    this.#reading = true
    this.clients.forEach((client, producer) => {
      this.#send(client, producer, 0)
      this.#askPosition(client, producer)
    })
    const { partitions } = this.#cluster.plan.workload
    for (let partition = 0; partition < partitions; partition += 1) this.#read(partition)
  }

  /** Producers send no more; what is out goes on. */
  stopSending(): void {
    this.#sending = false
  }

  stopReading(): void {
    this.#reading = false
  }

  /** One more record to each partition, by the first producer. */
  sendLast(): void {
    const { partitions } = this.#cluster.plan.workload
    for (let partition = 0; partition < partitions; partition += 1) {
      this.#sendOne(0, this.#lastSequence, partition)
      this.#lastSequence += 1
    }
  }

  /** Reads everything there is, up to the present end of these partitions. */
  readBack(partitions: readonly number[], done: (failure: string | undefined) => void): void {
    const final: Reading = { reader: 'final', records: [], failure: undefined }
    this.history.final = final
    this.#collect(this.reader, final, { partitions, untilEnd: true }, done)
  }

  /** Reads a partition from an offset on; what comes is in the reading it returns. */
  readFrom(partition: number, offset: number): Reading {
    const reader = `reader of partition ${partition} from ${offset}`
    const reading: Reading = { reader, records: [], failure: undefined }
    const from = { kind: 'offsets', offsets: new Map([[partition, offset]]) } as const
    const what = { partitions: [partition], untilEnd: false, from }
    this.#collect(this.reader, reading, what, () => {})
    return reading
  }

  #send(client: SimulatedClient, producer: number, sent: number): void {
    if (!this.#sending) return
    const { everyMs, burst } = this.#cluster.plan.workload
    for (let each = 0; each < burst; each += 1) this.#sendOne(producer, sent + each, undefined)
    client.host.setTimer(() => this.#send(client, producer, sent + burst), everyMs)
  }

  #sendOne(producer: number, sequence: number, partition: number | undefined): void {
    const { simulation, plan } = this.#cluster
    const { keys, valueBytes } = plan.workload
    const key = keys === 0 ? undefined : `k${producer}-${sequence % keys}`
    const send: Send = {
      producer,
      sequence,
      value: makeValue(producer, sequence, valueBytes),
      key,
      invokedMs: simulation.nowMs,
      outcome: 'pending',
      settledMs: -1,
      partition: -1,
      offset: -1,
      code: undefined,
    }
    this.history.sends.push(send)
    this.#unsettled += 1
    this.#producers[producer]!.send({
      topic: topicName,
      key: key === undefined ? null : encoder.encode(key),
      value: encoder.encode(send.value),
      headers: [],
      timestampMs: this.clients[producer]!.host.wallMs(),
      partition,
      settled: (error, settledPartition, offset) => {
        this.#settle(send, error, settledPartition, offset)
      },
    })
  }

  #settle(send: Send, error: QuorateError | undefined, partition: number, offset: number): void {
    this.#unsettled -= 1
    send.settledMs = this.#cluster.simulation.nowMs
    send.code = error?.code
    send.partition = partition
    send.offset = offset
    if (error === undefined) send.outcome = 'acked'
    else send.outcome = error.outcome === 'not-applied' ? 'not-applied' : 'unknown'
    const place = `${valueMark(send.value)} ${send.outcome} ${partition}@${offset}`
    this.#cluster.simulation.note(place)
    if (error === undefined) this.acked?.(send)
    else this.#cluster.trace('send.failed', { value: send.value, error: error.message })
  }

  #askPosition(client: SimulatedClient, number: number): void {
    if (!this.#sending) return
    const { simulation, plan } = this.#cluster
    const { partitions } = plan.workload
    const asked = Math.floor(simulation.nowMs / positionEveryMs)
    const partition = (asked + number) % partitions
    const invokedMs = simulation.nowMs
    client.call<OffsetsReply>(
      'offsets',
      topicName,
      { partition, at: 'latest' },
      { deadlineMs: 5_000, repeatable: true },
      (reply) => {
        if (reply === undefined) return
        const { offset } = reply
        const answeredMs = simulation.nowMs
        this.history.positions.push({ client: number, partition, invokedMs, answeredMs, offset })
      },
    )
    client.host.setTimer(() => this.#askPosition(client, number), positionEveryMs)
  }

  /** Follows one partition; a reader that ends is followed by a new one from the beginning. */
  #read(partition: number): void {
    if (!this.#reading) return
    const { readings } = this.history
    const reading: Reading = {
      reader: `reader ${readings.length} of partition ${partition}`,
      records: [],
      failure: undefined,
    }
    readings.push(reading)
    this.#collect(this.reader, reading, { partitions: [partition], untilEnd: false }, () => {
      this.reader.host.setTimer(() => this.#read(partition), readAgainMs)
    })
  }

  #collect(
    { core }: SimulatedClient,
    reading: Reading,
    { partitions, untilEnd, from = { kind: 'earliest' } }: Wanted,
    done: (failure: string | undefined) => void,
  ): void {
    let over = false
    const end = (failure: string | undefined): void => {
      if (over) return
      over = true
      reading.failure = failure
      reader.close()
      done(failure)
    }
    const reader = core.reader(
      {
        topic: topicName,
        from,
        partitions,
        untilEnd,
        maxBufferedBytes: bufferBytes,
      },
      {
        started: () => {},
        ready: () => {
          if (over) return
          for (let batch = reader.take(); batch !== undefined; batch = reader.take()) {
            const { partition, fromOffset, endOffset } = batch
            for (const { offset, key, value } of decodeBatch(batch.bytes)) {
              if (offset < fromOffset || offset >= endOffset) continue
              reading.records.push({
                partition,
                offset,
                value: decoder.decode(value ?? undefined),
                key: key === null ? undefined : decoder.decode(key),
              })
            }
          }
          if (reader.ended) end(undefined)
        },
        failed: (error) => end(error.message),
      },
    )
  }
}
