// The person who looks after a simulated cluster when the faults are over. When a group without a
// leader names a node whose disk is gone, it replaces that node, and gives it up first where nothing
// can be committed because the metadata group is the one that waits, or where the node was told to
// leave. A node whose disk is gone before a group has its replica there as a member is replaced too,
// since the change of members could never end. A node that was told to leave is stopped when the
// others have forgotten it, as `remove-node` asks for: it would answer with what it last knew; and when
// too few others are there to take its replicas, those whose disk is gone are replaced. Nothing else is
// done for the cluster: the rest it must do by itself.
import type { ClusterStatus } from '@quorate/protocol'
import { metadataKey } from '../../storage/log-entry.ts'
import type { FaultAtlas } from './atlas.ts'
import type { SimulatedCluster } from './cluster.ts'
import type { Membership } from './membership.ts'
import { SimulatedClient } from './simulated-client.ts'

const lookMs = 1_000
const statusOptions = { deadlineMs: 5_000, repeatable: true }

export class Operator {
  readonly #cluster: SimulatedCluster
  readonly #atlas: FaultAtlas
  readonly #membership: Membership
  #looksAgain = false
  #client: SimulatedClient | undefined
  /** Whom the client is connected to. */
  #asked: string | undefined

  constructor(cluster: SimulatedCluster, atlas: FaultAtlas, membership: Membership) {
    this.#cluster = cluster
    this.#atlas = atlas
    this.#membership = membership
  }

  /** From now on. */
  begin(): void {
    this.#cluster.openWaits.changed = () => this.#lookSoon()
    this.#lookSoon()
    if (this.#membership.leaving.size > 0) this.#stopWhoLeaves()
  }

  /** Who leads is asked: who has left is told nothing any more, and others may be behind. */
  #stopWhoLeaves(): void {
    const { leaving } = this.#membership
    const left = new Set<string>()
    const look = (): void => {
      const client = this.#clientOfLeader()
      client?.call<ClusterStatus>('status', undefined, undefined, statusOptions, (status) => {
        if (status === undefined || status.answeredBy !== status.metadataLeader) return
        this.#makeRoom(status)
        const known = new Set(status.nodes.map(({ node }) => node))
        for (const name of leaving) {
          if (known.has(name) || left.has(name)) continue
          left.add(name)
          this.#cluster.trace('operator.stops', { nodes: [name] })
          this.#cluster.node(name).leave()
        }
      })
      if (left.size < leaving.size) this.#membership.later(lookMs, look)
    }
    look()
  }

  /** A node leaves, and too few others are there for its replicas: those without a disk are replaced. */
  #makeRoom({ nodes, leaving }: ClusterStatus): void {
    if (leaving.length === 0) return
    const leave = new Set(leaving.map(({ node }) => node))
    const staying = nodes.map(({ node }) => node).filter((name) => !leave.has(name))
    const there = staying.filter((name) => !this.#cluster.away.has(name))
    if (there.length >= this.#membership.nodesNeeded) return
    for (const name of staying) {
      if (this.#atlas.out.has(name)) this.#membership.bringBack(this.#cluster.node(name))
    }
  }

  #clientOfLeader(): SimulatedClient | undefined {
    const leader = this.#cluster.leaderOf('metadata')
    if (leader === undefined || leader === this.#asked) return this.#client
    const { address } = this.#cluster.node(leader)
    this.#client?.crash()
    this.#client = new SimulatedClient('operator', this.#cluster, [address])
    this.#client.connect()
    this.#asked = leader
    return this.#client
  }

  #lookSoon(): void {
    const { byGroup, ofChanges } = this.#cluster.openWaits
    if (this.#looksAgain || byGroup.size + ofChanges.size === 0) return
    this.#looksAgain = true
    this.#membership.later(lookMs, () => {
      this.#looksAgain = false
      this.#look()
    })
  }

  #look(): void {
    const { out } = this.#atlas
    const { byGroup, ofChanges } = this.#cluster.openWaits
    for (const name of [...ofChanges.values()].flat()) {
      // Whoever is to leave is not waited for: its replicas go elsewhere.
      if (!out.has(name) || this.#membership.leaving.has(name)) continue
      this.#membership.bringBack(this.#cluster.node(name))
      this.#lookSoon()
    }
    for (const [group, nodes] of byGroup) {
      for (const name of nodes) {
        if (!out.has(name)) continue
        const leaves = this.#membership.leaving.has(name)
        if (group === metadataKey || leaves) this.#membership.giveUp(name)
        if (!leaves) this.#membership.bringBack(this.#cluster.node(name))
        this.#lookSoon()
      }
    }
  }
}
