// What the commands about nodes do: register, add, replace, remove, forget. Called by execute.ts; a
// node that is replaced or forgotten takes its tombstones with it, because its folder is gone.
import { limits } from '../limits.ts'
import { MachineDisagreement } from '../partition/disagreement.ts'
import type { RegisterNode, SetAddress } from './commands.ts'
import { type EntryPlace, type Execution, refused, unchanged } from './execution.ts'
import type { AddNode, ForgetNode, RemoveNode, ReplaceNode } from './membership-commands.ts'
import { changedAt, placesAfter, type ReplicaPlace } from './places.ts'
import type { MetadataState, NodeRecord, Topic } from './state.ts'

export function registerNode(state: MetadataState, command: RegisterNode): Execution {
  const { nodeId, incarnation, address, httpAddress } = command
  const known = state.nodes.get(nodeId)
  if (known === undefined) return refused('QUORATE_WRONG_NODE', `node ${nodeId} is not registered`)
  if (known.incarnation !== incarnation) {
    return refused(
      'QUORATE_WRONG_NODE',
      `node ${nodeId} is registered with incarnation ${known.incarnation}, not ${incarnation}`,
    )
  }
  return putAddress(state, known, address, httpAddress)
}

export function setAddress(state: MetadataState, command: SetAddress): Execution {
  const { nodeId, address, httpAddress } = command
  const known = state.nodes.get(nodeId)
  if (known === undefined) return refused('QUORATE_WRONG_NODE', `node ${nodeId} is not registered`)
  return putAddress(state, known, address, httpAddress)
}

function putAddress(
  state: MetadataState,
  known: NodeRecord,
  address: string,
  httpAddress: string,
): Execution {
  if (known.address === address && known.httpAddress === httpAddress) return unchanged
  const node = { ...known, address, httpAddress }
  state.nodes.set(node.nodeId, node)
  return { reply: {}, change: { kind: 'node-changed', node } }
}

export function addNode(state: MetadataState, command: AddNode, entry: EntryPlace): Execution {
  const { nodeId, incarnation, address, metadataReplicaId } = command
  const known = state.nodes.get(nodeId)
  if (known?.incarnation === incarnation) {
    // On its way out it may have no metadata replica any more, and gets none.
    if (known.leaving) return refused('QUORATE_NODE_LEAVING', nodeId)
    return { reply: { replicaId: metadataPlaceOf(state, nodeId)!.replicaId } }
  }
  if (known !== undefined) return refused('QUORATE_NODE_EXISTS', nodeId)
  if (state.nodes.size >= limits.nodesMax) {
    return refused('QUORATE_INVALID_ARGUMENT', `the cluster has ${limits.nodesMax} nodes already`)
  }
  checkFirstId(state, metadataReplicaId, entry)
  const { index } = entry
  const record = { nodeId, incarnation, address, httpAddress: '', leaving: false }
  const node: NodeRecord = { ...record, sinceIndex: index }
  state.nodes.set(nodeId, node)
  state.nextReplicaId += 1
  const { voters, learners, removing } = state.metadataPlaces
  const learner = { nodeId, replicaId: metadataReplicaId, sinceIndex: index }
  const after = { voters, learners: [...learners, learner], removing }
  state.metadataPlaces = { ...after, ...changedAt(index, removing) }
  return { reply: { replicaId: metadataReplicaId }, change: { kind: 'node-added', node } }
}

/** Of the desired replicas; undefined when the node leaves the group. */
export function metadataPlaceOf(state: MetadataState, nodeId: string): ReplicaPlace | undefined {
  const { voters, learners } = state.metadataPlaces
  return [...voters, ...learners].find((place) => place.nodeId === nodeId)
}

/** Replica ids a replacement of the node takes: its metadata replica's and one per partition. */
export function replicaCountOf(state: MetadataState, nodeId: string): number {
  let count = 1
  for (const { partitions } of state.topics.values()) {
    for (const { replicas } of partitions) {
      if (replicas.some((place) => place.nodeId === nodeId)) count += 1
    }
  }
  return count
}

export function replaceNode(
  state: MetadataState,
  command: ReplaceNode,
  entry: EntryPlace,
): Execution {
  const { nodeId, incarnation, address, firstReplicaId, replicaCount } = command
  const known = state.nodes.get(nodeId)
  if (known === undefined) return refused('QUORATE_UNKNOWN_NODE', nodeId)
  if (known.leaving) return refused('QUORATE_NODE_LEAVING', nodeId)
  if (known.incarnation === incarnation) {
    return { reply: { replicaId: metadataPlaceOf(state, nodeId)!.replicaId } }
  }
  checkFirstId(state, firstReplicaId, entry)
  const count = replicaCountOf(state, nodeId)
  if (replicaCount !== count) {
    const problem = `${replicaCount} replicas of ${nodeId} are replaced, it has ${count}`
    throw new MachineDisagreement(entry.index, problem)
  }
  const node = { ...known, incarnation, address: address || known.address, sinceIndex: entry.index }
  state.nodes.set(nodeId, node)
  dropTombstonesOf(state, nodeId)
  const fresh = (): ReplicaPlace => {
    const replicaId = state.nextReplicaId
    state.nextReplicaId += 1
    return { nodeId, replicaId, sinceIndex: entry.index }
  }
  replaceMetadataPlace(state, nodeId, fresh(), entry)
  for (const topic of [...state.topics.values()].sort((a, b) => a.id - b.id)) {
    replacePlacesOf(state, topic, nodeId, fresh, entry)
  }
  return { reply: { replicaId: firstReplicaId }, change: { kind: 'node-replaced', node } }
}

