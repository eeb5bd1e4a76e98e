// `status`: the cluster as this node and its peers report themselves. A node that does not answer is
// listed as down. Knows nothing of how a node gathers its own numbers (node-status in node.ts).
import type { NodeState } from '@quorate/protocol'
import { type ApiRequest, jsonReply } from '../doors/api.ts'
import type { Broker } from './broker.ts'
import { statusAnswer } from './node-answers.ts'

export const statusQuestion = 'status'

/** What a node says of itself. */
export type NodeStatus = Omit<NodeState, 'up'>

export function handleStatus(broker: Broker, request: ApiRequest): void {
  const nodes: ((NodeStatus & { up: boolean }) | { node: string; up: boolean })[] = []
  const peers = broker.nodeIds().filter((node) => node !== broker.node)
  let open = peers.length + 1
  const settle = (status: (typeof nodes)[number]) => {
    nodes.push(status)
    open -= 1
    if (open > 0) return
    nodes.sort((left, right) => (left.node < right.node ? -1 : 1))
    const leader = broker.metadataLeader()
    request.respond(
      jsonReply({
        clusterId: broker.metadata().clusterId,
        answeredBy: broker.node,
        metadataLeader: leader.node ?? null,
        metadataTerm: leader.term,
        topics: broker.metadata().topics().length,
        nodes,
      }),
    )
  }
  for (const node of peers) {
    broker.askNode(node, statusQuestion, {}, statusAnswer(node), (outcome) => {
      settle('error' in outcome ? { node, up: false } : { ...outcome.value, up: true })
    })
  }
  settle({ ...broker.status(), up: true })
}
