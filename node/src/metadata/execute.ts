// What each metadata command does, and when it is refused. Pure: the state, the command and the
// index and time of its entry go in. A wish that cannot be granted is an answer with a code, the
// same on every replica; a command that cannot follow from this state at all (ids or nodes its
// leader could not have chosen) throws, and its replica halts. machine.ts calls it once per command.
import { validTopicName } from '@quorate/protocol'
import { limits } from '../limits.ts'
import { MachineDisagreement } from '../partition/disagreement.ts'
import type {
  AllocateProducerIds,
  ConfirmDrop,
  CreateTopic,
  DeleteTopic,
  MetadataCommand,
} from './commands.ts'
import {
  addNode,
  confirmTopic,
  forgetNode,
  registerNode,
  removeNode,
  replaceNode,
  setAddress,
  stayingNodes,
} from './execute-nodes.ts'
import {
  changeReplicas,
  replaceReplica,
  replicasChanged,
  setMetadataVoters,
} from './execute-places.ts'
import { type EntryPlace, type Execution, refused, unchanged } from './execution.ts'
import type { SetRebalancing } from './membership-commands.ts'
import { isAlive, type MetadataState, type Tombstone, type Topic } from './state.ts'
import { topicConfigProblem } from './topic-config.ts'

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
    case 'add-node':
      return addNode(state, command, entry)
    case 'replace-node':
      return replaceNode(state, command, entry)
    case 'remove-node':
      return removeNode(state, command)
    case 'forget-node':
      return forgetNode(state, command)
    case 'change-replicas':
      return changeReplicas(state, command, entry)
    case 'replicas-changed':
      return replicasChanged(state, command, entry)
    case 'replace-replica':
      return replaceReplica(state, command, entry)
    case 'set-metadata-voters':
      return setMetadataVoters(state, command, entry)
    case 'set-rebalancing':
      return setRebalancing(state, command)
  }
}

function createTopic(state: MetadataState, command: CreateTopic, entry: EntryPlace): Execution {
  const { name, replicas, config, placement } = command
  if (!validTopicName(name)) return refused('QUORATE_INVALID_TOPIC', name)
  if (state.topicIds.has(name)) return refused('QUORATE_TOPIC_EXISTS', name)
  const problem = topicShapeProblem(state, replicas, placement.length) ?? topicConfigProblem(config)
  if (problem !== undefined) return refused('QUORATE_INVALID_ARGUMENT', problem)
  const shortage = nodeShortage(state, replicas)
  if (shortage !== undefined) return refused('QUORATE_NOT_ENOUGH_NODES', shortage)
  const nextReplicaId = checkPlacement(state, command, entry.index)
  const topic: Topic = {
    id: entry.index,
    name,
    createdAtMs: entry.appendTimeMs,
    config,
    partitions: placement.map((replicas, partition) => ({ partition, replicas, removing: [] })),
  }
  state.topics.set(topic.id, topic)
  state.topicIds.set(name, topic.id)
  state.nextReplicaId = nextReplicaId
  state.partitionCount += placement.length
  return { reply: { topicId: topic.id }, change: { kind: 'topic-created', topic } }
}

/** Leaving nodes get nothing new. Also asked before a placement is made. */
export function nodeShortage(state: MetadataState, replicas: number): string | undefined {
  const { length } = stayingNodes(state)
  return replicas > length ? `${replicas} replicas, the cluster has ${length} nodes` : undefined
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
      if (state.nodes.get(nodeId)?.leaving !== false) {
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
    replicas: topic.partitions.flatMap(({ partition, replicas, removing }) =>
      [...replicas, ...removing]
        .filter((place) => isAlive(state, place, topic.id))
        .map(({ nodeId, replicaId }) => ({ partition, nodeId, replicaId })),
    ),
  }
  state.topics.delete(topic.id)
  state.topicIds.delete(topic.name)
  state.tombstones.set(topic.id, tombstone)
  state.partitionCount -= topic.partitions.length
  return { reply: { topicId: topic.id }, change: { kind: 'topic-deleted', topic, tombstone } }
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
  const { nodeId, topicId, replicaId } = command
  confirmTopic(state, topicId, nodeId, replicaId)
  const tombstone = replicaId === undefined ? undefined : state.replicaTombstones.get(replicaId)
  if (tombstone?.nodeId === nodeId) state.replicaTombstones.delete(tombstone.replicaId)
  return unchanged
}

function setRebalancing(state: MetadataState, { on }: SetRebalancing): Execution {
  if (state.rebalancing === on) return unchanged
  state.rebalancing = on
  return { reply: {}, change: { kind: 'rebalancing-changed', on } }
}

function inRange(value: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= 1 && value <= max
}
