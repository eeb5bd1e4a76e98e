// After healing all replicas of a partition hold the same log: equal commit index, and an equal
// chain hash there, which covers every entry before it.
import type { TopicDescription } from '@quorate/protocol'

/** Empty when they are equal. `away`: nodes that nobody waits for. */
export function checkEqualReplicas(
  { partitionStates }: TopicDescription,
  away: ReadonlySet<string>,
): string[] {
  return partitionStates.flatMap(({ partition, replicas }) => {
    const expected = replicas.filter(({ node }) => !away.has(node))
    const states = expected.map((replica) =>
      'commitIndex' in replica
        ? `${replica.lastIndex}/${replica.commitIndex}/${replica.chainAtCommit}`
        : replica.role,
    )
    if (new Set(states).size === 1 && !states[0]!.startsWith('un')) return []
    return [`replicas of partition ${partition} differ: ${states.join(', ')}`]
  })
}
