// Damage to the files of one or two nodes between SIGKILL and restart, while what is left of the
// cluster carries the load. A node comes back and heals by itself, from its peers; only without any
// copy of what no peer has (identity, manifest, secret) it ends with the error that names the files,
// and comes back through `cluster replace-node`. Nothing acknowledged may be missing in the end, and
// no file damaged.
import { keyedRandom, type Random } from '@quorate/actors'
import type { Client } from '@quorate/client'
import type { LocalNode } from 'quorate/laboratory'
import {
  complete,
  type Damage,
  type DamagedRange,
  damageFile,
  differences,
  type FileKind,
  filesOfKind,
  PlannedCluster,
  RecordedLoad,
  stillDamaged,
} from 'quorate/laboratory'

export interface FileDamage {
  readonly kind: FileKind
  readonly damage: Damage
  /** Which of the files of this kind, as a fraction of their number; default any. */
  readonly which?: number
}

export interface NodeDamage {
  readonly node: string
  readonly files: readonly FileDamage[]
}

export interface DamageReport {
  readonly node: string
  readonly ranges: readonly DamagedRange[]
  readonly outcome: 'ready' | 'ended'
  /** What the node said since it was started. */
  readonly said: string
  /** Ranges of entries it has fetched from other nodes since. */
  readonly repaired: number
}

const partitions = 3
const bulk = { partitions: 2, producers: 1, everyMs: 4, valueBytes: 100_000, inFlightMax: 150 }
const segmentBytes = 4 * 1024 * 1024
const segmentsMin = 4
const fillTimeoutMs = 60_000
/** A preferred leader takes over when all is calm. */
const leadTimeoutMs = 60_000
/** So started, a node checks all its files a second after its start and not after a minute. */
const checkedAtOnce = { QUORATE_SCRUB_CYCLE_MS: '1000' }

export class DamageRun {
  readonly #cluster: PlannedCluster
  readonly #client: Client
  readonly #load: RecordedLoad
  readonly #bulk: RecordedLoad
  readonly #random: Random
  /** Nodes that a start does not tell all of: it reads the newest checkpoint of a group only. */
  readonly #toBeChecked = new Set<string>()

  private constructor(cluster: PlannedCluster, client: Client, seed: number) {
    this.#cluster = cluster
    this.#client = client
    this.#load = new RecordedLoad(client, { topic: 'orders', partitions })
    this.#bulk = new RecordedLoad(client, { topic: 'bulk', ...bulk })
    this.#random = keyedRandom(String(seed))
  }

  /** Resolves when every node has files of every kind. */
  static async start(seed: number): Promise<DamageRun> {
    const cluster = await PlannedCluster.start()
    try {
      const client = await cluster.connect()
      await client.admin.createTopic('orders', { partitions, replicas: 3 })
      await client.admin.createTopic('bulk', { partitions: 2, replicas: 3, segmentBytes })
      const run = new DamageRun(cluster, client, seed)
      await run.#fill()
      return run
    } catch (error) {
      await cluster.stop()
      throw error
    }
  }

