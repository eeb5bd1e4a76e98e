// Which nodes this node has given up for good, because a person said that their disks will not come
// back. A node is given up in its present incarnation: the mesh refuses that one from then on, after a
// restart too, and groups no longer wait for the replicas that were on it. One that takes its place has
// another incarnation, and is not meant. Asked by handlers/give-up.ts; the file is given-up-file.ts.
import { QuorateError } from '@quorate/protocol'
import type { Mesh } from './mesh/mesh.ts'
import type { NodeEnvironment, NodeOptions } from './node-environment.ts'
import type { NodeMembers } from './node-members.ts'
import { type GivenUpNode, readGivenUpSync, saveGivenUp } from './storage/given-up-file.ts'

export interface GivingUp {
  readonly self: string
  /** Given up in earlier lives. */
  readonly found: readonly GivenUpNode[]
  readonly members: Pick<NodeMembers, 'get'>
  mesh(): Pick<Mesh, 'removePeer' | 'isLinked'>
  save(nodes: readonly GivenUpNode[], done: (error: Error | undefined) => void): void
  event(name: string, fields: Readonly<Record<string, unknown>>): void
}

export class GivenUpNodes {
  readonly #around: GivingUp
  #nodes: readonly GivenUpNode[]
  /** A write is under way. */
  #saving = false

  constructor(around: GivingUp) {
    this.#around = around
    this.#nodes = around.found
  }

  /** Is this the node whose present incarnation was given up? */
  has(nodeId: string): boolean {
    const incarnation = this.#around.members.get(nodeId)?.incarnation
    return incarnation !== undefined && this.#includes({ nodeId, incarnation })
  }

  /** Why it cannot be given up now; undefined when it can. */
  problem({ nodeId, incarnation }: GivenUpNode): QuorateError | undefined {
    const { self, members, mesh } = this.#around
    if (nodeId === self) {
      return new QuorateError('QUORATE_NODE_ALIVE', `${nodeId} is asked itself`)
    }
    const registered = members.get(nodeId)?.incarnation
    if (registered === undefined) return new QuorateError('QUORATE_UNKNOWN_NODE', nodeId)
    if (registered !== incarnation) {
      const detail = `${nodeId} is known to ${self} as ${registered}, not ${incarnation}`
      return new QuorateError('QUORATE_WRONG_NODE', detail)
    }
    if (!mesh().isLinked(nodeId)) return undefined
    return new QuorateError('QUORATE_NODE_ALIVE', `${self} is connected to ${nodeId}`)
  }

  /** `done` without an error: it is on disk. Asked again for the same it is done already. */
  giveUp(node: GivenUpNode, done: (error: QuorateError | undefined) => void): void {
    const problem = this.problem(node)
    if (problem !== undefined || this.#includes(node)) {
      done(problem)
      return
    }
    if (this.#saving) {
      done(new QuorateError('QUORATE_OVERLOADED', 'another node is being given up'))
      return
    }
    this.#saving = true
    const nodes = [...this.#nodes, node]
    this.#around.save(nodes, (error) => {
      this.#saving = false
      if (error !== undefined) {
        done(new QuorateError('QUORATE_STORAGE_FAILED', error.message))
        return
      }
      this.#nodes = nodes
      const { nodeId: peer, incarnation } = node
      this.#around.mesh().removePeer(peer)
      this.#around.event('node.given-up', { peer, incarnation })
      done(undefined)
    })
  }

  #includes({ nodeId, incarnation }: GivenUpNode): boolean {
    return this.#nodes.some((each) => each.nodeId === nodeId && each.incarnation === incarnation)
  }
}

export function givenUpByNode(
  { disk, log }: Pick<NodeEnvironment, 'disk' | 'log'>,
  { folder }: Pick<NodeOptions, 'folder'>,
  members: NodeMembers,
  self: string,
  mesh: () => Mesh,
): GivenUpNodes {
  return new GivenUpNodes({
    self,
    found: readGivenUpSync(disk, folder),
    members,
    mesh,
    save: (nodes, done) => saveGivenUp(disk, folder, nodes, done),
    event: (name, fields) => log.warn(name, fields),
  })
}
