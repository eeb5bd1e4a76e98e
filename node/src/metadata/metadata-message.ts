// The mailbox of the metadata actor. Requests and reads may come from this node (they are retried
// and forwarded until their deadline) or from a peer that takes this replica for the leader (one
// attempt, answered at once).
import type { QuorateError } from '@quorate/protocol'
import type { RaftMessage, ReplicaId } from '@quorate/raft'
import type { HostCompletion } from '../replication/raft-host.ts'
import type { LogEntry } from '../storage/log-entry.ts'
import type { CommandReply } from './machine.ts'
import type { MetadataRequest } from './metadata-request.ts'

export interface ProposalResult {
  /** Metadata index of the entry that carried the command. */
  readonly index: number
  readonly reply: CommandReply
}

export type Outcome<Value> = { readonly value: Value } | { readonly error: QuorateError }

export type MetadataMessage =
  | {
      readonly type: 'propose'
      readonly request: MetadataRequest
      readonly deadlineMs: number
      respond(outcome: Outcome<ProposalResult>): void
    }
  /** Linearizable read: answered once this node has applied everything committed at the call. */
  | { readonly type: 'read'; readonly deadlineMs: number; respond(outcome: Outcome<number>): void }
  | {
      readonly type: 'peer-propose'
      readonly request: MetadataRequest
      respond(outcome: Outcome<ProposalResult>): void
    }
  | { readonly type: 'peer-read'; respond(outcome: Outcome<number>): void }
  /** Answer of the leader's node to a forwarded request or read. */
  | { readonly type: 'forwarded'; readonly run: () => void }
  | { readonly type: 'raft'; readonly from: ReplicaId; readonly message: RaftMessage<LogEntry> }
  | {
      readonly type: 'completion'
      readonly incarnation: number
      readonly completion: HostCompletion
    }
  | { readonly type: 'recovered'; readonly incarnation: number; readonly begin: () => void }
  | { readonly type: 'checkpoint-saved'; readonly index: number; readonly error?: Error }
  | { readonly type: 'checkpoint'; respond(): void }
  | { readonly type: 'tick' }
  /** The tick, behind the messages that were waiting when its timer fired. */
  | { readonly type: 'tick-due' }
  | { readonly type: 'retry' }
  | { readonly type: 'connection-lost'; readonly node: string }
  | { readonly type: 'transfer'; readonly to: ReplicaId }
