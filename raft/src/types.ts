// Vocabulary of the Raft core: what goes into `step` and what comes out of it. The core is pure:
// it holds no clock, no randomness and no IO of its own; README.md numbers the host's duties.
// Paper: Ongaro & Ousterhout, "In Search of an Understandable Consensus Algorithm" (extended);
// thesis sections are cited where a rule comes from there.

/** Identity of one replica of one group. Never reused, a safe integer above zero. */
export type ReplicaId = number

/** 64-bit hash over the whole log up to an entry. Opaque here: compared for equality only. */
export interface Chain {
  readonly high: number
  readonly low: number
}

/**
 * One log entry. The core reads these fields and passes the object itself through, so a host may
 * carry its payload on it. Immutable once proposed.
 */
export interface RaftEntry {
  /** First index is 1. */
  readonly index: number
  readonly term: number
  /** Hash of the log up to and including this entry. */
  readonly chain: Chain
  /** Bytes this entry takes in a message; counts against the in-flight limit. */
  readonly sizeBytes: number
  /** In force as soon as the entry is in a log, and until the entry is truncated or followed by another. */
  readonly configuration?: Configuration
  /**
   * Damaged on this replica's disk and not repaired yet: only index and term are known, and of the
   * last entry of a damaged range also the chain; else `chain` is { high: 0, low: 0 }. Comes from
   * the disk only; is never sent and never applied.
   */
  readonly missing?: true
}

/** A place in the log. `{ index: 0, term: 0, chain: { high: 0, low: 0 } }` is before the first. */
export interface LogPoint {
  readonly index: number
  readonly term: number
  readonly chain: Chain
}

/** Who takes part in the group. A replica is in `learners` or among the voters, never both. */
export interface Configuration {
  readonly voters: readonly ReplicaId[]
  /** Joint configuration: the voters of before. Every decision needs a majority of both halves. */
  readonly outgoing?: readonly ReplicaId[]
  /** Receive the log, count for nothing, never campaign and are not asked for votes. */
  readonly learners?: readonly ReplicaId[]
}

/** State of the machine at a point of the log, with the configuration in force there. */
export interface SnapshotPoint extends LogPoint {
  readonly configuration: Configuration
}

export interface HardState {
  readonly term: number
  /** Whom this replica voted for in `term`; 0 for nobody. */
  readonly votedFor: ReplicaId
}

export interface RaftOptions {
  readonly id: ReplicaId
  /** In force at `restore.base`; `{ voters: [] }` for a replica that has heard of nobody yet. */
  readonly configuration: Configuration
  /** Milliseconds between heartbeats of a leader. Default 100. */
  readonly heartbeatMs: number
  /** Election time-out is random in [min, max]. Default 600. At least 3 × heartbeatMs. */
  readonly electionTimeoutMinMs: number
  /** Default 900. */
  readonly electionTimeoutMaxMs: number
  /** Appends on their way to one peer. Default 64. Range 1 to 1024. */
  readonly inflightMessagesMax: number
  /** Entry bytes on their way to one peer. Default 8 MiB. */
  readonly inflightBytesMax: number
  /** Entry bytes in one append message; one entry always fits. Default 512 KiB. */
  readonly appendBytesMax: number
  /** Bytes of a snapshot in one message. Default 256 KiB. */
  readonly snapshotChunkBytes: number
  /** A larger snapshot is not taken from a leader. Default 64 MiB. */
  readonly snapshotBytesMax: number
  /** Boot session of this process: a random number above zero, new at each start. */
  readonly session: number
}

/** State found on disk at start. */
export interface RaftRestore<Entry extends RaftEntry> {
  readonly hardState: HardState
  /** The point just before `entries[0]`. Everything at or below it is known to be committed. */
  readonly base: LogPoint
  /** Synced entries after `base`, without gaps. */
  readonly entries: readonly Entry[]
  /** Commit index known to be safe (applied checkpoint); at least `base.index`. */
  readonly commit: number
  /** Unknown-tail: entries may be gone that this replica has acked. Default clean. */
  readonly condition?: 'clean' | 'unknown-tail'
  /** All up to here is readable. Absent or Infinity: no holes. May lie below `base`. */
  readonly cleanThrough?: number
  /** First indexes of holes of which nothing proves that their write was ever complete. */
  readonly undecided?: readonly number[]
}

/** Messages between replicas of one group. Every one carries the sender's term. */
export type RaftMessage<Entry extends RaftEntry> =
  | VoteRequest
  | VoteReply
  | AppendRequest<Entry>
  | AppendReply
  | Heartbeat
  | HeartbeatReply
  | TimeoutNow
  | SnapshotChunk
  | SnapshotReply
  | HoleRequest
  | HoleReply
  | FencePassed
  | Quarantine

export interface VoteRequest {
  readonly type: 'vote-request'
  /** Pre-vote: the term the candidate would take (its term + 1); changes no durable state. */
  readonly pre: boolean
  readonly term: number
  readonly lastIndex: number
  readonly lastTerm: number
  /** Asked for by the leader itself (transfer): leader stickiness does not apply. */
  readonly transfer: boolean
}

