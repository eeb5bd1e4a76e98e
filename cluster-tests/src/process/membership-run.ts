// A cluster whose nodes change under load: nodes are added, removed and replaced by the commands an
// operator has, and killed in between. The next change begins only when every group has all its
// voters caught up. It measures how long the partitions of a killed leader stood still.
import type { Client } from '@quorate/client'
import type { LocalNode } from 'quorate/laboratory'
import { complete, PlannedCluster, RecordedLoad } from 'quorate/laboratory'
import type { PowerCutMode } from '../power-cut/restore.ts'
import { cutPower, cuttable } from './power-cuts.ts'

export interface Kill {
  readonly node: string
  /** By partition that the node led: the longest time without an acknowledgement. */
  readonly gapsMs: readonly number[]
}

/** A change of the nodes, or a fault; `partition`: whose leader is killed. */
export type MembershipStep =
  | { readonly change: 'add' | 'remove' | 'replace'; readonly node: string }
  | { readonly change: 'kill-leader' | 'rebalance'; readonly partition: number }
  | { readonly change: 'cut-power'; readonly mode: PowerCutMode }

export const partitions = 6
const topicName = 'orders'
const flowing = 20

export class MembershipRun {
  readonly kills: Kill[] = []
  readonly load: RecordedLoad
  readonly cluster: PlannedCluster
  readonly #client: Client

  private constructor(cluster: PlannedCluster, client: Client) {
    this.cluster = cluster
    this.#client = client
    this.load = new RecordedLoad(client, { topic: topicName, partitions })
  }

  /** `cuts`: power will be cut. */
  static async start(cuts: boolean): Promise<MembershipRun> {
    const cluster = await PlannedCluster.start(cuts ? { environment: cuttable } : {})
    try {
      const client = await cluster.connect()
      await client.admin.createTopic(topicName, { partitions, replicas: 3 })
      const run = new MembershipRun(cluster, client)
      run.load.start()
      await run.#flows(0)
      return run
    } catch (error) {
      await cluster.stop()
      throw error
    }
  }

  async carryOut(step: MembershipStep): Promise<void> {
    const { cluster } = this
    if (step.change === 'add') await cluster.addNode(step.node)
    if (step.change === 'remove') await cluster.removeNode(step.node)
    if (step.change === 'replace') {
      // It loses its process and its folder at once and comes back empty.
      await this.#kill(cluster.node(step.node))
      await cluster.replaceNode(step.node)
    }
    if (step.change === 'kill-leader') await this.#killLeader(step.partition)
    if (step.change === 'rebalance') {
      // The order is given; a leader is killed while it is carried out.
      await cluster.command('rebalance', '--no-wait')
      await this.#killLeader(step.partition)
      await cluster.command('rebalance', '--timeout', '2m')
    }
    if (step.change === 'cut-power') {
      await cutPower(cluster, step.mode, 'members')
      for (const node of cluster.nodes) node.start()
      for (const node of cluster.nodes) await cluster.ready(node)
    }
    await this.settled()
  }

  /** Every group has all its voters, up and caught up, and records flow in every partition. */
  async settled(): Promise<void> {
    await complete(this.cluster, this.#client, [topicName])
    await this.#flows(performance.now())
  }

  /** Of all kills and partitions that were led there. */
  gaps(): { readonly medianMs: number; readonly worstMs: number } {
    const sorted = this.kills.flatMap(({ gapsMs }) => gapsMs).sort((a, b) => a - b)
    return { medianMs: sorted[sorted.length >> 1] ?? 0, worstMs: sorted.at(-1) ?? 0 }
  }

  /** Ends the load; what is wrong with what was read, empty when nothing is. */
  async finish(): Promise<string[]> {
    await this.load.stop()
    return this.load.problems()
  }

  /** After `finish`: everything once more, with each node stopped in turn. */
  async readWithEachStopped(): Promise<string[]> {
    const problems: string[] = []
    for (const node of [...this.cluster.nodes]) {
      await node.kill('SIGTERM')
      const found = await this.load.problems()
      problems.push(...found.map((problem) => `without ${node.id}: ${problem}`))
      await this.cluster.restart(node.id)
      await complete(this.cluster, this.#client, [topicName])
    }
    return problems
  }

  stop(): Promise<void> {
    return this.cluster.stop()
  }

  /** As `stop`, but the data stay; gives their folder. */
  async keep(): Promise<string> {
    await this.cluster.stopNodes()
    return this.cluster.folder
  }

  async #killLeader(partition: number): Promise<void> {
    const node = await this.cluster.leaderOf(this.#client, topicName, partition)
    await this.#kill(node)
    await this.cluster.restart(node.id)
  }

  /** SIGKILL; resolves when the others have taken over. */
  async #kill(node: LocalNode): Promise<void> {
    const { partitionStates } = await this.cluster.describe(this.#client, topicName)
    const led = partitionStates.filter(({ leader }) => leader === node.id)
    const killedMs = performance.now()
    await node.kill('SIGKILL')
    await this.#flows(killedMs)
    const gaps = this.load.gapsMs(killedMs)
    this.kills.push({
      node: node.id,
      gapsMs: led.map(({ partition }) => Math.round(gaps[partition]!)),
    })
  }

  async #flows(sinceMs: number): Promise<void> {
    await this.cluster.waitUntil('records flow', () => this.load.ackedSince(sinceMs) >= flowing, {
      timeoutMs: 30_000,
    })
  }
}
