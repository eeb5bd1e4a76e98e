// `node-add`, `node-replace`, `node-remove`, `move`, `rebalance`, `can-stop`: who is in the cluster
// and where replicas are. What is asked is committed when it is answered; carrying it out takes
// longer and is seen in `status` and `describe`.
import {
  type CanStopReply,
  type GroupName,
  type MoveReply,
  type NodeAddReply,
  QuorateError,
  type RebalanceReply,
} from '@quorate/protocol'
import { type ApiRequest, errorReply, jsonReply } from '../doors/api.ts'
import { limits } from '../limits.ts'
import type { MetadataMachine } from '../metadata/machine.ts'
import type { Outcome } from '../metadata/metadata-message.ts'
import { rebalance } from '../metadata/rebalance.ts'
import type { NodeRecord } from '../metadata/state.ts'
import {
  type GroupKey,
  groupKey,
  metadataGroup,
  metadataKey,
  parseGroupKey,
} from '../storage/log-entry.ts'
import { isMember } from '../storage/plan.ts'
import { adminChange } from './admin-change.ts'
import { answering } from './answering.ts'
import type { Broker, TopicResolution } from './broker.ts'
import { gatherGroups } from './groups.ts'
import { invalidRequest, type JsonBody, jsonBody, wholeNumber } from './json-body.ts'
import { resolveTopic } from './resolve-topic.ts'

export function handleNodeAdd(broker: Broker, request: ApiRequest): void {
  const body = jsonBody(request.payload)
  const node = { nodeId: body['node'], incarnation: body['incarnation'], address: body['address'] }
  if (!isMember(node)) throw invalidRequest('node, incarnation or address is not valid')
  const command = { kind: 'add-node', requestId: broker.requestId(), ...node } as const
  adminChange(broker, request, command, () => nodeAdded(broker, node))
}

export function handleNodeReplace(broker: Broker, request: ApiRequest): void {
  const body = jsonBody(request.payload)
  const nodeId = nodeIn(body)
  const { incarnation, address = '' } = body
  // An address that is not given stays as it is.
  if (!isMember({ nodeId, incarnation, address: address === '' ? 'host:1' : address })) {
    throw invalidRequest('node, incarnation or address is not valid')
  }
  adminChange(
    broker,
    request,
    {
      kind: 'replace-node',
      requestId: broker.requestId(),
      nodeId,
      incarnation: incarnation as string,
      address: address as string,
    },
    () => nodeAdded(broker, { nodeId, incarnation: incarnation as string }),
  )
}

/**
 * The members among whom the new node is: it is formatted with them. A node that stops before it has
 * applied the change does not know them; asked again, with the same words, another one answers.
 */
function nodeAdded(
  broker: Broker,
  { nodeId: node, incarnation }: Pick<NodeRecord, 'nodeId' | 'incarnation'>,
): NodeAddReply {
  const machine = broker.metadata()
  if (machine.nodeById(node)?.incarnation !== incarnation) {
    throw new QuorateError('QUORATE_TIMEOUT', `${node} was not applied here; ask again`)
  }
  const replicaOf = (nodeId: string) =>
    machine.metadataReplicas().find((place) => place.nodeId === nodeId)?.replicaId ?? 0
  return {
    node,
    members: machine.nodes().map(({ nodeId, incarnation, address, sinceIndex }) => ({
      id: nodeId,
      incarnation,
      address,
      metadataReplicaId: replicaOf(nodeId),
      sinceIndex,
    })),
  }
}

export function handleNodeRemove(broker: Broker, request: ApiRequest): void {
  const node = nodeIn(jsonBody(request.payload))
  const command = { kind: 'remove-node', requestId: broker.requestId(), nodeId: node } as const
  adminChange(broker, request, command, () => ({ node }))
}

