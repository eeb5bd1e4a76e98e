// The traffic of a run: one client per producer, which sends unique values at its pace and asks now
// and then where a partition ends; and one reader per partition from the beginning on. Writes down
// everything in the history. It knows of no faults and has no opinion on what it sees.
import type { OffsetsReply, QuorateError } from '@quorate/protocol'
import { decodeBatch } from '@quorate/protocol'
import type { ReadPosition, ReadRecord } from '../history/event.ts'
import { HistoryRecorder } from '../history/recorder.ts'
import type { Reading } from './beyond.ts'
import type { SimulatedCluster } from './cluster.ts'
import { SimulatedClient } from './simulated-client.ts'
import { makeValue, valueMark } from './values.ts'

export const topicName = 'chaos'

const positionEveryMs = 350
const readAgainMs = 500
const batchBytes = 16 * 1024
const readerBufferBytes = 4 * 1024 * 1024
const encoder = new TextEncoder()
const decoder = new TextDecoder()

type Producer = ReturnType<SimulatedClient['core']['producer']>

/** A send as the run follows it; the history has the rest. */
export interface Send {
  /** Of its invocation in the history. */
  readonly index: number
  readonly value: string
  /** `not-applied`: certainly not in the log. `unknown`: may be in the log, now or later. */
  outcome: 'pending' | 'acked' | 'not-applied' | 'unknown'
  /** -1 until known. */
  partition: number
  /** -1 when the ack names none. */
  offset: number
}

interface Wanted {
  /** Process in the history. */
  readonly reader: string
  readonly positions: readonly ReadPosition[]
  /** Everything that is there now, and no more. */
  readonly final?: boolean
  readonly got?: (records: readonly ReadRecord[]) => void
}

export class Workload {
  readonly history: HistoryRecorder
  readonly sends: Send[] = []
  /** By partition: offset below which retention has deleted everything in the end; 0 when absent. */
  readonly starts = new Map<number, number>()
  readonly clients: readonly SimulatedClient[]
  /** Reads during the faults, and everything at the end. */
  readonly reader: SimulatedClient
  /** Called when a record is acked, at that moment. */
  acked: ((send: Send) => void) | undefined
  readonly #cluster: SimulatedCluster
  readonly #producers: Producer[]
  /** Of each producer: sends without outcome, and how many it has sent. */
  readonly #open: Set<Send>[]
  readonly #sent: number[]
  #readersPaused = false
  readonly #waitingReaders = new Set<() => void>()
  #sending = false
  #reading = false
  #unsettled = 0
  #lastSequence = 1_000_000
  #readers = 0

  constructor(cluster: SimulatedCluster) {
    this.#cluster = cluster
    const { seed, settings, workload } = cluster.plan
    this.history = new HistoryRecorder({
      source: 'simulation',
      seed,
      topics: [{ topic: topicName, partitions: workload.partitions, dense: true }],
      idempotent: true,
      retention: settings.retentionBytes > 0,
    })
    this.clients = cluster.clientNames.map((name) => new SimulatedClient(name, cluster))
    this.reader = new SimulatedClient('reader', cluster)
    this.#producers = this.clients.map((client) => this.#producerOf(client))
    this.#open = this.clients.map(() => new Set())
    this.#sent = this.clients.map(() => 0)
  }

  /** Its process dies: what it waits for stays unknown for ever. False when it was dead. */
  crashClient(client: SimulatedClient): boolean {
    if (client.host.crashed) return false
    client.crash()
    const open = this.#open[this.clients.indexOf(client)]!
    const { nowMs } = this.#cluster.simulation
    for (const send of open) {
      this.#unsettled -= 1
      send.outcome = 'unknown'
      this.history.info(send.index, nowMs, 'crashed')
    }
    open.clear()
    return true
  }

  /** After a crash: the same traffic, by another producer. */
  startClient(client: SimulatedClient): void {
    if (!client.host.crashed) return
    const producer = this.clients.indexOf(client)
    client.startAgain()
    this.#producers[producer] = this.#producerOf(client)
    this.#send(client, producer)
    this.#askPosition(client, producer)
  }

