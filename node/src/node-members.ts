// Who is in the cluster, as the freshest source this node has heard says: the plan it was formatted
// from, its own metadata as they are applied, or a peer whose metadata are ahead. A node that was
// away for long may not know the incarnations of those who could tell it what happened, and hears of
// them from a peer it does know. Each source names the metadata index it stands for; a lower one
// never replaces a higher one. Links to peers follow it.
import type { Broker } from './handlers/broker.ts'
import { membersAnswer, membersQuestion } from './handlers/members.ts'
import type { Mesh } from './mesh/mesh.ts'
import { type Members, membersOfPlan, type Plan, type PlanMember } from './storage/plan.ts'

export interface MemberLinks {
  readonly self: string
  /** Addresses given by an operator. */
  readonly pinned: ReadonlyMap<string, string>
  mesh(): Pick<Mesh, 'setPeer' | 'removePeer'>
}

export class NodeMembers {
  readonly #links: MemberLinks
  #index: number
  #nodes: ReadonlyMap<string, PlanMember>

  constructor(plan: Omit<Plan, 'secret'>, links: MemberLinks) {
    const { index, nodes } = membersOfPlan(plan)
    this.#links = links
    this.#index = index
    this.#nodes = byId(nodes)
  }

  /** In order. */
  ids(): string[] {
    return [...this.#nodes.keys()].sort()
  }

  get(nodeId: string): PlanMember | undefined {
    return this.#nodes.get(nodeId)
  }

  all(): Members {
    return { index: this.#index, nodes: [...this.#nodes.values()] }
  }

  /** Nothing happens when it is older than what is known. */
  learn({ index, nodes }: Members): void {
    if (index <= this.#index) return
    const before = this.#nodes
    this.#index = index
    this.#nodes = byId(nodes)
    const { self, pinned, mesh } = this.#links
    for (const nodeId of before.keys()) {
      if (nodeId !== self && !this.#nodes.has(nodeId)) mesh().removePeer(nodeId)
    }
    for (const [nodeId, { incarnation, address }] of this.#nodes) {
      // The address of a peer that is known is learned from the peer itself.
      if (nodeId === self || before.get(nodeId)?.incarnation === incarnation) continue
      const given = pinned.get(nodeId)
      const peer = { address: given ?? address, incarnation, pinned: given !== undefined }
      mesh().setPeer(nodeId, peer)
    }
  }

  /** A peer came up: its metadata may be ahead. */
  ask(broker: Broker, nodeId: string): void {
    broker.askNode(nodeId, membersQuestion, {}, membersAnswer, (outcome) => {
      if ('value' in outcome) this.learn(outcome.value)
    })
  }
}

function byId(nodes: readonly PlanMember[]): ReadonlyMap<string, PlanMember> {
  return new Map(
    nodes.map(({ nodeId, incarnation, address }) => [nodeId, { nodeId, incarnation, address }]),
  )
}
