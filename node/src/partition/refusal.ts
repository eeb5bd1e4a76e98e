// What a replica answers to commands it may not serve: not the leader, and, when it is known, who is.
// Nothing of a refused command was done, so the refusal is certain.
import type { FetchReply, WriteResult } from '@quorate/protocol'
import type { GroupId } from '../storage/log-entry.ts'
import type { ServedCommand } from './partition-message.ts'

/** A leader as clients reach it. */
export interface LeaderAddress {
  readonly node: string
  readonly address: string
  readonly term: number
}

export function refuse(
  command: ServedCommand,
  group: GroupId,
  leader: LeaderAddress | undefined,
): void {
  if (command.type === 'write') command.respond(refusedWrite(group, leader))
  else if (command.type === 'fetch') command.respond(refusedFetch(leader))
  else command.respond({ error: 'QUORATE_NOT_LEADER' })
}

export function refusedWrite(
  { topicId, partition }: GroupId,
  leader: LeaderAddress | undefined,
): WriteResult {
  const place = { topicId, partition, error: 'QUORATE_NOT_LEADER', offset: -1 } as const
  return leader === undefined
    ? { ...place, duplicate: false }
    : { ...place, duplicate: false, leader }
}

export function refusedFetch(leader: LeaderAddress | undefined): FetchReply {
  const reply = {
    error: 'QUORATE_NOT_LEADER',
    highWatermark: -1,
    logStartOffset: -1,
    batches: { pieces: [], byteLength: 0 },
  } as const
  return leader === undefined ? reply : { ...reply, leader }
}
