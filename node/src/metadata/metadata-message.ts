// The mailbox of the metadata actor. Requests and reads may come from this node (they are retried
// and forwarded until their deadline) or from a peer that takes this replica for the leader (one
// attempt, answered at once).
import type { QuorateError } from '@quorate/protocol'
import type { RaftMessage, ReplicaId } from '@quorate/raft'
import type { HostCompletion } from '../replication/raft-owner.ts'
import type { LogEntry } from '../storage/log-entry.ts'
import type { RecoveredGroup } from '../storage/storage.ts'
import type { CommandReply } from './machine.ts'
import type { MetadataRequest } from './metadata-request.ts'

export interface ProposalResult {
  /** Metadata index of the entry that carried the command. */
  readonly index: number
  readonly reply: CommandReply
}

export type Outcome<Value> = { readonly value: Value } | { readonly error: QuorateError }
export type Respond<Value> = (outcome: Outcome<Value>) => void

/** What is done with the replica of the group, whoever asks for it. */
export type ReplicaMessage =
  | { readonly type: 'raft'; readonly from: ReplicaId; readonly message: RaftMessage<LogEntry> }
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
  | { readonly type: 'checkpoint'; respond(): void }
  | { readonly type: 'tick' }
  /** The tick, behind the messages that were waiting when its timer fired. */
  | { readonly type: 'tick-due' }
  | { readonly type: 'maintain' }
  /** The next queued request goes to the log. */
  | { readonly type: 'propose-next' }
  | { readonly type: 'connection-lost'; readonly node: string }
  | { readonly type: 'transfer'; readonly to: ReplicaId }

export type MetadataMessage =
  | ReplicaMessage
  | {
      readonly type: 'propose'
      readonly request: MetadataRequest
      readonly deadlineMs: number
      readonly respond: Respond<ProposalResult>
    }
  /** Linearizable read: answered once this node has applied everything committed at the call. */
  | { readonly type: 'read'; readonly deadlineMs: number; readonly respond: Respond<number> }
  | {
      readonly type: 'peer-propose'
      readonly request: MetadataRequest
      readonly respond: Respond<ProposalResult>
    }
  | { readonly type: 'peer-read'; readonly respond: Respond<number> }
  /** Answer of the leader's node to a forwarded request or read. */
  | { readonly type: 'forwarded'; readonly run: () => void }
  | {
      readonly type: 'recovered'
      readonly incarnation: number
      readonly error: Error | undefined
      readonly recovered: RecoveredGroup | undefined
    }
  /** Time has passed for requests that wait. */
  | { readonly type: 'retry' }
  /** A leader or an applied entry may have changed something for requests that wait. */
  | { readonly type: 'look-again' }
