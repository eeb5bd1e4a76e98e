// What every replica of a group is told, whatever its machine means: by peers, by storage and by its
// own timers. Part of the mailboxes of the partition and the metadata actor; handled by
// replica-shell.ts.
import type { RaftMessage, ReplicaId } from '@quorate/raft'
import type { LogEntry } from '../storage/log-entry.ts'
import type { RecoveredGroup } from '../storage/storage.ts'
import type { HostCompletion } from './raft-owner.ts'

export type ReplicaMessage =
  | {
      readonly type: 'raft'
      readonly from: ReplicaId
      /** That of the sender. */
      readonly node: string
      readonly message: RaftMessage<LogEntry>
    }
  | {
      readonly type: 'completion'
      readonly incarnation: number
      readonly completion: HostCompletion
    }
  | {
      readonly type: 'checkpoint-saved'
      readonly incarnation: number
      readonly index: number
      readonly error: Error | undefined
    }
  /** Clean stop: write a checkpoint, then call. */
  | { readonly type: 'checkpoint'; respond(): void }
  | { readonly type: 'tick' }
  /** The tick, behind the messages that were waiting when its timer fired. */
  | { readonly type: 'tick-due' }
  | { readonly type: 'maintain' }
  /** The group's configuration, or what is wanted of it, may have changed. */
  | { readonly type: 'members' }
  /** Storage found damage in the log. */
  | { readonly type: 'holes' }
  /** The replica gets back what it has lost: a peer or storage has answered, or it is time to ask. */
  | { readonly type: 'repair'; readonly incarnation: number; run(): void }
  | { readonly type: 'connection-lost'; readonly node: string }

/** Storage has the group's state ready for this incarnation (after the WAL barrier). */
export interface RecoveredMessage {
  readonly type: 'recovered'
  readonly incarnation: number
  readonly error: Error | undefined
  readonly recovered: RecoveredGroup | undefined
}
