// A replica while the node runs: its log, its hard state, and the order of what is being persisted.
// Knows nothing of files.
import { QuorateError } from '@quorate/protocol'
import type { GroupLogState } from './group-log.ts'
import type { HardStateRecord } from './hard-state-format.ts'
import type { GroupKey } from './log-entry.ts'
import type { PersistOrder } from './persist-order.ts'
import type { RecoveredGroup } from './storage.ts'

export interface Replica {
  /** Of slots in the hard-state files. */
  readonly pair: number
  readonly log: GroupLogState
  readonly order: PersistOrder
  /** As of the newest request. */
  record: HardStateRecord
}

export function recoveredOf({ log, record }: Replica): RecoveredGroup {
  const { group, replicaId, hardState, tailUnknown } = record
  const { configuration } =
    log.configuration !== undefined && log.configuration.index > record.configurationIndex
      ? log.configuration
      : record
  const condition = tailUnknown ? 'unknown-tail' : 'clean'
  return { group, replicaId, hardState, configuration, condition, log }
}

export function unknownReplica(group: GroupKey): QuorateError {
  return new QuorateError('QUORATE_CLOSED', `there is no replica of ${group} on this node`)
}
