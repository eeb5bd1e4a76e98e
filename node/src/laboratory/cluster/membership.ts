// Changes who is in a cluster while everything else goes on, through the requests a person's commands
// make: nodes are added, removed and replaced by empty ones, partitions are moved, replicas evened
// out. Each change is asked for until its outcome is known, and formats and starts the nodes it
// brings. Keeps book of what must be true in the end. Decides nothing about when: faults.ts does.
import {
  type ClusterStatus,
  type GiveUpReply,
  type MoveReply,
  type NodeAddReply,
  type NodeRequest,
  QuorateError,
  type RebalanceReply,
  type Verb,
} from '@quorate/protocol'
import { DiskCrash } from '../../simulation/crash-points.ts'
import type { SimulatedCluster } from './cluster.ts'
import type { Damages } from './damage.ts'
import type { SimulatedClient } from './simulated-client.ts'
import { dataFolder, type SimulatedNode } from './simulated-node.ts'
import { nothingToUndo, type Struck } from './struck.ts'
import { topicName } from './workload.ts'

/** What a person asks for: changes that plans draw, and one that healing may need. */
type Request = MembershipChange | 'give-up-node'

export type MembershipChange =
  | 'add-node'
  | 'remove-node'
  | 'replace-node'
  | 'move-partition'
  | 'rebalance'

const changes: ReadonlySet<string> = new Set<MembershipChange>([
  'add-node',
  'remove-node',
  'replace-node',
  'move-partition',
  'rebalance',
])

export function isChange(fault: string): fault is MembershipChange {
  return changes.has(fault)
}

const deadlineMs = 5_000
const askAgainMs = 500
const diskErrors: ReadonlySet<string> = new Set(['QUORATE_DISK_FULL', 'QUORATE_STORAGE_FAILED'])
/** No cluster is made smaller than this. */
const nodesMin = 3
const nodesMax = 7

export class Membership {
  /** Changes that the cluster has agreed to, by kind. */
  readonly agreed: Record<Request, number> = {
    'add-node': 0,
    'remove-node': 0,
    'replace-node': 0,
    'move-partition': 0,
    rebalance: 0,
    'give-up-node': 0,
  }
  /** Nodes that were told to leave. */
  readonly leaving = new Set<string>()
  readonly #cluster: SimulatedCluster
  readonly #damages: Damages
  readonly #client: SimulatedClient
  /** Machines with an empty disk whose node the cluster has not taken yet. */
  readonly #waiting = new Set<string>()
  /** Nodes somebody is asking the cluster to take: a second one would start it twice. */
  readonly #asking = new Set<string>()
  /** Nodes that are being given up. */
  readonly #givingUp = new Set<string>()
  #open = 0

  constructor(cluster: SimulatedCluster, damages: Damages, client: SimulatedClient) {
    this.#cluster = cluster
    this.#damages = damages
    this.#client = client
  }

  /** Every change that was asked for has its answer. */
  get idle(): boolean {
    return this.#open === 0
  }

  /** The machine has nothing to start yet. */
  waits(node: string): boolean {
    return this.#waiting.has(node)
  }

