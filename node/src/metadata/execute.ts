// What each metadata command does, and when it is refused. Pure: the state, the command and the
// index and time of its entry go in. A wish that cannot be granted is an answer with a code, the
// same on every replica; a command that cannot follow from this state at all (ids or nodes its
// leader could not have chosen) throws, and its replica halts. machine.ts calls it once per command.
import { type ErrorCode, validTopicName } from '@quorate/protocol'
import { limits } from '../limits.ts'
import { MachineDisagreement } from '../partition/disagreement.ts'
import type {
  AllocateProducerIds,
  ConfirmDrop,
  CreateTopic,
  DeleteTopic,
  MetadataCommand,
  RegisterNode,
  SetAddress,
} from './commands.ts'
import type { CommandReply, MetadataState, NodeRecord, Tombstone, Topic } from './state.ts'
import { topicConfigProblem } from './topic-config.ts'

/** What changed, for those who act on it; absent when nothing did. */
export type MetadataChange =
  | { readonly kind: 'topic-created'; readonly topic: Topic }
  | { readonly kind: 'topic-deleted'; readonly topic: Topic; readonly tombstone: Tombstone }
  | { readonly kind: 'node-changed'; readonly node: NodeRecord }

export interface Execution {
  readonly reply: CommandReply
  readonly change?: MetadataChange
}

export interface EntryPlace {
  readonly index: number
  readonly appendTimeMs: number
}

/** Changes the state only when it returns, and only when the reply is no error. */
export function execute(
  state: MetadataState,
  command: MetadataCommand,
  entry: EntryPlace,
): Execution {
  switch (command.kind) {
    case 'create-topic':
      return createTopic(state, command, entry)
    case 'delete-topic':
      return deleteTopic(state, command, entry)
    case 'register-node':
      return registerNode(state, command)
    case 'set-address':
      return setAddress(state, command)
    case 'allocate-producer-ids':
      return allocateProducerIds(state, command)
    case 'confirm-drop':
      return confirmDrop(state, command)
  }
}

function createTopic(state: MetadataState, command: CreateTopic, entry: EntryPlace): Execution {
  const { name, replicas, config, placement } = command
  if (!validTopicName(name)) return refused('QUORATE_INVALID_TOPIC', name)
  if (state.topicIds.has(name)) return refused('QUORATE_TOPIC_EXISTS', name)
  const problem = topicShapeProblem(state, replicas, placement.length) ?? topicConfigProblem(config)
  if (problem !== undefined) return refused('QUORATE_INVALID_ARGUMENT', problem)
  if (replicas > state.nodes.size) {
    return refused(
      'QUORATE_NOT_ENOUGH_NODES',
      `${replicas} replicas, the cluster has ${state.nodes.size} nodes`,
    )
  }
  const nextReplicaId = checkPlacement(state, command, entry.index)
  const topic: Topic = {
    id: entry.index,
    name,
    createdAtMs: entry.appendTimeMs,
    config,
    partitions: placement.map((places, partition) => ({ partition, replicas: places })),
  }
  state.topics.set(topic.id, topic)
  state.topicIds.set(name, topic.id)
  state.nextReplicaId = nextReplicaId
  state.partitionCount += placement.length
  return { reply: { topicId: topic.id }, change: { kind: 'topic-created', topic } }
}

/** Also asked before a placement is made. */
export function topicShapeProblem(
  state: MetadataState,
  replicas: number,
  partitions: number,
): string | undefined {
  const { replicasMax, partitionsPerTopicMax, partitionsMax, topicsMax } = limits
  if (!inRange(replicas, replicasMax))
    return `replicas is ${replicas}, allowed is 1 to ${replicasMax}`
  if (!inRange(partitions, partitionsPerTopicMax)) {
    return `partitions is ${partitions}, allowed is 1 to ${partitionsPerTopicMax}`
  }
  if (state.topics.size >= topicsMax) return `the cluster has ${topicsMax} topics already`
  if (state.partitionCount + partitions > partitionsMax) {
    return `the cluster has ${state.partitionCount} of ${partitionsMax} partitions already`
  }
  return undefined
}

