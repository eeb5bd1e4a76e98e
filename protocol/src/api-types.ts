// Bodies of the JSON requests and replies, one interface per name in the subject table
// (subjects.ts). Offsets and indexes are safe-integer numbers, times are milliseconds since 1970,
// fields without a value are absent. Binary requests are in api-codec.ts.

import type { ErrorCode, Outcome } from './error.ts'
import { errorByCode, isErrorCode, QuorateError } from './error.ts'

export interface ProduceReply {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly duplicate: boolean
}

/** Where a partition's leader is, as far as the sender knows. A higher term wins. */
export interface LeaderHint {
  readonly node: string
  /** `host:port` for clients. */
  readonly address: string
  readonly term: number
}

export interface NodeAddress {
  readonly id: string
  readonly address: string
}

export interface RoutePartition {
  readonly partition: number
  /** Node id; absent while unknown. */
  readonly leader?: string
  readonly term: number
  /** Node ids. */
  readonly replicas: readonly string[]
}

export interface RouteRequest {
  /** The client is about to produce: a node that creates topics by itself may do so. */
  readonly create?: boolean
}

export interface Route {
  readonly topic: string
  readonly topicId: number
  readonly partitions: readonly RoutePartition[]
  /** All nodes of the cluster, also those without a replica of this topic. */
  readonly nodes: readonly NodeAddress[]
}

export interface OffsetsRequest {
  readonly partition: number
  /** `timeMs`: the first record whose batch was appended at or after that time, else the end. */
  readonly at: 'earliest' | 'latest' | { readonly timeMs: number }
  /** Refuses to answer for a topic of the same name created later. */
  readonly topicId?: number
}

export interface OffsetsReply {
  readonly partition: number
  readonly offset: number
  readonly timestampMs?: number
}

/** What is absent gets the default of the node. */
export interface CreateRequest {
  readonly partitions?: number
  readonly replicas?: number
  /** -1: kept for ever. */
  readonly retentionMs?: number
  /** -1: not bounded by size. */
  readonly retentionBytes?: number
  readonly segmentBytes?: number
  readonly segmentMs?: number
}

export interface TopicSummary {
  readonly topic: string
  readonly topicId: number
  readonly partitions: number
  readonly replicas: number
  /** -1: kept for ever. */
  readonly retentionMs: number
  /** -1: not bounded by size. */
  readonly retentionBytes: number
  readonly segmentBytes: number
  readonly segmentMs: number
}

export interface DeleteReply {
  readonly topic: string
  readonly topicId?: number
}

export interface ListReply {
  readonly topics: readonly TopicSummary[]
}

/** A replica as its own node reports it. */
export interface ReplicaState {
  readonly node: string
  readonly replicaId: number
  /** `recovering`: being read back from disk. `halted`: stopped for good, see `halted`. */
  readonly role: 'leader' | 'follower' | 'candidate' | 'pre-candidate' | 'recovering' | 'halted'
  readonly term: number
  /** Index of the first entry this replica still holds. */
  readonly logStart: number
  readonly lastIndex: number
  readonly commitIndex: number
  readonly appliedIndex: number
  /** Hash of the log up to the commit index, 16 hex digits. */
  readonly chainAtCommit: string
  readonly startOffset: number
  /** Offset after the last committed record. */
  readonly endOffset: number
  readonly sizeBytes: number
  /** Why this replica stopped taking part. */
  readonly halted?: string
  /** On the leader: why retention waits. */
  readonly retentionHeldBy?: string
  /** It receives the log and has no vote. */
  readonly learner?: true
  /**
   * `repairing`: entries of its log cannot be read and come from another replica. `unknown-tail`: it
   * may lack entries it has confirmed, and counts for nothing until it has them again.
   */
  readonly condition?: 'repairing' | 'unknown-tail'
  /** Nodes without which it cannot be decided whether a damaged last entry was ever committed. */
  readonly waitsFor?: readonly string[]
}

