// Who comes back when the faults are over, and who stays away for good: nodes that can never start
// again as they are, and, in a plan that heals a majority only, as many more as the cluster must be
// able to miss. And what is still wrong with those that came back, by the word of the cluster. Pure;
// faults.ts carries it out.
import type { Random } from '@quorate/actors'
import type { ClusterStatus } from '@quorate/protocol'
import type { Plan } from '../plan/plan.ts'
import type { FaultAtlas } from './atlas.ts'
import type { Membership } from './membership.ts'

export interface Healing {
  readonly nodes: readonly string[]
  readonly heal: NonNullable<Plan['heal']>
  readonly atlas: Pick<FaultAtlas, 'out' | 'canMiss'>
  /** Whether the cluster was asked to take the node with an empty disk. */
  readonly returns: (node: string) => boolean
  readonly random: Random
  /** Whose absence is tried first: who leads. */
  readonly leader?: string | undefined
}

/** A node without a majority that stays up, and the only one it reaches. */
export interface Bridge {
  readonly node: string
  readonly peer: string
}

/** Nodes that stay away. The atlas must have looked at the disks as they are. */
export function staysAway({
  nodes,
  heal,
  atlas,
  returns,
  random,
  leader,
}: Healing): ReadonlySet<string> {
  const out = nodes.filter((node) => atlas.out.has(node) && !returns(node))
  if (heal === 'all') return new Set(out)
  const most = Math.floor((nodes.length - 1) / 2)
  const others = nodes.filter((node) => !out.includes(node) && !returns(node))
  const first = random.integer('heal/first', Math.max(others.length, 1))
  const turned = [...others.slice(first), ...others.slice(0, first)]
  if (heal === 'bridge') turned.sort((a, b) => Number(b === leader) - Number(a === leader))
  const away = [...out]
  for (const node of turned) {
    if (away.length < most && atlas.canMiss([...away, node])) away.push(node)
  }
  return new Set(away)
}

/** Present when those away are so many that nobody among them and one more have a majority. */
export function bridgeOf(
  { nodes, leader }: Pick<Healing, 'nodes' | 'leader'>,
  away: ReadonlySet<string>,
  isWhole: (node: string) => boolean,
): Bridge | undefined {
  const peer = nodes.find((node) => !away.has(node))
  const candidates = [...away].filter(isWhole)
  const node = candidates.find((each) => each === leader) ?? candidates[0]
  const isMinority = nodes.length === 5 && away.size === 2
  return isMinority && node !== undefined && peer !== undefined ? { node, peer } : undefined
}

/** Event `replica.waits-for`. */
export interface GroupWait {
  readonly atMs: number
  readonly group: string
  readonly nodes: readonly string[]
}

/**
 * A majority may not serve when a crash tore the last batch of one of it: whether that was committed
 * only those who are away could tell. Groups that named such nodes since then.
 */
export function groupsWaiting(
  waits: readonly GroupWait[],
  sinceMs: number,
  returnable: ReadonlySet<string>,
): ReadonlySet<string> {
  const named = waits.filter(
    ({ atMs, nodes }) => atMs >= sinceMs && nodes.some((node) => returnable.has(node)),
  )
  return new Set(named.map(({ group }) => group))
}

export interface Expected {
  readonly nodes: readonly string[]
  readonly away: ReadonlySet<string>
  readonly membership: Pick<Membership, 'leaving' | 'unfinished'>
}

/** Empty when all is as it should be after some time without faults. */
export function healthProblems(status: ClusterStatus, expected: Expected): string[] {
  const { nodes, away, membership } = expected
  const gone = (node: string) => away.has(node) || membership.leaving.has(node)
  const known = new Map(status.nodes.map((node) => [node.node, node]))
  const unwell = nodes.flatMap((name) => {
    const node = known.get(name)
    if (gone(name)) return []
    if (node?.up !== true) return [`${name} is down`]
    if (!node.ready) return [`${name} is not ready`]
    return [...node.halted, ...node.amnesiac].map((group) => `${name} has lost ${group}`)
  })
  const missing = status.underReplicated.flatMap(({ topic, partition, missing: without }) =>
    without
      .filter((node) => !gone(node))
      .map((node) => `${topic ?? 'metadata'}/${partition} misses ${node}`),
  )
  return [...unwell, ...missing, ...membership.unfinished(status)]
}
