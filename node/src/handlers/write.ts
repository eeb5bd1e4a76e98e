// `write`: record batches of the client library for partitions this node leads. Each batch gets its
// own result in the order of the request; the payload CRC is checked here, once in this process.
// Previous stop: a door's connection; next stop: the partition actor.
import {
  decodeWriteRequest,
  encodeWriteReply,
  QuorateError,
  validateBatch,
  type WriteItem,
  type WriteResult,
} from '@quorate/protocol'
import type { ApiRequest } from '../doors/api.ts'
import type { Broker } from './broker.ts'
import { isDeleted } from './is-deleted.ts'
import { leaderHint } from './leader-hint.ts'

export function handleWrite(broker: Broker, request: ApiRequest): void {
  const items = decodeWriteRequest(request.payload)
  const results: (WriteResult | undefined)[] = new Array(items.length)
  let open = items.length
  const settle = (position: number, result: WriteResult) => {
    // The first answer of each batch counts.
    if (results[position] !== undefined) return
    results[position] = result
    open -= 1
    if (open === 0) request.respond({ payload: encodeWriteReply(results as WriteResult[]) })
  }
  if (open === 0) request.respond({ payload: encodeWriteReply([]) })
  items.forEach((item, position) => {
    writeBatch(broker, item, (result) => settle(position, result))
  })
}

/** Hands one batch to the leader on this node; `respond` is called exactly once. */
export function writeBatch(
  broker: Broker,
  item: WriteItem,
  respond: (result: WriteResult) => void,
): void {
  const partition = broker.partition(item)
  if (partition === undefined) {
    respond(misplaced(broker, item))
    return
  }
  try {
    const header = validateBatch(item.batch)
    if (!partition.send({ type: 'write', header, batch: item.batch, respond })) {
      respond(failed(item, 'QUORATE_OVERLOADED'))
    }
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error
    respond({ ...failed(item, error.code), ...(error.detail ? { detail: error.detail } : {}) })
  }
}

function misplaced(broker: Broker, item: WriteItem): WriteResult {
  if (isDeleted(broker, item.topicId)) return failed(item, 'QUORATE_UNKNOWN_TOPIC')
  const leader = leaderHint(broker, item)
  return { ...failed(item, 'QUORATE_NOT_LEADER'), ...(leader === undefined ? {} : { leader }) }
}

function failed(item: WriteItem, error: NonNullable<WriteResult['error']>): WriteResult {
  const { topicId, partition } = item
  return { topicId, partition, error, offset: -1, duplicate: false }
}
