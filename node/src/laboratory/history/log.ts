// The rows of what a history proves: sends, and the logs of partitions with the places in them.
// operations.ts makes a row for each send, facts.ts finds the places. Data; decides nothing.
import type { SentRecord } from './event.ts'

export interface Operation {
  readonly process: string
  /** Index of its invocation. */
  readonly index: number
  readonly invokedMs: number
  /** Index of what came back; -1: nothing did. */
  answerIndex: number
  answeredMs: number
}

export type SendOutcome = 'acked' | 'failed' | 'unknown'

/** A send, and where its value was seen. */
export interface SendFacts extends Operation {
  readonly sent: SentRecord
  outcome: SendOutcome
  /** Where it must be: as asked for, then as acked. -1: unknown. */
  partition: number
  /** -1: unknown. */
  offset: number
  code: string | undefined
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
