// The person who looks after a simulated cluster when the faults are over. When a group without a
// leader names a node whose disk is gone, it replaces that node, and gives it up first where nothing
// can be committed because the metadata group is the one that waits, or where the node was told to
// leave. A node whose disk is gone before a group has its replica there as a member is replaced too,
// since the change of members could never end. Nothing else is done for the cluster: the rest it
// must do by itself.
import { metadataKey } from '../../storage/log-entry.ts'
import type { FaultAtlas } from './atlas.ts'
import type { SimulatedCluster } from './cluster.ts'
import type { Membership } from './membership.ts'

const lookMs = 1_000

export class Operator {
  readonly #cluster: SimulatedCluster
  readonly #atlas: FaultAtlas
  readonly #membership: Membership
  #looksAgain = false

  constructor(cluster: SimulatedCluster, atlas: FaultAtlas, membership: Membership) {
    this.#cluster = cluster
    this.#atlas = atlas
    this.#membership = membership
  }

  /** From now on. */
  begin(): void {
    this.#cluster.openWaits.changed = () => this.#lookSoon()
    this.#lookSoon()
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
