// Where each replica of one group lives. Learned from what is at hand: the places in the metadata,
// the configuration entries of the group's own log, and the sender of a message. A replica never
// moves to another node, so what was learned once stays true. Used by raft-host.ts for every message.
import type { ReplicaId } from '@quorate/raft'
import type { LogEntry } from '../storage/log-entry.ts'
import { decodeConfiguration } from './configuration-entry.ts'

export interface Place {
  readonly replicaId: ReplicaId
  readonly nodeId: string
}

export class GroupNodes {
  readonly #known = new Map<ReplicaId, string>()
  /** The group's places as the metadata have them now; asked when a replica is not known. */
  readonly #places: () => Iterable<Place>

  constructor(places: () => Iterable<Place>) {
    this.#places = places
  }

  nodeOf(replica: ReplicaId): string | undefined {
    const known = this.#known.get(replica)
    if (known !== undefined) return known
    for (const { replicaId, nodeId } of this.#places()) this.learn(replicaId, nodeId)
    return this.#known.get(replica)
  }

  /** Of every replica that is known. */
  all(): ReplicaId[] {
    for (const { replicaId, nodeId } of this.#places()) this.learn(replicaId, nodeId)
    return [...this.#known.keys()]
  }

  learn(replica: ReplicaId, node: string): void {
    if (!this.#known.has(replica)) this.#known.set(replica, node)
  }

  learnFrom({ configuration, payload }: LogEntry): void {
    if (configuration === undefined) return
    for (const [replica, node] of decodeConfiguration(payload)?.nodes ?? []) {
      this.learn(replica, node)
    }
  }
}
