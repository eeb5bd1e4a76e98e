// What the disks of a test cluster would still hold after the worst loss of power now, record by record,
// read with the product's own recovery. Says for each offset on how many disks which content lies; what
// that is worth is judged in kept-promises.ts.
import { crc32c, decodeBatch, QuorateError } from '@quorate/protocol'
import type { SimulatedDisk } from '../simulation/simulated-disk.ts'
import { type DumpedGroup, dumpStorage } from '../storage/dump.ts'
import { EntryType, type GroupKey, groupKey } from '../storage/log-entry.ts'

/** Records of one partition, on all disks together. */
export interface StoredPartition {
  /** Below it some disk has nothing any more: retention has taken it. */
  startOffset: number
  /** By offset, then by content: on how many disks. */
  readonly copies: Map<number, Map<string, number>>
}

/** Equal for equal bytes; bytes that differ may share one. */
export function contentOf(value: Uint8Array | null): string {
  return value === null ? 'none' : `${value.byteLength}/${crc32c(value)}`
}

/** Partitions of topics; what is damaged beyond reading is left out. */
export function storedRecords(
  disks: readonly SimulatedDisk[],
  folder: string,
): ReadonlyMap<GroupKey, StoredPartition> {
  const partitions = new Map<GroupKey, StoredPartition>()
  for (const disk of disks) {
    unlessDamaged(() => {
      for (const dumped of dumpStorage(disk.syncedView(), folder).groups) {
        const key = groupKey(dumped.group)
        const known = partitions.get(key) ?? { startOffset: 0, copies: new Map() }
        partitions.set(key, known)
        unlessDamaged(() => add(known, dumped))
      }
    })
  }
  return partitions
}

function add(partition: StoredPartition, { logStartIndex, entries }: DumpedGroup): void {
  const { copies } = partition
  let startOffset = logStartIndex > 0 ? Number.POSITIVE_INFINITY : 0
  try {
    for (const { type, payload } of entries()) {
      if (type !== EntryType.records) continue
      for (const { offset, value } of decodeBatch(payload)) {
        startOffset = Math.min(startOffset, offset)
        const content = contentOf(value)
        const here = copies.get(offset)
        if (here === undefined) copies.set(offset, new Map([[content, 1]]))
        else here.set(content, (here.get(content) ?? 0) + 1)
      }
    }
  } finally {
    partition.startOffset = Math.max(partition.startOffset, startOffset)
  }
}

/** What cannot be read, or is not there, counts for nothing. */
function unlessDamaged(read: () => void): void {
  try {
    read()
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error
  }
}
