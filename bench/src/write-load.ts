// Write requests of one record batch each, straight to the leaders of a topic, a fixed number of
// them in flight: what the nodes can take when the client costs next to nothing. Batches are encoded
// once, without producer id, so that the same bytes can be sent again and again.

import type { Client } from '@quorate/client'
import { type LocalCluster, RawConnection, waitUntil } from '@quorate/cluster-tests'
import { type Chunks, chunksOf, encodeBatch, type WriteResult } from '@quorate/protocol'

export interface Throughput {
  readonly frames: number
  readonly bytes: number
  readonly seconds: number
  /** Longest time without an acknowledgement. */
  readonly longestGapMs: number
  /** Refused batches by code; they were sent again. */
  readonly errors: Readonly<Record<string, number>>
}

/** A batch of records of 1 KiB, as near below `bytes` as whole records get. */
export function batchOf(bytes: number): Chunks {
  const recordBytes = 1024
  const value = new Uint8Array(recordBytes).fill(0x78)
  const count = Math.max(1, Math.floor((bytes - 61) / (recordBytes + 11)))
  const record = { key: null, value, headers: [], timestampMs: 1_700_000_000_000 }
  const fields = { producerId: -1, producerEpoch: -1, baseSequence: -1 }
  return chunksOf(encodeBatch(new Array(count).fill(record), fields))
}

interface Lane {
  readonly partition: number
  connection: RawConnection
}

const retryMs = 50

export class WriteLoad {
  readonly #lanes: readonly Lane[]
  readonly #connections: ReadonlyMap<string, RawConnection>
  readonly #topicId: number

  private constructor(
    topicId: number,
    lanes: readonly Lane[],
    connections: ReadonlyMap<string, RawConnection>,
  ) {
    this.#topicId = topicId
    this.#lanes = lanes
    this.#connections = connections
  }

  static async open(cluster: LocalCluster, client: Client, topic: string): Promise<WriteLoad> {
    const { topicId, partitionStates } = await waitUntil(
      'every partition has a leader',
      async () => {
        const found = await client.admin.describeTopic(topic)
        return found.partitionStates.every(({ leader }) => leader !== null) && found
      },
    )
    const connections = new Map<string, RawConnection>()
    for (const { id, address } of cluster.nodes) {
      connections.set(id, await RawConnection.connect(address))
    }
    const lanes = partitionStates.map(({ partition, leader }) => ({
      partition,
      connection: connections.get(leader!)!,
    }))
    return new WriteLoad(topicId, lanes, connections)
  }

  /**
   * Keeps `window` batches in flight, spread over all partitions, for `seconds`; with `perSecond`
   * no more than so many batches are begun in a second.
   */
  run(batch: Chunks, window: number, seconds: number, perSecond?: number): Promise<Throughput> {
    const run = new Run(this.#topicId, this.#lanes, this.#connections, batch)
    return run.start(window, seconds, perSecond)
  }

  close(): void {
    for (const connection of this.#connections.values()) connection.close()
  }
}

class Run {
  readonly #topicId: number
  readonly #lanes: readonly Lane[]
  readonly #connections: ReadonlyMap<string, RawConnection>
  readonly #batch: Chunks
  readonly #errors: Record<string, number> = {}
  readonly #startMs = performance.now()
  #next = 0
  #begun = 0
  #inFlight = 0
  #frames = 0
  #acknowledgedMs = performance.now()
  #longestGapMs = 0
  #over = false
  #fill: () => void = () => {}

  constructor(
    topicId: number,
    lanes: readonly Lane[],
    connections: ReadonlyMap<string, RawConnection>,
    batch: Chunks,
  ) {
    this.#topicId = topicId
    this.#lanes = lanes
    this.#connections = connections
    this.#batch = batch
  }

  async start(window: number, seconds: number, perSecond?: number): Promise<Throughput> {
    const drained = Promise.withResolvers<void>()
    this.#fill = () => {
      const elapsed = (performance.now() - this.#startMs) / 1000
      this.#over = elapsed >= seconds
      const allowed = perSecond === undefined ? Number.POSITIVE_INFINITY : elapsed * perSecond
      while (!this.#over && this.#inFlight < window && this.#begun < allowed) this.#begin()
      if (this.#over && this.#inFlight === 0) drained.resolve()
    }
    const timer = setInterval(() => this.#fill(), 2)
    this.#fill()
    await drained.promise
    clearInterval(timer)
    return {
      frames: this.#frames,
      bytes: this.#frames * this.#batch.byteLength,
      seconds: (performance.now() - this.#startMs) / 1000,
      longestGapMs: Math.round(this.#longestGapMs),
      errors: this.#errors,
    }
  }

  #begin(): void {
    const lane = this.#lanes[this.#next]!
    this.#next = (this.#next + 1) % this.#lanes.length
    this.#begun += 1
    this.#inFlight += 1
    this.#send(lane)
  }

  #send(lane: Lane): void {
    const item = { topicId: this.#topicId, partition: lane.partition, batch: this.#batch }
    lane.connection.writeBatches([item], (results) => this.#answered(lane, results?.[0]))
  }

  #answered(lane: Lane, result: WriteResult | undefined): void {
    if (result?.error === undefined && result !== undefined) {
      this.#inFlight -= 1
      this.#frames += 1
      const now = performance.now()
      this.#longestGapMs = Math.max(this.#longestGapMs, now - this.#acknowledgedMs)
      this.#acknowledgedMs = now
      this.#fill()
      return
    }
    const code = result?.error ?? 'closed'
    this.#errors[code] = (this.#errors[code] ?? 0) + 1
    const leader =
      result?.leader === undefined ? undefined : this.#connections.get(result.leader.node)
    if (leader !== undefined) lane.connection = leader
    setTimeout(() => this.#send(lane), retryMs)
  }
}
