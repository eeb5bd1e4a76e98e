// What the metadata leader does by itself: moves replicas off leaving nodes, keeps the voters of the
// metadata group, forgets nodes that hold nothing any more, and evens out when told to. Pure and
// deterministic; each step is an ordinary command, decided anew from the state after the one before.
// Driven by metadata-leader.ts. A group's own leader changes its configuration (partition/).
import { limits } from '../limits.ts'
import { votersAmong } from '../storage/plan.ts'
import { holdsPlaces, stayingNodes } from './execute-nodes.ts'
import type { ForgetNode, SetMetadataVoters, SetRebalancing } from './membership-commands.ts'
import type { ChangeReplicasRequest } from './membership-request.ts'
import type { NodeLoad } from './placement.ts'
import type { ReplicaPlace } from './places.ts'
import { isInFlight, rebalance } from './rebalance.ts'
import type { MetadataState, TopicPartition } from './state.ts'
import { loadByNode } from './views.ts'

export type PlannedStep =
  | Omit<ChangeReplicasRequest, 'requestId'>
  | Omit<SetMetadataVoters, 'requestId'>
  | Omit<ForgetNode, 'requestId'>
  | Omit<SetRebalancing, 'requestId'>

type Up = (nodeId: string) => boolean

/** Changes of preferred leaders at a time: no data move for them. */
const leadersMax = 64

export function nextSteps(state: MetadataState, isUp: Up): PlannedStep[] {
  const leaving = [...state.nodes.values()].filter((node) => node.leaving)
  // One that no longer follows either cannot be told anything more, also if it came back meanwhile.
  const forgotten = leaving
    .filter(({ nodeId }) => !holdsPlaces(state, nodeId))
    .map(({ nodeId }) => ({ kind: 'forget-node', nodeId }) as const)
  const voters = metadataStep(state, isUp)
  const drains = leaving.length === 0 ? [] : drainSteps(state, isUp)
  const evens = state.rebalancing && drains.length === 0 ? rebalanceSteps(state, isUp) : []
  return [...forgotten, ...(voters === undefined ? [] : [voters]), ...drains, ...evens]
}

/** Moves under way, of whoever asked for them. */
export function movesInFlight(state: MetadataState): number {
  let count = 0
  for (const { partitions } of state.topics.values()) {
    for (const places of partitions) if (isInFlight(places)) count += 1
  }
  return count
}

// ── leaving nodes ───────────────────────────────────────────────────────────────────────────────

function drainSteps(state: MetadataState, isUp: Up): PlannedStep[] {
  const steps: PlannedStep[] = []
  const load = new Map([...loadByNode(state)].map(([nodeId, each]) => [nodeId, { ...each }]))
  const targets = stayingNodes(state).filter(isUp)
  let free = limits.movesInFlightMax - movesInFlight(state)
  for (const topic of [...state.topics.values()].sort((a, b) => a.id - b.id)) {
    for (const places of topic.partitions) {
      const isMoving = isInFlight(places)
      if (free <= 0 && !isMoving) continue
      const nodes = drained(state, places, targets, load)
      if (nodes === undefined) continue
      if (!isMoving) free -= 1
      steps.push({
        kind: 'change-replicas',
        topicId: topic.id,
        partition: places.partition,
        nodes,
      })
    }
  }
  return steps
}

type Load = Map<string, { -readonly [Field in keyof NodeLoad]: number }>

/** The partition's nodes with as many leaving ones replaced as can be; undefined when none can. */
function drained(
  state: MetadataState,
  { replicas }: TopicPartition,
  targets: readonly string[],
  load: Load,
): string[] | undefined {
  const isLeaving = (nodeId: string) => state.nodes.get(nodeId)?.leaving === true
  const before = replicas.map(({ nodeId }) => nodeId)
  if (!before.some(isLeaving)) return undefined
  const free = targets
    .filter((nodeId) => !before.includes(nodeId))
    .sort((a, b) => load.get(a)!.replicas - load.get(b)!.replicas)
  if (free.length === 0) return undefined
  const nodes = before.map((nodeId) => (isLeaving(nodeId) ? (free.shift() ?? nodeId) : nodeId))
  for (const nodeId of nodes) if (!before.includes(nodeId)) load.get(nodeId)!.replicas += 1
  if (nodes[0] === before[0]) return nodes
  const leader = nodes
    .filter((nodeId) => !isLeaving(nodeId))
    .sort((a, b) => load.get(a)!.leaders - load.get(b)!.leaders)[0]!
  load.get(leader)!.leaders += 1
  return [leader, ...nodes.filter((nodeId) => nodeId !== leader)]
}

