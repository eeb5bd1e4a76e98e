// Where replicas live in tests: replica n on node `n<n>`.
import { GroupNodes } from '../../src/replication/group-nodes.ts'

export function nodesOf(...replicas: readonly number[]): GroupNodes {
  return new GroupNodes(() => replicas.map((replicaId) => ({ replicaId, nodeId: `n${replicaId}` })))
}
