// Whether a cluster is whole: every node is there and ready, every group has all its voters up and
// caught up, nothing is on the move, no damage waits for repair.
import type { Client } from '@quorate/client'
import type { LocalCluster } from './local-cluster.ts'

const timeoutMs = 120_000

/** Resolves when it is; rejects with what is missing after two minutes. */
export async function complete(
  cluster: LocalCluster,
  client: Client,
  topics: readonly string[],
): Promise<void> {
  const look = () => mustBeComplete(cluster, client, topics).then(() => true)
  await cluster.waitUntil('the cluster is whole', look, { timeoutMs, everyMs: 200 })
}

/** Rejects with what is missing now. */
export async function mustBeComplete(
  cluster: LocalCluster,
  client: Client,
  topics: readonly string[],
): Promise<void> {
  for (const topic of topics) {
    for (const { partition, replicas } of (await cluster.describe(client, topic)).partitionStates) {
      for (const replica of replicas) {
        const is = replica.role === 'unreachable' ? replica.role : replica.condition
        if (is !== undefined) throw new Error(`${topic}/${partition}: ${replica.node} is ${is}`)
      }
    }
  }
  const { nodes, leaving, movesCount, underReplicatedCount } = await client.admin.clusterStatus()
  const missing = nodes.filter((node) => !node.up || !node.ready || node.amnesiac.length > 0)
  const left = {
    nodes: nodes.length - cluster.nodes.length,
    missing: missing.map(({ node }) => node),
    leaving: leaving.length,
    moves: movesCount,
    underReplicated: underReplicatedCount,
  }
  if (
    Object.values(left).some((each) => each !== 0 && !Array.isArray(each)) ||
    missing.length > 0
  ) {
    throw new Error(JSON.stringify(left))
  }
}
