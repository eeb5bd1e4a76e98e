// The mailbox of a partition actor: everything that can be said to one replica of one partition.
// Handlers, the mesh, storage completions and timers meet here; answers go back through the
// callbacks they carry, exactly once each.
import type { BatchHeader, Chunks, FetchReply, FetchRequest, WriteResult } from '@quorate/protocol'
import type { RaftMessage, ReplicaId } from '@quorate/raft'
import type { HostCompletion } from '../replication/raft-owner.ts'
import type { LogEntry } from '../storage/log-entry.ts'
import type { RecoveredGroup } from '../storage/storage.ts'
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
  | { readonly type: 'describe'; respond(description: ReplicaDescription): void }
  | {
      readonly type: 'raft'
      readonly from: ReplicaId
      readonly message: RaftMessage<LogEntry>
    }
  | {
      readonly type: 'completion'
      readonly incarnation: number
      readonly completion: HostCompletion
    }
  /** Storage has the group's state ready for this incarnation (after the WAL barrier). */
  | {
      readonly type: 'recovered'
      readonly incarnation: number
      readonly error: Error | undefined
      readonly recovered: RecoveredGroup | undefined
    }
  | {
      readonly type: 'checkpoint-saved'
      readonly incarnation: number
      readonly index: number
      readonly error: Error | undefined
    }
  /** Work of this actor that waited for a read. */
  | { readonly type: 'continue'; readonly run: () => void }
  /** Gathered writes of this turn go to the log. */
  | { readonly type: 'propose' }
  | { readonly type: 'tick' }
  /** The tick, behind the messages that were waiting when its timer fired. */
  | { readonly type: 'tick-due' }
  | { readonly type: 'expire-fetches' }
  | { readonly type: 'maintain' }
  | { readonly type: 'connection-lost'; readonly node: string }
  /** Hand leadership over (0: to the most advanced voter). */
  | { readonly type: 'transfer'; readonly to: ReplicaId }
  /** A hand-over that has not happened by now is given up. */
  | { readonly type: 'hand-over-due' }
  /** Campaign at once: this replica is the preferred leader of a new partition. */
  | { readonly type: 'campaign'; readonly attemptsLeft: number }
  /** Clean stop: write a checkpoint, then call. */
  | { readonly type: 'checkpoint'; respond(): void }
  /** The topic is deleted: answer everybody, call, and end. Nothing is sent after this. */
  | { readonly type: 'retire'; respond(): void }
