// Who leads what, as far as this node knows, and whom it tells: its own new leaderships go to every
// peer, and every news to the clients subscribed here. Holds the set of groups led by this node.
// Previous stops: local replicas and gossip of peers; next: handlers, mesh and door.
import type { Clock } from '@quorate/actors'
import type { Chunks } from '@quorate/protocol'
import type { MetadataMachine } from './metadata/machine.ts'
import { ClockWatch } from './replication/clock-watch.ts'
import { decodeGossip, encodeGossip } from './replication/leader-gossip.ts'
import { type LeaderHint, LeaderTable } from './replication/leader-table.ts'
import { type GroupId, type GroupKey, groupKey } from './storage/log-entry.ts'

export interface LeadershipSurroundings {
  readonly node: string
  readonly clock: Clock
  metadata(): MetadataMachine
  addressOf(node: string): string | undefined
  /** To one peer, on the link of what may be lost. */
  gossip(peer: string, bytes: Chunks): void
  /** To the clients of this node. */
  announce(leader: LeaderHint & { readonly address: string }): void
  clockTrusted(trusted: boolean, skewMs: number): void
}

export class NodeLeadership {
  readonly table = new LeaderTable()
  readonly peersUp = new Set<string>()
  readonly #around: LeadershipSurroundings
  readonly #clocks: ClockWatch
  readonly #leading = new Map<GroupKey, LeaderHint>()

  constructor(around: LeadershipSurroundings) {
    this.#around = around
    this.#clocks = new ClockWatch(around.clock, (trusted, skewMs) =>
      around.clockTrusted(trusted, skewMs),
    )
  }

  /** Partitions this node leads. */
  get leading(): number {
    return this.#leading.size
  }

  /** Of those, partitions that have another replica. */
  get handable(): number {
    const machine = this.#around.metadata()
    let count = 0
    for (const hint of this.#leading.values()) {
      if ((machine.membersOf(hint)?.length ?? 0) > 1) count += 1
    }
    return count
  }

  trustedWallMs(): number | undefined {
    return this.#clocks.trustedWallMs()
  }

  /** A replica of this node knows better than before. */
  observe(hint: LeaderHint): void {
    const key = groupKey(hint)
    const isHere = hint.node === this.#around.node
    if (isHere) this.#leading.set(key, hint)
    else if (hint.term >= (this.#leading.get(key)?.term ?? 0)) this.#leading.delete(key)
    if (this.#learn(hint) && isHere) this.#tell(this.peersUp, [hint])
  }

  /** A peer said something. */
  heard(fromNode: string, bytes: Chunks): void {
    const gossip = decodeGossip(bytes, fromNode)
    if (gossip === undefined) return
    this.#clocks.heard(fromNode, gossip.wallMs)
    const machine = this.#around.metadata()
    for (const hint of gossip.hints) {
      const isGone =
        hint.topicId <= machine.applied.index && machine.topicById(hint.topicId) === undefined
      if (!isGone) this.#learn(hint)
    }
  }

  peerUp(node: string): void {
    this.peersUp.add(node)
    this.#tell([node], [...this.#leading.values()])
  }

  peerDown(node: string): void {
    this.peersUp.delete(node)
    this.#clocks.lost(node)
  }

  /** Now and then: peers compare clocks. */
  tellTime(): void {
    this.#tell(this.peersUp, [])
  }

  /** The replica here is stopped for good. */
  dropped(group: GroupId): void {
    this.#leading.delete(groupKey(group))
  }

  /** Topics are not what they were: hints about deleted ones go. */
  topicsChanged(): void {
    const machine = this.#around.metadata()
    for (const topicId of [...this.table.topicIds()]) {
      const isKnown = topicId > machine.applied.index || machine.topicById(topicId) !== undefined
      if (!isKnown) this.table.forget(topicId)
    }
  }

  /** True when a leader became known. */
  #learn(hint: LeaderHint): boolean {
    if (!this.table.observe(hint) || hint.node === undefined) return false
    const address = this.#around.addressOf(hint.node)
    if (address !== undefined) this.#around.announce({ ...hint, address })
    return true
  }

  #tell(peers: Iterable<string>, hints: readonly LeaderHint[]): void {
    const bytes = encodeGossip({ hints, wallMs: this.#around.clock.wallMs() })
    for (const peer of peers) this.#around.gossip(peer, bytes)
  }
}
