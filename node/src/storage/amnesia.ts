// Names the replicas whose term and vote are lost: they may never run again under their identity.
// A damaged pair of slots often no longer says whose it was; then it belongs to one of the replicas
// that the folder, the manifest or the WAL knows and no readable pair names. Pure. Caller:
// recovery.ts.
import type { RecoveredHardState } from './hard-state-recovery.ts'
import type { GroupId } from './log-entry.ts'
import { parseReplicaFolderName, replicaName } from './replica-files.ts'

export interface LostReplica {
  readonly pair: number
  readonly group: GroupId
  readonly replicaId: number
  readonly reason: string
  /** The pair is to be written: it does not say so yet. */
  readonly isNew: boolean
}

export interface KnownNames {
  /** Held by the manifest or the WAL: certainly replicas. */
  readonly recorded: readonly string[]
  /** Folders; an interrupted creation leaves one too. */
  readonly folders: readonly string[]
}

export function lostReplicas(hard: RecoveredHardState, names: KnownNames): LostReplica[] {
  const lost: LostReplica[] = []
  const taken = new Set<string>()
  for (const { pair, slot } of hard.pairs) {
    const { content } = slot
    if (content.kind === 'replica') taken.add(replicaName(content.record))
    if (content.kind !== 'amnesiac') continue
    taken.add(replicaName(content))
    const { group, replicaId } = content
    const reason = 'its term and vote were lost earlier'
    lost.push({ pair, group, replicaId, reason, isNew: false })
  }
  const nameless: { pair: number; reason: string }[] = []
  for (const { pair, known, from, to } of hard.damaged) {
    const reason = `hard.A and hard.B: bytes ${from}..${to}: its term and vote cannot be read`
    const content = known?.content
    const name = content?.kind === 'replica' ? content.record : content
    if (name === undefined || !('replicaId' in name)) {
      nameless.push({ pair, reason })
      continue
    }
    taken.add(replicaName(name))
    lost.push({ pair, group: name.group, replicaId: name.replicaId, reason, isNew: true })
  }
  const unclaimed = [...new Set([...names.recorded, ...names.folders])]
    .filter((name) => !taken.has(name))
    .map(parseReplicaFolderName)
    .filter((name) => name !== undefined)
  if (isAllLost(hard)) {
    const reason = 'hard.A and hard.B are both lost'
    return unclaimed.map((name, position) => ({
      ...name,
      pair: position + 1,
      reason,
      isNew: true,
    }))
  }
  for (const [position, { pair, reason }] of nameless.entries()) {
    const name = unclaimed[position]
    if (name !== undefined && pair > 0) lost.push({ ...name, pair, reason, isNew: true })
  }
  return lost
}

/** Not one slot says anything. */
function isAllLost({ pairs, damaged }: RecoveredHardState): boolean {
  return pairs.length === 0 && damaged.every(({ known }) => known === undefined)
}
