// Who is in the cluster, as the freshest source this node has heard says: the plan it was formatted
// from, its own metadata as they are applied, or a peer whose metadata are ahead. A node that was
// away for long may not know the incarnations of those who could tell it what happened, and hears of
// them from a peer it does know. Each source names the metadata index it stands for; a lower one
// never replaces a higher one. Links to peers follow it, and so does a file: after a power cut the
// metadata applied so far may be old, and no more can be applied before the members find each other.
import type { Broker } from './handlers/broker.ts'
import { membersAnswer, membersQuestion } from './handlers/members.ts'
import type { Mesh } from './mesh/mesh.ts'
import type { NodeEnvironment, NodeOptions } from './node-environment.ts'
import type { Identity } from './storage/identity.ts'
import { readMembersSync, saveMembers } from './storage/members-file.ts'
import { type Members, membersOfPlan, type Plan, type PlanMember } from './storage/plan.ts'

export interface MemberSurroundings {
  readonly self: string
  readonly plan: Omit<Plan, 'secret'>
  /** What was saved in an earlier life. */
  readonly saved: Members | undefined
  /** Addresses given by an operator. */
  readonly pinned: ReadonlyMap<string, string>
  mesh(): Pick<Mesh, 'setPeer' | 'removePeer'>
  save(members: Members, done: (error: Error | undefined) => void): void
  saveFailed(error: Error): void
}

export class NodeMembers {
  readonly #around: MemberSurroundings
  #index: number
  #nodes: ReadonlyMap<string, PlanMember>
  /** Peers that have been asked and have not answered yet. */
  readonly #asked = new Set<string>()
  /** A write is under way. */
  #saving = false

  constructor(around: MemberSurroundings) {
    const planned = membersOfPlan(around.plan)
    const { saved } = around
    const { index, nodes } = saved !== undefined && saved.index > planned.index ? saved : planned
    this.#around = around
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
    // Most of what the metadata group commits is about topics.
    if (areSame(before, this.#nodes)) return
    this.#save()
    const { self, pinned, mesh } = this.#around
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

  /** One write at a time; what was learned meanwhile follows. */
  #save(): void {
    if (this.#saving) return
    this.#saving = true
    const members = this.all()
    this.#around.save(members, (error) => {
      this.#saving = false
      if (error !== undefined) this.#around.saveFailed(error)
      else if (!areSame(byId(members.nodes), this.#nodes)) this.#save()
    })
  }

  /** Somebody tries to link whom this node does not know: the answer of a peer may have been lost. */
  askAgain(broker: Broker, nodeIds: Iterable<string>): void {
    for (const nodeId of nodeIds) if (!this.#asked.has(nodeId)) this.ask(broker, nodeId)
  }

  /** A peer came up: its metadata may be ahead. */
  ask(broker: Broker, nodeId: string): void {
    this.#asked.add(nodeId)
    broker.askNode(nodeId, membersQuestion, {}, membersAnswer, (outcome) => {
      this.#asked.delete(nodeId)
      if ('value' in outcome) this.learn(outcome.value)
    })
  }
}

export function membersOfNode(
  { disk, log }: Pick<NodeEnvironment, 'disk' | 'log'>,
  { folder, peers: pinned }: Pick<NodeOptions, 'folder' | 'peers'>,
  { nodeId: self, plan }: Identity,
  mesh: () => Mesh,
): NodeMembers {
  return new NodeMembers({
    self,
    plan,
    saved: readMembersSync(disk, folder),
    pinned,
    mesh,
    save: (members, done) => saveMembers(disk, folder, members, done),
    saveFailed: (error) => log.warn('members.save-failed', { reason: error.message }),
  })
}

function areSame(
  one: ReadonlyMap<string, PlanMember>,
  other: ReadonlyMap<string, PlanMember>,
): boolean {
  if (one.size !== other.size) return false
  return [...one.values()].every(({ nodeId, incarnation, address }) => {
    const member = other.get(nodeId)
    return member?.incarnation === incarnation && member.address === address
  })
}

function byId(nodes: readonly PlanMember[]): ReadonlyMap<string, PlanMember> {
  return new Map(
    nodes.map(({ nodeId, incarnation, address }) => [nodeId, { nodeId, incarnation, address }]),
  )
}
