// The mailbox of the metadata actor. Requests and reads may come from this node (they are retried
// and forwarded until their deadline) or from a peer that takes this replica for the leader (one
// attempt, answered at once).
import type { QuorateError } from '@quorate/protocol'
import type { ReplicaId } from '@quorate/raft'
import type { HealthMessage } from '../replication/group-health.ts'
import type { RecoveredMessage, ReplicaMessage } from '../replication/replica-message.ts'
import type { CommandReply } from './machine.ts'
import type { MetadataRequest } from './metadata-request.ts'

export interface ProposalResult {
  /** Metadata index of the entry that carried the command. */
  readonly index: number
  readonly reply: CommandReply
}

export type Outcome<Value> = { readonly value: Value } | { readonly error: QuorateError }
export type Respond<Value> = (outcome: Outcome<Value>) => void

export type MetadataMessage =
  | ReplicaMessage
  | RecoveredMessage
  /** The next queued request goes to the log. */
  | { readonly type: 'propose-next' }
  | { readonly type: 'transfer'; readonly to: ReplicaId }
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
  | HealthMessage
  /** Answer of the leader's node to a forwarded request or read. */
  | { readonly type: 'forwarded'; readonly run: () => void }
  /** Another attempt at having this node's lost replica replaced. */
  | { readonly type: 'replace-lost' }
  /** Time has passed for requests that wait. */
  | { readonly type: 'retry' }
  /** A leader or an applied entry may have changed something for requests that wait. */
  | { readonly type: 'look-again' }
