// Judges a history: does what clients saw keep the promises of a log? Every checker looks at the same
// facts for its own anomalies. Used alike by the simulator, by loads on real processes and by
// `quorate chaos check`. Linear in the events, n log n where it sorts.
import { checkEnds } from '../checkers/ends.ts'
import { checkGroups } from '../checkers/groups.ts'
import { checkLag } from '../checkers/lag.ts'
import { checkLost } from '../checkers/lost.ts'
import { checkNotes } from '../checkers/notes.ts'
import { checkPlaces } from '../checkers/places.ts'
import { checkPolls } from '../checkers/polls.ts'
import { checkReads } from '../checkers/reads.ts'
import { checkRegisters } from '../checkers/registers.ts'
import { checkSendOrder } from '../checkers/send-order.ts'
import { checkSequences } from '../checkers/sequences.ts'
import { checkSplitKeys } from '../checkers/split-keys.ts'
import { checkTransactions } from '../checkers/transactions.ts'
import { type Anomaly, Findings } from './anomaly.ts'
import type { History } from './event.ts'
import { Facts } from './facts.ts'

const checks: readonly ((facts: Facts, findings: Findings) => void)[] = [
  checkPlaces,
  checkLost,
  checkReads,
  checkSplitKeys,
  checkPolls,
  checkSendOrder,
  checkEnds,
  checkSequences,
  checkTransactions,
  checkGroups,
  checkRegisters,
  checkLag,
  checkNotes,
]

/** How much of a history there was to judge: silence about nothing proves nothing. */
export interface HistoryCounts {
  readonly sends: number
  readonly acked: number
  readonly failed: number
  readonly unknown: number
  /** Records as readers got them, each time. */
  readonly read: number
  /** Questions for an end that were answered. */
  readonly ends: number
  readonly registerCalls: number
}

/**
 * All that is wrong, fatal anomalies first; empty when nothing is. At most 100 of one name.
 * @throws {HistoryError} when the history itself makes no sense.
 */
export function checkHistory(history: History): Anomaly[] {
  return judge(new Facts(history))
}

/** As `checkHistory`, and how much there was. */
export function reportOnHistory(history: History): {
  readonly counts: HistoryCounts
  readonly anomalies: readonly Anomaly[]
} {
  const facts = new Facts(history)
  return { counts: countsOf(facts), anomalies: judge(facts) }
}

function judge(facts: Facts): Anomaly[] {
  const findings = new Findings(facts.header)
  for (const check of checks) check(facts, findings)
  return findings.anomalies
}

function countsOf({ sends, operations }: Facts): HistoryCounts {
  const ofOutcome = (wanted: string) =>
    sends.reduce((sum, { outcome }) => sum + (outcome === wanted ? 1 : 0), 0)
  let read = 0
  for (const steps of operations.readers.values()) {
    for (const step of steps) if (step.kind === 'poll') read += step.records.length
  }
  return {
    sends: sends.length,
    acked: ofOutcome('acked'),
    failed: ofOutcome('failed'),
    unknown: ofOutcome('unknown'),
    read,
    ends: operations.ends.filter(({ offset }) => offset >= 0).length,
    registerCalls: operations.registers.length,
  }
}