/** A replica whose node did not answer. */
export interface UnreachableReplica {
  readonly node: string
  readonly replicaId: number
  readonly role: 'unreachable'
}

export type ReplicaDescription = ReplicaState | UnreachableReplica

export interface PartitionDescription {
  readonly partition: number
  readonly leader: string | null
  readonly term: number
  /** Nodes whose replicas leave as soon as the others can do without them. */
  readonly removing: readonly string[]
  readonly replicas: readonly ReplicaDescription[]
}

export interface TopicDescription extends TopicSummary {
  readonly partitionStates: readonly PartitionDescription[]
}

/** A node as it reports itself. */
export interface NodeState {
  readonly node: string
  readonly up: true
  readonly incarnation: string
  /** `host:port` for clients. */
  readonly address: string
  /** `host:port` of its HTTP door. */
  readonly http: string | null
  readonly version: string
  readonly ready: boolean
  /** Replicas on this node. */
  readonly replicas: number
  /** Partitions it leads. */
  readonly leaders: number
  /** Replicas that stopped taking part. */
  readonly halted: readonly string[]
  /** Replicas whose files are missing. */
  readonly amnesiac: readonly string[]
  /** Partitions it leads whose retention waits for a replica. */
  readonly retentionHeld: readonly { readonly group: string; readonly reason: string }[]
  /** Damage to its files that is not repaired: the first ones, of `damageCount`. */
  readonly damage: readonly NodeDamage[]
  readonly damageCount: number
  /** The code with which it refuses produce at the moment. */
  readonly refusing: ErrorCode | null
  readonly peersUp: readonly string[]
}

/** A damaged range of a file, or a replica of which more than a range is lost. */
export interface NodeDamage {
  readonly state: 'faulty' | 'unknown-tail' | 'amnesiac'
  /** Absent when the file belongs to the whole node. */
  readonly group?: string
  readonly file: string
  readonly from: number
  readonly to: number
  /** Log entries that cannot be read. */
  readonly firstIndex?: number
  readonly lastIndex?: number
  readonly detail: string
}

export type NodeStatus = NodeState | { readonly node: string; readonly up: false }

export interface ClusterStatus {
  readonly clusterId: string
  /** The node that asked all the others. */
  readonly answeredBy: string
  readonly metadataLeader: string | null
  readonly metadataTerm: number
  /** Nodes that vote in the metadata group. */
  readonly metadataVoters: readonly string[]
  readonly topics: number
  readonly nodes: readonly NodeStatus[]
  /** Nodes whose replicas go elsewhere, and how many they still have. */
  readonly leaving: readonly { readonly node: string; readonly replicas: number }[]
  /** Partitions whose replicas change nodes: the first ones, of `movesCount`. */
  readonly moves: readonly MoveInFlight[]
  readonly movesCount: number
  /** Groups with voters that are down or behind: the first ones, of `underReplicatedCount`. */
  readonly underReplicated: readonly UnderReplicated[]
  readonly underReplicatedCount: number
  /** The cluster evens out replicas by itself until they are even. */
  readonly rebalancing: boolean
}

export interface MoveInFlight {
  readonly topic: string
  readonly partition: number
  /** Nodes where the replicas are wanted, the preferred leader first. */
  readonly replicas: readonly string[]
  /** Nodes whose replicas leave as soon as the others can do without them. */
  readonly removing: readonly string[]
}

/** A group as people know it. */
export interface GroupName {
  /** Null: the metadata group. */
  readonly topic: string | null
  readonly partition: number
}

export interface UnderReplicated extends GroupName {
  readonly voters: number
  /** Nodes of voters that are down or behind. */
  readonly missing: readonly string[]
}

export interface PartitionMove {
  readonly topic: string
  readonly partition: number
  /** Node ids; in `to` the preferred leader comes first. */
  readonly from: readonly string[]
  readonly to: readonly string[]
}

