// One producer that sends a numbered record to one partition again and again, through whatever
// happens to the cluster, and remembers when each was acknowledged and where. The record of what it
// saw is compared with the partition by `compareWithPartition`, and gives the write gap of a fault.
import { type Client, type Producer, QuorateError, topic } from '@quorate/client'

export interface Acknowledged {
  readonly value: string
  readonly offset: number
  readonly atMs: number
}

export interface Refused {
  readonly value: string
  readonly code: string
  readonly outcome: string
}

export class SteadyProducer {
  readonly topic: string
  readonly partition: number
  readonly acknowledged: Acknowledged[] = []
  readonly refused: Refused[] = []
  readonly #producer: Producer
  readonly #name: string
  readonly #timer: NodeJS.Timeout
  #sent = 0

  constructor(client: Client, topicName: string, partition: number, everyMs = 5, name = 'p') {
    this.topic = topicName
    this.partition = partition
    this.#name = name
    this.#producer = client.producer({ deliveryTimeout: '30s' })
    this.#timer = setInterval(() => this.#send(), everyMs)
  }

  get sent(): number {
    return this.#sent
  }

  /** Resolves when every record sent is settled. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#producer.close()
  }

  /** The longest time without an acknowledgement that reaches into what follows `fromMs`. */
  longestGapMs(fromMs: number): number {
    let longest = 0
    let previousMs: number | undefined
    for (const { atMs } of this.acknowledged) {
      if (previousMs !== undefined && atMs >= fromMs) longest = Math.max(longest, atMs - previousMs)
      previousMs = atMs
    }
    return longest
  }

  acknowledgedSince(ms: number): number {
    return this.acknowledged.filter(({ atMs }) => atMs >= ms).length
  }

  #send(): void {
    this.#sent += 1
    const value = `${this.#name}-${this.#sent}`
    const { partition } = this
    this.#producer.send(topic(this.topic, { codec: 'text' }), value, { partition }).then(
      ({ offset }) => this.acknowledged.push({ value, offset, atMs: performance.now() }),
      (error: unknown) => {
        const { code, outcome } = error instanceof QuorateError ? error : unknownError(error)
        this.refused.push({ value, code, outcome })
      },
    )
  }
}

/**
 * What is wrong with a partition that only these producers wrote to: every acknowledged record is
 * there once and at its offset, none that was not applied is there, each producer's records are in
 * order, offsets are dense. Values of others may be given in `foreign`.
 */
export async function compareWithPartition(
  client: Client,
  producer: SteadyProducer,
  foreign: (value: string) => boolean = () => false,
): Promise<string[]> {
  const { partition } = producer
  const found: string[] = []
  const stream = client.stream(topic(producer.topic, { codec: 'text' }), {
    partitions: [partition],
    until: 'end',
  })
  for await (const { offset, value } of stream) {
    if (offset !== found.length) return [`offset ${offset} after ${found.length - 1}`]
    found.push(value)
  }
  const own = found.filter((value) => !foreign(value))
  const problems: string[] = []
  if (new Set(own).size !== own.length) problems.push('a record is there twice')
  for (const { value, offset } of producer.acknowledged) {
    if (found[offset] !== value) problems.push(`${offset} is ${found[offset]}, not ${value}`)
  }
  const there = new Set(own)
  for (const { value, outcome } of producer.refused) {
    if (outcome === 'not-applied' && there.has(value)) problems.push(`${value} was not applied`)
  }
  const numbers = own.map((value) => Number(value.slice(value.lastIndexOf('-') + 1)))
  if (numbers.some((number, index) => index > 0 && number <= numbers[index - 1]!)) {
    problems.push('records are not in the order in which they were sent')
  }
  return problems.slice(0, 20)
}

function unknownError(error: unknown): { code: string; outcome: string } {
  return { code: String(error), outcome: 'unknown' }
}