export interface VoteReply {
  readonly type: 'vote-reply'
  readonly pre: boolean
  /** For a granted pre-vote the term asked for; else the replier's own term. */
  readonly term: number
  readonly granted: boolean
  readonly session: number
}

export interface AppendRequest<Entry extends RaftEntry> {
  readonly type: 'append'
  readonly term: number
  readonly previous: LogPoint
  readonly entries: readonly Entry[]
  readonly commit: number
}

export interface AppendReply {
  readonly type: 'append-reply'
  readonly term: number
  readonly success: boolean
  /**
   * Success: last index known to equal the leader's log, synced, and without a hole up to it.
   * Reject: hint to probe next.
   */
  readonly match: number
  /** Success: as `match`, holes included, so at least `match`. Moves the window, never counts. */
  readonly reached: number
  /** Reject: term of the replier's entry at `match` (fast back-tracking, thesis 5.3 end). */
  readonly hintTerm: number
  /** `previous.index` of the refused request, so that a late refusal is recognised; 0 on success. */
  readonly rejected: number
  /** Last index and term in the replier's log, synced or not. */
  readonly extent: { readonly index: number; readonly term: number }
  readonly session: number
  /** The replier's tail is unknown: it counts for nothing until it has passed the fence. */
  readonly recovering: boolean
}

export interface Heartbeat {
  readonly type: 'heartbeat'
  readonly term: number
  /** min(leader's commit, what this peer is known to match). */
  readonly commit: number
  /** Highest ReadIndex position of the leader (monotone counter). */
  readonly read: number
}

export interface HeartbeatReply {
  readonly type: 'heartbeat-reply'
  readonly term: number
  readonly read: number
  readonly extent: { readonly index: number; readonly term: number }
  readonly session: number
  readonly recovering: boolean
}

export interface TimeoutNow {
  readonly type: 'timeout-now'
  readonly term: number
}

export interface SnapshotChunk {
  readonly type: 'snapshot'
  readonly term: number
  readonly snapshot: SnapshotPoint
  /** Place of `data` in the snapshot's bytes. */
  readonly offset: number
  readonly totalBytes: number
  /** Empty at the end of the snapshot: asks how far the receiver is. */
  readonly data: Uint8Array
}

export interface SnapshotReply {
  readonly type: 'snapshot-reply'
  readonly term: number
  /** Index of the snapshot that is spoken of. */
  readonly index: number
  /** Bytes of it in the receiver's memory, from the first on without gaps. */
  readonly received: number
  readonly session: number
}

/** The last-resort round (round.ts): who has this entry? */
export interface HoleRequest {
  readonly type: 'hole-request'
  /** First phase: the term the asker would take; changes nothing. Else the answer is a promise. */
  readonly pre: boolean
  readonly term: number
  readonly index: number
  readonly entryTerm: number
}

/** What a replica says about an entry somebody asks for. */
export type Holding =
  /** It has a good copy. */
  | 'have'
  /** Its log, whose end it knows, does not contain the entry. */
  | 'lack'
  /** Its copy is unreadable, and nothing proves that it was ever complete. */
  | 'undecided'
  /** Its copy is unreadable, and was complete once. */
  | 'faulty'
  /** It does not find the entry, and its tail is unknown. */
  | 'unknown'
  /** It does not answer: a leader is alive, or the term is old. */
  | 'refused'

export interface HoleReply {
  readonly type: 'hole-reply'
  readonly pre: boolean
  /** For an answer in the first phase the term asked for; else the replier's own, durable. */
  readonly term: number
  readonly index: number
  readonly entryTerm: number
  readonly holding: Holding
}

/** Leader to a replica whose tail was unknown: its log is complete again (fence.ts). */
export interface FencePassed {
  readonly type: 'fence-passed'
  readonly term: number
  /** Boot session of the replica that is meant. */
  readonly session: number
}

/** Leader to a replica that has lost what it acked without saying so: its tail is unknown. */
export interface Quarantine {
  readonly type: 'quarantine'
  readonly term: number
  readonly session: number
  /** Highest index it has acked to this leader. */
  readonly index: number
}

