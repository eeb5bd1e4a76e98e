// What clients did and saw in one run, as data for the checkers: every send with its outcome, every
// record that was read, every position that was asked for. Times are simulated milliseconds. Knows
// nothing of how a run is made; workload.ts and read-back.ts write it.

export type SendOutcome =
  | 'pending'
  | 'acked'
  /** Certainly not in the log. */
  | 'not-applied'
  /** May be in the log, now or later. */
  | 'unknown'

export interface Send {
  readonly producer: number
  /** Order in which the producer sent. */
  readonly sequence: number
  /** Unique in the run. */
  readonly value: string
  readonly key: string | undefined
  readonly invokedMs: number
  outcome: SendOutcome
  settledMs: number
  /** -1 until known. */
  partition: number
  /** -1 when the ack names none. */
  offset: number
  /** Code of the error, when there was one. */
  code: string | undefined
}

/** A record as a reader got it. */
export interface ReadRecord {
  readonly partition: number
  readonly offset: number
  readonly value: string
  readonly key: string | undefined
}

/** What one reader got, in its order. */
export interface Reading {
  readonly reader: string
  readonly records: ReadRecord[]
  /** The error that ended it before its time. */
  failure: string | undefined
}

/** A question for the end of a partition, answered by its leader. */
export interface Position {
  readonly client: number
  readonly partition: number
  readonly invokedMs: number
  readonly answeredMs: number
  /** Offset that the next record will get. */
  readonly offset: number
}

export interface History {
  readonly sends: Send[]
  /** Readers that ran during the faults. */
  readonly readings: Reading[]
  readonly positions: Position[]
  /** Everything, read back after healing. */
  final: Reading
  /** Whether old records may be deleted while the run goes on. */
  readonly retention: boolean
  /** By partition: offset below which everything was deleted in the end; 0 when absent. */
  readonly starts: Map<number, number>
}

export function newHistory(retention: boolean): History {
  return {
    sends: [],
    readings: [],
    positions: [],
    final: { reader: 'final', records: [], failure: undefined },
    retention,
    starts: new Map(),
  }
}

/** A record there is no longer there because it is too old. */
export function isRetired({ starts }: History, partition: number, offset: number): boolean {
  return offset < (starts.get(partition) ?? 0)
}

export function ackedSends({ sends }: History): Send[] {
  return sends.filter(({ outcome }) => outcome === 'acked')
}

/** What is left to judge when nobody could read some partitions in the end. */
export function withoutPartitions(history: History, gone: ReadonlySet<number>): History {
  if (gone.size === 0) return history
  const stays = ({ partition }: { readonly partition: number }) => !gone.has(partition)
  const reading = (each: Reading) => ({ ...each, records: each.records.filter(stays) })
  return {
    ...history,
    sends: history.sends.filter(stays),
    readings: history.readings.map(reading),
    positions: history.positions.filter(stays),
    final: reading(history.final),
  }
}
