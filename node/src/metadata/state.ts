// What the cluster has agreed on: nodes, topics with the places of their replicas, tombstones, and
// the counters ids come from. Plain records that are never changed in place, held in maps, so that
// a copy is cheap and two replicas can be compared byte for byte. execute.ts changes it, views.ts
// reads it.
import type { ErrorCode } from '@quorate/protocol'
import type { MetadataPlaces, PartitionPlaces, ReplicaPlace } from './places.ts'
import type { TopicConfig } from './topic-config.ts'

export interface NodeRecord {
  readonly nodeId: string
  /** 16 hex digits: another one after `replace-node`. */
  readonly incarnation: string
  /** `host:port` for clients and peers: a hint, not identity. */
  readonly address: string
  /** Empty when unknown. */
  readonly httpAddress: string
  /** Its replicas go elsewhere, and nothing new comes to it. */
  readonly leaving: boolean
  /** Metadata index of the entry that brought this incarnation; 0: the plan. */
  readonly sinceIndex: number
}

export interface TopicPartition extends PartitionPlaces {
  readonly partition: number
}

export interface Topic {
  /** Index of the metadata entry that created it. Never reused. */
  readonly id: number
  readonly name: string
  /** Append time of that entry. */
  readonly createdAtMs: number
  readonly config: TopicConfig
  /** Partition n at position n. */
  readonly partitions: readonly TopicPartition[]
}

export interface TombstoneReplica {
  readonly partition: number
  readonly nodeId: string
  readonly replicaId: number
}

/** A deleted topic some node has not yet reported as removed. */
export interface Tombstone {
  readonly topicId: number
  readonly name: string
  /** Index of the metadata entry that deleted it. */
  readonly deletedIndex: number
  /** Replicas not yet reported. Invariant: never empty. */
  readonly replicas: readonly TombstoneReplica[]
}

/** One replica that left its group and that its node has not yet reported as removed. */
export interface ReplicaTombstone {
  /** 0: the metadata group. */
  readonly topicId: number
  readonly partition: number
  readonly nodeId: string
  readonly replicaId: number
  /** Metadata index of the entry that said so. */
  readonly deletedIndex: number
}

/** What a command came to: the answer its proposer gets, the same on every replica. JSON-safe. */
export interface CommandReply {
  /** Nothing was changed. */
  readonly error?: { readonly code: ErrorCode; readonly detail: string }
  /** The topic created or deleted. */
  readonly topicId?: number
  /** Of a metadata replica added, or of a replica that takes the place of another one. */
  readonly replicaId?: number
  /** Producer ids from `firstId` on, `count` of them. */
  readonly firstId?: number
  readonly count?: number
}

export interface RememberedRequest {
  readonly requestId: string
  /** Index of the entry that was executed. */
  readonly index: number
  readonly reply: CommandReply
}

/** Replica ids below it are those of the metadata group's first replicas. */
export const firstReplicaId = 1001
export const firstProducerId = 1

export class MetadataState {
  readonly clusterId: string
  /** Invariant: every node has a place in it, until it has left. */
  metadataPlaces: MetadataPlaces
  readonly nodes: Map<string, NodeRecord>
  readonly topics: Map<number, Topic>
  /** Invariant: one name for each of `topics`, and no other. */
  readonly topicIds: Map<string, number>
  readonly tombstones: Map<number, Tombstone>
  /** By replica id. */
  readonly replicaTombstones: Map<number, ReplicaTombstone>
  /** By requesting node, oldest first. Invariant: at most `limits.rememberedRequestsMax` each. */
  readonly requests: Map<string, readonly RememberedRequest[]>
  /** Never given out before. Only rises. */
  nextReplicaId: number
  /** Never given out before. Only rises. */
  nextProducerId: number
  /** The metadata leader evens out replicas until they are even. */
  rebalancing: boolean
  /** Of all topics. */
  partitionCount: number

  constructor(fields: MetadataFields) {
    this.clusterId = fields.clusterId
    this.metadataPlaces = fields.metadataPlaces
    this.nodes = new Map(fields.nodes.map((node) => [node.nodeId, node]))
    this.topics = new Map(fields.topics.map((topic) => [topic.id, topic]))
    this.topicIds = new Map(fields.topics.map(({ name, id }) => [name, id]))
    this.tombstones = new Map(fields.tombstones.map((each) => [each.topicId, each]))
    this.replicaTombstones = new Map(fields.replicaTombstones.map((each) => [each.replicaId, each]))
    this.requests = new Map(fields.requests.map(({ nodeId, answered }) => [nodeId, answered]))
    this.nextReplicaId = fields.nextReplicaId
    this.nextProducerId = fields.nextProducerId
    this.rebalancing = fields.rebalancing
    this.partitionCount = fields.topics.reduce((sum, topic) => sum + topic.partitions.length, 0)
  }

  /** Everything that defines the state, in one order: the same for equal states. */
  fields(): MetadataFields {
    return {
      clusterId: this.clusterId,
      metadataPlaces: this.metadataPlaces,
      nodes: [...this.nodes.values()].sort((a, b) => order(a.nodeId, b.nodeId)),
      topics: [...this.topics.values()].sort((a, b) => a.id - b.id),
      tombstones: [...this.tombstones.values()].sort((a, b) => a.topicId - b.topicId),
      replicaTombstones: [...this.replicaTombstones.values()].sort(
        (a, b) => a.replicaId - b.replicaId,
      ),
      requests: [...this.requests]
        .map(([nodeId, answered]) => ({ nodeId, answered }))
        .sort((a, b) => order(a.nodeId, b.nodeId)),
      nextReplicaId: this.nextReplicaId,
      nextProducerId: this.nextProducerId,
      rebalancing: this.rebalancing,
    }
  }
}

export interface MetadataFields {
  readonly clusterId: string
  readonly metadataPlaces: MetadataPlaces
  readonly nodes: readonly NodeRecord[]
  readonly topics: readonly Topic[]
  readonly tombstones: readonly Tombstone[]
  readonly replicaTombstones: readonly ReplicaTombstone[]
  readonly requests: readonly {
    readonly nodeId: string
    readonly answered: readonly RememberedRequest[]
  }[]
  readonly nextReplicaId: number
  readonly nextProducerId: number
  readonly rebalancing: boolean
}

/** False for what lay on an earlier incarnation of its node, or on a node that has left. */
export function isAlive(state: MetadataState, place: ReplicaPlace, createdIndex: number): boolean {
  const node = state.nodes.get(place.nodeId)
  return node !== undefined && (place.sinceIndex ?? createdIndex) >= node.sinceIndex
}

function order(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}
