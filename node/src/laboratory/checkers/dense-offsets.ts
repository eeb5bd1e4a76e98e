// Offsets as read are dense: each reader gets, per partition, offset after offset without a gap, a
// repetition or a step back, from the first one on.
import type { History, Reading } from '../history/history.ts'

export function checkDenseOffsets(history: History): string[] {
  const { readings, final, retention, starts } = history
  const during = readings.flatMap((reading) => check(reading, retention ? undefined : new Map()))
  return [...during, ...check(final, starts)]
}

/** `starts`: where each partition begins, 0 when absent; undefined: anywhere. */
function check({ reader, records }: Reading, starts: History['starts'] | undefined): string[] {
  const next = new Map<number, number>()
  const violations: string[] = []
  for (const { partition, offset } of records) {
    const expected =
      next.get(partition) ?? (starts === undefined ? offset : (starts.get(partition) ?? 0))
    if (offset !== expected) {
      violations.push(`${reader}: partition ${partition} went on at ${offset}, not ${expected}`)
    }
    next.set(partition, offset + 1)
  }
  return violations
}
