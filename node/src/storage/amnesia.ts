// Names the replicas whose term and vote are lost: they may never run again under their identity.
// A damaged pair of slots often no longer says whose it was; then it belongs to one of the replicas
// that the folder, the manifest or the WAL knows and no readable pair names. Pure. Caller:
// recovery.ts.
import { nodePair } from './hard-state-format.ts'
import type { RecoveredHardState } from './hard-state-recovery.ts'
import { type GroupId, groupKey, metadataGroup } from './log-entry.ts'
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
      if (pair !== nodePair) nameless.push({ pair, reason })
      continue
    }
    taken.add(replicaName(name))
    lost.push({ pair, group: name.group, replicaId: name.replicaId, reason, isNew: true })
  }
  const unclaimed = [...new Set([...names.recorded, ...names.folders])]
    .filter((name) => !taken.has(name))
    .map(parseReplicaFolderName)
    .filter((name) => name !== undefined)
  const claim = (pair: number, reason: string): void => {
    const name = unclaimed.shift()
    if (name !== undefined) lost.push({ ...name, pair, reason, isNew: true })
  }
  for (const { pair, reason } of nameless) claim(pair, reason)
  const reason = 'hard.A and hard.B: its term and vote are in neither'
  const used = new Set([...hard.pairs, ...hard.damaged].map(({ pair }) => pair))
  const without = unclaimed.filter(({ group }) => isNodeLost(hard) || isOnlyMetadata(hard, group))
  let pair = nodePair
  for (const name of without) {
    do pair += 1
    while (used.has(pair))
    lost.push({ ...name, pair, reason, isNew: true })
  }
  return lost
}

/**
 * A node has a replica of the metadata group at all times: one without a pair has lost it. Those of
 * partitions are missed by the index of executed creations.
 */
function isOnlyMetadata({ pairs }: RecoveredHardState, group: GroupId): boolean {
  if (groupKey(group) !== groupKey(metadataGroup)) return false
  return !pairs.some(
    ({ slot: { content } }) =>
      content.kind === 'replica' && groupKey(content.record.group) === groupKey(metadataGroup),
  )
}

/**
 * The record of the node is gone, which every start before this one has seen: zeros in other pairs
 * need not be pairs that were never used.
 */
function isNodeLost({ pairs }: RecoveredHardState): boolean {
  return pairs.every(({ pair }) => pair !== nodePair)
}
