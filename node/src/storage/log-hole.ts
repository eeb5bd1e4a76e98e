// What is known of damage: ranges of a log that cannot be read, known by identifier, and what an
// operator is told about them. Vocabulary. Found by recovery.ts and log-reader.ts; filled by
// Storage.repair.
import type { LogPoint } from '@quorate/raft'
import type { GroupKey } from './log-entry.ts'

/** Whether the entries of a hole are proven to have been synced, or only to have been begun. */
export type HoleEvidence = 'synced' | 'begun'

/** A damaged range of a log, known by identifier. */
export interface LogHole {
  readonly firstIndex: number
  readonly lastIndex: number
  /** In the WAL the term of all entries of the range; in a segment that of the last. */
  readonly term: number
  /** The point before `firstIndex`, when it is known. */
  readonly before: LogPoint | undefined
  /** Index, term and chain after `lastIndex`: what a repair is verified against. */
  readonly last: LogPoint
  readonly evidence: HoleEvidence
  /** `checkpoint`: the state at the log start is gone; a snapshot fills it, entries do not. */
  readonly where: 'wal' | 'segment' | 'checkpoint'
  /** The bytes that should hold the range. */
  readonly file: string
  readonly from: number
  readonly to: number
}

/**
 * Whether the first entries of the hole may be filled without the rest, which perhaps nobody has: a
 * batch torn by a crash. They follow, by chain, what is before the hole, and have its term; and an
 * index and a term name one entry.
 */
export function takesPart({ where, evidence, before }: LogHole): boolean {
  return where === 'wal' && evidence === 'begun' && before !== undefined
}

export type DamageState = 'faulty' | 'unknown-tail' | 'amnesiac' | 'repaired'

/** One finding, as it stands now. */
export interface DamageReport {
  /** Absent when the file belongs to the whole node. */
  readonly group?: GroupKey
  readonly state: DamageState
  readonly file: string
  readonly from: number
  readonly to: number
  readonly detail: string
  readonly firstIndex?: number
  readonly lastIndex?: number
}