  /** Readers fetch on as far as their buffers go, and take nothing. */
  pauseReaders(): void {
    this.#readersPaused = true
  }

  resumeReaders(): void {
    this.#readersPaused = false
    const waiting = [...this.#waitingReaders]
    this.#waitingReaders.clear()
    for (const take of waiting) take()
  }

  get readersPaused(): boolean {
    return this.#readersPaused
  }

  /** Readers that have something and may not take it. */
  get waitingReaders(): number {
    return this.#waitingReaders.size
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
      this.#send(client, producer)
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
    const positions = partitions.map((partition) => ({
      topic: topicName,
      partition,
      offset: this.starts.get(partition) ?? 0,
    }))
    this.#collect({ reader: this.#readerName('final'), positions, final: true }, done)
  }

  /** Reads a partition from an offset on; what comes is in the reading it returns. */
  readFrom(partition: number, offset: number): Reading {
    const reader = this.#readerName(`partition-${partition}-from-${offset}`)
    const reading = { reader, records: [] as ReadRecord[] }
    const positions = [{ topic: topicName, partition, offset }]
    const got = (records: readonly ReadRecord[]) => void reading.records.push(...records)
    this.#collect({ reader, positions, got }, () => {})
    return reading
  }

  #readerName(what: string): string {
    this.#readers += 1
    return `reader-${this.#readers}-${what}`
  }

