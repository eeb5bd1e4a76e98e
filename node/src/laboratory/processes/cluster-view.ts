// Who leads what in a cluster of real processes, as one of its nodes says: what faults are aimed with.
// Always a little late, and as it was while no node answers. Next stop: ../cluster/targets.ts.
import type { Client } from '@quorate/client'
import type { Aim } from '../cluster/targets.ts'
import type { GroupName } from '../plan/target-grammar.ts'
import type { PlannedCluster } from './planned-cluster.ts'

const lookEveryMs = 300
const lookTimeoutMs = 4_000

export class ClusterView implements Aim {
  /** A link of one client is no link of the proxies. */
  readonly clientNames: readonly string[] = []
  readonly #cluster: PlannedCluster
  readonly #client: Client
  readonly #topic: string
  readonly #leaders = new Map<GroupName, string>()
  readonly #members = new Map<GroupName, readonly string[]>()
  #stopped = false
  #looking: Promise<void> = Promise.resolve()

  constructor(cluster: PlannedCluster, client: Client, topic: string) {
    this.#cluster = cluster
    this.#client = client
    this.#topic = topic
  }

  get nodeNames(): readonly string[] {
    return this.#cluster.nodes.map(({ id }) => id)
  }

  leaderOf(group: GroupName): string | undefined {
    return this.#leaders.get(group)
  }

  membersOf(group: GroupName): readonly string[] {
    return this.#members.get(group) ?? []
  }

  /** Resolves after the first look. */
  async start(): Promise<void> {
    await this.#look()
    this.#looking = this.#lookOn()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#looking
  }

  async #lookOn(): Promise<void> {
    while (!this.#stopped) {
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs))
      await this.#look().catch(() => {})
    }
  }

  async #look(): Promise<void> {
    const options = { timeout: lookTimeoutMs }
    const { partitionStates } = await this.#client.admin.describeTopic(this.#topic, options)
    for (const { partition, leader, replicas } of partitionStates) {
      if (leader !== null) this.#leaders.set(partition, leader)
      this.#members.set(partition, replicas.map(({ node }) => node).sort())
    }
    const { metadataLeader, metadataVoters } = await this.#client.admin.clusterStatus(options)
    if (metadataLeader !== null) this.#leaders.set('metadata', metadataLeader)
    this.#members.set('metadata', metadataVoters)
  }
}
