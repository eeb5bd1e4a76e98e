// What the commands about places do: which replicas a group is to have, and that it has them now.
// Called by execute.ts. A replica that left its group leaves a tombstone until its node has removed
// it; one that lay on a replaced or departed node does not.
import { limits } from '../limits.ts'
import { MachineDisagreement } from '../partition/disagreement.ts'
import { metadataGroup } from '../storage/log-entry.ts'
import { metadataPlaceOf, replaceMetadataPlace } from './execute-nodes.ts'
import { type EntryPlace, type Execution, refused, unchanged } from './execution.ts'
import type {
  ChangeReplicas,
  ReplaceReplica,
  ReplicasChanged,
  SetMetadataVoters,
} from './membership-commands.ts'
import {
  changedAt,
  isPlaced,
  type MetadataPlaces,
  type PartitionPlaces,
  placesAfter,
  placesSettled,
  type ReplicaPlace,
} from './places.ts'
import { isAlive, type MetadataState, type Topic } from './state.ts'

/** The replica a partition has on a node already and goes on with when it is wanted there. */
export function placeOn(
  state: MetadataState,
  topicId: number,
  { replicas, removing }: PartitionPlaces,
  nodeId: string,
): ReplicaPlace | undefined {
  const isHere = (place: ReplicaPlace) => place.nodeId === nodeId
  return (
    replicas.find(isHere) ??
    removing.findLast((place) => isHere(place) && isAlive(state, place, topicId))
  )
}

export function changeReplicas(
  state: MetadataState,
  command: ChangeReplicas,
  entry: EntryPlace,
): Execution {
  const { topicId, partition, replicas } = command
  const topic = state.topics.get(topicId)
  if (topic === undefined) return refused('QUORATE_UNKNOWN_TOPIC', `topic ${topicId}`)
  const places = topic.partitions[partition]
  const nodeIds = replicas.map(({ nodeId }) => nodeId)
  const problem = changeProblem(state, topic, partition, nodeIds)
  if (problem !== undefined) return problem
  const wanted = wantedPlaces(state, topicId, places!, command, entry)
  const isSame = wanted.every((place, at) => place === places!.replicas[at])
  if (isSame) return unchanged
  state.nextReplicaId += wanted.filter(({ sinceIndex }) => sinceIndex === entry.index).length
  return putPlaces(state, topic, partition, placesAfter(places!, wanted, entry.index))
}

/** Why these nodes cannot be the partition's. Also asked before a command is made. */
export function changeProblem(
  state: MetadataState,
  topic: Topic,
  partition: number,
  nodeIds: readonly string[],
): Execution | undefined {
  const places = topic.partitions[partition]
  if (places === undefined) {
    return refused('QUORATE_INVALID_ARGUMENT', `topic ${topic.name} has no partition ${partition}`)
  }
  const count = places.replicas.length
  if (nodeIds.length !== count || new Set(nodeIds).size !== count) {
    const detail = `partition ${partition} of ${topic.name} has ${count} replicas: name ${count} different nodes`
    return refused('QUORATE_INVALID_ARGUMENT', detail)
  }
  for (const nodeId of nodeIds) {
    const node = state.nodes.get(nodeId)
    if (node === undefined) return refused('QUORATE_UNKNOWN_NODE', nodeId)
    if (node.leaving && placeOn(state, topic.id, places, nodeId) === undefined) {
      return refused('QUORATE_NODE_LEAVING', nodeId)
    }
  }
  const left = places.removing.length + places.replicas.length
  if (
    left > limits.replicasPerPartitionMax ||
    state.replicaTombstones.size > limits.tombstonesMax
  ) {
    const detail = `partition ${partition} of ${topic.name} still leaves earlier replicas`
    return refused('QUORATE_MOVE_IN_FLIGHT', detail)
  }
  return undefined
}

/** Recomputes what the leader chose. */
function wantedPlaces(
  state: MetadataState,
  topicId: number,
  places: PartitionPlaces,
  { replicas }: ChangeReplicas,
  { index }: EntryPlace,
): ReplicaPlace[] {
  let { nextReplicaId } = state
  return replicas.map(({ nodeId, replicaId }) => {
    const known = placeOn(state, topicId, places, nodeId)
    const expected = known?.replicaId ?? nextReplicaId
    if (replicaId !== expected) {
      throw new MachineDisagreement(index, `replica id ${replicaId} on ${nodeId}, not ${expected}`)
    }
    if (known !== undefined) return known
    nextReplicaId += 1
    return { nodeId, replicaId, sinceIndex: index }
  })
}

export function replicasChanged(
  state: MetadataState,
  command: ReplicasChanged,
  entry: EntryPlace,
): Execution {
  const { topicId, partition } = command
  const isMetadata = topicId === metadataGroup.topicId
  const topic = state.topics.get(topicId)
  const places = topic?.partitions[partition]
  const wanted = isMetadata
    ? state.metadataPlaces
    : places && { ...places, voters: places.replicas, learners: [] }
  if (wanted === undefined) return refused('QUORATE_UNKNOWN_TOPIC', `${topicId}-${partition}`)
  if (!areIds(wanted.voters, command.voters) || !areIds(wanted.learners, command.learners)) {
    const detail = `other replicas of ${topicId}-${partition} are wanted by now`
    return refused('QUORATE_INVALID_ARGUMENT', detail)
  }
  if (wanted.removing.length === 0) return unchanged
  // A late report: the same replicas are wanted again, and those to be removed may still serve.
  if ((wanted.changedIndex ?? 0) !== command.changedIndex) {
    const detail = `${topicId}-${partition} was changed at ${wanted.changedIndex}`
    return refused('QUORATE_INVALID_ARGUMENT', detail)
  }
  for (const place of wanted.removing) bury(state, { topicId, partition }, place, entry)
  if (isMetadata) {
    const { voters, learners } = wanted
    state.metadataPlaces = { voters, learners, removing: [] }
    return { reply: {}, change: { kind: 'places-changed', topicId, partition } }
  }
  return putPlaces(state, topic!, partition, placesSettled(places!))
}

