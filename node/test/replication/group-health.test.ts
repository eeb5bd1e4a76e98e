import type { ProgressInspection, RaftInspection } from '@quorate/raft'
import { describe, expect, test } from 'vitest'
import {
  type GroupHealth,
  groupHealth,
  hasVoter,
  losesQuorum,
  missingNodes,
} from '../../src/replication/group-health.ts'

function leader(
  peers: readonly Partial<ProgressInspection>[],
  configuration: RaftInspection['configuration'],
): RaftInspection {
  const progress = peers as readonly unknown[] as readonly ProgressInspection[]
  return { id: 1, role: 'leader', commit: 1000, configuration, progress } as RaftInspection
}

const nodeOf = (replica: number) => (replica === 9 ? undefined : `n${replica}`)
const health = (raft: RaftInspection) => groupHealth(raft, nodeOf, 10_000, 900)!

describe('the health of a group', () => {
  test('counts as current who was heard of lately and has nearly everything committed', () => {
    const raft = leader(
      [
        { id: 2, match: 1000, heardMs: 9_100 },
        { id: 3, match: 1000, heardMs: 9_099 },
        { id: 4, match: 744, heardMs: 10_000 },
        { id: 5, match: 743, heardMs: 10_000 },
        { id: 7, match: 1000, heardMs: 10_000, recovering: true },
      ],
      { voters: [1, 2, 3, 4, 5, 7, 9], learners: [6] },
    )
    const { voters, outgoing } = health(raft)
    expect(voters.filter(({ current }) => current).map(({ nodeId }) => nodeId)).toEqual([
      'n1',
      'n2',
      'n4',
    ])
    expect(outgoing).toEqual([])
    expect(missingNodes({ voters, outgoing })).toEqual(['n3', 'n5', 'n7', 'replica 9'])
    expect(hasVoter({ voters, outgoing }, 'n5')).toBe(true)
    expect(hasVoter({ voters, outgoing }, 'n6')).toBe(false)
  })

  test('is told by the leader alone', () => {
    const raft = { ...leader([], { voters: [1] }), role: 'follower' } as const
    expect(groupHealth(raft, nodeOf, 0, 900)).toBeUndefined()
  })
})

describe('without a node', () => {
  const half = (current: string) =>
    [1, 2, 3].map((replicaId) => ({
      replicaId,
      nodeId: `n${replicaId}`,
      current: current.includes(String(replicaId)),
    }))
  const group = (voters: string, outgoing?: string): GroupHealth => ({
    voters: half(voters),
    outgoing: outgoing === undefined ? [] : half(outgoing),
  })

  test.each([
    [group('123'), 'n1', false],
    [group('12'), 'n1', true],
    [group('12'), 'n3', false],
    [group('1'), 'n3', true],
    [group('123', '123'), 'n2', false],
    [group('123', '23'), 'n2', true],
    [group('123', '23'), 'n1', false],
  ])('%# a group keeps or loses its quorum, in both halves of a change', (health, node, loses) => {
    expect(losesQuorum(health, node)).toBe(loses)
  })

  test('a group of one replica is lost with it', () => {
    const alone = { voters: half('1').slice(0, 1), outgoing: [] }
    expect(losesQuorum(alone, 'n1')).toBe(true)
    expect(losesQuorum(alone, 'n2')).toBe(false)
  })
})