export type RaftInput<Entry extends RaftEntry> =
  /** Time has passed; due when `deadlineMs(raft)` is reached. Earlier or more often is harmless. */
  | { readonly type: 'tick' }
  | { readonly type: 'message'; readonly from: ReplicaId; readonly message: RaftMessage<Entry> }
  /** Leader only: consecutive entries from `lastIndex + 1` in the current term. */
  | { readonly type: 'propose'; readonly entries: readonly Entry[] }
  /** The persist request with this id, and all before it, are on disk (synced). */
  | { readonly type: 'stored'; readonly id: number }
  /** Asks for a linearizable read position; answered by read-ready or read-refused. */
  | { readonly type: 'read'; readonly readId: number }
  /** Hand leadership to this voter, or (0) to the most advanced one. */
  | { readonly type: 'transfer'; readonly to: ReplicaId }
  /** The control connection to the node of the leader is gone and a reconnect was refused. */
  | { readonly type: 'leader-connection-lost'; readonly leader: ReplicaId }
  /** No leader is known and this replica should be one: ask for pre-votes now. Else ignored. */
  | { readonly type: 'campaign' }
  /** Answer to read-entries: entries from `previous.index + 1` on, as stored. */
  | {
      readonly type: 'entries-read'
      readonly to: ReplicaId
      readonly previous: LogPoint
      readonly entries: readonly Entry[]
    }
  /** Answer to read-entries: they are below this replica's log start, so a snapshot is needed. */
  | { readonly type: 'entries-gone'; readonly to: ReplicaId }
  /** Answer to read-snapshot: bytes of the snapshot at log start, from `offset` on. */
  | {
      readonly type: 'snapshot-read'
      readonly to: ReplicaId
      readonly snapshot: SnapshotPoint
      readonly offset: number
      readonly totalBytes: number
      readonly data: Uint8Array
    }
  /** The snapshot of a snapshot-received is sound: the log starts from there. */
  | { readonly type: 'install'; readonly snapshot: SnapshotPoint }
  /** Entries at or below this index may leave the core's memory (they are readable by the host). */
  | { readonly type: 'release'; readonly index: number }
  /** The list of holes has changed: damage was found, or repaired. See RaftRestore. */
  | {
      readonly type: 'holes'
      readonly cleanThrough: number
      readonly undecided: readonly number[]
    }
  /** Missing entries that are readable again, verified against term and chain. */
  | { readonly type: 'repaired'; readonly entries: readonly Entry[] }
  /** Gone for good: nobody will ever speak for them again. Adds to those named before (duty 41). */
  | { readonly type: 'lost'; readonly replicas: readonly ReplicaId[] }

export interface Outgoing<Entry extends RaftEntry> {
  readonly to: ReplicaId
  readonly message: RaftMessage<Entry>
}

export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader'

export type RaftEffect<Entry extends RaftEntry> =
  /** May be sent at once; may be lost, repeated or reordered on the way. */
  | ({ readonly type: 'send' } & Outgoing<Entry>)
  /**
   * Make durable in this order: hard state, then truncation or snapshot, then entries; then give
   * `stored`.
   * Requests of a group complete in order of their ids. Messages that promise durability are held
   * in the core and come out as `send` with `stored`.
   */
  | {
      readonly type: 'persist'
      readonly id: number
      readonly hardState?: HardState
      /** Drop entries above this index before writing. */
      readonly truncateAfter?: number
      /** Reset to this point: the log is empty after it, and the machine has the state of there. */
      readonly snapshot?: SnapshotPoint
      readonly entries: readonly Entry[]
    }
  /** Entries up to here are committed; each index is reported in order, never again. */
  | { readonly type: 'commit'; readonly index: number }
  /**
   * Role, term or known leader changed. On becoming leader the host proposes one entry of its own
   * in the same turn; the core commits nothing before that entry.
   */
  | {
      readonly type: 'role'
      readonly role: Role
      readonly term: number
      /** 0 when unknown. */
      readonly leader: ReplicaId
    }
  | { readonly type: 'read-ready'; readonly readId: number; readonly index: number }
  | { readonly type: 'read-refused'; readonly readId: number }
  /** Leader needs entries that left memory: answer with `entries-read`, or not at all on error. */
  | {
      readonly type: 'read-entries'
      readonly to: ReplicaId
      /** First entry wanted; the host also reads the point before it. */
      readonly fromIndex: number
      readonly bytesMax: number
    }
  /** Leader needs bytes of the snapshot at log start: answer with `snapshot-read`, or not at all. */
  | {
      readonly type: 'read-snapshot'
      readonly to: ReplicaId
      readonly offset: number
      readonly bytesMax: number
    }
  /** A leader's snapshot is complete: verify it and give `install`, or nothing at all. */
  | {
      readonly type: 'snapshot-received'
      readonly snapshot: SnapshotPoint
      readonly data: readonly Uint8Array[]
    }
  /** Another configuration is in force, or the one in force has become committed. */
  | {
      readonly type: 'configuration'
      readonly configuration: Configuration
      /** Of its entry; of the log's base for the one found there. */
      readonly index: number
      readonly committed: boolean
    }
  /** The joint configuration is committed: propose an entry with this one in the same turn. */
  | { readonly type: 'propose-configuration'; readonly configuration: Configuration }
  /** The fence is passed: the tail is known again. Make it durable. */
  | { readonly type: 'recovered' }
  /** This replica has lost entries it had acked: its tail is unknown. Make it durable. */
  | { readonly type: 'tail-unknown'; readonly reason: string }
  /** A round decided that the entries from `index` on never were committed; `persist` cuts them. */
  | { readonly type: 'dropped'; readonly index: number }
  /** The log disagrees where it must not (equal index and term, other chain). Stop this replica. */
  | { readonly type: 'halt'; readonly reason: string; readonly index: number }

/** Random number in [0, bound) for a named purpose; the host's keyed randomness. */
export type Draw = (purpose: string, bound: number) => number
