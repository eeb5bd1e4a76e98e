// The mailbox of a partition actor: everything that can be said to one replica of one partition.
// Handlers, the mesh, storage completions and timers meet here; answers go back through the
// callbacks they carry, exactly once each.

import type { BatchHeader, Chunks, FetchReply, FetchRequest, WriteResult } from '@quorate/protocol'
import type { ReplicaId } from '@quorate/raft'
import type { HealthMessage } from '../replication/group-health.ts'
import type { RecoveredMessage, ReplicaMessage } from '../replication/replica-message.ts'
import type { ReplicaDescription } from './replica-description.ts'

export interface WriteCommand {
  readonly type: 'write'
  /** Fields of the batch; its CRC has been checked. */
  readonly header: BatchHeader
  readonly batch: Chunks
  respond(result: WriteResult): void
}

export interface FetchCommand {
  readonly type: 'fetch'
  readonly request: FetchRequest
  respond(reply: FetchReply): void
}

export type OffsetPosition = 'earliest' | 'latest' | { readonly timeMs: number }

export interface OffsetsCommand {
  readonly type: 'offsets'
  readonly at: OffsetPosition
  respond(answer: OffsetsAnswer): void
}

export type OffsetsAnswer =
  | { readonly offset: number; readonly timestampMs?: number }
  /** This replica does not lead, or stopped leading before it could be sure. */
  | { readonly error: 'QUORATE_NOT_LEADER' | 'QUORATE_STORAGE_FAILED' }

/** Asks for an answer of the leader. */
export type ServedCommand = WriteCommand | FetchCommand | OffsetsCommand

export type PartitionMessage =
  | ServedCommand
  | HealthMessage
  | { readonly type: 'describe'; respond(description: ReplicaDescription): void }
  | ReplicaMessage
  | RecoveredMessage
  /** Work of this actor that waited for a read. */
  | { readonly type: 'continue'; readonly run: () => void }
  /** Gathered writes of this turn go to the log. */
  | { readonly type: 'propose' }
  | { readonly type: 'expire-fetches' }
  /** Hand leadership over (0: to the most advanced voter). */
  | { readonly type: 'transfer'; readonly to: ReplicaId }
  /** A hand-over that has not happened by now is given up. */
  | { readonly type: 'hand-over-due' }
  /** Campaign at once: this replica is the preferred leader of a new partition. */
  | { readonly type: 'campaign'; readonly attemptsLeft: number }
  /** The topic is deleted: answer everybody, call, and end. Nothing is sent after this. */
  | { readonly type: 'retire'; respond(): void }
