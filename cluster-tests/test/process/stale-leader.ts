// Write requests sent straight to a node that was the leader, past the client's routing: whatever
// such a node answers when it has lost its leadership, it must not be an acknowledgement.
import { chunksOf, encodeBatch, type WriteResult } from '@quorate/protocol'
import { RawConnection } from '../../src/process/raw-connection.ts'

export class StaleLeaderProbe {
  readonly #connection: RawConnection
  readonly #topicId: number
  readonly #partition: number
  readonly #results: (WriteResult | undefined)[] = []
  #sent = 0

  private constructor(connection: RawConnection, topicId: number, partition: number) {
    this.#connection = connection
    this.#topicId = topicId
    this.#partition = partition
  }

  static async open(
    address: string,
    topicId: number,
    partition: number,
  ): Promise<StaleLeaderProbe> {
    return new StaleLeaderProbe(await RawConnection.connect(address), topicId, partition)
  }

  get sent(): number {
    return this.#sent
  }

  /** One per request that was answered; undefined for those the connection was closed on. */
  get results(): readonly (WriteResult | undefined)[] {
    return this.#results
  }

  /** Results that claim the record is stored. */
  get acknowledged(): readonly WriteResult[] {
    return this.#results.filter(
      (result): result is WriteResult => result !== undefined && result.error === undefined,
    )
  }

  send(count: number): void {
    for (let index = 0; index < count; index++) {
      this.#sent += 1
      const value = new TextEncoder().encode(`${probePrefix}${this.#sent}`)
      const record = { key: null, value, headers: [], timestampMs: Date.now() }
      const fields = { producerId: -1, producerEpoch: -1, baseSequence: -1 }
      const batch = chunksOf(encodeBatch([record], fields))
      const item = { topicId: this.#topicId, partition: this.#partition, batch }
      this.#connection.writeBatches([item], (results) => this.#results.push(results?.[0]))
    }
  }

  close(): void {
    this.#connection.close()
  }
}

const probePrefix = 'probe-'

export function isProbe(value: string): boolean {
  return value.startsWith(probePrefix)
}
