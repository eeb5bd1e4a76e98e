// Damages one committed entry wherever it is stored: on every disk, or on as many as a quorum. That is
// more than a cluster must survive; with no whole copy left, its group must stop and name what it
// lacks (beyond.ts). Picks the entry and its places; damage.ts keeps the account.

import { entryPlaces } from '../../simulation/entry-places.ts'
import type { DiskDamage } from '../../simulation/simulated-damage.ts'
import type { FaultAtlas } from './atlas.ts'
import { dataFolder, type SimulatedNode } from './simulated-node.ts'

/** `spoil-all`: no whole copy is left. `spoil-majority`: the rest of the replicas keep theirs. */
export type EntryDamageName = 'spoil-all' | 'spoil-majority'

/** A committed entry of which no disk holds a whole copy any more. */
export interface LostEntry {
  /** Key of its group. */
  readonly group: string
  readonly partition: number
  readonly index: number
  /** Offset of its first record. */
  readonly baseOffset: number
}

export interface SpoiledEntry {
  readonly entry: LostEntry
  /** No other disk holds it. */
  readonly everywhere: boolean
  /** By node: what hits each of its copies there. */
  readonly damages: ReadonlyMap<SimulatedNode, readonly DiskDamage[]>
}

/**
 * One of the older half of the entries with records: much was written behind it, so every disk proves
 * that it was synced. Undefined when nothing of the group is stored twice yet.
 */
export function pickEntry(
  atlas: FaultAtlas,
  nodes: readonly SimulatedNode[],
  target: { readonly group: string; readonly partition: number; readonly name: EntryDamageName },
  integer: (purpose: string, bound: number) => number,
): SpoiledEntry | undefined {
  const { group, partition, name } = target
  const held = atlas.wholeOf(group)
  const older = held.slice(0, Math.floor(held.length / 2))
  const turn = integer('entry', Math.max(older.length, 1))
  for (const [index, chain] of [...older.slice(turn), ...older.slice(0, turn)]) {
    const places = new Map(
      nodes.map((node) => [node, entryPlaces(node.disk, dataFolder, { index, chain })] as const),
    )
    const holders = [...places].filter(([, copies]) => copies.length > 0)
    const baseOffset = holders[0]?.[1][0]?.baseOffset ?? -1
    if (baseOffset === -1) continue
    const first = integer('holder', holders.length)
    const turned = [...holders.slice(first), ...holders.slice(0, first)]
    const quorum = Math.floor(holders.length / 2) + 1
    const hit = name === 'spoil-all' ? turned : turned.slice(0, quorum)
    const damages = hit.map(([node, copies]) => {
      const flips = copies.map(({ path, payloadAt, payloadBytes }) => {
        const at = payloadAt + integer(`byte/${node.name}`, payloadBytes)
        return { kind: 'flip', path, at, bits: 1 } as const
      })
      return [node, flips] as const
    })
    const everywhere = hit.length === holders.length
    const entry = { group, partition, index, baseOffset }
    return { entry, everywhere, damages: new Map(damages) }
  }
  return undefined
}
