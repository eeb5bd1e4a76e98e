// Makes durable what the core has found out about its own replica: that entries it had confirmed are
// gone, or that all of them are there again. And tells a person. Previous stop: raft-host.ts; next:
// the hard state in storage.
import type { RaftEffect } from '@quorate/raft'
import type { GroupKey, LogEntry } from '../storage/log-entry.ts'
import type { Storage } from '../storage/storage.ts'
import type { RaftHostOwner } from './raft-owner.ts'

export type ConditionEffect = Extract<
  RaftEffect<LogEntry>,
  { type: 'recovered' | 'tail-unknown' | 'dropped' }
>

export function keepCondition(
  effect: ConditionEffect,
  key: GroupKey,
  storage: Storage,
  owner: Pick<RaftHostOwner, 'completeLater' | 'event'>,
): void {
  const stored = (error: Error | undefined): void => {
    if (error !== undefined) owner.completeLater({ kind: 'failed', error })
  }
  switch (effect.type) {
    case 'recovered':
      storage.setTailKnown(key, (error) => {
        if (error === undefined) owner.event('replica.tail-known', {})
        stored(error)
      })
      return
    case 'tail-unknown':
      owner.event('replica.tail-unknown', { reason: effect.reason })
      storage.setTailUnknown(key, effect.reason, stored)
      return
    case 'dropped':
      owner.event('replica.tail-dropped', { index: effect.index })
      return
  }
}
