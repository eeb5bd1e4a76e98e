// How far a machine has got in its log, where the log begins and where its segments end. Shared by
// the partition and the metadata machine, because every group rolls, checkpoints and retires its
// log by the same rules. All of it is a function of the entries, so every replica ends its segments
// and takes its checkpoints at the same indexes. Knows nothing of what entries mean.
import type { Chain, LogPoint } from '@quorate/raft'
import { limits } from '../limits.ts'
import { emptyChain, logBegin, sameChain } from '../storage/chain.ts'
import type { LogEntry } from '../storage/log-entry.ts'
import { MachineDisagreement } from './disagreement.ts'
import type { LogStart } from './log-start.ts'

/** The end of a segment: retention can begin the log behind it. */
export interface RollPoint {
  readonly index: number
  /** Next offset after `index`. */
  readonly offset: number
  readonly chain: Chain
  /** Append time of the last records up to `index`; 0 when there are none. */
  readonly recordsTimeMs: number
  /** Payload bytes of the log from its very first entry up to `index`. */
  readonly logBytes: number
}

export interface LogProgressState {
  /** The last entry applied. */
  readonly applied: LogPoint
  /** Offset of the next record. Invariant: rises with the index, never falls. */
  readonly nextOffset: number
  /** Log time. Invariant: never falls. */
  readonly lastAppendTimeMs: number
  /** Append time of the last entry that has records; 0 before the first. */
  readonly lastRecordsTimeMs: number
  /** Payload bytes of all entries ever applied. */
  readonly logBytes: number
  /** Invariant: `logStart.index` is 0 or was a roll point; it only rises. */
  readonly logStart: RollPoint
  /** Segment ends above log start, oldest first. Invariant: at most `limits.rollPointsMax`. */
  readonly rolls: readonly RollPoint[]
  /** The last segment end, also when log start has passed it. */
  readonly lastRoll: RollPoint
  /** Append time of the first entry after `lastRoll`; 0 while there is none. */
  readonly openSinceMs: number
}

export interface SegmentRule {
  /** A segment ends with the entry that brings its payload bytes to this. */
  readonly segmentBytes: number
  /** A segment ends with the first entry this much later than its first one. */
  readonly segmentMs: number
}

export const beforeFirst: RollPoint = {
  index: 0,
  offset: 0,
  chain: emptyChain,
  recordsTimeMs: 0,
  logBytes: 0,
}

export class LogProgress {
  applied: LogPoint
  nextOffset: number
  lastAppendTimeMs: number
  lastRecordsTimeMs: number
  logBytes: number
  logStart: RollPoint
  lastRoll: RollPoint
  openSinceMs: number
  readonly #rule: SegmentRule
  #rolls: RollPoint[]

  constructor(rule: SegmentRule, state: LogProgressState = emptyProgress) {
    this.#rule = rule
    this.applied = state.applied
    this.nextOffset = state.nextOffset
    this.lastAppendTimeMs = state.lastAppendTimeMs
    this.lastRecordsTimeMs = state.lastRecordsTimeMs
    this.logBytes = state.logBytes
    this.logStart = state.logStart
    this.#rolls = [...state.rolls]
    this.lastRoll = state.lastRoll
    this.openSinceMs = state.openSinceMs
  }

  get rolls(): readonly RollPoint[] {
    return this.#rolls
  }

  state(): LogProgressState {
    return {
      applied: this.applied,
      nextOffset: this.nextOffset,
      lastAppendTimeMs: this.lastAppendTimeMs,
      lastRecordsTimeMs: this.lastRecordsTimeMs,
      logBytes: this.logBytes,
      logStart: this.logStart,
      rolls: [...this.#rolls],
      lastRoll: this.lastRoll,
      openSinceMs: this.openSinceMs,
    }
  }

  fork(): LogProgress {
    return new LogProgress(this.#rule, this.state())
  }

  /** Throws unless the entry is the next one. Call before anything is changed. */
  check(entry: LogEntry): void {
    const { applied } = this
    if (entry.index !== applied.index + 1) {
      throw new MachineDisagreement(entry.index, `follows applied index ${applied.index}`)
    }
    if (entry.term < applied.term) {
      throw new MachineDisagreement(entry.index, `term ${entry.term} follows term ${applied.term}`)
    }
    if (entry.appendTimeMs < this.lastAppendTimeMs) {
      throw new MachineDisagreement(entry.index, 'append time goes back')
    }
  }

  /** Throws unless the log may begin there. Call before anything is changed. */
  checkLogStart(entry: LogEntry, logStart: LogStart): void {
    if (logStart.index <= this.logStart.index) return
    const roll = this.#rolls.find((each) => each.index === logStart.index)
    if (roll === undefined) {
      throw new MachineDisagreement(entry.index, `log start ${logStart.index} ends no segment`)
    }
    if (roll.offset !== logStart.offset) {
      throw new MachineDisagreement(
        entry.index,
        `log start ${logStart.index} at offset ${logStart.offset}, here ${roll.offset}`,
      )
    }
    if (!sameChain(roll.chain, logStart.chain)) {
      throw new MachineDisagreement(entry.index, `log start ${logStart.index} has another chain`)
    }
  }

  /** Takes the entry in. True when a segment ends with it. */
  advance(entry: LogEntry, nextOffset: number, askedToRoll: boolean): boolean {
    const { index, term, appendTimeMs } = entry
    // Copied: an entry's own object may carry more, and the order of its fields is not ours.
    const chain: Chain = { high: entry.chain.high, low: entry.chain.low }
    if (nextOffset > this.nextOffset) this.lastRecordsTimeMs = appendTimeMs
    this.applied = { index, term, chain }
    this.nextOffset = nextOffset
    this.lastAppendTimeMs = appendTimeMs
    this.logBytes += entry.payload.byteLength
    if (this.openSinceMs === 0) this.openSinceMs = appendTimeMs
    const full = this.logBytes - this.lastRoll.logBytes >= this.#rule.segmentBytes
    const old = appendTimeMs - this.openSinceMs >= this.#rule.segmentMs
    const asked = askedToRoll && nextOffset > this.lastRoll.offset
    if (!full && !old && !asked) return false
    const { lastRecordsTimeMs: recordsTimeMs, logBytes } = this
    this.lastRoll = { index, offset: nextOffset, chain, recordsTimeMs, logBytes }
    this.openSinceMs = 0
    this.#rolls.push(this.lastRoll)
    // Forgetting the oldest end only means that retention takes the next one.
    if (this.#rolls.length > limits.rollPointsMax) this.#rolls.shift()
    return true
  }

  /** True when the log start moved; one at or below the present one changes nothing. */
  begin(logStart: LogStart): boolean {
    const position = this.#rolls.findIndex((each) => each.index === logStart.index)
    if (position === -1) return false
    this.logStart = this.#rolls[position]!
    this.#rolls.splice(0, position + 1)
    return true
  }
}

const emptyProgress: LogProgressState = {
  applied: logBegin,
  nextOffset: 0,
  lastAppendTimeMs: 0,
  lastRecordsTimeMs: 0,
  logBytes: 0,
  logStart: beforeFirst,
  rolls: [],
  lastRoll: beforeFirst,
  openSinceMs: 0,
}
