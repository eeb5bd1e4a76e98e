// What can be asked of the metadata state: which replicas a node must host, which it must remove,
// how loaded nodes are. Pure reads; the answers are as fresh as the state. machine.ts offers them,
// the node's supervisor, handlers and placement use them.
import type { Configuration } from '@quorate/raft'
import type { GroupId } from '../storage/log-entry.ts'
import type { ReplicaPlace } from './commands.ts'
import type { NodeLoad } from './placement.ts'
import type { MetadataState, NodeRecord, Topic } from './state.ts'
import type { TopicConfig } from './topic-config.ts'

/** One replica a node must host. */
export interface Assignment {
  readonly group: GroupId
  readonly replicaId: number
  readonly topic: string
  readonly config: TopicConfig
  /** Metadata index of the entry that ordered it: created anew only if not yet executed. */
  readonly createdIndex: number
  /** All replicas of the partition, the preferred leader first. */
  readonly members: readonly ReplicaPlace[]
  /** The partition's first configuration. */
  readonly configuration: Configuration
}

/** One replica a node must remove. */
export interface DropOrder {
  readonly group: GroupId
  readonly replicaId: number
  /** Metadata index of the entry that ordered it. */
  readonly deletedIndex: number
}

export function assignmentsOf(state: MetadataState, nodeId: string): Assignment[] {
  return sortedTopics(state).flatMap((topic) => assignmentsOfTopic(topic, nodeId))
}

/** The replicas of one topic on a node, e.g. of one just created. */
export function assignmentsOfTopic(topic: Topic, nodeId: string): Assignment[] {
  return topic.partitions.flatMap(({ partition, replicas }) => {
    const own = replicas.find((replica) => replica.nodeId === nodeId)
    if (own === undefined) return []
    return [
      {
        group: { topicId: topic.id, partition },
        replicaId: own.replicaId,
        topic: topic.name,
        config: topic.config,
        createdIndex: topic.id,
        members: replicas,
        configuration: configurationOf(replicas),
      },
    ]
  })
}

/** Replicas of deleted topics that the node has not yet reported as removed. */
export function dropOrdersOf(state: MetadataState, nodeId: string): DropOrder[] {
  return [...state.tombstones.values()].flatMap(({ topicId, deletedIndex, replicas }) =>
    replicas
      .filter((replica) => replica.nodeId === nodeId)
      .map(({ partition, replicaId }) => ({
        group: { topicId, partition },
        replicaId,
        deletedIndex,
      })),
  )
}

export function configurationOf(members: readonly ReplicaPlace[]): Configuration {
  return { voters: members.map(({ replicaId }) => replicaId) }
}

/** By name. */
export function sortedTopics(state: MetadataState): Topic[] {
  return [...state.topics.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** By node id. */
export function sortedNodes(state: MetadataState): NodeRecord[] {
  return [...state.nodes.values()].sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1))
}

/** Replicas and preferred leaderships of every node, for placement. */
export function loadByNode(state: MetadataState): Map<string, NodeLoad> {
  const load = new Map<string, { replicas: number; leaders: number }>()
  for (const nodeId of state.nodes.keys()) load.set(nodeId, { replicas: 0, leaders: 0 })
  for (const { partitions } of state.topics.values()) {
    for (const { replicas } of partitions) {
      for (const [position, { nodeId }] of replicas.entries()) {
        const node = load.get(nodeId)
        if (node === undefined) continue
        node.replicas += 1
        if (position === 0) node.leaders += 1
      }
    }
  }
  return load
}
