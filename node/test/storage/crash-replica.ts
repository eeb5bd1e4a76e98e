// What the models of this folder know of one replica, and the operations that are drawn for them.

import type { CrashPoint } from '../../src/simulation/crash-points.ts'
import { chainText } from '../../src/storage/chain.ts'
import type { GroupKey, LogEntry } from '../../src/storage/log-entry.ts'

export interface Operation {
  readonly kind:
    | 'append'
    | 'replace'
    | 'vote'
    | 'commit'
    | 'roll'
    | 'checkpoint'
    | 'retain'
    /** What moves the log start, in one: append, roll, checkpoint, retain. */
    | 'trim'
    /** An append and a crash before a seal can follow. */
    | 'crash-after-append'
    | 'create'
    | 'drop'
    | 'read'
    | 'run'
    | 'fill-disk'
    | 'free-disk'
    | 'kill'
    | 'cut-power'
    | 'crash-soon'
    | 'crash-in-start'
    | 'damage'
    | 'install'
    /** Damage to what lies on disk, or to one read, found by a read or by the scrubber. */
    | 'damage-live'
    /** The next batch lands at another place of its file. */
    | 'misdirect'
    /** The device fails one operation. */
    | 'fault'
    /** Keeps the files as they are, for one to come back later. */
    | 'remember'
    | 'close'
  readonly group: number
  readonly size: number
  readonly count: number
  /** Of damage: which of the menu, and where in the file, in millionths. */
  readonly damage?: { readonly choice: number; readonly number: number; readonly at: number }
}

export interface Point {
  readonly index: number
  readonly chain: string
}

/** State of a log after each change asked for; changes are asked for and kept in order. */
export interface Version {
  readonly entries: readonly LogEntry[]
}

export class Replica {
  readonly key: GroupKey
  readonly replicaId: number
  /** Index of the version that is promised to survive. */
  promised = 0
  versions: Version[] = [{ entries: [] }]
  terms: number[] = [0]
  promisedTerm = 0
  commit = 0
  lastRoll = 0
  checkpoints: number[] = []
  promisedStart = 0
  /** Snapshots that are not durable yet. */
  installing = 0
  creation: 'asked' | 'done'
  drop: 'no' | 'asked' | 'done' = 'no'

  constructor(key: GroupKey, replicaId: number, creation: 'asked' | 'done') {
    this.key = key
    this.replicaId = replicaId
    this.creation = creation
  }

  get entries(): readonly LogEntry[] {
    return this.versions.at(-1)!.entries
  }

  get term(): number {
    return this.terms.at(-1)!
  }
}

/** A start makes some thirty operations that change the disk, and a batch one. */
export function pointOfOperation({ size, count }: Operation): CrashPoint {
  return { operation: 1 + (size % 50), when: count % 2 === 0 ? 'before' : 'after' }
}

export function kindOfOperation({ group }: Operation): 'kill' | 'power' {
  return group === 0 ? 'kill' : 'power'
}

export function endOf(entries: readonly LogEntry[]): Point {
  const last = entries.at(-1)
  return last === undefined ? { index: 0, chain: '0000000000000000' } : pointOf(last)
}

export function pointOf(point: { index: number; chain: { high: number; low: number } }): Point {
  return { index: point.index, chain: chainText(point.chain) }
}

export function samePoint(one: Point, other: Point): boolean {
  return one.index === other.index && one.chain === other.chain
}

export function text(entry: LogEntry): string {
  return `${entry.index}:${chainText(entry.chain)}`
}
