// Gives other replicas of a group the entries they cannot read any more, whoever leads: from memory
// or from disk, verified there. Bounded in bytes for each question, and in all by what a node sends
// that is not replication. Previous stop: node-mesh.ts; next: the group's log.
import { QuorateError } from '@quorate/protocol'
import type { ApiReply } from '../doors/api.ts'
import { limits } from '../limits.ts'
import type { Storage } from '../storage/storage.ts'
import { encodeEntries, encodeRetired, readWanted } from './repair-codec.ts'

export interface RepairServerOptions {
  readonly storage: Pick<Storage, 'groups'>
  /** Whether this node may send so much now. */
  admits(bytes: number): boolean
}

/** `respond` is called once, perhaps on a later turn. An answer without entries means: not here, or no more. */
export function serveEntries(
  { storage, admits }: RepairServerOptions,
  body: Readonly<Record<string, unknown>>,
  respond: (reply: ApiReply | QuorateError) => void,
): void {
  const wanted = readWanted(body)
  if (wanted === undefined) {
    respond(new QuorateError('QUORATE_INVALID_REQUEST', 'entries of what'))
    return
  }
  const log = storage.groups.get(wanted.group)?.log
  const { fromIndex, lastIndex } = wanted
  if (log === undefined || fromIndex > log.lastIndex) {
    respond({ payload: encodeEntries([]) })
    return
  }
  if (fromIndex < log.firstIndex) {
    respond({ payload: encodeRetired(log.start.index) })
    return
  }
  if (!admits(limits.repairBytesMax)) {
    respond(new QuorateError('QUORATE_OVERLOADED', 'this node has sent enough for now'))
    return
  }
  const limit = { index: Math.min(lastIndex, log.lastIndex), bytes: limits.repairBytesMax }
  log.read({ index: fromIndex }, limit, (error, _previous, entries) => {
    const whole = error === undefined ? entries.filter(({ missing }) => missing !== true) : []
    respond({ payload: encodeEntries(whole[0]?.index === fromIndex ? whole : []) })
  })
}
