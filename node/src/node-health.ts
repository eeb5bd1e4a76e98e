// What a node says of itself: whether it is ready, and its row in the cluster's status. Collects
// what replicas report and looks at the rest when asked. Decides nothing.
import type { NodeDamage } from '@quorate/protocol'
import type { HealthCheck } from './doors/http/routes.ts'
import type { NodeStatus } from './handlers/status.ts'
import { limits } from './limits.ts'
import type { MetadataMachine } from './metadata/machine.ts'
import type { NodeLeadership } from './node-leadership.ts'
import type { PartitionDirectory } from './partition/partition-directory.ts'
import { type GroupId, type GroupKey, groupKey } from './storage/log-entry.ts'
import type { DamageReport, Storage } from './storage/storage.ts'

export interface MetadataLeader {
  readonly node: string | undefined
  readonly term: number
}

export interface HealthSources {
  readonly identity: Pick<NodeStatus, 'node' | 'incarnation' | 'version' | 'http'>
  readonly directory: PartitionDirectory
  readonly leadership: NodeLeadership
  readonly storage: Storage
  /** Nodes of the cluster, this one included. */
  nodes(): number
  address(): string
  stopping(): boolean
  metadata(): MetadataMachine
}

export class NodeHealth {
  /** As this node's metadata replica knows it. */
  metadataLeader: MetadataLeader = { node: undefined, term: 0 }
  electionsWon = 0
  readonly #sources: HealthSources
  readonly #halted = new Set<GroupKey>()
  readonly #retentionHeld = new Map<GroupKey, string>()
  /** Metadata index at which this node was registered in this life. */
  #registeredIndex = Number.POSITIVE_INFINITY

  constructor(sources: HealthSources) {
    this.#sources = sources
  }

  /** From its index on, this node has heard of all replicas it had to have when it started. */
  registered(index: number): void {
    this.#registeredIndex = Math.min(this.#registeredIndex, index)
  }

  halted(group: GroupKey): void {
    this.#halted.add(group)
  }

  retentionHeld(group: GroupKey, reason: string | undefined): void {
    if (reason === undefined) this.#retentionHeld.delete(group)
    else this.#retentionHeld.set(group, reason)
  }

  dropped(group: GroupId): void {
    const key = groupKey(group)
    this.#halted.delete(key)
    this.#retentionHeld.delete(key)
  }

  started(): readonly HealthCheck[] {
    return [{ name: 'storage', ok: true }]
  }

  ready(): readonly HealthCheck[] {
    const { directory, leadership, stopping, metadata } = this.#sources
    const nodes = this.#sources.nodes()
    const peers = leadership.peersUp.size
    const isCaughtUp = metadata().applied.index >= this.#registeredIndex
    return [
      { name: 'not-stopping', ok: !stopping() },
      { name: 'replicas-recovered', ok: isCaughtUp && directory.settled },
      {
        name: 'mesh-up',
        ok: peers >= Math.floor(nodes / 2),
        detail: `${peers} of ${nodes - 1} peers`,
      },
      { name: 'metadata-leader-known', ok: this.metadataLeader.node !== undefined },
    ]
  }

  status(): NodeStatus {
    const { identity, directory, leadership, storage, address } = this.#sources
    return {
      ...identity,
      address: address(),
      ready: this.ready().every(({ ok }) => ok),
      replicas: directory.count('running'),
      leaders: leadership.leading,
      halted: [...this.#halted],
      amnesiac: directory.amnesiac(),
      retentionHeld: [...this.#retentionHeld].map(([group, reason]) => ({ group, reason })),
      ...damageOf(storage.damage()),
      refusing: storage.writable() ?? null,
      peersUp: [...leadership.peersUp].sort(),
    }
  }
}

function damageOf(reports: readonly DamageReport[]): Pick<NodeStatus, 'damage' | 'damageCount'> {
  const open = reports.flatMap(({ state, ...place }): NodeDamage[] =>
    state === 'repaired' ? [] : [{ state, ...place }],
  )
  return { damage: open.slice(0, limits.listedGroupsMax), damageCount: open.length }
}
