// Offsets as read are dense: each reader gets, per partition, offset after offset without a gap, a
// repetition or a step back, from the first one on.
import type { History, Reading } from '../history.ts'

export function checkDenseOffsets(history: History): string[] {
  return [...history.readings, history.final].flatMap(check)
}

function check({ reader, records }: Reading): string[] {
  const next = new Map<number, number>()
  const violations: string[] = []
  for (const { partition, offset } of records) {
    const expected = next.get(partition) ?? 0
    if (offset !== expected) {
      violations.push(`${reader}: partition ${partition} went on at ${offset}, not ${expected}`)
    }
    next.set(partition, offset + 1)
  }
  return violations
}
