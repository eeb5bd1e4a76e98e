// What runs a Raft host: the seam between raft-host.ts and its owner, an actor with a mailbox, and
// the node around both. Types only, and the number a replica goes by from one life to the next.
import type { Clock } from '@quorate/actors'
import type {
  Configuration,
  Draw,
  LogPoint,
  RaftInput,
  RaftMessage,
  ReplicaId,
  Role,
} from '@quorate/raft'
import type { NodeProbe } from '../probes.ts'
import type { GroupId, LogEntry } from '../storage/log-entry.ts'
import type { RecoveredGroup, Storage } from '../storage/storage.ts'
import type { AppliedRead } from './apply-feed.ts'
import type { GroupNodes } from './group-nodes.ts'

/** What comes back to the owner's mailbox later; the owner hands it to `complete`. */
export type HostCompletion =
  /** What the core waits for. */
  | { readonly kind: 'input'; readonly input: RaftInput<LogEntry> }
  | { readonly kind: 'failed'; readonly error: Error }
  | AppliedRead

export interface RaftHostOwner {
  /** Committed entries in index order; each index once in the life of this host. */
  apply(entries: readonly LogEntry[]): void
  roleChanged(role: Role, term: number, leader: ReplicaId): void
  readReady(readId: number, index: number): void
  readRefused(readId: number): void
  /** False: no machine can be in that state. Else it is kept until `installed`, or the next. */
  prepare(state: Uint8Array, at: LogPoint): boolean
  /** The machine is the one prepared last, at that index. */
  installed(index: number): void
  /** Another configuration is in force, or the one in force has become committed. */
  configurationChanged(configuration: Configuration, committed: boolean): void
  /** For a person to look at. */
  event(name: string, fields: Readonly<Record<string, unknown>>): void
  /** The host itself puts this entry into the log of the group it leads. */
  proposed(entry: LogEntry): void
  /** The replica must not go on: its log or its disk cannot be trusted. */
  halted(reason: string): void
  /** Delivers the completion to the owner's own mailbox, past its capacity. */
  completeLater(completion: HostCompletion): void
  /** `deadlineMs` of the core moved: call `tick` at that monotonic time. */
  wakeAt(monotonicMs: number): void
  /** A message that is not what its sender wrote; dropped. */
  damagedMessage(from: ReplicaId, reason: string): void
}

export interface RaftHostOptions {
  readonly recovered: RecoveredGroup
  /** Outlives the host: what was learned stays known. */
  readonly nodes: GroupNodes
  readonly session: number
  readonly storage: Storage
  readonly probe: NodeProbe
  readonly clock: Clock
  readonly draw: Draw
  readonly timing: RaftTiming
  /** Whether this node may send so much of a snapshot now. */
  admitsSnapshot(bytes: number): boolean
  send(
    toNode: string,
    group: GroupId,
    from: ReplicaId,
    to: ReplicaId,
    message: RaftMessage<LogEntry>,
  ): void
}

export interface RaftTiming {
  /** Default 100. */
  readonly heartbeatMs: number
  /** Default 600. */
  readonly electionTimeoutMinMs: number
  /** Default 900. */
  readonly electionTimeoutMaxMs: number
  /** Entry bytes in one append message. Default 512 KiB. */
  readonly appendBytesMax?: number
  /** Appends on their way to one peer. Default 64. */
  readonly inflightMessagesMax?: number
  /** Entry bytes on their way to one peer; one entry may be larger. Default 8 MiB. */
  readonly inflightBytesMax?: number
  /** Bytes of one piece of a snapshot. Default 256 KiB. */
  readonly snapshotChunkBytes?: number
}

const sessionMax = 0xffff_ffff

/**
 * What a replica calls itself in its replies: another value for each start of the process and each
 * restart of its actor, so that a leader forgets what the one before had on disk. An uint32 above 0.
 */
export function replicaSession(bootSession: number, incarnation: number): number {
  return ((bootSession - 1 + incarnation) % sessionMax) + 1
}
