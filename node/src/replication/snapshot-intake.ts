// A snapshot that a leader sent, from its bytes to the moment the log is reset to it: checked before
// anything is changed, then kept until the core asks to make it durable. Nothing of it is used when
// a byte, its place or its configuration is not what the leader announced, or the machine cannot
// read its state. Previous stop: raft-host.ts; next: storage and the owner's machine.
import { chunksOf, joinChunks } from '@quorate/protocol'
import type { Configuration, SnapshotPoint } from '@quorate/raft'
import { sameChain } from '../storage/chain.ts'
import type { InstalledSnapshot } from '../storage/storage.ts'
import type { GroupNodes } from './group-nodes.ts'
import { decodeSnapshot, type GroupSnapshot } from './group-snapshot.ts'

export class SnapshotIntake {
  readonly #nodes: GroupNodes
  /** Whether the machine can be that; it keeps the last one that it took. */
  readonly #prepare: (state: Uint8Array, at: SnapshotPoint) => boolean
  #prepared: GroupSnapshot | undefined

  constructor(nodes: GroupNodes, prepare: (state: Uint8Array, at: SnapshotPoint) => boolean) {
    this.#nodes = nodes
    this.#prepare = prepare
  }

  /** False: it is not what was announced, and nothing has changed. */
  take(announced: SnapshotPoint, data: readonly Uint8Array[]): boolean {
    const snapshot = decodeSnapshot(joinChunks(chunksOf(...data)))
    if (snapshot === undefined || !isAnnounced(announced, snapshot)) return false
    if (!this.#prepare(snapshot.state, announced)) return false
    for (const [replica, node] of snapshot.nodes) this.#nodes.learn(replica, node)
    this.#prepared = snapshot
    return true
  }

  /** What storage makes durable. Throws for any other than the one taken last. */
  install(point: SnapshotPoint): InstalledSnapshot {
    const prepared = this.#prepared
    if (prepared?.mark.index !== point.index) throw new Error(`no snapshot at ${point.index}`)
    this.#prepared = undefined
    return prepared
  }

  /** The core did not want it any more. */
  forget(): void {
    this.#prepared = undefined
  }
}

function isAnnounced(announced: SnapshotPoint, { mark, configuration }: GroupSnapshot): boolean {
  return (
    mark.index === announced.index &&
    mark.term === announced.term &&
    sameChain(mark.chain, announced.chain) &&
    sameIds(configuration.voters, announced.configuration.voters) &&
    sameIds(outgoingOf(configuration), outgoingOf(announced.configuration)) &&
    sameIds(learnersOf(configuration), learnersOf(announced.configuration))
  )
}

const outgoingOf = ({ outgoing = [] }: Configuration): readonly number[] => outgoing
const learnersOf = ({ learners = [] }: Configuration): readonly number[] => learners

function sameIds(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((id, position) => id === other[position])
}
