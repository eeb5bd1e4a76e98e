// Judges a history: does what clients saw keep the promises of a log? Every checker looks at the same
// facts for its own anomalies. Used alike by the simulator, by loads on real processes and by
// `quorate chaos check`. Linear in the events, n log n where it sorts.
import { checkEnds } from '../checkers/ends.ts'
import { checkLost } from '../checkers/lost.ts'
import { checkNotes } from '../checkers/notes.ts'
import { checkPlaces } from '../checkers/places.ts'
import { checkPolls } from '../checkers/polls.ts'
import { checkReads } from '../checkers/reads.ts'
import { checkSendOrder } from '../checkers/send-order.ts'
import { checkSplitKeys } from '../checkers/split-keys.ts'
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
  checkNotes,
]

/**
 * All that is wrong, fatal anomalies first; empty when nothing is. At most 100 of one name.
 * @throws {HistoryError} when the history itself makes no sense.
 */
export function checkHistory(history: History): Anomaly[] {
  const facts = new Facts(history)
  const findings = new Findings(facts.header)
  for (const check of checks) check(facts, findings)
  return findings.anomalies
}
