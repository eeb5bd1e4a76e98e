// What is asked of the metadata group about nodes and places, and the command its leader makes of
// it: replica ids come from the counter, everything else is as it was asked. Part of the union in
// metadata-request.ts; what a command does, and what is refused, is decided by `apply`.
import { QuorateError } from '@quorate/protocol'
import { z } from 'zod'
import { metadataPlaceOf, replicaCountOf } from './execute-nodes.ts'
import { changeProblem, placeOn } from './execute-places.ts'
import type { MetadataMachine } from './machine.ts'
import type {
  AddNode,
  ChangeReplicas,
  ForgetNode,
  MembershipCommand,
  RemoveNode,
  ReplaceNode,
  ReplaceReplica,
  ReplicasChanged,
  SetMetadataVoters,
  SetRebalancing,
} from './membership-commands.ts'

export interface ChangeReplicasRequest extends Omit<ChangeReplicas, 'replicas'> {
  /** Node ids, the preferred leader first. */
  readonly nodes: readonly string[]
}

export type MembershipRequest =
  | Omit<AddNode, 'metadataReplicaId'>
  | Omit<ReplaceNode, 'firstReplicaId' | 'replicaCount'>
  | RemoveNode
  | ForgetNode
  | ChangeReplicasRequest
  | ReplicasChanged
  | Omit<ReplaceReplica, 'newReplicaId'>
  | SetMetadataVoters
  | SetRebalancing

const whole = z.int().min(0)
const text = z.string().max(300)
const requestId = z.string().min(1).max(128)
const group = { topicId: whole, partition: whole }
const ids = z.array(whole).max(64)
const nodes = z.array(text).max(64)

export const membershipRequestSchemas = [
  z.strictObject({
    kind: z.literal('add-node'),
    requestId,
    nodeId: text,
    incarnation: text,
    address: text,
  }),
  z.strictObject({
    kind: z.literal('replace-node'),
    requestId,
    nodeId: text,
    incarnation: text,
    address: text,
  }),
  z.strictObject({ kind: z.literal('remove-node'), requestId, nodeId: text }),
  z.strictObject({ kind: z.literal('forget-node'), requestId, nodeId: text }),
  z.strictObject({ kind: z.literal('change-replicas'), requestId, ...group, nodes }),
  z.strictObject({
    kind: z.literal('replicas-changed'),
    requestId,
    ...group,
    voters: ids,
    learners: ids,
    changedIndex: whole,
  }),
  z.strictObject({
    kind: z.literal('replace-replica'),
    requestId,
    ...group,
    nodeId: text,
    replicaId: whole,
  }),
  z.strictObject({
    kind: z.literal('set-metadata-voters'),
    requestId,
    voters: nodes,
    learners: nodes,
  }),
  z.strictObject({ kind: z.literal('set-rebalancing'), requestId, on: z.boolean() }),
] as const

const kinds: ReadonlySet<string> = new Set(
  membershipRequestSchemas.map(({ shape }) => shape.kind.value),
)

export function isMembershipRequest(request: {
  readonly kind: string
}): request is MembershipRequest {
  return kinds.has(request.kind)
}

/** Throws QUORATE_UNKNOWN_TOPIC, and what `apply` would refuse too where ids are needed. */
export function membershipCommandFor(
  request: MembershipRequest,
  { state }: MetadataMachine,
): MembershipCommand {
  switch (request.kind) {
    case 'add-node': {
      const known = metadataPlaceOf(state, request.nodeId)?.replicaId
      return { ...request, metadataReplicaId: known ?? state.nextReplicaId }
    }
    case 'replace-node': {
      const replicaCount = replicaCountOf(state, request.nodeId)
      return { ...request, firstReplicaId: state.nextReplicaId, replicaCount }
    }
    case 'replace-replica':
      return { ...request, newReplicaId: state.nextReplicaId }
    case 'change-replicas':
      return changeReplicas(request, state)
    default:
      return request
  }
}

function changeReplicas(
  request: ChangeReplicasRequest,
  state: MetadataMachine['state'],
): ChangeReplicas {
  const { kind, requestId: id, topicId, partition, nodes: nodeIds } = request
  const topic = state.topics.get(topicId)
  if (topic === undefined) throw new QuorateError('QUORATE_UNKNOWN_TOPIC', `topic ${topicId}`)
  const problem = changeProblem(state, topic, partition, nodeIds)?.reply.error
  if (problem !== undefined) throw new QuorateError(problem.code, problem.detail)
  let { nextReplicaId } = state
  const replicas = nodeIds.map((nodeId) => {
    const known = placeOn(state, topicId, topic.partitions[partition]!, nodeId)
    if (known !== undefined) return { nodeId, replicaId: known.replicaId }
    nextReplicaId += 1
    return { nodeId, replicaId: nextReplicaId - 1 }
  })
  return { kind, requestId: id, topicId, partition, replicas }
}
