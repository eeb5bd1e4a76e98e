// A node whose replica of the metadata group lost its term and vote: it may never run again, so the
// group is asked for another one in its place, by way of whichever peer leads it, and that one is
// created here as a learner of nobody. Before that this node knows nothing newer than its plan.
// Driven by metadata-actor.ts, which then goes on as with any replica.
import type { QuorateError } from '@quorate/protocol'
import { metadataGroup } from '../storage/log-entry.ts'
import type { Storage } from '../storage/storage.ts'
import type { MetadataForwarder } from './metadata-requests.ts'

export interface ReplacementSurroundings {
  readonly node: string
  /** The one that is lost. */
  readonly replicaId: number
  /** Boot session of the process: names the request. */
  readonly session: number
  readonly forwarder: MetadataForwarder
  readonly storage: Pick<Storage, 'createReplica' | 'executedIndex'>
  /** Other nodes of the cluster. */
  peers(): readonly string[]
  /** Once; then the files of the new replica are there. */
  replaced(): void
  /** Nothing came of it: `ask` is to be called again after a while. */
  failed(error: Error): void
}

export class MetadataReplacement {
  readonly #around: ReplacementSurroundings
  #asked = 0

  constructor(around: ReplacementSurroundings) {
    this.#around = around
  }

  /** One peer after the other: the one that leads grants it. */
  ask(): void {
    const { node, replicaId, session, forwarder, peers, failed } = this.#around
    const nodes = peers()
    const peer = nodes[this.#asked % nodes.length]
    this.#asked += 1
    if (peer === undefined) return
    const requestId = `${node}/lost-${replicaId}-${session}`
    const lost = { ...metadataGroup, nodeId: node, replicaId }
    forwarder.propose(peer, { kind: 'replace-replica', requestId, ...lost }, (outcome) => {
      if ('error' in outcome) failed(outcome.error)
      else this.#granted(outcome.value.reply)
    })
  }

  #granted(reply: { replicaId?: number; error?: Pick<QuorateError, 'detail'> }): void {
    const { storage, replaced, failed } = this.#around
    const { replicaId, error } = reply
    if (replicaId === undefined) {
      failed(new Error(error?.detail ?? 'this node is none of the metadata group'))
      return
    }
    const hardState = { term: 0, votedFor: 0 }
    const { executedIndex } = storage
    storage.createReplica(
      metadataGroup,
      replicaId,
      { voters: [] },
      hardState,
      executedIndex,
      (problem) => {
        if (problem === undefined) replaced()
        else failed(problem)
      },
    )
  }
}
