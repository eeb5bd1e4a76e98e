// What one reader has seen stays: a record read during the faults is in the final log at the same
// place. A record that disappears was served before it was committed.
import { type History, isRetired } from '../history/history.ts'

export function checkStableReads(history: History): string[] {
  const final = new Map<string, string>()
  for (const { partition, offset, value } of history.final.records) {
    final.set(`${partition}@${offset}`, value)
  }
  return history.readings.flatMap(({ reader, records }) =>
    records.flatMap(({ partition, offset, value }) => {
      const place = `${partition}@${offset}`
      const kept = final.get(place)
      if (isRetired(history, partition, offset)) return []
      return kept === value ? [] : [`${reader} read ${value} at ${place}, now ${String(kept)}`]
    }),
  )
}