export function handleMove(broker: Broker, request: ApiRequest): void {
  const body = jsonBody(request.payload)
  const partition = wholeNumber(body, 'partition')
  const nodes = body['replicas']
  if (!Array.isArray(nodes) || !nodes.every((node) => typeof node === 'string')) {
    throw invalidRequest('replicas is not a list of node ids')
  }
  const done = answering(broker, request, (resolution: TopicResolution) => {
    if ('error' in resolution) throw resolution.error
    const { id: topicId, name: topic } = resolution.topic
    const before = broker.metadata().membersOf({ topicId, partition }) ?? []
    const from = before.map(({ nodeId }) => nodeId)
    const requestId = broker.requestId()
    const command = { kind: 'change-replicas', requestId, topicId, partition, nodes } as const
    const answer = (): MoveReply => ({ topic, partition, from, to: nodes })
    adminChange(broker, request, command, answer)
  })
  resolveTopic(broker, request.topic!, { forProduce: false }, done)
}

export function handleRebalance(broker: Broker, request: ApiRequest): void {
  const dryRun = jsonBody(request.payload)['dryRun'] === true
  whenCurrent(broker, request, () => {
    const planned = rebalance(
      broker.metadata().state,
      (node) => broker.isUp(node),
      limits.listedGroupsMax,
    )
    const moves = [...planned.moves, ...planned.leaders]
    const reply: RebalanceReply = {
      moves: moves.map(({ topic, partition, from, to }) => ({ topic, partition, from, to })),
    }
    if (dryRun) request.respond(jsonReply(reply))
    else {
      const requestId = broker.requestId()
      const command = { kind: 'set-rebalancing', requestId, on: true } as const
      adminChange(broker, request, command, () => reply)
    }
  })
}

export function handleCanStop(broker: Broker, request: ApiRequest): void {
  const node = nodeIn(jsonBody(request.payload))
  whenCurrent(broker, request, () => {
    const machine = broker.metadata()
    if (machine.nodeById(node) === undefined) throw new QuorateError('QUORATE_UNKNOWN_NODE', node)
    const done = answering(broker, request, (answer: Parameters<typeof stopReply>[2]) =>
      request.respond(jsonReply(stopReply(machine, node, answer))),
    )
    gatherGroups(broker, node, done)
  })
}

function stopReply(
  machine: MetadataMachine,
  node: string,
  { led, critical }: { readonly led: readonly GroupKey[]; readonly critical: readonly GroupKey[] },
): CanStopReply {
  const answered = new Set(led)
  const own = keysOn(machine, node)
  const reasons = new Map<GroupKey, 'no-leader' | 'quorum'>()
  for (const key of own) if (!answered.has(key)) reasons.set(key, 'no-leader')
  for (const key of critical) reasons.set(key, 'quorum')
  const groups = [...reasons].map(([key, reason]) => ({ ...groupName(machine, key), reason }))
  return {
    node,
    canStop: groups.length === 0,
    checked: own.length,
    count: groups.length,
    groups: groups.slice(0, limits.listedGroupsMax),
  }
}

/** Groups with a replica on the node. */
function keysOn(machine: MetadataMachine, node: string): GroupKey[] {
  const keys = machine.assignmentsOf(node).map(({ group }) => groupKey(group))
  const inMetadata = machine.metadataReplicas().some(({ nodeId }) => nodeId === node)
  return inMetadata ? [metadataKey, ...keys] : keys
}

/** As people know it; a deleted topic by its id. */
export function groupName(machine: MetadataMachine, key: GroupKey): GroupName {
  const { topicId, partition } = parseGroupKey(key)
  if (topicId === metadataGroup.topicId) return { topic: null, partition }
  return { topic: machine.topicById(topicId)?.name ?? String(topicId), partition }
}

function nodeIn(body: JsonBody): string {
  const node = body['node']
  if (typeof node !== 'string') throw invalidRequest('node is missing')
  return node
}

/** `then` sees everything committed before the request. */
function whenCurrent(broker: Broker, request: ApiRequest, then: () => void): void {
  const deadlineMs = broker.monotonicMs() + limits.adminTimeoutMs
  const done = answering(broker, request, (outcome: Outcome<number>) => {
    if ('error' in outcome) request.respond(errorReply(outcome.error))
    else then()
  })
  broker.synchronize(deadlineMs, done)
}
