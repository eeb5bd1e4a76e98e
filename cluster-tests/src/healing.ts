// Who comes back when the faults are over, and who stays away for good: nodes that can never start
// again as they are, and, in a plan that heals a majority only, as many more as the cluster must be
// able to miss. Pure; faults.ts carries it out.
import type { Random } from '@quorate/actors'
import type { FaultAtlas } from './atlas.ts'

export interface Healing {
  readonly nodes: readonly string[]
  readonly heal: 'all' | 'majority'
  readonly atlas: Pick<FaultAtlas, 'out' | 'canMiss'>
  readonly random: Random
}

/** Nodes that stay away. The atlas must have looked at the disks as they are. */
export function staysAway({ nodes, heal, atlas, random }: Healing): ReadonlySet<string> {
  const out = nodes.filter((node) => atlas.out.has(node))
  if (heal === 'all') return new Set(out)
  const most = Math.floor((nodes.length - 1) / 2)
  const others = nodes.filter((node) => !out.includes(node))
  const first = random.integer('heal/first', Math.max(others.length, 1))
  const turned = [...others.slice(first), ...others.slice(0, first)]
  const away = [...out]
  for (const node of turned) {
    if (away.length < most && atlas.canMiss([...away, node])) away.push(node)
  }
  return new Set(away)
}