function areIds(places: readonly ReplicaPlace[], ids: readonly number[]): boolean {
  const wanted = new Set(places.map(({ replicaId }) => replicaId))
  const given = new Set(ids)
  return wanted.size === given.size && [...wanted].every((id) => given.has(id))
}

/** A metadata replica goes with the folder of its node, unless the node stays. */
function bury(
  state: MetadataState,
  { topicId, partition }: { readonly topicId: number; readonly partition: number },
  place: ReplicaPlace,
  { index }: EntryPlace,
): void {
  const { nodeId, replicaId } = place
  if (!isAlive(state, place, topicId)) return
  if (topicId === metadataGroup.topicId && state.nodes.get(nodeId)?.leaving === true) return
  const tombstone = { topicId, partition, nodeId, replicaId, deletedIndex: index }
  state.replicaTombstones.set(replicaId, tombstone)
}

export function replaceReplica(
  state: MetadataState,
  command: ReplaceReplica,
  entry: EntryPlace,
): Execution {
  const { topicId, partition, nodeId, replicaId, newReplicaId } = command
  const isMetadata = topicId === metadataGroup.topicId
  const topic = state.topics.get(topicId)
  const places = topic?.partitions[partition]
  const own = isMetadata
    ? metadataPlaceOf(state, nodeId)
    : places?.replicas.find((place) => place.nodeId === nodeId)
  // Replaced already, or not wanted there any more.
  if (own === undefined) return unchanged
  if (own.replicaId !== replicaId) return { reply: { replicaId: own.replicaId } }
  if (newReplicaId !== state.nextReplicaId) {
    const problem = `replica id ${newReplicaId}, next is ${state.nextReplicaId}`
    throw new MachineDisagreement(entry.index, problem)
  }
  state.nextReplicaId += 1
  const fresh = { nodeId, replicaId: newReplicaId, sinceIndex: entry.index }
  const reply = { replicaId: newReplicaId }
  if (isMetadata) {
    replaceMetadataPlace(state, nodeId, fresh, entry)
    return { reply, change: { kind: 'places-changed', topicId, partition } }
  }
  const wanted = places!.replicas.map((place) => (place === own ? fresh : place))
  return {
    ...putPlaces(state, topic!, partition, placesAfter(places!, wanted, entry.index)),
    reply,
  }
}

export function setMetadataVoters(
  state: MetadataState,
  command: SetMetadataVoters,
  { index }: EntryPlace,
): Execution {
  const { voters, learners } = command
  const named = new Set([...voters, ...learners])
  const problem = votersProblem(state, voters, learners, named)
  if (problem !== undefined) return refused('QUORATE_INVALID_ARGUMENT', problem)
  const before = state.metadataPlaces
  const placeOf = (nodeId: string) => metadataPlacesOn(state, nodeId).at(-1)!
  const wanted = { voters: voters.map(placeOf), learners: learners.map(placeOf) }
  if (samePlaces(before, wanted)) return unchanged
  const kept = [...wanted.voters, ...wanted.learners]
  const left = [...before.removing, ...before.voters, ...before.learners]
  const removing = left.filter((place) => !isPlaced(place, kept))
  state.metadataPlaces = { ...wanted, removing, ...changedAt(index, removing) }
  const { topicId, partition } = metadataGroup
  return { reply: {}, change: { kind: 'places-changed', topicId, partition } }
}

/** Replicas of the metadata group the node has, the latest last. */
function metadataPlacesOn(state: MetadataState, nodeId: string): ReplicaPlace[] {
  const { removing, voters, learners } = state.metadataPlaces
  return [...removing, ...voters, ...learners].filter(
    (place) => place.nodeId === nodeId && isAlive(state, place, metadataGroup.topicId),
  )
}

function votersProblem(
  state: MetadataState,
  voters: readonly string[],
  learners: readonly string[],
  named: ReadonlySet<string>,
): string | undefined {
  if (![1, 3, 5].includes(voters.length)) return `${voters.length} voters, not 1, 3 or 5`
  if (named.size !== voters.length + learners.length) return 'a node is named twice'
  const unknown = [...named].find((nodeId) => metadataPlacesOn(state, nodeId).length === 0)
  if (unknown !== undefined) return `node ${unknown} has no replica of the metadata group`
  const missing = [...state.nodes.values()].find(
    ({ nodeId, leaving }) => !leaving && !named.has(nodeId),
  )
  return missing === undefined ? undefined : `node ${missing.nodeId} is not named`
}

function samePlaces(
  before: MetadataPlaces,
  wanted: Pick<MetadataPlaces, 'voters' | 'learners'>,
): boolean {
  const ids = (places: readonly ReplicaPlace[]) => places.map(({ replicaId }) => replicaId)
  return areIds(before.voters, ids(wanted.voters)) && areIds(before.learners, ids(wanted.learners))
}

function putPlaces(
  state: MetadataState,
  topic: Topic,
  partition: number,
  places: PartitionPlaces,
): Execution {
  const partitions = topic.partitions.with(partition, { partition, ...places })
  state.topics.set(topic.id, { ...topic, partitions })
  return { reply: {}, change: { kind: 'places-changed', topicId: topic.id, partition } }
}