  #producerOf({ core }: SimulatedClient): Producer {
    return core.producer({
      lingerMs: 0,
      deliveryTimeoutMs: this.#cluster.plan.settings.deliveryTimeoutMs,
      compression: 'none',
      maxBatchBytes: this.#cluster.plan.settings.batchBytes ?? batchBytes,
      maxBufferedBytes: 1024 * 1024,
    })
  }

  #send(client: SimulatedClient, producer: number): void {
    if (!this.#sending) return
    const { everyMs, burst } = this.#cluster.plan.workload
    for (let each = 0; each < burst; each += 1) {
      this.#sendOne(producer, this.#sent[producer]!, undefined)
      this.#sent[producer] = this.#sent[producer]! + 1
    }
    client.host.setTimer(() => this.#send(client, producer), everyMs)
  }

  #sendOne(producer: number, sequence: number, partition: number | undefined): void {
    const { simulation, plan } = this.#cluster
    const { keys, valueBytes } = plan.workload
    const key = keys === 0 ? undefined : `k${producer}-${sequence % keys}`
    const value = makeValue(producer, sequence, valueBytes)
    const asked = partition === undefined ? {} : { partition }
    const index = this.history.invoke('send', `producer-${producer}`, simulation.nowMs, {
      topic: topicName,
      value,
      ...(key === undefined ? {} : { key }),
      ...asked,
    })
    const send: Send = { index, value, outcome: 'pending', partition: -1, offset: -1 }
    this.sends.push(send)
    this.#unsettled += 1
    const open = this.#open[producer]!
    open.add(send)
    this.#trace('send', producer, send, undefined)
    this.#producers[producer]!.send({
      topic: topicName,
      key: key === undefined ? null : encoder.encode(key),
      value: encoder.encode(send.value),
      headers: [],
      timestampMs: this.clients[producer]!.host.wallMs(),
      partition,
      settled: (error, settledPartition, offset) => {
        // A dead process hears of nothing, whatever its links still bring.
        if (!open.delete(send)) return
        this.#settle(send, error, settledPartition, offset)
        this.#trace(`send.${send.outcome}`, producer, send, error)
      },
    })
  }

  #settle(send: Send, error: QuorateError | undefined, partition: number, offset: number): void {
    this.#unsettled -= 1
    const { nowMs } = this.#cluster.simulation
    send.partition = partition
    send.offset = offset
    if (error === undefined) {
      send.outcome = 'acked'
      this.history.stored(send.index, nowMs, partition, offset)
    } else {
      const certain = this.history.refused(send.index, nowMs, error) === 'fail'
      send.outcome = certain ? 'not-applied' : 'unknown'
    }
    const place = `${valueMark(send.value)} ${send.outcome} ${partition}@${offset}`
    this.#cluster.simulation.note(place)
    if (error === undefined) this.acked?.(send)
  }

  #trace(event: string, producer: number, send: Send, error: QuorateError | undefined): void {
    if (!this.#cluster.traced) return
    const { partition, offset } = send
    const [client, value] = [this.clients[producer]!.name, valueMark(send.value)]
    this.#cluster.trace(event, { client, value, partition, offset, error: error?.message })
  }

  #askPosition(client: SimulatedClient, number: number): void {
    if (!this.#sending) return
    const { simulation, plan } = this.#cluster
    const { partitions } = plan.workload
    const { endsEveryMs = positionEveryMs } = plan.workload
    const asked = Math.floor(simulation.nowMs / endsEveryMs)
    const partition = (asked + number) % partitions
    const asking = { topic: topicName, partition }
    const of = this.history.invoke('end', `client-${number}`, simulation.nowMs, asking)
    client.call<OffsetsReply>(
      'offsets',
      topicName,
      { partition, at: 'latest' },
      { deadlineMs: 5_000, repeatable: true },
      (reply, error) => {
        const { nowMs } = simulation
        if (reply === undefined) this.history.info(of, nowMs, error?.code)
        else this.history.ok('end', of, nowMs, { offset: reply.offset })
      },
    )
    client.host.setTimer(() => this.#askPosition(client, number), endsEveryMs)
  }

  /** Follows one partition; a reader that ends is followed by a new one from the beginning. */
  #read(partition: number): void {
    if (!this.#reading) return
    // With retention nobody knows where the beginning is.
    const offset = this.history.header.retention ? null : 0
    const positions = [{ topic: topicName, partition, offset }]
    this.#collect({ reader: this.#readerName(`partition-${partition}`), positions }, () => {
      this.reader.host.setTimer(() => this.#read(partition), readAgainMs)
    })
  }

  #collect(
    { reader: name, positions, final = false, got = () => {} }: Wanted,
    done: (failure: string | undefined) => void,
  ): void {
    const { history } = this
    const { simulation } = this.#cluster
    const offsets = new Map<number, number>()
    for (const { partition, offset } of positions) {
      if (offset !== null && offset > 0) offsets.set(partition, offset)
    }
    const assigned = history.invoke('assign', name, simulation.nowMs, {
      positions,
      ...(final ? { final } : {}),
    })
    let over = false
    const take = (): void => {
      if (over) return
      if (this.#readersPaused && !final) {
        this.#waitingReaders.add(take)
        return
      }
      const records = takeRecords(reader)
      if (records.length > 0) history.delivered(name, simulation.nowMs, { records })
      got(records)
      if (reader.ended) end(undefined)
    }
    const end = (failure: string | undefined): void => {
      if (over) return
      over = true
      if (failure === undefined) history.ok('assign', assigned, simulation.nowMs, {})
      else history.fail(assigned, simulation.nowMs, failure)
      reader.close()
      done(failure)
    }
    const reader = this.reader.core.reader(
      {
        topic: topicName,
        from: offsets.size > 0 && !final ? { kind: 'offsets', offsets } : { kind: 'earliest' },
        partitions: positions.map(({ partition }) => partition),
        untilEnd: final,
        maxBufferedBytes: this.#cluster.plan.settings.readerBufferBytes ?? readerBufferBytes,
      },
      {
        started: () => {},
        ready: take,
        failed: (error) => end(error.message),
      },
    )
  }
}

function takeRecords(reader: ReturnType<SimulatedClient['core']['reader']>): ReadRecord[] {
  const records: ReadRecord[] = []
  for (let batch = reader.take(); batch !== undefined; batch = reader.take()) {
    const { partition, fromOffset, endOffset } = batch
    for (const { offset, key, value } of decodeBatch(batch.bytes)) {
      if (offset < fromOffset || offset >= endOffset) continue
      const text = decoder.decode(value ?? undefined)
      const place = { topic: topicName, partition, offset, value: text }
      records.push(key === null ? place : { ...place, key: decoder.decode(key) })
    }
  }
  return records
}
