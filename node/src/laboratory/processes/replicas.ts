// What the replicas of a partition say of themselves, compared: running ones by `topic describe`,
// stopped ones by what `storage dump` reads out of their files.
import type { Client, ReplicaDescription, TopicDescription } from '@quorate/client'
import { quorate } from './command.ts'
import type { LocalCluster } from './local-cluster.ts'
import type { LocalNode } from './local-node.ts'

type ReplicaState = Exclude<ReplicaDescription, { readonly role: 'unreachable' }>

/** One line of `storage dump -o jsonl`. */
export interface DumpedEntry {
  readonly index: number
  readonly term: number
  readonly type: string | number
  readonly chain: string
  readonly [field: string]: unknown
}

/**
 * Why the replicas of a topic are not equal; empty when every node has every partition at the same
 * commit index with the same chain there.
 */
export function differences(topic: TopicDescription, replicas: number): string[] {
  return topic.partitionStates.flatMap(({ partition, replicas: states }) => {
    const reachable = states.filter((state): state is ReplicaState => state.role !== 'unreachable')
    const seen = reachable.map(
      ({ node, commitIndex, lastIndex, chainAtCommit }) =>
        `${node}: ${commitIndex} of ${lastIndex}, ${chainAtCommit}`,
    )
    const ends = new Set(reachable.map((each) => `${each.commitIndex} ${each.chainAtCommit}`))
    if (reachable.length === replicas && ends.size === 1) return []
    return [`partition ${partition}: ${seen.join('; ')}`]
  })
}

/** Entries of one partition in the data folder of a stopped node. */
export async function dumpOf(
  node: LocalNode,
  topic: string,
  partition: number,
): Promise<DumpedEntry[]> {
  const of = ['--topic', topic, '--partition', String(partition)]
  const { exitCode, stdout, stderr } = await quorate([
    ...['storage', 'dump', node.data],
    ...of,
    ...['-o', 'jsonl'],
  ])
  if (exitCode !== 0) throw new Error(`storage dump of ${node.id}: ${stderr}`)
  const lines = stdout.trimEnd().split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as DumpedEntry)
}

/** Resolves when every replica of a topic has what its leader had committed when this was called. */
export async function caughtUp(
  cluster: LocalCluster,
  client: Client,
  topic: string,
): Promise<void> {
  const commits = async () => {
    const { partitionStates } = await cluster.describe(client, topic)
    return partitionStates.map(({ replicas }) =>
      replicas.map((state) => (state.role === 'unreachable' ? -1 : state.commitIndex)),
    )
  }
  const goals = (await commits()).map((replicas) => Math.max(...replicas))
  await cluster.waitUntil(`all replicas of ${topic} have caught up`, async () =>
    (await commits()).every((replicas, index) => Math.min(...replicas) >= goals[index]!),
  )
}
