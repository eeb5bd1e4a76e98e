// An outcome is the truth: what was reported as not applied is never seen by any reader, what was
// reported as unknown is there once or not at all, and nothing is read that nobody sent.
import type { History, ReadRecord, Send } from '../history/history.ts'
import { readsByValue } from './acked-once.ts'

export function checkOutcomes(history: History): string[] {
  const sends = new Map(history.sends.map((send) => [send.value, send]))
  const readings = [...history.readings, history.final]
  return readings.flatMap(({ reader, records }) =>
    [...readsByValue(records)].flatMap(([value, reads]) => {
      const problem = problemOf(sends.get(value), reads)
      return problem === undefined ? [] : [`${reader} read ${value}, ${problem}`]
    }),
  )
}

function problemOf(send: Send | undefined, reads: readonly ReadRecord[]): string | undefined {
  if (send === undefined) return 'which nobody sent'
  if (reads.some(({ key }) => key !== send.key)) return `whose key was ${String(send.key)}`
  if (send.outcome === 'not-applied') return `which was not applied (${String(send.code)})`
  if (reads.length > 1) return `${send.outcome}, ${reads.length} times`
  return undefined
}
