// Puts the entries of a log into the WAL actor's queue: new ones, and old ones that are to leave an
// old file (copy-forward). Cuts what is larger than a batch, so that every part fits into a file.
// Previous stop: node-storage.ts; next stop: wal.ts.
import type { GroupLogState } from './group-log.ts'
import type { LogEntry } from './log-entry.ts'
import { splitMissing } from './missing-entry.ts'
import type { StorageParts } from './storage-parts.ts'
import type { TailRecord } from './tail.ts'
import { splitEntries } from './wal.ts'

export interface WalEntries {
  readonly truncateAfter: number | undefined
  /** The records that the truncation removed. */
  readonly cut: readonly TailRecord[]
  readonly entries: readonly LogEntry[]
  /** They are in the log already, as missing ones. */
  readonly copied: boolean
}

/** `written` is called once all of it is on disk. The entries are pending bytes already. */
export function feedWal(
  parts: StorageParts,
  log: GroupLogState,
  work: WalEntries,
  written: () => void,
): void {
  const runs = splitEntries(work.entries, partBytes(parts))
  if (runs.length === 0) runs.push([])
  for (const [number, entries] of runs.entries()) {
    const isFirst = number === 0
    parts.wal.reply({
      type: 'append',
      request: {
        group: log.group,
        replicaId: log.replicaId,
        log,
        drop: false,
        copied: work.copied,
        truncateAfter: isFirst ? work.truncateAfter : undefined,
        cut: isFirst ? work.cut : [],
        entries,
        written: number === runs.length - 1 ? written : ignore,
      },
    })
  }
}

/** Entries of an old WAL file that cannot leave it otherwise, once more into the newest file. */
export function copyForward(
  parts: StorageParts,
  log: GroupLogState,
  from: number,
  to: number,
): void {
  const entries: LogEntry[] = []
  for (let index = from; index <= to; index += 1) {
    const entry = log.tail.get(index)?.entry
    // Evicted, so committed: it moves to a segment instead.
    if (entry === undefined) return
    entries.push(entry)
  }
  parts.settings.probe.reached('storage.copied-forward')
  for (const entry of entries) parts.walActor.metrics.pendingBytes += entry.sizeBytes
  const runs = splitMissing(entries).flatMap((run) => splitEntries(run, partBytes(parts)))
  for (const run of runs) {
    parts.wal.reply({
      type: 'append',
      request: {
        group: log.group,
        replicaId: log.replicaId,
        log,
        drop: false,
        copied: true,
        truncateAfter: undefined,
        cut: [],
        entries: run,
        // The file is free now, and the next oldest may be due.
        written: () => {
          parts.wal.reply({ type: 'release' })
          parts.segments.reply({ type: 'work' })
        },
      },
    })
  }
}

/** A part fits into a file, beside a directory of ordinary size. */
function partBytes({ settings }: StorageParts): number {
  return Math.min(settings.walBatchBytesMax, settings.walFileBytes / 2)
}

function ignore(): void {}
