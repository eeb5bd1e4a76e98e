// No offset ever shows two values: whatever readers saw, during the faults and after, at one place of
// one partition, is one record. Holds for partitions that are lost, too.
import type { History } from '../history/history.ts'

export function checkOneValue({ readings, final }: History): string[] {
  const seen = new Map<string, string>()
  return [...readings, final].flatMap(({ reader, records }) =>
    records.flatMap(({ partition, offset, value }) => {
      const place = `${partition}@${offset}`
      const before = seen.get(place)
      seen.set(place, before ?? value)
      if (before === undefined || before === value) return []
      return [`${place} was ${before}, and ${reader} read ${value} there`]
    }),
  )
}
