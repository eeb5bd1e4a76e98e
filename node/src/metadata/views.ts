// What can be asked of the metadata state: which replicas a node must host, which it must remove,
// how loaded nodes are. Pure reads; the answers are as fresh as the state. machine.ts offers them,
// the node's supervisor, handlers and placement use them.
import type { Configuration } from '@quorate/raft'
import { type GroupId, metadataGroup } from '../storage/log-entry.ts'
import type { NodeLoad } from './placement.ts'
import { type DesiredConfiguration, isPlaced, type ReplicaPlace } from './places.ts'
import { isAlive, type MetadataState, type NodeRecord, type Topic } from './state.ts'
import type { TopicConfig } from './topic-config.ts'

/** One replica a node must host. */
export interface Assignment {
  readonly group: GroupId
  readonly replicaId: number
  readonly topic: string
  readonly config: TopicConfig
  /** Metadata index of the entry that ordered it: created anew only if not yet executed. */
  readonly createdIndex: number
  /** It is in the partition's first configuration; every other one begins as a learner. */
  readonly initial: boolean
  /** All replicas that may talk to it, the preferred leader first. */
  readonly members: readonly ReplicaPlace[]
  /** To create it with: the partition's first configuration, or nobody. */
  readonly configuration: Configuration
}

/** One replica a node must remove. */
export interface DropOrder {
  readonly group: GroupId
  readonly replicaId: number
  /** Metadata index of the entry that ordered it. */
  readonly deletedIndex: number
  /** The topic is no more, or this replica alone is no more of its group. */
  readonly scope: 'topic' | 'replica'
}

export function assignmentsOf(state: MetadataState, nodeId: string): Assignment[] {
  return sortedTopics(state).flatMap((topic) => assignmentsOfTopic(state, topic, nodeId))
}

/**
 * The replicas of one topic on a node. One for each partition: the desired one, else the latest of
 * those that serve until the group's configuration has changed.
 */
function assignmentsOfTopic(state: MetadataState, topic: Topic, nodeId: string): Assignment[] {
  return topic.partitions.flatMap(({ partition, replicas, removing, first = replicas }) => {
    const places = [...replicas, ...removing.toReversed()]
    const own = places.find((place) => place.nodeId === nodeId && isAlive(state, place, topic.id))
    if (own === undefined) return []
    const initial = own.sinceIndex === undefined
    const known = [...replicas, ...removing]
    return [
      {
        group: { topicId: topic.id, partition },
        replicaId: own.replicaId,
        topic: topic.name,
        config: topic.config,
        createdIndex: own.sinceIndex ?? topic.id,
        initial,
        members: [...known, ...first.filter((place) => !isPlaced(place, known))],
        configuration: configurationOf(initial ? first : []),
      },
    ]
  })
}

/** What the node has not yet reported as removed: of deleted topics, and single replicas. */
export function dropOrdersOf(state: MetadataState, nodeId: string): DropOrder[] {
  const ofTopics = [...state.tombstones.values()].flatMap(({ topicId, deletedIndex, replicas }) =>
    replicas
      .filter((replica) => replica.nodeId === nodeId)
      .map(({ partition, replicaId }) => ({
        group: { topicId, partition },
        replicaId,
        deletedIndex,
        scope: 'topic' as const,
      })),
  )
  const alone = [...state.replicaTombstones.values()]
    .filter((tombstone) => tombstone.nodeId === nodeId)
    .map(({ topicId, partition, replicaId, deletedIndex }) => ({
      group: { topicId, partition },
      replicaId,
      deletedIndex,
      scope: 'replica' as const,
    }))
  return [...ofTopics, ...alone]
}

/**
 * Is this replica gone for good, by what is committed? It lay on an earlier incarnation of its node, or
 * on a node that has left; or another one took its place there, which happens to those alone that lost
 * their term and vote and never run again. False for a replica that is not known.
 */
export function isBuried(state: MetadataState, group: GroupId, replicaId: number): boolean {
  const places = placesOf(state, group)
  const place = places.find((each) => each.replicaId === replicaId)
  if (place === undefined) return false
  const isReplaced = places.some(
    (other) => other.nodeId === place.nodeId && other.replicaId > replicaId,
  )
  return isReplaced || !isAlive(state, place, group.topicId)
}

/** Where replicas of the group are, those that are to go included; the preferred leader first. */
export function placesOf(
  state: MetadataState,
  { topicId, partition }: GroupId,
): readonly ReplicaPlace[] {
  if (topicId === metadataGroup.topicId) {
    const { voters, learners, removing } = state.metadataPlaces
    return [...voters, ...learners, ...removing]
  }
  const places = state.topics.get(topicId)?.partitions[partition]
  if (places === undefined) return []
  return [...places.replicas, ...places.removing, ...(places.first ?? [])]
}

/** What a group's own configuration is to become; undefined when the group is none. */
export function desiredOf(state: MetadataState, group: GroupId): DesiredConfiguration | undefined {
  if (group.topicId === metadataGroup.topicId) return state.metadataPlaces
  const places = state.topics.get(group.topicId)?.partitions[group.partition]
  if (places === undefined) return undefined
  const { replicas: voters, removing, changedIndex } = places
  const desired = { voters, learners: [], removing }
  return changedIndex === undefined ? desired : { ...desired, changedIndex }
}

function configurationOf(members: readonly ReplicaPlace[]): Configuration {
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
