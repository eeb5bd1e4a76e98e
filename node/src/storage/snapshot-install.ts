// Lets a replica's log begin anew at a snapshot that a leader sent. In memory at once; on disk in an
// order in which a crash leaves the old log or the new one: checkpoint, hard state with the
// configuration, reset record in the WAL, and after that the manifest without the old segments. The
// WAL file of the record and the old checkpoints stay until the manifest says the same. Used by node-storage.ts.
import type { CheckpointStore } from './checkpoint-store.ts'
import type { GroupLogState } from './group-log.ts'
import type { ManifestGroup } from './manifest.ts'
import { PersistStep } from './persist-order.ts'
import type { Replica } from './replica.ts'
import { replicaName } from './replica-files.ts'
import type { Segment } from './segment.ts'
import type { Done, InstalledSnapshot, PersistRequest } from './storage.ts'
import type { StorageParts } from './storage-parts.ts'
import type { LogMark, TailRecord } from './tail.ts'
import { feedWal } from './wal-feed.ts'

export interface InstallOwner {
  readonly checkpoints: CheckpointStore
  /** Entries left the memory of a log; entries came into it. */
  readonly uncached: (bytes: number) => void
  readonly append: (log: GroupLogState, entries: PersistRequest['entries']) => void
  readonly putRecord: (replica: Replica, done: () => void) => void
  readonly failed: (error: Error) => void
}

export function installSnapshot(
  parts: StorageParts,
  replica: Replica,
  request: PersistRequest & { readonly snapshot: InstalledSnapshot },
  owner: InstallOwner,
  done: Done,
): void {
  const { log, order } = replica
  const { snapshot, hardState, entries } = request
  const { mark, configuration, state } = snapshot
  if (mark.index <= log.start.index) {
    throw new Error(`${log.key}: snapshot at ${mark.index}, the log begins at ${log.start.index}`)
  }
  const { segmentList: gone, cachedBytes } = log
  const cut = log.resetTo(mark)
  const { epoch } = log
  owner.uncached(cachedBytes)
  log.checkChange(undefined, entries)
  owner.append(log, entries)
  replica.record = {
    ...replica.record,
    ...(hardState === undefined ? {} : { hardState }),
    configuration,
    configurationIndex: mark.index,
    configurationTerm: mark.term,
  }
  const enterWal = (): void => {
    const isAll = entries.length === 0
    feedReset(parts, log, mark, cut, () => {
      forgetOld(parts, log, mark, gone, () => {
        if (log.epoch !== epoch) return
        log.oldStartIndex = undefined
        owner.checkpoints.removeObsolete(log)
      })
      if (isAll) order.settle(step)
    })
    const work = { truncateAfter: undefined, cut: [], entries, copied: false }
    if (!isAll) feedWal(parts, log, work, () => order.settle(step))
  }
  const step = new PersistStep(done, enterWal, true)
  order.add(step)
  const { index, term, chain } = mark
  const save = (): void => {
    owner.checkpoints.save(log, { index, term, chain, state }, (error) => {
      if (error === undefined) owner.putRecord(replica, () => order.hardStateWritten(step))
      else if (isDiskFull(error)) parts.segments.reply({ type: 'retry-later', run: save })
      else owner.failed(error)
    })
  }
  save()
}

function isDiskFull(error: Error): boolean {
  return 'code' in error && error.code === 'QUORATE_DISK_FULL'
}

function feedReset(
  parts: StorageParts,
  log: GroupLogState,
  mark: LogMark,
  cut: readonly TailRecord[],
  written: () => void,
): void {
  parts.wal.reply({
    type: 'append',
    request: {
      group: log.group,
      replicaId: log.replicaId,
      log,
      drop: false,
      reset: mark,
      copied: false,
      truncateAfter: undefined,
      cut,
      entries: [],
      written,
    },
  })
}

/** In the WAL actor, right after the record was written into its current file. */
function forgetOld(
  parts: StorageParts,
  log: GroupLogState,
  mark: LogMark,
  gone: readonly Segment[],
  forgotten: () => void,
): void {
  const { manifest, wal, walActor, openFiles, remover } = parts
  const { files } = walActor
  const { current } = files
  current.readers += 1
  const name = replicaName(log)
  const { group, replicaId } = log
  const empty: ManifestGroup = { group, replicaId, start: mark, segments: [] }
  manifest.reply({
    type: 'change',
    change: (found) => {
      if (log.dropped) return found
      const others = found.groups.filter((each) => replicaName(each) !== name)
      return { ...found, groups: [...others, empty] }
    },
    done: () => {
      for (const { path } of gone) {
        openFiles.forget(path)
        remover.remove(path)
      }
      forgotten()
      wal.reply({
        type: 'continue',
        run: () => {
          current.readers -= 1
          files.release()
        },
      })
    },
  })
}