/** Has done all it was told. A node that is down may never, and its folder goes with it. */
function hasConfirmed(state: MetadataState, nodeId: string, isUp: Up): boolean {
  if (!isUp(nodeId)) return true
  return (
    [...state.tombstones.values()].every(({ replicas }) =>
      replicas.every((replica) => replica.nodeId !== nodeId),
    ) && [...state.replicaTombstones.values()].every((each) => each.nodeId !== nodeId)
  )
}

// ── the metadata group ──────────────────────────────────────────────────────────────────────────

function metadataStep(state: MetadataState, isUp: Up): PlannedStep | undefined {
  const { voters, learners } = state.metadataPlaces
  const wanted = wantedVoters(state, isUp) ?? voters.map(({ nodeId }) => nodeId)
  const following = [...voters, ...learners]
    .map(({ nodeId }) => nodeId)
    .filter((nodeId) => !wanted.includes(nodeId) && followsOn(state, nodeId, isUp))
  if (areNodes(voters, wanted) && areNodes(learners, following)) return undefined
  return { kind: 'set-metadata-voters', voters: wanted, learners: following.sort() }
}

/** Undefined while there are not enough nodes up for another set of voters. */
function wantedVoters(state: MetadataState, isUp: Up): string[] | undefined {
  const count = votersAmong(stayingNodes(state).length)
  const wanted = votersOf(state, isUp, count)
  if (wanted !== undefined || count < 5) return wanted
  // A voter that leaves is not waited for as long as three others remain.
  const isLeft = state.metadataPlaces.voters.some(({ nodeId }) => state.nodes.get(nodeId)?.leaving)
  return isLeft ? votersOf(state, isUp, 3) : undefined
}

/**
 * Voters that stay remain, those that are up first; others that are up fill the places of those
 * that leave.
 */
function votersOf(state: MetadataState, isUp: Up, count: number): string[] | undefined {
  const staying = new Set(stayingNodes(state))
  const { voters, learners } = state.metadataPlaces
  const remaining = voters.map(({ nodeId }) => nodeId).filter((nodeId) => staying.has(nodeId))
  const kept =
    remaining.length <= count
      ? remaining
      : [...remaining.filter(isUp), ...remaining.filter((nodeId) => !isUp(nodeId))].slice(0, count)
  const fresh = learners
    .map(({ nodeId }) => nodeId)
    .filter((nodeId) => staying.has(nodeId) && isUp(nodeId))
    .sort()
  const wanted = [...kept, ...fresh].slice(0, count)
  return wanted.length === count ? wanted : undefined
}

/** A leaving node follows until it has nothing left to be told. */
function followsOn(state: MetadataState, nodeId: string, isUp: Up): boolean {
  if (state.nodes.get(nodeId)?.leaving !== true) return true
  const isHere = (place: ReplicaPlace) => place.nodeId === nodeId
  for (const { partitions } of state.topics.values()) {
    for (const { replicas, removing } of partitions) {
      if (replicas.some(isHere) || removing.some(isHere)) return true
    }
  }
  return !hasConfirmed(state, nodeId, isUp)
}

function areNodes(places: readonly ReplicaPlace[], nodeIds: readonly string[]): boolean {
  return places.length === nodeIds.length && places.every(({ nodeId }) => nodeIds.includes(nodeId))
}

// ── evening out ─────────────────────────────────────────────────────────────────────────────────

function rebalanceSteps(state: MetadataState, isUp: Up): PlannedStep[] {
  const inFlight = movesInFlight(state)
  const free = limits.movesInFlightMax - inFlight
  if (free <= 0) return []
  const { moves } = rebalance(state, isUp, free)
  const changes =
    moves.length > 0 || inFlight > 0 ? moves : rebalance(state, isUp, leadersMax).leaders
  if (changes.length === 0 && inFlight === 0) return [{ kind: 'set-rebalancing', on: false }]
  return changes.map(({ topicId, partition, to }) => {
    return { kind: 'change-replicas', topicId, partition, nodes: to }
  })
}
