// Gathered records into an encoded batch under the lane's identity. The only place where sequences
// meet bytes: a batch keeps both for all its attempts.
import type { Compression } from '@quorate/protocol'
import { encodeBatch, QuorateError } from '@quorate/protocol'
import type { Batch, Gathering } from './batch.ts'
import type { Lane, Session } from './lane.ts'

/** Throws QuorateError when the records make no valid batch. */
export function formBatch(
  lane: Lane,
  session: Session,
  gathering: Gathering,
  compression: Compression,
): Batch {
  const { entries } = gathering
  const records = entries.map((entry) => entry.record)
  const fields = {
    producerId: session.producerId,
    producerEpoch: session.epoch,
    baseSequence: session.nextSequence,
  }
  const encode = (): Uint8Array => {
    try {
      return encodeBatch(records, { ...fields, compression })
    } catch (error) {
      // Bytes that do not compress can grow beyond the bound; plain they are within it.
      if (compression === 'none' || !(error instanceof QuorateError)) throw error
      return encodeBatch(records, fields)
    }
  }
  const bytes = encode()
  for (const entry of entries) entry.state = 'sent'
  return {
    topicId: lane.topicId,
    partition: lane.partition,
    entries,
    bytes,
    deadlineMs: entries[0]!.deadlineMs,
    attempts: 0,
    last: undefined,
    uncertain: false,
    needsSend: true,
    settled: false,
  }
}
