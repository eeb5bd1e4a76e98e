// What a history proves about the logs of the broker: which value stands at which offset, as acks and
// readers told, who read it, and what the final read covered. Built once, in time linear in the
// records (and n log n for topics whose offsets have gaps). The checkers ask it; it judges nothing.
import type { History, HistoryHeader } from './event.ts'
import { PartitionLog, Place, type SendFacts, type Told } from './log.ts'
import { type AssignOperation, Operations, type Poll } from './operations.ts'

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
    this.sends = this.operations.sends
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

  /** Retention deleted something of the partition before the final read. */
  hasRetired({ finalStart = 0 }: PartitionLog): boolean {
    return this.header.retention && finalStart > 0
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
      send = this.operations.byValue.get(value)
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
