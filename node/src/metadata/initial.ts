// The metadata state before the first entry (term 0, index 0), derived from the plan a cluster was
// formed with. It is the same bytes on every initial voter, so incarnations can be checked in
// handshakes before there was an election. Nothing else creates a metadata state.
import { metadataReplicaId } from '../storage/plan.ts'
import { MetadataMachine } from './machine.ts'
import { firstProducerId, firstReplicaId, MetadataState } from './state.ts'

/** What is used of a plan; its secret is not, and neither are nodes that joined later. */
export interface PlanNodes {
  readonly clusterId: string
  readonly nodes: readonly {
    readonly id: string
    readonly incarnation: string
    readonly address: string
    readonly voter: boolean
  }[]
}

/**
 * The i-th voter of the plan has replica id i of the metadata group; the plan's other nodes follow
 * it, with the ids after those.
 */
export function initialMetadata(plan: PlanNodes): MetadataMachine {
  const place = ({ id }: { readonly id: string }) => ({
    nodeId: id,
    replicaId: metadataReplicaId(plan.nodes, id)!,
  })
  const isVoter = ({ voter }: { readonly voter: boolean }) => voter
  return new MetadataMachine(
    new MetadataState({
      clusterId: plan.clusterId,
      metadataPlaces: {
        voters: plan.nodes.filter(isVoter).map(place),
        learners: plan.nodes.filter((node) => !isVoter(node)).map(place),
        removing: [],
      },
      nodes: plan.nodes.map(({ id, incarnation, address }) => ({
        nodeId: id,
        incarnation,
        address,
        httpAddress: '',
        leaving: false,
        sinceIndex: 0,
      })),
      topics: [],
      tombstones: [],
      replicaTombstones: [],
      requests: [],
      nextReplicaId: firstReplicaId,
      nextProducerId: firstProducerId,
      rebalancing: false,
    }),
  )
}
