// The metadata state before the first entry (term 0, index 0), derived from the plan a cluster was
// formed with. It is the same bytes on every initial voter, so incarnations can be checked in
// handshakes before there was an election. Nothing else creates a metadata state.
import { MetadataMachine } from './machine.ts'
import { firstProducerId, firstReplicaId, MetadataState } from './state.ts'

/** What is used of a plan; its secret is not. */
export interface PlanNodes {
  readonly clusterId: string
  readonly nodes: readonly {
    readonly id: string
    readonly incarnation: string
    readonly address: string
    readonly voter: boolean
  }[]
}

/** The i-th voter of the plan has replica id i of the metadata group. */
export function initialMetadata(plan: PlanNodes): MetadataMachine {
  const voters = plan.nodes.filter(({ voter }) => voter)
  return new MetadataMachine(
    new MetadataState({
      clusterId: plan.clusterId,
      voters: voters.map(({ id }, position) => ({ nodeId: id, replicaId: position + 1 })),
      nodes: plan.nodes.map(({ id, incarnation, address }) => ({
        nodeId: id,
        incarnation,
        address,
        httpAddress: '',
      })),
      topics: [],
      tombstones: [],
      requests: [],
      nextReplicaId: firstReplicaId,
      nextProducerId: firstProducerId,
    }),
  )
}
