// Write replies that refuse batches on purpose.
import type { ErrorCode } from '@quorate/protocol'
import { decodeWriteRequest, encodeWriteReply, joinChunks } from '@quorate/protocol'
import type { FakeCluster } from './fake-cluster.ts'
import type { Reply } from './fake-node.ts'

/** Refuses the first `count` batches (all by default); the others meet the model as usual. */
export function refusal(
  cluster: FakeCluster,
  nodeId: string,
  payload: Uint8Array,
  error: ErrorCode,
  count: number = Number.POSITIVE_INFINITY,
): Reply {
  const results = decodeWriteRequest(payload).map((item, index) => {
    if (index >= count) return cluster.write(cluster.node(nodeId), item)
    const { topicId, partition } = item
    return { topicId, partition, error, offset: -1, duplicate: false }
  })
  return { payload: joinChunks(encodeWriteReply(results)) }
}
