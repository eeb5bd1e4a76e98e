// Finds the nodes a fault is aimed at, at the moment it happens. A role nobody has, or a group that
// does not exist, gives nobody: the fault then does nothing.
import type { GroupName, OneTarget, Target } from '../plan/target-grammar.ts'

/** What aiming needs to know of the cluster. */
export interface Aim {
  /** In order of their numbers. */
  readonly nodeNames: readonly string[]
  readonly clientNames: readonly string[]
  leaderOf(group: GroupName): string | undefined
  /** Nodes with a replica of the group, in order of their numbers. */
  membersOf(group: GroupName): readonly string[]
}

/** Nodes that are hit, for a pair the two ends, or a client. */
export interface Hit {
  readonly nodes: readonly string[]
  readonly client?: string
  readonly pair?: readonly [first: string, second: string]
}

export function aim(target: Target, at: Aim): Hit {
  switch (target.kind) {
    case 'all':
      return { nodes: at.nodeNames }
    case 'client':
      return { nodes: [], client: at.clientNames[target.number % at.clientNames.length]! }
    case 'minority':
      return { nodes: minorityOf(at.nodeNames, target.number) }
    case 'one': {
      const node = aimAtOne(target, at)
      return { nodes: node === undefined ? [] : [node] }
    }
    case 'pair': {
      const { first, second } = target
      const one =
        first.kind === 'client'
          ? at.clientNames[first.number % at.clientNames.length]
          : aimAtOne(first, at)
      const other = aimAtOne(second, at)
      if (one === undefined || other === undefined || one === other) return { nodes: [] }
      return { nodes: [one, other], pair: [one, other] }
    }
  }
}

function aimAtOne(target: OneTarget, at: Aim): string | undefined {
  if (target.role === 'node') return at.nodeNames[target.number % at.nodeNames.length]
  const leader = at.leaderOf(target.group)
  if (target.role === 'leader') return leader
  const others = at.membersOf(target.group).filter((node) => node !== leader)
  return others[target.number % others.length]
}

/** The largest minority that begins at that node, counted round. */
function minorityOf(nodes: readonly string[], number: number): string[] {
  const size = Math.floor((nodes.length - 1) / 2)
  return Array.from({ length: size }, (_, step) => nodes[(number + step) % nodes.length]!)
}
