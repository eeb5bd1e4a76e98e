// One round of power cuts on a cluster of real processes: under load all nodes are killed at once,
// their files are put into a state the cut could have left, they start again, in some rounds into the
// next cut; then nothing acknowledged may be missing. What happens in a round follows from its number.
import { setTimeout as pause } from 'node:timers/promises'
import { keyedRandom } from '@quorate/actors'
import type { Client } from '@quorate/client'
import type { LocalCluster } from 'quorate/laboratory'
import { differences, PlannedCluster, RecordedLoad } from 'quorate/laboratory'
import { type Lost, type PowerCutMode, powerCutModes } from '../power-cut/restore.ts'
import { cutPower, cuttable, sumOf } from './power-cuts.ts'

export interface PowerCutRound {
  /** Of what each cut takes. */
  readonly seed: string
  /** One after the other, each so long after the nodes were started or the load flowed. */
  readonly cuts: readonly { readonly afterMs: number; readonly mode: PowerCutMode }[]
  /** A node that is killed and started again before the first cut, without a cut of its own. */
  readonly killed: string | undefined
}

export interface RoundReport {
  /** Records acknowledged so far. */
  readonly acked: number
  /** From the last start of the nodes until every partition acknowledged again. */
  readonly recoveredAfterMs: number
  readonly lost: Lost
  readonly problems: readonly string[]
}

const cutAfterMsMax = 700
const cutInRecoveryAfterMsMax = 1500
const flowing = 20
/** Of the second load: it fills WAL files, so that cuts also meet segments, manifests and removals. */
const bulk = { partitions: 2, producers: 1, everyMs: 4, valueBytes: 100_000, inFlightMax: 150 }
const bulkRetention = { retentionBytes: 16 * 1024 * 1024, segmentBytes: 4 * 1024 * 1024 }
const healthyTimeoutMs = 45_000

export function roundOf(seed: number, number: number): PowerCutRound {
  const roundSeed = `${seed}/${number}`
  const random = keyedRandom(roundSeed)
  const mode = (shift: number) => powerCutModes[(number + shift) % powerCutModes.length]!
  const inRecovery = number % 2 === 1 ? 1 + random.integer('cuts', 2) : 0
  return {
    seed: roundSeed,
    cuts: [
      { afterMs: random.integer('after', cutAfterMsMax), mode: mode(0) },
      ...Array.from({ length: inRecovery }, (_unused, index) => ({
        afterMs: random.integer('again', cutInRecoveryAfterMsMax),
        mode: mode(index + 1),
      })),
    ],
    killed: number % 3 === 2 ? `n${1 + random.integer('killed', 3)}` : undefined,
  }
}

/** A cluster with its load, which goes through round after round. */
export class PowerCutRun {
  readonly #cluster: LocalCluster
  readonly #client: Client
  /** All records of the first load stay; of the second old ones go. */
  readonly #loads: readonly [RecordedLoad, RecordedLoad]

  private constructor(cluster: LocalCluster, client: Client) {
    this.#cluster = cluster
    this.#client = client
    this.#loads = [
      new RecordedLoad(client, { topic: 'orders', partitions: 3 }),
      new RecordedLoad(client, { topic: 'bulk', retention: true, ...bulk }),
    ]
  }

  static async start(): Promise<PowerCutRun> {
    const cluster = await PlannedCluster.start({ environment: cuttable })
    try {
      const client = await cluster.connect()
      await client.admin.createTopic('orders', { partitions: 3, replicas: 3 })
      const { partitions } = bulk
      await client.admin.createTopic('bulk', { partitions, replicas: 3, ...bulkRetention })
      return new PowerCutRun(cluster, client)
    } catch (error) {
      await cluster.stop()
      throw error
    }
  }

  async round(round: PowerCutRound): Promise<RoundReport> {
    const cluster = this.#cluster
    const begunMs = performance.now()
    for (const load of this.#loads) load.start()
    await this.#flowing(begunMs)
    if (round.killed !== undefined) {
      const node = cluster.node(round.killed)
      await node.kill('SIGKILL')
      node.start()
    }
    const losses: Lost[] = []
    for (const { afterMs, mode } of round.cuts) {
      await pause(afterMs)
      losses.push(...(await cutPower(cluster, mode, `${round.seed}/${losses.length}`)))
      for (const node of cluster.nodes) node.start()
    }
    const startedMs = performance.now()
    for (const node of cluster.nodes) await cluster.ready(node)
    await this.#flowing(startedMs)
    const recoveredAfterMs = Math.round(performance.now() - startedMs)
    for (const load of this.#loads) await load.stop()
    const problems = [...(await this.#loads[0].problems()), ...(await this.#loads[1].problems())]
    for (const topic of ['orders', 'bulk']) await this.#equalReplicas(topic)
    const acked = this.#loads[0].acked + this.#loads[1].acked
    return { acked, recoveredAfterMs, lost: sumOf(losses), problems }
  }

  stop(): Promise<void> {
    return this.#cluster.stop()
  }

  /** As `stop`, but the data stay; gives their folder. */
  async keep(): Promise<string> {
    await this.#cluster.stopNodes()
    return this.#cluster.folder
  }

  async #flowing(sinceMs: number): Promise<void> {
    const flows = () => this.#loads.every((load) => load.ackedSince(sinceMs) >= flowing)
    await this.#cluster.waitUntil('records flow', flows, { timeoutMs: healthyTimeoutMs })
  }

  async #equalReplicas(topic: string): Promise<void> {
    await this.#cluster.waitUntil(`all replicas of ${topic} are equal`, async () => {
      const described = await this.#cluster.describe(this.#client, topic)
      return differences(described, this.#cluster.nodes.length).length === 0
    })
  }
}
