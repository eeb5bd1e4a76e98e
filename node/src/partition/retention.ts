// How far a leader may retire the front of a partition's log. Pure: the machine's segment ends, the
// limits of the topic and what checkpoints and replicas have got to go in; at most one log-start
// entry to propose comes out. The log begins only at the end of a segment whose machine state is on
// disk here. Replicas that are away do not hold it back, they get a snapshot when they come back;
// those that are catching up do, for a while. What replicas delete after the entry committed is
// storage's business.
import type { ReplicaId } from '@quorate/raft'
import type { RollPoint } from './log-progress.ts'
import type { LogStart } from './log-start.ts'

export interface RetentionInput {
  /** The applied machine of the leader. */
  readonly machine: {
    readonly logStart: RollPoint
    readonly rolls: readonly RollPoint[]
    readonly lastRoll: RollPoint
    readonly nextOffset: number
    readonly logBytes: number
    readonly lastRecordsTimeMs: number
  }
  /** Indexes of the checkpoints on this replica's disk. */
  readonly checkpoints: readonly number[]
  /** Those that may hold the log back, and how far each is known to have it on disk. */
  readonly replicas: readonly { readonly replicaId: ReplicaId; readonly match: number }[]
  /** −1: not limited by age. */
  readonly retentionMs: number
  /** −1: not limited by size. */
  readonly retentionBytes: number
  /** Wall clock; `undefined` when it cannot be trusted: then nothing is retired by age. */
  readonly nowMs: number | undefined
}

export type RetentionDecision =
  /** Propose a log-start entry with this. */
  | { readonly kind: 'advance'; readonly logStart: LogStart }
  | {
      readonly kind: 'held'
      readonly reason: 'held-back-by-replica' | 'held-back-by-checkpoint'
      /** Those that have not got there; empty when the checkpoint is what is missing. */
      readonly replicas: readonly ReplicaId[]
      /** Where the log would begin otherwise. */
      readonly wantedIndex: number
    }
  | { readonly kind: 'none' }

export function decideRetention(input: RetentionInput): RetentionDecision {
  const due = dueRolls(input)
  const last = due.at(-1)
  if (last === undefined) return rollIfOld(input)
  const saved = new Set(input.checkpoints)
  const behind = (index: number) => input.replicas.filter(({ match }) => match < index)
  const allowed = due.findLast(({ index }) => saved.has(index) && behind(index).length === 0)
  if (allowed !== undefined) {
    const { index, offset, chain } = allowed
    return { kind: 'advance', logStart: { index, offset, chain } }
  }
  const waitsFor = behind(due[0]!.index)
  return {
    kind: 'held',
    reason: waitsFor.length > 0 ? 'held-back-by-replica' : 'held-back-by-checkpoint',
    replicas: waitsFor.map(({ replicaId }) => replicaId),
    wantedIndex: last.index,
  }
}

/** Segment ends up to which the limits want everything gone: always the oldest ones. */
function dueRolls(input: RetentionInput): readonly RollPoint[] {
  const { rolls } = input.machine
  let count = 0
  while (count < rolls.length && isDue(input, rolls[count]!)) count += 1
  return rolls.slice(0, count)
}

/** All its records are older than `retentionMs`, or what follows it is still `retentionBytes` or more. */
function isDue(input: RetentionInput, roll: RollPoint): boolean {
  const { machine, retentionMs, retentionBytes, nowMs } = input
  if (retentionBytes >= 0 && machine.logBytes - roll.logBytes >= retentionBytes) return true
  return isOld(retentionMs, nowMs, roll.recordsTimeMs)
}

/** The open segment of a partition nobody writes to would never end and never grow old. */
function rollIfOld(input: RetentionInput): RetentionDecision {
  const { machine, retentionMs, nowMs } = input
  const holdsRecords = machine.nextOffset > machine.lastRoll.offset
  if (!holdsRecords || !isOld(retentionMs, nowMs, machine.lastRecordsTimeMs))
    return { kind: 'none' }
  const { index, offset, chain } = machine.logStart
  return { kind: 'advance', logStart: { index, offset, chain, roll: true } }
}

function isOld(retentionMs: number, nowMs: number | undefined, recordsTimeMs: number): boolean {
  return nowMs !== undefined && retentionMs >= 0 && nowMs - recordsTimeMs > retentionMs
}