/** The new replica does what the old one did, once it can. */
export function replaceMetadataPlace(
  state: MetadataState,
  nodeId: string,
  fresh: ReplicaPlace,
  { index }: EntryPlace,
): void {
  const { voters, learners, removing } = state.metadataPlaces
  const old = metadataPlaceOf(state, nodeId)!
  const left = [...removing, old]
  const replaced = (place: ReplicaPlace) => (place === old ? fresh : place)
  state.metadataPlaces = {
    voters: voters.map(replaced),
    learners: learners.map(replaced),
    removing: left,
    ...changedAt(index, left),
  }
}

function replacePlacesOf(
  state: MetadataState,
  topic: Topic,
  nodeId: string,
  fresh: () => ReplicaPlace,
  { index }: EntryPlace,
): void {
  const isHere = (place: ReplicaPlace) => place.nodeId === nodeId
  if (!topic.partitions.some(({ replicas }) => replicas.some(isHere))) return
  const partitions = topic.partitions.map((places) => {
    const { partition, replicas } = places
    if (!replicas.some(isHere)) return places
    const wanted = replicas.map((place) => (isHere(place) ? fresh() : place))
    return { partition, ...placesAfter(places, wanted, index) }
  })
  state.topics.set(topic.id, { ...topic, partitions })
}

export function removeNode(state: MetadataState, { nodeId }: RemoveNode): Execution {
  const known = state.nodes.get(nodeId)
  if (known === undefined) return refused('QUORATE_UNKNOWN_NODE', nodeId)
  if (known.leaving) return unchanged
  const left = stayingNodes(state).length - 1
  if (left === 0) return refused('QUORATE_NOT_ENOUGH_NODES', `${nodeId} is the last node`)
  for (const { name, partitions } of state.topics.values()) {
    const replicas = Math.max(...partitions.map((places) => places.replicas.length))
    if (replicas <= left) continue
    const detail = `topic ${name} has ${replicas} replicas, ${left} nodes would be left`
    return refused('QUORATE_NOT_ENOUGH_NODES', detail)
  }
  const node = { ...known, leaving: true }
  state.nodes.set(nodeId, node)
  return { reply: {}, change: { kind: 'node-leaving', node } }
}

/** Nodes that may get replicas, by id. */
export function stayingNodes(state: MetadataState): string[] {
  return [...state.nodes.values()]
    .filter(({ leaving }) => !leaving)
    .map(({ nodeId }) => nodeId)
    .sort()
}

export function forgetNode(state: MetadataState, { nodeId }: ForgetNode): Execution {
  const node = state.nodes.get(nodeId)
  if (node === undefined) return unchanged
  if (!node.leaving) return refused('QUORATE_NODE_IN_USE', `${nodeId} is not leaving`)
  if (holdsPlaces(state, nodeId)) {
    return refused('QUORATE_NODE_IN_USE', `replicas on ${nodeId} still serve`)
  }
  state.nodes.delete(nodeId)
  state.requests.delete(nodeId)
  dropTombstonesOf(state, nodeId)
  return { reply: {}, change: { kind: 'node-forgotten', node } }
}

/** Some group has, or wants, a replica on the node. */
export function holdsPlaces(state: MetadataState, nodeId: string): boolean {
  const isHere = (place: ReplicaPlace) => place.nodeId === nodeId
  const { removing } = state.metadataPlaces
  if (metadataPlaceOf(state, nodeId) !== undefined || removing.some(isHere)) return true
  return [...state.topics.values()].some(({ partitions }) =>
    partitions.some((places) => places.replicas.some(isHere) || places.removing.some(isHere)),
  )
}

function dropTombstonesOf(state: MetadataState, nodeId: string): void {
  for (const topicId of [...state.tombstones.keys()]) confirmTopic(state, topicId, nodeId)
  for (const tombstone of [...state.replicaTombstones.values()]) {
    if (tombstone.nodeId === nodeId) state.replicaTombstones.delete(tombstone.replicaId)
  }
}

/** `replicaId`: that one alone. */
export function confirmTopic(
  state: MetadataState,
  topicId: number,
  nodeId: string,
  replicaId?: number,
): void {
  const tombstone = state.tombstones.get(topicId)
  if (tombstone === undefined) return
  const replicas = tombstone.replicas.filter(
    (replica) =>
      replica.nodeId !== nodeId || (replicaId !== undefined && replica.replicaId !== replicaId),
  )
  if (replicas.length === 0) state.tombstones.delete(topicId)
  else if (replicas.length < tombstone.replicas.length) {
    state.tombstones.set(topicId, { ...tombstone, replicas })
  }
}

function checkFirstId(state: MetadataState, replicaId: number, { index }: EntryPlace): void {
  if (replicaId === state.nextReplicaId) return
  throw new MachineDisagreement(index, `replica id ${replicaId}, next is ${state.nextReplicaId}`)
}
