// From what storage recovered to a Raft core that goes on from there. Decides nothing: what a replica
// in this condition may do is the core's. Previous stop: raft-host.ts at its start.
import { QuorateError } from '@quorate/protocol'
import { createRaft, defaultRaftOptions, type Raft } from '@quorate/raft'
import { groupKey, type LogEntry } from '../storage/log-entry.ts'
import type { GroupLog, RecoveredGroup } from '../storage/storage.ts'
import type { RaftHostOptions } from './raft-owner.ts'

/**
 * Index the machine is at. Without a checkpoint it is as empty as the log was at its start, however
 * much of it is on disk only: what is known to be committed is applied again from there. Throws
 * QUORATE_STORAGE_DAMAGED when the state before the retained log is gone.
 */
export function appliedAtStart({ group, checkpoint, log }: RecoveredGroup): number {
  if (checkpoint === undefined && log.start.index > 0) {
    const detail = `${groupKey(group)}: no readable checkpoint at or above its log start`
    throw new QuorateError('QUORATE_STORAGE_DAMAGED', detail)
  }
  return checkpoint?.index ?? log.start.index
}

/** What the core has to know of the damage in a log. */
export function holesOf(log: GroupLog): {
  readonly cleanThrough: number
  readonly undecided: readonly number[]
} {
  const undecided = log.holes().filter(({ evidence }) => evidence === 'begun')
  return {
    cleanThrough: log.cleanThrough,
    undecided: undecided.map(({ firstIndex }) => firstIndex),
  }
}

/** `commit`: index known to be committed. */
export function restoreRaft(options: RaftHostOptions, commit: number): Raft<LogEntry> {
  const { recovered, timing, session, clock, draw, probe } = options
  const { replicaId, configuration, hardState, condition, log } = recovered
  const { base } = log
  return createRaft<LogEntry>(
    { ...defaultRaftOptions, ...timing, id: replicaId, configuration, session },
    {
      hardState,
      base,
      entries: log.entriesFrom(base.index + 1),
      commit,
      condition,
      ...holesOf(log),
    },
    clock.monotonicMs(),
    draw,
    probe,
  )
}