  /** All these nodes at once. */
  async damage(damages: readonly NodeDamage[]): Promise<DamageReport[]> {
    const nodes = damages.map(({ node }) => this.#cluster.node(node))
    for (const node of nodes) node.signal('SIGKILL')
    await Promise.all(nodes.map((node) => node.ended()))
    const before = nodes.map((node) => ({
      said: node.lastWords().length,
      repaired: repairsOf(node),
    }))
    const ranges = damages.map(({ files }, index) =>
      files.map((file) => this.#damageOne(nodes[index]!.data, file)),
    )
    for (const { node, files } of damages) {
      if (files.some(({ kind }) => kind === 'checkpoint')) this.#toBeChecked.add(node)
    }
    for (const node of nodes) node.start()
    const outcomes: ('ready' | 'ended')[] = []
    for (const node of nodes) {
      const outcome = await this.#outcome(node)
      outcomes.push(outcome)
      if (outcome === 'ended') await this.#cluster.replaceNode(node.id)
    }
    await complete(this.#cluster, this.#client, ['orders', 'bulk'])
    return nodes.map((node, index) => ({
      node: node.id,
      ranges: ranges[index]!,
      outcome: outcomes[index]!,
      said: node.lastWords().slice(before[index]!.said),
      repaired: repairsOf(node) - before[index]!.repaired,
    }))
  }

  /** Makes the node the leader of the large topic and reads all of it there; gives what is wrong. */
  async readAt(id: string): Promise<string[]> {
    const replicas = [id, ...this.#cluster.others(id).map((other) => other.id)].join(',')
    const all = [...Array(bulk.partitions).keys()]
    for (const partition of all) {
      const words = ['bulk', String(partition), '--replicas', replicas]
      await this.#cluster.command('move-partition', ...words)
    }
    const leads = async (partition: number) =>
      (await this.#cluster.leaderOf(this.#client, 'bulk', partition)).id === id
    const waits = all.map((partition) =>
      this.#cluster.waitUntil(`${id} leads bulk/${partition}`, () => leads(partition), {
        timeoutMs: leadTimeoutMs,
      }),
    )
    await Promise.all(waits)
    return this.#bulk.problems()
  }

  /** Ends the load and the nodes. What is wrong with records or files; empty when nothing is. */
  async finish(): Promise<string[]> {
    await this.#load.stop()
    const problems = [...(await this.#load.problems()), ...(await this.#bulk.problems())]
    for (const topic of ['orders', 'bulk']) {
      await this.#cluster.waitUntil(`all replicas of ${topic} are equal`, async () => {
        return differences(await this.#cluster.describe(this.#client, topic), 3).length === 0
      })
    }
    const toBeChecked = [...this.#toBeChecked].map((id) => this.#cluster.node(id))
    await Promise.all(toBeChecked.map((node) => this.#check(node)))
    await this.#cluster.stopNodes()
    for (const { id, data } of this.#cluster.nodes) {
      problems.push(...(await stillDamaged(data)).map((line) => `${id}: ${line}`))
    }
    return problems
  }

  stop(): Promise<void> {
    return this.#cluster.stop()
  }

  async #fill(): Promise<void> {
    this.#load.start()
    this.#bulk.start()
    const filled = () =>
      this.#cluster.nodes.every(({ data }) => filesOfKind(data, 'segment').length >= segmentsMin)
    await this.#cluster.waitUntil('all nodes have segments', filled, { timeoutMs: fillTimeoutMs })
    await this.#bulk.stop()
  }

  #damageOne(data: string, { kind, damage, which }: FileDamage): DamagedRange {
    const files = filesOfKind(data, kind)
    const number =
      which === undefined
        ? this.#random.integer('file', files.length)
        : Math.min(files.length - 1, Math.floor(which * files.length))
    return damageFile(data, files[number]!, damage, this.#random)
  }

  /** Starts it once more; it reads all its files, and has got back what it lost. */
  async #check(node: LocalNode): Promise<void> {
    await node.kill('SIGTERM')
    node.start({ ...node.environment, ...checkedAtOnce })
    await this.#cluster.ready(node)
    const isChecked = async () => {
      const cycles = (await node.metric('quorate_scrub_cycles_total')) ?? 0
      return cycles > 0 && (await node.metric('quorate_storage_missing_entries')) === 0
    }
    await this.#cluster.waitUntil(`${node.id} has checked its files`, isChecked, {
      timeoutMs: 30_000,
    })
  }

  #outcome(node: LocalNode): Promise<'ready' | 'ended'> {
    return this.#cluster.waitUntil(
      `node ${node.id} is ready or has ended`,
      async () => (node.running ? (await node.ready()) && 'ready' : 'ended'),
      { timeoutMs: 30_000 },
    )
  }
}

function repairsOf(node: LocalNode): number {
  return node.events().filter(({ event }) => event === 'storage.repaired').length
}
