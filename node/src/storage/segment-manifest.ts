// What a move, a rewrite or a deletion of segments changes in the manifest. Pure. Used by
// segment-writer.ts, whose changes are applied by manifest-store.ts.
import type { GroupLogState } from './group-log.ts'
import type { Manifest, ManifestGroup, ManifestSegment } from './manifest.ts'
import { replicaName } from './replica-files.ts'
import type { MovedSegment, MoveOutcome } from './segment-move.ts'
import type { LogMark } from './tail.ts'

export function withMoved(manifest: Manifest, outcomes: readonly MoveOutcome[]): Manifest {
  const groups = new Map(manifest.groups.map((each) => [replicaName(each), each]))
  for (const outcome of outcomes) {
    const { log, moved } = outcome
    if (isStale(outcome)) continue
    const known = groups.get(replicaName(log)) ?? {
      group: log.group,
      replicaId: log.replicaId,
      start: log.start,
      segments: [],
    }
    groups.set(replicaName(log), { ...known, segments: mergeSegments(known.segments, moved) })
  }
  return { ...manifest, groups: [...groups.values()] }
}

/** The replica was dropped, or its log began anew, while entries were moved. */
export function isStale({ log, epoch }: MoveOutcome): boolean {
  return log.dropped || log.epoch !== epoch
}

export function withRewritten(
  manifest: Manifest,
  log: GroupLogState,
  state: ManifestSegment,
): Manifest {
  const groups = manifest.groups.map((each): ManifestGroup => {
    if (replicaName(each) !== replicaName(log)) return each
    const segments = each.segments.map((known) => {
      return known.firstIndex === state.firstIndex ? state : known
    })
    return { ...each, segments }
  })
  return { ...manifest, groups }
}

function mergeSegments(
  known: readonly ManifestSegment[],
  moved: readonly MovedSegment[],
): ManifestSegment[] {
  const byFirst = new Map(known.map((state) => [state.firstIndex, state]))
  for (const { state } of moved) byFirst.set(state.firstIndex, state)
  return [...byFirst.values()]
}

export function withStart(manifest: Manifest, log: GroupLogState, start: LogMark): Manifest {
  const groups = manifest.groups.map((each): ManifestGroup => {
    if (replicaName(each) !== replicaName(log)) return each
    const segments = each.segments.filter((segment) => segment.last.index > start.index)
    return { ...each, start, segments }
  })
  return { ...manifest, groups }
}
