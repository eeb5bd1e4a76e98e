// What the cluster has agreed on: nodes, topics with the places of their replicas, tombstones, and
// the counters ids come from. Plain records that are never changed in place, held in maps, so that
// a copy is cheap and two replicas can be compared byte for byte. execute.ts changes it, views.ts
// reads it.
import type { ErrorCode } from '@quorate/protocol'
import type { ReplicaPlace } from './commands.ts'
import type { TopicConfig } from './topic-config.ts'

export interface NodeRecord {
  readonly nodeId: string
  /** 16 hex digits, fixed for the life of the node id in this version. */
  readonly incarnation: string
  /** `host:port` for clients and peers: a hint, not identity. */
  readonly address: string
  /** Empty when unknown. */
  readonly httpAddress: string
}

export interface TopicPartition {
  readonly partition: number
  /** The preferred leader first. */
  readonly replicas: readonly ReplicaPlace[]
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

export interface TombstoneReplica extends ReplicaPlace {
  readonly partition: number
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

/** What a command came to: the answer its proposer gets, the same on every replica. JSON-safe. */
export interface CommandReply {
  /** Nothing was changed. */
  readonly error?: { readonly code: ErrorCode; readonly detail: string }
  /** The topic created or deleted. */
  readonly topicId?: number
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

/** Replica ids of the metadata group itself are 1 to the number of its voters. */
export const firstReplicaId = 1001
export const firstProducerId = 1

export class MetadataState {
  readonly clusterId: string
  /** The metadata group's own replicas, in the order of the plan. */
  readonly voters: readonly ReplicaPlace[]
  readonly nodes: Map<string, NodeRecord>
  readonly topics: Map<number, Topic>
  /** Invariant: one name for each of `topics`, and no other. */
  readonly topicIds: Map<string, number>
  readonly tombstones: Map<number, Tombstone>
  /** By requesting node, oldest first. Invariant: at most `limits.rememberedRequestsMax` each. */
  readonly requests: Map<string, readonly RememberedRequest[]>
  /** Never given out before. Only rises. */
  nextReplicaId: number
  /** Never given out before. Only rises. */
  nextProducerId: number
  /** Of all topics. */
  partitionCount: number

  constructor(fields: MetadataFields) {
    this.clusterId = fields.clusterId
    this.voters = fields.voters
    this.nodes = new Map(fields.nodes.map((node) => [node.nodeId, node]))
    this.topics = new Map(fields.topics.map((topic) => [topic.id, topic]))
    this.topicIds = new Map(fields.topics.map(({ name, id }) => [name, id]))
    this.tombstones = new Map(fields.tombstones.map((each) => [each.topicId, each]))
    this.requests = new Map(fields.requests.map(({ nodeId, answered }) => [nodeId, answered]))
    this.nextReplicaId = fields.nextReplicaId
    this.nextProducerId = fields.nextProducerId
    this.partitionCount = fields.topics.reduce((sum, topic) => sum + topic.partitions.length, 0)
  }

  /** Everything that defines the state, in one order: the same for equal states. */
  fields(): MetadataFields {
    return {
      clusterId: this.clusterId,
      voters: this.voters,
      nodes: [...this.nodes.values()].sort((a, b) => order(a.nodeId, b.nodeId)),
      topics: [...this.topics.values()].sort((a, b) => a.id - b.id),
      tombstones: [...this.tombstones.values()].sort((a, b) => a.topicId - b.topicId),
      requests: [...this.requests]
        .map(([nodeId, answered]) => ({ nodeId, answered }))
        .sort((a, b) => order(a.nodeId, b.nodeId)),
      nextReplicaId: this.nextReplicaId,
      nextProducerId: this.nextProducerId,
    }
  }
}

export interface MetadataFields {
  readonly clusterId: string
  readonly voters: readonly ReplicaPlace[]
  readonly nodes: readonly NodeRecord[]
  readonly topics: readonly Topic[]
  readonly tombstones: readonly Tombstone[]
  readonly requests: readonly {
    readonly nodeId: string
    readonly answered: readonly RememberedRequest[]
  }[]
  readonly nextReplicaId: number
  readonly nextProducerId: number
}

function order(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}
