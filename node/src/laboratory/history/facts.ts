// What a history proves about the logs of the broker: which value stands at which offset, as acks and
// readers told, who read it, and what the final read covered. Built once, in time linear in the
// records (and n log n for topics whose offsets have gaps). The checkers ask it; it judges nothing.
import type { History, HistoryHeader } from './event.ts'
import { type AssignOperation, Operations, type Poll, type SendOperation } from './operations.ts'

/** A value that some ack or reader told to be at an offset. */
export interface Told {
  readonly value: string
  /** Event that told it first. */
  readonly event: number
}

export class Place {
  readonly log: PartitionLog
  readonly offset: number
  /** The value that was told first, by whom, and who sent it. */
  readonly told: Told
  readonly send: SendFacts | undefined
  /** Other values at this offset. */
  others: Told[] | undefined
  /** How many known places of the partition come before it; the offset itself when it is dense. */
  rank: number

  constructor(log: PartitionLog, offset: number, told: Told, send: SendFacts | undefined) {
    this.log = log
    this.offset = offset
    this.told = told
    this.send = send
    this.rank = offset
  }
}

export class PartitionLog {
  readonly topic: string
  readonly partition: number
  readonly dense: boolean
  readonly places = new Map<number, Place>()
  /** By offset. */
  ordered: Place[] = []
  /** Damage went beyond the bound: losses here are nobody's fault. */
  excused = false
  /** Where the final read began; undefined: it did not cover this partition. */
  finalStart: number | undefined
  /** Acked sends with an offset, in the order of their invocations. */
  readonly acked: SendFacts[] = []

  constructor(topic: string, partition: number, dense: boolean) {
    this.topic = topic
    this.partition = partition
    this.dense = dense
  }

  get name(): string {
    return `${this.topic}/${this.partition}`
  }

  /** Rank of the first known place at or behind an offset. */
  rankAt(offset: number): number {
    if (this.dense) return offset
    let low = 0
    let high = this.ordered.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.ordered[middle]!.offset < offset) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** A send, and where its value was seen. */
export interface SendFacts extends SendOperation {
  /** Undefined until its partition is known. */
  log: PartitionLog | undefined
  /** All places of its value, in the order in which they were told. */
  place: Place | undefined
  otherPlaces: Place[] | undefined
  /** Event of the first poll that had it; -1: none. */
  readAt: number
  /** The final read had it. */
  inFinal: boolean
}

/** The last read of everything that came to its end. */
export interface FinalRead {
  readonly process: string
  readonly index: number
  readonly doneIndex: number
}

export class Facts {
  readonly header: HistoryHeader
  readonly sends: readonly SendFacts[]
  readonly operations: Operations
  readonly logs: readonly PartitionLog[]
  readonly final: FinalRead | undefined
  /** By value that was read and never sent: the poll. */
  readonly strangers = new Map<string, number>()
  readonly #byTopic: ReadonlyMap<string, readonly PartitionLog[]>

  constructor({ header, events }: History) {
    this.header = header
    this.operations = new Operations(header)
    for (const event of events) this.operations.add(event)
    const logsOf = ({ topic, partitions, dense = false }: HistoryHeader['topics'][number]) =>
      Array.from({ length: partitions }, (_, each) => new PartitionLog(topic, each, dense))
    this.#byTopic = new Map(header.topics.map((topic) => [topic.topic, logsOf(topic)]))
    this.logs = [...this.#byTopic.values()].flat()
    this.sends = this.operations.sends as readonly SendOperation[] as readonly SendFacts[]
    this.final = this.#findFinal()
    this.#excuse()
    this.#learnAcks()
    this.#learnReads()
    for (const log of this.logs) order(log)
  }

  log(topic: string, partition: number): PartitionLog {
    return this.#byTopic.get(topic)![partition]!
  }

  /** Too old: retention deleted it before the final read. */
  isRetired({ log, offset }: Place): boolean {
    return this.header.retention && offset < (log.finalStart ?? 0)
  }

  place({ topic, partition, offset }: Poll['records'][number]): Place {
    return this.log(topic, partition).places.get(offset)!
  }

  #findFinal(): FinalRead | undefined {
    let last: AssignOperation | undefined
    for (const steps of this.operations.readers.values()) {
      for (const step of steps) {
        if (step.kind !== 'assign' || !step.done || step.assignment.final !== true) continue
        if (last === undefined || step.index > last.index) last = step
      }
    }
    if (last === undefined) return undefined
    for (const { topic, partition, offset } of last.assignment.positions) {
      this.log(topic, partition).finalStart = offset!
    }
    return { process: last.process, index: last.index, doneIndex: last.answerIndex }
  }

  #excuse(): void {
    for (const { excuse } of this.operations.excuses) {
      for (const { topic, partition } of excuse.partitions) {
        this.log(topic, partition).excused = true
      }
    }
  }

  #learnAcks(): void {
    for (const send of this.sends) {
      const { sent, partition, outcome, offset, answerIndex } = send
      send.log = partition < 0 ? undefined : this.log(sent.topic, partition)
      send.place = undefined
      send.otherPlaces = undefined
      send.readAt = -1
      send.inFinal = false
      if (outcome !== 'acked' || offset < 0) continue
      send.log!.acked.push(send)
      this.#tell(send.log!, offset, { value: sent.value, event: answerIndex }, send)
    }
  }

  #learnReads(): void {
    for (const [process, steps] of this.operations.readers) {
      for (const step of steps) {
        if (step.kind === 'assign') continue
        const inFinal = this.#isFinal(process, step.index)
        for (const record of step.records) this.#learnRead(record, step.index, inFinal)
      }
    }
  }

  #isFinal(process: string, index: number): boolean {
    const { final } = this
    if (final === undefined || final.process !== process) return false
    return index > final.index && index < final.doneIndex
  }

  #learnRead(record: Poll['records'][number], event: number, inFinal: boolean): void {
    const { topic, partition, offset, value } = record
    const log = this.log(topic, partition)
    const known = log.places.get(offset)
    let send = known?.send
    if (known?.told.value !== value) {
      send = this.operations.byValue.get(value) as SendFacts | undefined
      this.#tell(log, offset, { value, event }, send)
    }
    if (send === undefined) {
      if (!this.strangers.has(value)) this.strangers.set(value, event)
      return
    }
    send.log ??= log
    if (send.readAt < 0 || event < send.readAt) send.readAt = event
    if (inFinal) send.inFinal = true
  }

  #tell(log: PartitionLog, offset: number, told: Told, send: SendFacts | undefined): void {
    let place = log.places.get(offset)
    if (place === undefined) {
      place = new Place(log, offset, told, send)
      log.places.set(offset, place)
    } else if (place.told.value !== told.value) {
      place.others ??= []
      if (place.others.some(({ value }) => value === told.value)) return
      place.others.push(told)
    }
    if (send === undefined || send.place === place) return
    if (send.place === undefined) send.place = place
    else if (send.otherPlaces === undefined) send.otherPlaces = [place]
    else if (!send.otherPlaces.includes(place)) send.otherPlaces.push(place)
  }
}

function order(log: PartitionLog): void {
  log.ordered = [...log.places.values()].sort((a, b) => a.offset - b.offset)
  if (log.dense) return
  for (const [rank, place] of log.ordered.entries()) place.rank = rank
}
