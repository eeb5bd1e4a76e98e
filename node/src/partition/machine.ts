// What a partition's log means: the pure state machine that every replica runs over committed
// entries. It holds the next offset, the producer table and the log's begin and segment ends. What
// may enter the log was decided by admission.ts at append; `apply` recomputes all of it and must
// agree. Knows no clock, no files and no Raft. Previous stop: the actor's `apply`; next: its reply.
import { type BatchHeader, QuorateError, readBatchHeader } from '@quorate/protocol'
import type { LogPoint } from '@quorate/raft'
import { limits } from '../limits.ts'
import { EntryType, type LogEntry } from '../storage/log-entry.ts'
import { MachineDisagreement } from './disagreement.ts'
import { LogProgress, type RollPoint, type SegmentRule } from './log-progress.ts'
import { decodeLogStart, type LogStart } from './log-start.ts'
import { decodeMachine, encodeMachine } from './machine-codec.ts'
import { ProducerTable, type ProducerTableLimits, type SequenceVerdict } from './producer-table.ts'

export interface ApplyResult {
  readonly index: number
  /** First offset of the entry's records; −1 when it has none. */
  readonly baseOffset: number
  /** The high watermark once this entry is applied. */
  readonly nextOffset: number
  /** A segment ends with this entry, and the state after it is to be kept as a checkpoint. */
  readonly roll: boolean
  /** Present when the log now begins later. */
  readonly logStart: LogStart | undefined
}

const defaultTableLimits: ProducerTableLimits = limits

export class PartitionMachine {
  readonly #rule: SegmentRule
  readonly #tableLimits: ProducerTableLimits
  readonly #log: LogProgress
  readonly #producers: ProducerTable

  /** State before the first entry. Rule and limits must be the same on every replica. */
  constructor(
    rule: SegmentRule,
    tableLimits: ProducerTableLimits = defaultTableLimits,
    log: LogProgress = new LogProgress(rule),
    producers: ProducerTable = new ProducerTable(tableLimits),
  ) {
    this.#rule = rule
    this.#tableLimits = tableLimits
    this.#log = log
    this.#producers = producers
  }

  /** Throws QUORATE_STORAGE_DAMAGED or QUORATE_FORMAT_VERSION for bytes that are no snapshot. */
  static restore(
    bytes: Uint8Array,
    rule: SegmentRule,
    tableLimits: ProducerTableLimits = defaultTableLimits,
  ): PartitionMachine {
    const { log, producers } = decodeMachine(bytes)
    return new PartitionMachine(
      rule,
      tableLimits,
      new LogProgress(rule, log),
      new ProducerTable(tableLimits, producers),
    )
  }

  /** The same bytes on every replica that has applied the same entries. */
  snapshot(): Uint8Array {
    return encodeMachine(this.#log, this.#producers)
  }

  /** An independent machine in the same state; costs a copy of the producer map. */
  fork(): PartitionMachine {
    return new PartitionMachine(
      this.#rule,
      this.#tableLimits,
      this.#log.fork(),
      this.#producers.fork(),
    )
  }

  get applied(): LogPoint {
    return this.#log.applied
  }
  /** Offset of the next record; of a machine fed with committed entries, the high watermark. */
  get nextOffset(): number {
    return this.#log.nextOffset
  }
  /** Append time of the last entry applied: this partition's log time. */
  get lastAppendTimeMs(): number {
    return this.#log.lastAppendTimeMs
  }
  /** Append time of the last records applied; 0 before the first. */
  get lastRecordsTimeMs(): number {
    return this.#log.lastRecordsTimeMs
  }
  get logStart(): RollPoint {
    return this.#log.logStart
  }
  /** Segment ends above log start, oldest first. */
  get rolls(): readonly RollPoint[] {
    return this.#log.rolls
  }
  /** End of the last closed segment. */
  get lastRoll(): RollPoint {
    return this.#log.lastRoll
  }
  /** Payload bytes of all entries from the first one on; less `logStart.logBytes`: retained. */
  get logBytes(): number {
    return this.#log.logBytes
  }
  get producerCount(): number {
    return this.#producers.size
  }

  /** What a batch is if it comes next, at that append time. Changes nothing. */
  judge(header: BatchHeader, appendTimeMs: number): SequenceVerdict {
    return this.#producers.judge(header, appendTimeMs)
  }

  /** Throws MachineDisagreement, and then has changed nothing. */
  apply(entry: LogEntry): ApplyResult {
    this.#log.check(entry)
    switch (entry.type) {
      case EntryType.records:
        return this.#applyRecords(entry)
      case EntryType.termStart:
      case EntryType.configuration:
        return this.#advance(entry, -1, this.#log.nextOffset)
      case EntryType.logStart:
        return this.#applyLogStart(entry)
      case EntryType.metadata:
        break
    }
    throw new MachineDisagreement(entry.index, `type ${entry.type} has no place in a partition`)
  }

  #applyRecords(entry: LogEntry): ApplyResult {
    const { index, appendTimeMs } = entry
    const header = headerOf(entry)
    const { nextOffset } = this.#log
    const verdict = this.#producers.judge(header, appendTimeMs)
    const reason = disagreementOf(entry, header, nextOffset, verdict)
    if (reason !== undefined) throw new MachineDisagreement(index, reason)
    this.#producers.record(header, index, nextOffset, appendTimeMs)
    return this.#advance(entry, nextOffset, nextOffset + header.lastOffsetDelta + 1)
  }

  #applyLogStart(entry: LogEntry): ApplyResult {
    let logStart: LogStart
    try {
      logStart = decodeLogStart(entry.payload)
    } catch (cause) {
      throw new MachineDisagreement(entry.index, 'unreadable log start', cause)
    }
    this.#log.checkLogStart(entry, logStart)
    const moved = this.#log.begin(logStart)
    const result = this.#advance(entry, -1, this.#log.nextOffset, logStart.roll === true)
    return moved ? { ...result, logStart } : result
  }

  #advance(
    entry: LogEntry,
    baseOffset: number,
    nextOffset: number,
    askedToRoll = false,
  ): ApplyResult {
    const { index, appendTimeMs } = entry
    const roll = this.#log.advance(entry, nextOffset, askedToRoll)
    this.#producers.expire(index, appendTimeMs)
    return { index, baseOffset, nextOffset, roll, logStart: undefined }
  }
}

function headerOf(entry: LogEntry): BatchHeader {
  try {
    return readBatchHeader(entry.payload)
  } catch (cause) {
    if (!(cause instanceof QuorateError)) throw cause
    throw new MachineDisagreement(entry.index, cause.message, cause)
  }
}

/** Why the leader's decisions on this batch cannot be right; `undefined` when they are. */
function disagreementOf(
  entry: LogEntry,
  header: BatchHeader,
  nextOffset: number,
  verdict: SequenceVerdict,
): string | undefined {
  const { baseOffset, lastOffsetDelta, leaderEpoch } = header
  if (baseOffset !== nextOffset) return `base offset ${baseOffset}, next is ${nextOffset}`
  if (entry.baseOffset !== baseOffset || entry.nextOffset !== baseOffset + lastOffsetDelta + 1) {
    return `offsets ${entry.baseOffset}..${entry.nextOffset} are not those of the batch`
  }
  if (leaderEpoch !== entry.term) return `leader epoch ${leaderEpoch} in term ${entry.term}`
  if (verdict.kind === 'duplicate') return `duplicate of the entry at or before ${verdict.index}`
  if (verdict.kind === 'refused') return `${verdict.code}: ${verdict.detail}`
  return undefined
}
