// What a node asks of the metadata group, and the command the group's leader makes of it. A request
// is a wish ("six partitions, three replicas"); the command carries the decision (which replica on
// which node, under which id), computed from a machine that has applied everything before it.
// Previous stop: metadata-actor.ts of the leader; next: commands.ts and the log.
import { QuorateError, validTopicName } from '@quorate/protocol'
import { z } from 'zod'
import type {
  AllocateProducerIds,
  ConfirmDrop,
  CreateTopic,
  DeleteTopic,
  MetadataCommand,
  RegisterNode,
  SetAddress,
} from './commands.ts'
import { nodeShortage, topicShapeProblem } from './execute.ts'
import { stayingNodes } from './execute-nodes.ts'
import type { MetadataMachine } from './machine.ts'
import {
  isMembershipRequest,
  type MembershipRequest,
  membershipCommandFor,
  membershipRequestSchemas,
} from './membership-request.ts'
import { placeReplicas } from './placement.ts'
import { type TopicConfigInput, topicConfig } from './topic-config.ts'
import { loadByNode } from './views.ts'

export interface CreateTopicRequest {
  readonly kind: 'create-topic'
  /** `<node id>/<anything>`, the same for every attempt. */
  readonly requestId: string
  readonly name: string
  readonly partitions: number
  readonly replicas: number
  readonly config: TopicConfigInput
}

export interface DeleteTopicRequest extends Omit<DeleteTopic, 'topicId'> {
  /** Only this topic; absent: whichever has the name. */
  readonly topicId?: number | undefined
}

export type MetadataRequest =
  | CreateTopicRequest
  | DeleteTopicRequest
  | RegisterNode
  | SetAddress
  | AllocateProducerIds
  | ConfirmDrop
  | MembershipRequest

const whole = z.int().min(0)
const text = z.string().max(300)
const requestId = z.string().min(1).max(128)
const option = z.int().min(-1).optional()

const requestSchema: z.ZodType<MetadataRequest> = z.discriminatedUnion('kind', [
  ...membershipRequestSchemas,
  z.strictObject({
    kind: z.literal('create-topic'),
    requestId,
    name: text,
    partitions: whole,
    replicas: whole,
    config: z.strictObject({
      retentionMs: option,
      retentionBytes: option,
      segmentBytes: option,
      segmentMs: option,
    }),
  }),
  z.strictObject({
    kind: z.literal('delete-topic'),
    requestId,
    name: text,
    topicId: whole.optional(),
  }),
  z.strictObject({
    kind: z.literal('register-node'),
    requestId,
    nodeId: text,
    incarnation: text,
    address: text,
    httpAddress: text,
  }),
  z.strictObject({
    kind: z.literal('set-address'),
    requestId,
    nodeId: text,
    address: text,
    httpAddress: text,
  }),
  z.strictObject({
    kind: z.literal('allocate-producer-ids'),
    requestId,
    nodeId: text,
    count: whole,
  }),
  z.strictObject({
    kind: z.literal('confirm-drop'),
    requestId,
    nodeId: text,
    topicId: whole,
    replicaId: z.exactOptional(whole),
  }),
])

/** A request of a peer. Throws QUORATE_INVALID_REQUEST. */
export function parseMetadataRequest(value: unknown): MetadataRequest {
  const parsed = requestSchema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new QuorateError('QUORATE_INVALID_REQUEST', z.prettifyError(parsed.error))
}

/**
 * The command to append. `machine` must have applied every entry of the leader's log: replica ids
 * follow on from it. Throws QUORATE_INVALID_TOPIC, QUORATE_INVALID_ARGUMENT or
 * QUORATE_NOT_ENOUGH_NODES for what can never be done; all else is decided by `apply`.
 *
 * `isUp`: nodes that are down get replicas of a new topic only when the others do not suffice.
 */
export function commandFor(
  request: MetadataRequest,
  machine: MetadataMachine,
  isUp: (nodeId: string) => boolean = () => true,
): MetadataCommand {
  if (request.kind === 'create-topic') return createTopic(request, machine, isUp)
  if (request.kind === 'delete-topic') {
    const { kind, requestId: id, name, topicId } = request
    return { kind, requestId: id, name, topicId: topicId ?? 0 }
  }
  return isMembershipRequest(request) ? membershipCommandFor(request, machine) : request
}

function createTopic(
  request: CreateTopicRequest,
  machine: MetadataMachine,
  isUp: (nodeId: string) => boolean,
): CreateTopic {
  const { kind, name, partitions, replicas } = request
  if (!validTopicName(name)) throw new QuorateError('QUORATE_INVALID_TOPIC', name)
  const config = topicConfig(request.config)
  const { state } = machine
  const problem = topicShapeProblem(state, replicas, partitions)
  if (problem !== undefined) throw new QuorateError('QUORATE_INVALID_ARGUMENT', problem)
  const shortage = nodeShortage(state, replicas)
  if (shortage !== undefined) throw new QuorateError('QUORATE_NOT_ENOUGH_NODES', shortage)
  const all = stayingNodes(state)
  const up = all.filter(isUp)
  const placed = placeReplicas({
    nodes: up.length >= replicas ? up : all,
    load: loadByNode(state),
    partitions,
    replicas,
  })
  let nextReplicaId = state.nextReplicaId
  const placement = placed.map((nodes) =>
    nodes.map((nodeId) => {
      const replicaId = nextReplicaId
      nextReplicaId += 1
      return { nodeId, replicaId }
    }),
  )
  return { kind, requestId: request.requestId, name, replicas, config, placement }
}
