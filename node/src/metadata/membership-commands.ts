// The commands that change who is in the cluster and where replicas are, and their schemas. Part of
// the union in commands.ts; what they do is in execute-membership.ts and execute-places.ts. Replica
// ids in them were taken from the counter by the leader, and `apply` checks that.

import { z } from 'zod'
import type { ReplicasNow } from './places.ts'

/** A node that was not there before: it gets replicas from now on. */
export interface AddNode {
  readonly kind: 'add-node'
  readonly requestId: string
  readonly nodeId: string
  /** 16 hex digits. */
  readonly incarnation: string
  readonly address: string
  /** Of its replica of the metadata group, a learner. */
  readonly metadataReplicaId: number
}

/** A node that lost its folder comes back empty: every replica on it is another one. */
export interface ReplaceNode {
  readonly kind: 'replace-node'
  readonly requestId: string
  readonly nodeId: string
  /** The new one; the one before is refused from then on. */
  readonly incarnation: string
  /** Empty: where it was. */
  readonly address: string
  /** The metadata replica gets the first of them, then each partition in the order of ids. */
  readonly firstReplicaId: number
  readonly replicaCount: number
}

/** The node is leaving: its replicas go elsewhere, and nothing new comes to it. */
export interface RemoveNode {
  readonly kind: 'remove-node'
  readonly requestId: string
  readonly nodeId: string
}

/** A leaving node that holds nothing any more is none of the cluster's. */
export interface ForgetNode {
  readonly kind: 'forget-node'
  readonly requestId: string
  readonly nodeId: string
}

/** From now on these replicas are wanted. One on the same node stays the same replica. */
export interface ChangeReplicas {
  readonly kind: 'change-replicas'
  readonly requestId: string
  readonly topicId: number
  readonly partition: number
  /** The preferred leader first. Ids of new ones follow on without a gap. */
  readonly replicas: readonly { readonly nodeId: string; readonly replicaId: number }[]
}

/** A group's own committed configuration, told by its leader. */
export interface ReplicasChanged extends ReplicasNow {
  readonly kind: 'replicas-changed'
  readonly requestId: string
  /** 0: the metadata group. */
  readonly topicId: number
  readonly partition: number
}

/** A replica lost what it had promised: its node goes on under another replica id. */
export interface ReplaceReplica {
  readonly kind: 'replace-replica'
  readonly requestId: string
  /** 0: the metadata group. */
  readonly topicId: number
  readonly partition: number
  readonly nodeId: string
  readonly replicaId: number
  readonly newReplicaId: number
}

/** Who votes in the metadata group, and who only follows it. Nodes in neither list leave it. */
export interface SetMetadataVoters {
  readonly kind: 'set-metadata-voters'
  readonly requestId: string
  readonly voters: readonly string[]
  readonly learners: readonly string[]
}

/** The metadata leader evens out replicas and preferred leaders until they are even. */
export interface SetRebalancing {
  readonly kind: 'set-rebalancing'
  readonly requestId: string
  readonly on: boolean
}

export type MembershipCommand =
  | AddNode
  | ReplaceNode
  | RemoveNode
  | ForgetNode
  | ChangeReplicas
  | ReplicasChanged
  | ReplaceReplica
  | SetMetadataVoters
  | SetRebalancing

const count = z.int().min(0)
const nodeId = z.string().regex(/^[A-Za-z0-9-]{1,32}$/)
const requestId = z.string().min(1).max(128)
const incarnation = z.string().regex(/^[0-9a-f]{16}$/)
const address = z.string().max(261)
const place = z.strictObject({ nodeId, replicaId: count })
const group = { topicId: count, partition: count }

export const membershipSchemas = [
  z.strictObject({
    kind: z.literal('add-node'),
    requestId,
    nodeId,
    incarnation,
    address,
    metadataReplicaId: count,
  }),
  z.strictObject({
    kind: z.literal('replace-node'),
    requestId,
    nodeId,
    incarnation,
    address,
    firstReplicaId: count,
    replicaCount: count,
  }),
  z.strictObject({ kind: z.literal('remove-node'), requestId, nodeId }),
  z.strictObject({ kind: z.literal('forget-node'), requestId, nodeId }),
  z.strictObject({
    kind: z.literal('change-replicas'),
    requestId,
    ...group,
    replicas: z.array(place),
  }),
  z.strictObject({
    kind: z.literal('replicas-changed'),
    requestId,
    ...group,
    voters: z.array(count),
    learners: z.array(count),
    changedIndex: count,
  }),
  z.strictObject({
    kind: z.literal('replace-replica'),
    requestId,
    ...group,
    nodeId,
    replicaId: count,
    newReplicaId: count,
  }),
  z.strictObject({
    kind: z.literal('set-metadata-voters'),
    requestId,
    voters: z.array(nodeId),
    learners: z.array(nodeId),
  }),
  z.strictObject({ kind: z.literal('set-rebalancing'), requestId, on: z.boolean() }),
] as const