/** Recomputes what the leader chose; returns the replica id that follows. */
function checkPlacement(state: MetadataState, command: CreateTopic, index: number): number {
  let nextReplicaId = state.nextReplicaId
  for (const [partition, places] of command.placement.entries()) {
    if (places.length !== command.replicas) {
      throw new MachineDisagreement(index, `partition ${partition} has ${places.length} places`)
    }
    if (new Set(places.map(({ nodeId }) => nodeId)).size !== places.length) {
      throw new MachineDisagreement(index, `partition ${partition} has two replicas on one node`)
    }
    for (const { nodeId, replicaId } of places) {
      if (!state.nodes.has(nodeId)) {
        throw new MachineDisagreement(index, `partition ${partition} is placed on node ${nodeId}`)
      }
      if (replicaId !== nextReplicaId) {
        throw new MachineDisagreement(index, `replica id ${replicaId}, next is ${nextReplicaId}`)
      }
      nextReplicaId += 1
    }
  }
  return nextReplicaId
}

function deleteTopic(state: MetadataState, command: DeleteTopic, entry: EntryPlace): Execution {
  const topicId = state.topicIds.get(command.name)
  const topic = topicId === undefined ? undefined : state.topics.get(topicId)
  if (topic === undefined || (command.topicId !== 0 && command.topicId !== topicId)) {
    return refused('QUORATE_UNKNOWN_TOPIC', command.name)
  }
  if (state.tombstones.size >= limits.tombstonesMax) {
    return refused(
      'QUORATE_INVALID_ARGUMENT',
      `${limits.tombstonesMax} deleted topics wait for a node to remove its files`,
    )
  }
  const tombstone: Tombstone = {
    topicId: topic.id,
    name: topic.name,
    deletedIndex: entry.index,
    replicas: topic.partitions.flatMap(({ partition, replicas }) =>
      replicas.map(({ nodeId, replicaId }) => ({ partition, nodeId, replicaId })),
    ),
  }
  state.topics.delete(topic.id)
  state.topicIds.delete(topic.name)
  state.tombstones.set(topic.id, tombstone)
  state.partitionCount -= topic.partitions.length
  return { reply: { topicId: topic.id }, change: { kind: 'topic-deleted', topic, tombstone } }
}

function registerNode(state: MetadataState, command: RegisterNode): Execution {
  const { nodeId, incarnation, address, httpAddress } = command
  const known = state.nodes.get(nodeId)
  if (known === undefined && state.nodes.size >= limits.nodesMax) {
    return refused('QUORATE_INVALID_ARGUMENT', `the cluster has ${limits.nodesMax} nodes already`)
  }
  if (known !== undefined && known.incarnation !== incarnation) {
    return refused(
      'QUORATE_WRONG_NODE',
      `node ${nodeId} is registered with incarnation ${known.incarnation}, not ${incarnation}`,
    )
  }
  return putNode(state, known, { nodeId, incarnation, address, httpAddress })
}

function setAddress(state: MetadataState, command: SetAddress): Execution {
  const { nodeId, address, httpAddress } = command
  const known = state.nodes.get(nodeId)
  if (known === undefined) return refused('QUORATE_WRONG_NODE', `node ${nodeId} is not registered`)
  return putNode(state, known, { ...known, address, httpAddress })
}

function putNode(state: MetadataState, known: NodeRecord | undefined, node: NodeRecord): Execution {
  const same = known?.address === node.address && known.httpAddress === node.httpAddress
  if (same) return { reply: {} }
  state.nodes.set(node.nodeId, node)
  return { reply: {}, change: { kind: 'node-changed', node } }
}

function allocateProducerIds(state: MetadataState, command: AllocateProducerIds): Execution {
  const { nodeId, count } = command
  if (!state.nodes.has(nodeId)) {
    return refused('QUORATE_WRONG_NODE', `node ${nodeId} is not registered`)
  }
  if (!inRange(count, limits.producerIdBlockMax)) {
    return refused(
      'QUORATE_INVALID_ARGUMENT',
      `count is ${count}, allowed is 1 to ${limits.producerIdBlockMax}`,
    )
  }
  const firstId = state.nextProducerId
  state.nextProducerId += count
  return { reply: { firstId, count } }
}

function confirmDrop(state: MetadataState, command: ConfirmDrop): Execution {
  const { nodeId, topicId } = command
  const tombstone = state.tombstones.get(topicId)
  if (tombstone !== undefined) {
    const replicas = tombstone.replicas.filter((replica) => replica.nodeId !== nodeId)
    if (replicas.length === 0) state.tombstones.delete(topicId)
    else state.tombstones.set(topicId, { ...tombstone, replicas })
  }
  return { reply: {} }
}

function inRange(value: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= 1 && value <= max
}

function refused(code: ErrorCode, detail: string): Execution {
  return { reply: { error: { code, detail } } }
}
