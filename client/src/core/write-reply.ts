// The reply to a write request, matched with what was sent.
import type { WriteResult } from '@quorate/protocol'
import { decodeWriteReply } from '@quorate/protocol'
import type { LinkMessage } from '../link.ts'
import type { Batch } from './batch.ts'
import { errorOfReply } from './reply.ts'

/**
 * Results in the order of the batches; an error of the whole request is the result of each.
 * `undefined` when the reply is not what was asked for: nothing is known then.
 */
export function writeResults(
  reply: LinkMessage,
  batches: readonly Batch[],
): readonly WriteResult[] | undefined {
  const error = errorOfReply(reply)
  if (error !== undefined) {
    const { code, detail } = error
    return batches.map(({ topicId, partition }) => {
      const result = { topicId, partition, error: code, offset: -1, duplicate: false }
      return detail === undefined ? result : { ...result, detail }
    })
  }
  try {
    const results = decodeWriteReply(reply.payload)
    const matches = (result: WriteResult, index: number) =>
      result.topicId === batches[index]?.topicId && result.partition === batches[index].partition
    return results.length === batches.length && results.every(matches) ? results : undefined
  } catch {
    return undefined
  }
}