  /** Fewer have no room for all replicas of a partition. */
  get nodesNeeded(): number {
    return Math.max(nodesMin, this.#cluster.plan.workload.replicas)
  }

  /** Undefined when nothing is there to be changed. */
  change(kind: MembershipChange, target: SimulatedNode, number: number): Struck | undefined {
    const before = this.agreed[kind]
    if (!this.#begin(kind, target, number)) return undefined
    return { undo: nothingToUndo, met: () => this.agreed[kind] > before }
  }

  #begin(kind: MembershipChange, target: SimulatedNode, number: number): boolean {
    switch (kind) {
      case 'add-node':
        return this.#add()
      case 'remove-node':
        return this.#remove(target)
      case 'replace-node':
        return this.#replace(target)
      case 'move-partition':
        return this.#move(target, number)
      case 'rebalance':
        this.#ask<RebalanceReply>(kind, 'rebalance', undefined, {}, () => {})
        return true
    }
  }

  /** What is still to be done, by the word of the cluster; empty in the end. */
  unfinished({ nodes, leaving, moves }: ClusterStatus): string[] {
    const there = new Set(nodes.map(({ node }) => node))
    return [
      ...[...this.leaving].filter((node) => there.has(node)).map((node) => `${node} has not left`),
      ...leaving.map(({ node, replicas }) => `${node} leaves with ${replicas} replicas`),
      ...moves.map(({ topic, partition }) => `${topic}/${partition} moves`),
    ]
  }

  /** Runs after so long, if the client has not died by then. */
  later(delayMs: number, run: () => void): void {
    this.#client.host.setTimer(run, delayMs)
  }

  /** Nodes that wait for its disk may stop waiting; a refusal ends it. */
  giveUp(node: string): void {
    if (this.#givingUp.has(node)) return
    this.#givingUp.add(node)
    this.#ask<GiveUpReply>('give-up-node', 'node-give-up', undefined, { node }, () =>
      this.#givingUp.delete(node),
    )
  }

  /** A node that was to stay away, since its disk is gone, comes back empty. */
  bringBack(node: SimulatedNode): void {
    if (this.#asking.has(node.name) || this.#waiting.has(node.name)) return
    const { away } = this.#cluster
    this.#cluster.away = new Set([...away].filter((name) => name !== node.name))
    node.callBack()
    this.#bring('replace-node', 'node-replace', node)
  }

  #add(): boolean {
    const { nodes } = this.#cluster
    if (nodes.length >= nodesMax) return false
    const node = this.#cluster.spareNode()
    this.#bring('add-node', 'node-add', node)
    return true
  }

  #remove(node: SimulatedNode): boolean {
    const left = this.#cluster.nodes.filter(({ name }) => !this.leaving.has(name))
    // One node less than replicas is refused for as long as it is asked for.
    if (left.length <= this.nodesNeeded || this.leaving.has(node.name)) return false
    this.leaving.add(node.name)
    this.#ask<NodeRequest>(
      'remove-node',
      'node-remove',
      undefined,
      { node: node.name },
      (reply, error, isSecond) => {
        // Asked for again because no answer had come: it has left meanwhile. At first: it never came.
        const hasLeft = isSecond && error?.code === 'QUORATE_UNKNOWN_NODE'
        if (reply === undefined && !hasLeft) this.leaving.delete(node.name)
      },
    )
    return true
  }

  #replace(node: SimulatedNode): boolean {
    if (this.leaving.has(node.name) || this.#asking.has(node.name)) return false
    if (!this.#damages.atlas.out.has(node.name)) {
      node.crash('power')
      if (!this.#damages.strike(node, 'lose-disk', 'any', `replace/${node.name}`)) {
        node.start()
        return false
      }
    }
    this.#bring('replace-node', 'node-replace', node)
    return true
  }

  /** The node is formatted from what the cluster answers, and starts. */
  #bring(kind: 'add-node' | 'replace-node', verb: Verb, node: SimulatedNode): void {
    const { address, name } = node
    const body = { node: name, incarnation: this.#cluster.drawHex(16), address }
    node.crash('power')
    // What is left of a folder that does not say whose it is stands in the way of another one.
    node.disk.tree.lose(dataFolder)
    this.#waiting.add(name)
    this.#asking.add(name)
    this.#ask<NodeAddReply>(kind, verb, undefined, body, (reply) => {
      if (reply === undefined) this.#asking.delete(name)
      else this.#formatAndStart(node, reply)
    })
  }

  /** A disk that is full or fails now, or loses its power, is tried again: by the end it does not. */
  #formatAndStart(node: SimulatedNode, reply: NodeAddReply): void {
    const error = this.#format(node, reply)
    if (error !== undefined) {
      this.#cluster.trace('membership.format', { node: node.name, error: error.message })
      this.#client.host.setTimer(() => this.#formatAndStart(node, reply), askAgainMs)
      return
    }
    this.#asking.delete(node.name)
    this.#waiting.delete(node.name)
    this.#damages.atlas.replaced(node.name)
    node.start()
  }

  /** What stands in the way now, and may be over later. */
  #format(node: SimulatedNode, { members }: NodeAddReply): Error | undefined {
    try {
      this.#cluster.format(node, members)
    } catch (error) {
      if (error instanceof DiskCrash) {
        node.disk.crash('power')
        // It may have been complete by then.
        node.disk.tree.lose(dataFolder)
        return error
      }
      if (error instanceof QuorateError && diskErrors.has(error.code)) return error
      throw error
    }
    return undefined
  }

  /** The partition goes to the node, and away from one of the others that have it. */
  #move(node: SimulatedNode, number: number): boolean {
    const { topic } = this.#cluster
    if (topic === undefined || this.leaving.has(node.name)) return false
    const partition = number % topic.members.length
    const members = topic.members[partition]!
    if (members.includes(node.name)) return false
    const replicas = [node.name, ...members.slice(1)]
    this.#ask<MoveReply>('move-partition', 'move', topicName, { partition, replicas }, () => {})
    return true
  }

  #ask<Reply>(
    kind: Request,
    verb: Verb,
    topic: string | undefined,
    body: object,
    done: (reply: Reply | undefined, error: QuorateError | undefined, isSecond: boolean) => void,
  ): void {
    const { simulation } = this.#cluster
    this.#open += 1
    let isSecond = false
    const ask = (): void => {
      const options = { deadlineMs, repeatable: false }
      this.#client.call<Reply>(verb, topic, body, options, (reply, error) => {
        this.#cluster.trace(`membership.${kind}`, { ...body, error: error?.message })
        // Asked again with the same words it is the same change. A refusal stays one, also when an
        // earlier try was carried out: the node may have left the cluster meanwhile.
        if (error !== undefined && (error.retriable || error.outcome === 'unknown')) {
          isSecond = true
          this.#client.host.setTimer(ask, askAgainMs)
          return
        }
        this.#open -= 1
        if (reply !== undefined) this.agreed[kind] += 1
        simulation.note(`${kind} ${reply === undefined ? 'refused' : 'agreed'}`)
        done(reply, error, isSecond)
      })
    }
    ask()
  }
}
