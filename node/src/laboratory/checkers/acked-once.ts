// Nothing acknowledged is lost, moved or doubled: each acked record is read back exactly once, at
// the partition and offset its ack named, unless retention has deleted it.
import { ackedSends, type History, isRetired, type ReadRecord } from '../history/history.ts'

export function checkAckedOnce(history: History): string[] {
  const found = readsByValue(history.final.records)
  return ackedSends(history).flatMap((send) => {
    const reads = found.get(send.value) ?? []
    const wanted = `${send.partition}@${send.offset}`
    if (reads.length === 0) {
      const isGone = isRetired(history, send.partition, send.offset)
      return isGone ? [] : [`acked ${send.value} at ${wanted} is lost`]
    }
    if (reads.length > 1) {
      const places = reads.map(({ partition, offset }) => `${partition}@${offset}`)
      return [`acked ${send.value} is there ${reads.length} times: ${places.join(', ')}`]
    }
    const { partition, offset } = reads[0]!
    const moved = partition !== send.partition || (send.offset >= 0 && offset !== send.offset)
    return moved ? [`${send.value} was acked at ${wanted} and is at ${partition}@${offset}`] : []
  })
}

export function readsByValue(records: readonly ReadRecord[]): Map<string, ReadRecord[]> {
  const found = new Map<string, ReadRecord[]>()
  for (const record of records) {
    const reads = found.get(record.value)
    if (reads === undefined) found.set(record.value, [record])
    else reads.push(record)
  }
  return found
}
