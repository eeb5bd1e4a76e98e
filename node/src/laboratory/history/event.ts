// The format of a history: what clients of a broker did and saw, one event after another. The same
// for simulated clusters, real processes and other brokers; docs/reference/history.md describes it
// field by field. An operation is an `invoke` and at most one of `ok`, `fail` and `info` that names
// it by `of`; `info` means unknown: it may have taken effect, or may yet, and is never a failure.
// Events stand in the order in which they happened: whoever merges histories of several machines
// answers for that order. Written by recorder.ts, judged by check-history.ts.

export interface HistoryTopic {
  readonly topic: string
  readonly partitions: number
  /** Offsets of a partition count its records one by one, from 0. Default false: gaps are legal. */
  readonly dense?: boolean
}

/** What whoever records knows beforehand. */
export interface HistorySetting {
  /** Where it comes from: `simulation`, `processes`, `jetstream`, or a text of your own. */
  readonly source: string
  readonly seed?: number
  readonly topics: readonly HistoryTopic[]
  /** The broker promises that a send is stored once, however often it is tried. */
  readonly idempotent: boolean
  /** Old records may be deleted while the run goes on. */
  readonly retention: boolean
}

/** The first line of a file. `history` is the version of the format. */
export interface HistoryHeader extends HistorySetting {
  readonly history: 1
}

export interface PartitionName {
  readonly topic: string
  readonly partition: number
}

/** A record as it was sent. */
export interface SentRecord {
  readonly topic: string
  /** Unique in the history. */
  readonly value: string
  readonly key?: string
  /** Absent: the client chooses, by the key where there is one. */
  readonly partition?: number
  /** The numbers by which the broker recognises a repetition. */
  readonly producer?: { readonly id: string; readonly epoch: number; readonly sequence: number }
}

/** Where a record was stored; no offset when the broker names none. */
export interface SendAnswer {
  readonly partition: number
  readonly offset?: number
}

export interface ReadRecord extends PartitionName {
  readonly offset: number
  readonly value: string
  readonly key?: string
}

export interface PollAnswer {
  /** In the order in which the client got them. */
  readonly records: readonly ReadRecord[]
  /** The consumer group that the process polls for. */
  readonly group?: string
}

/** The process has dealt with a record, for its group. */
export interface Acknowledgement extends PartitionName {
  readonly group: string
  readonly offset: number
}

/** Sends that take effect together or not at all. */
export interface Transaction {
  readonly sends: readonly SentRecord[]
}

export interface TransactionAnswer {
  /** Of each send, in their order. */
  readonly sends: readonly SendAnswer[]
  /** What it polled inside. */
  readonly records?: readonly ReadRecord[]
}

/** The next record that a reader gets is the first one at or behind `offset`; null: wherever. */
export interface ReadPosition extends PartitionName {
  readonly offset: number | null
}

/** From here on the process reads these partitions from these positions. */
export interface Assignment {
  readonly positions: readonly ReadPosition[]
  /**
   * The process reads everything there is, when nothing is sent any more. The `ok` of such an
   * assignment says that it has come to the end. Positions are where the partitions begin.
   */
  readonly final?: boolean
}

/** The offset that the next record of the partition will get. */
export interface EndAnswer {
  readonly offset: number
}

/** What a register holds; null: there is none. */
export type RegisterValue = string | number | boolean | null

export interface RegisterCall {
  readonly register: string
  readonly do: 'read' | 'write' | 'compare-and-set'
  /** What to write, when it writes. */
  readonly to?: RegisterValue
  /** What it must hold, when it compares. */
  readonly from?: RegisterValue
}

export interface RegisterAnswer {
  /** What was read. Of a compare-and-set: what it held; absent: `from`, so it was set. */
  readonly value?: RegisterValue
}

/** Damage beyond what the cluster must survive: what these partitions lost is nobody's fault. */
export interface Excuse {
  readonly partitions: readonly PartitionName[]
  readonly why: string
}

/** Why something failed or is unknown. */
export interface Reason {
  readonly code?: string
}

type Nothing = Readonly<Record<string, never>>

/** By function: what is asked for. */
export interface Invocations {
  readonly send: SentRecord
  readonly poll: Nothing
  readonly assign: Assignment
  readonly end: PartitionName
  readonly register: RegisterCall
  readonly ack: Acknowledgement
  readonly transaction: Transaction
  readonly excuse: Excuse
}

/** By function: what comes back. */
export interface Answers {
  readonly send: SendAnswer
  readonly poll: PollAnswer
  readonly assign: Nothing
  readonly end: EndAnswer
  readonly register: RegisterAnswer
  readonly ack: Nothing
  readonly transaction: TransactionAnswer
  readonly excuse: Nothing
}

export type HistoryFunction = keyof Invocations

interface EventBase {
  /** Its place in the history, from 0, without gaps. */
  readonly index: number
  /** Who did it. One process has one program order; it may have many operations open. */
  readonly process: string
  /** Rises with the index. Milliseconds since any moment, the same one for all. */
  readonly timeMs: number
}

export type InvokeEvent = {
  readonly [F in HistoryFunction]: EventBase & {
    readonly type: 'invoke'
    readonly f: F
    readonly value: Invocations[F]
  }
}[HistoryFunction]

export type OkEvent = {
  readonly [F in HistoryFunction]: EventBase & {
    readonly type: 'ok'
    readonly f: F
    /** Index of the invocation. A poll may have none: records that came without being asked for. */
    readonly of?: number
    readonly value: Answers[F]
  }
}[HistoryFunction]

export type UnansweredEvent = EventBase & {
  /** `fail`: it took no effect and never will. `info`: nobody knows. */
  readonly type: 'fail' | 'info'
  readonly f: HistoryFunction
  readonly of: number
  readonly value: Reason
}

export type HistoryEvent = InvokeEvent | OkEvent | UnansweredEvent

export interface History {
  readonly header: HistoryHeader
  readonly events: Iterable<HistoryEvent>
}

/** A history that makes no sense: nothing can be said about the broker from it. */
export class HistoryError extends Error {
  override readonly name: string = 'HistoryError'
}
