// `fetch`: stored record batches from an offset on, for a partition this node leads; a long poll
// when there is nothing yet. Previous stop: a door's connection; next stop: the partition actor.
import { decodeFetchRequest, encodeFetchReply, type FetchReply } from '@quorate/protocol'
import type { ApiRequest } from '../doors/api.ts'
import { refusedFetch } from '../partition/refusal.ts'
import type { Broker } from './broker.ts'
import { isDeleted } from './is-deleted.ts'
import { leaderHint } from './leader-hint.ts'

export function handleFetch(broker: Broker, request: ApiRequest): void {
  const fetch = decodeFetchRequest(request.payload)
  const respond = (reply: FetchReply) => request.respond({ payload: encodeFetchReply(reply) })
  const partition = broker.partition(fetch)
  if (partition === undefined) {
    const leader = leaderHint(broker, fetch)
    const deleted = isDeleted(broker, fetch.topicId)
    respond(deleted ? refused('QUORATE_UNKNOWN_TOPIC') : refusedFetch(leader))
  } else if (!partition.send({ type: 'fetch', request: fetch, respond })) {
    respond(refused('QUORATE_OVERLOADED'))
  }
}

function refused(error: NonNullable<FetchReply['error']>): FetchReply {
  return {
    error,
    highWatermark: -1,
    logStartOffset: -1,
    batches: { pieces: [], byteLength: 0 },
  }
}
