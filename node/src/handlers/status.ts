// `status`: the cluster as this node and its peers report themselves, and what is on the move in it.
// A node that does not answer is listed as down. Knows nothing of how a node gathers its own numbers
// (node-health.ts).
import type { ClusterStatus, NodeState, NodeStatus as ReportedNode } from '@quorate/protocol'
import { type ApiRequest, jsonReply } from '../doors/api.ts'
import { limits } from '../limits.ts'
import type { MetadataMachine } from '../metadata/machine.ts'
import { isInFlight } from '../metadata/rebalance.ts'
import { answering } from './answering.ts'
import type { Broker } from './broker.ts'
import { type GroupsAnswer, gatherGroups } from './groups.ts'
import { groupName } from './membership.ts'
import { statusAnswer } from './node-answers.ts'

export const statusQuestion = 'status'

/** What a node says of itself. */
export type NodeStatus = Omit<NodeState, 'up'>

export function handleStatus(broker: Broker, request: ApiRequest): void {
  const nodes: ReportedNode[] = []
  let groups: GroupsAnswer | undefined
  const peers = broker.nodeIds().filter((node) => node !== broker.node)
  let open = peers.length + 2
  const settle = answering(broker, request, () => {
    open -= 1
    if (open > 0) return
    nodes.sort((left, right) => (left.node < right.node ? -1 : 1))
    request.respond(jsonReply(statusOf(broker, nodes, groups!)))
  })
  for (const node of peers) {
    broker.askNode(node, statusQuestion, {}, statusAnswer(node), (outcome) => {
      nodes.push('error' in outcome ? { node, up: false } : { ...outcome.value, up: true })
      settle()
    })
  }
  gatherGroups(broker, '', (answer) => {
    groups = answer
    settle()
  })
  nodes.push({ ...broker.status(), up: true })
  settle()
}

function statusOf(
  broker: Broker,
  nodes: readonly ReportedNode[],
  groups: GroupsAnswer,
): ClusterStatus {
  const machine = broker.metadata()
  const leader = broker.metadataLeader()
  const moves = movesOf(machine)
  return {
    clusterId: machine.clusterId,
    answeredBy: broker.node,
    metadataLeader: leader.node ?? null,
    metadataTerm: leader.term,
    metadataVoters: machine.state.metadataPlaces.voters.map(({ nodeId }) => nodeId),
    topics: machine.topics().length,
    nodes,
    leaving: machine
      .nodes()
      .filter(({ leaving }) => leaving)
      .map(({ nodeId }) => ({ node: nodeId, replicas: machine.assignmentsOf(nodeId).length })),
    moves: moves.slice(0, limits.listedGroupsMax),
    movesCount: moves.length,
    underReplicated: groups.missing.map(({ key, voters, nodes: missing }) => ({
      ...groupName(machine, key),
      voters,
      missing,
    })),
    underReplicatedCount: groups.missingCount,
    rebalancing: machine.state.rebalancing,
  }
}

function movesOf(machine: MetadataMachine): ClusterStatus['moves'] {
  return machine.topics().flatMap(({ name: topic, partitions }) =>
    partitions.filter(isInFlight).map(({ partition, replicas, removing }) => ({
      topic,
      partition,
      replicas: replicas.map(({ nodeId }) => nodeId),
      removing: [...new Set(removing.map(({ nodeId }) => nodeId))],
    })),
  )
}