export interface NodeAddRequest {
  readonly node: string
  /** 16 hex digits, drawn anew for each added or replaced node. */
  readonly incarnation: string
  /** `host:port`. On `node-replace` absent: as it was. */
  readonly address?: string
}

/** What a plan file needs so that the node can be formatted from it. */
export interface NodeAddReply {
  readonly node: string
  readonly members: readonly ClusterMember[]
}

export interface ClusterMember {
  readonly id: string
  readonly incarnation: string
  readonly address: string
  readonly metadataReplicaId: number
  /** Metadata index that brought this incarnation; 0: the plan. */
  readonly sinceIndex: number
}

export interface NodeRequest {
  readonly node: string
}

export interface MoveRequest {
  readonly partition: number
  /** Node ids, the preferred leader first; as many as there are. */
  readonly replicas: readonly string[]
}

export interface MoveReply extends PartitionMove {}

export interface RebalanceRequest {
  /** Only tell. */
  readonly dryRun?: boolean
}

/** What is to be done, as things stand; a change of order alone is one of the preferred leader. */
export interface RebalanceReply {
  readonly moves: readonly PartitionMove[]
}

/** The node is refused from now on, until it is replaced, and no group waits for it. */
export interface GiveUpReply {
  readonly node: string
  /** That was given up, 16 hex digits. */
  readonly incarnation: string
  /** Nodes that have it on disk. */
  readonly by: readonly string[]
  /** Nodes that could not be reached, and do not know of it. */
  readonly unreached: readonly string[]
}

export interface CanStopReply {
  readonly node: string
  readonly canStop: boolean
  /** Groups with a replica on the node. */
  readonly checked: number
  /** Groups that speak against it: the first ones, of `count`. */
  readonly groups: readonly CriticalGroup[]
  readonly count: number
}

export interface CriticalGroup extends GroupName {
  /** It would lose its quorum, or has no leader that could be asked. */
  readonly reason: 'quorum' | 'no-leader'
}

export interface ProducerReply {
  readonly producerId: number
  readonly epoch: 0
}

export interface LeaderRequest {
  readonly topicId: number
  readonly partition: number
}

export interface LeaderReply {
  readonly leader?: NodeOfLeader
  readonly term: number
}

export interface NodeOfLeader {
  readonly node: string
  readonly address: string
}

export interface LeaderEvent extends LeaderHint {
  readonly topicId: number
  readonly partition: number
}

/** Body of every JSON reply that is an error; its code is also in the header `q-error`. */
export interface ErrorBody {
  readonly error: {
    readonly code: ErrorCode
    readonly message: string
    readonly retriable: boolean
    readonly outcome: Outcome
  }
}

export function errorBody(error: QuorateError): ErrorBody {
  const { code, message, retriable, outcome } = error
  return { error: { code, message, retriable, outcome } }
}

const outcomes: readonly string[] = ['applied', 'not-applied', 'unknown', 'none']

/**
 * The error in a JSON reply; `undefined` when the reply is none. A code of a newer version becomes
 * QUORATE_INTERNAL with the foreign text, and keeps the outcome that the node stated.
 */
export function errorOfBody(body: unknown): QuorateError | undefined {
  if (typeof body !== 'object' || body === null || !('error' in body)) return undefined
  const error = body.error
  if (typeof error !== 'object' || error === null) return undefined
  const { code, message, outcome } = error as Record<string, unknown>
  if (typeof code !== 'string') return undefined
  const known = isErrorCode(code) ? code : 'QUORATE_INTERNAL'
  const text = typeof message === 'string' ? message : ''
  const stated = outcomes.includes(outcome as string) ? (outcome as Outcome) : undefined
  const detail = known === code ? detailOf(known, text) : `${code} ${text}`
  return new QuorateError(known, detail, { outcome: stated })
}

function detailOf(code: ErrorCode, message: string): string | undefined {
  const { message: text } = errorByCode(code)
  if (message.startsWith(`${text}: `)) return message.slice(text.length + 2)
  return message === text || message === '' ? undefined : message
}
