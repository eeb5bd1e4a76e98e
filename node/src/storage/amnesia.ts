// Names the replicas whose term and vote are lost: they may never run again under their identity.
// A damaged pair of slots often no longer says whose it was; then it belongs to one of the replicas
// that the folder, the manifest or the WAL knows and no readable pair names. Pure. Caller:
// recovery.ts.
import { nodePair } from './hard-state-format.ts'
import type { RecoveredHardState } from './hard-state-recovery.ts'
import { type GroupId, groupKey, metadataKey } from './log-entry.ts'
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
  for (const { pair, reason } of nameless) {
    const name = unclaimed.shift()
    if (name !== undefined) lost.push({ ...name, pair, reason, isNew: true })
  }
  const used = new Set([...hard.pairs, ...hard.damaged].map(({ pair }) => pair))
  let pair = nodePair
  for (const name of unclaimed.filter(withoutPair(hard))) {
    do pair += 1
    while (used.has(pair))
    const reason = 'hard.A and hard.B: its term and vote are in neither'
    lost.push({ ...name, pair, reason, isNew: true })
  }
  return lost
}

/**
 * Which of the replicas that no pair names have lost theirs: zeros look like a pair never used. When the
 * record of the node is gone, which every start before has seen, all of them. Else that of the metadata
 * group, which a node has at all times; those of partitions are missed by the index of executed
 * creations.
 */
function withoutPair({ pairs }: RecoveredHardState): (name: { group: GroupId }) => boolean {
  if (pairs.every(({ pair }) => pair !== nodePair)) return () => true
  const isMetadata = ({ group }: { readonly group: GroupId }) => groupKey(group) === metadataKey
  const hasMetadata = pairs.some(
    ({ slot: { content } }) => content.kind === 'replica' && isMetadata(content.record),
  )
  return hasMetadata ? () => false : isMetadata
}
