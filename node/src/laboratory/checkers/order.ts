// Order per producer and partition: of two acked records the one sent first has the lower offset.
// Records of unknown outcome are left out: a batch given up may arrive behind later ones.
import { ackedSends, type History, type Send } from '../history/history.ts'

export function checkOrder(history: History): string[] {
  const violations: string[] = []
  const last = new Map<string, Send>()
  const sends = ackedSends(history).sort((a, b) => a.sequence - b.sequence)
  for (const send of sends) {
    if (send.offset < 0) continue
    const lane = `${send.producer}/${send.partition}`
    const before = last.get(lane)
    if (before !== undefined && before.offset >= send.offset) {
      violations.push(
        `partition ${send.partition}: ${send.value} is at ${send.offset}, ` +
          `${before.value} was sent before and is at ${before.offset}`,
      )
    }
    last.set(lane, send)
  }
  return violations
}
