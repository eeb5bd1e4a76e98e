// Replicas that leave: the leader that removes itself, and what the group hears of those that were
// removed. Numbers in brackets are those of the table of known bugs in ../DEVIATIONS.md.
import { describe, expect, test } from 'vitest'
import { deadlineMs, inspectRaft, type ReplicaId } from '../src/index.ts'
import type { RaftCluster } from '../src/testing/index.ts'
import { arrive, change, led, settled, votersOn } from './groups.ts'
import { appendReply, heartbeat, heartbeatReply, only, Solo } from './solo.ts'

describe('a leader that is no voter any more', () => {
  test('leads until that is committed, without counting itself, then hands over and is silent', () => {
    const cluster = led()
    cluster.add(4)
    arrive(cluster, [1, 2, 3], [4])
    cluster.change(1, { voters: [2, 3, 4], learners: [] })
    expect(cluster.runUntil(() => cluster.raft(1).role !== 'leader', 100)).toBe(true)
    expect(deadlineMs(cluster.raft(1))).toBe(Infinity)
    const leaderless = cluster.nowMs
    expect(cluster.runUntil(() => cluster.leader() !== 0, 100)).toBe(true)
    expect(cluster.nowMs - leaderless).toBeLessThan(20)
    cluster.run(10_000)
    expect(cluster.raft(1)).toMatchObject({ role: 'follower', term: 1 })
    cluster.propose(cluster.leader(), 'x')
    cluster.settle()
  })

  test('refuses the reads that wait, and sends nothing after its last word [28]', () => {
    const solo = settled()
    change(solo, { voters: [2, 3], outgoing: [1, 2, 3] })
    solo.store()
    solo.ack(2, 2)
    solo.ack(3, 2)
    change(solo, { voters: [2, 3] })
    solo.store()
    solo.input({ type: 'read', readId: 7 })
    expect(solo.ack(2, 3)).not.toContainEqual({ type: 'commit', index: 3 })
    const effects = solo.ack(3, 3)
    expect(only(effects, 'commit')).toEqual([{ type: 'commit', index: 3 }])
    expect(only(effects, 'read-refused')).toEqual([{ type: 'read-refused', readId: 7 }])
    const words = effects.flatMap((effect) => (effect.type === 'send' ? [effect.message.type] : []))
    expect(words).toEqual(['timeout-now'])
    expect(solo.raft.role).toBe('follower')
    expect(solo.tick(10_000)).toEqual([])
    expect(solo.receive(2, appendReply(1, 3))).toEqual([])
  })

  test('and is cut off before that is committed, may still be elected: only it has the entry', () => {
    const cluster = led(2)
    cluster.network.passes = ({ from, message }) =>
      from !== 1 || message.type !== 'append' || message.entries.every(({ index }) => index < 3)
    cluster.change(1, { voters: [2], learners: [] })
    cluster.run(50)
    expect(votersOn(cluster, 1)).toEqual({ voters: [2] })
    expect(votersOn(cluster, 2)).toEqual({ voters: [2], outgoing: [1, 2] })
    cluster.isolate(1)
    cluster.runUntil(() => cluster.raft(1).role !== 'leader', 2000)
    cluster.network.passes = () => true
    cluster.heal()
    expect(cluster.runUntil(() => cluster.leader() === 2, 5000)).toBe(true)
    cluster.settle()
    expect(votersOn(cluster, 2)).toEqual({ voters: [2] })
    expect(deadlineMs(cluster.raft(1))).toBe(Infinity)
  })
})

describe('replicas outside the configuration', () => {
  test('are heard when they ask, and ignored when they answer', () => {
    const solo = new Solo({ term: 1 })
    solo.receive(9, heartbeat(1))
    expect(solo.raft.leader).toBe(9)
    const leader = settled()
    expect(leader.receive(9, appendReply(7, 0))).toEqual([])
    expect(leader.receive(9, heartbeatReply(7))).toEqual([])
    expect(leader.raft).toMatchObject({ role: 'leader', term: 1 })
  })

  test('that were removed and do not know it depose nobody', () => {
    const cluster = led()
    cluster.isolate(3)
    arriveWithout(cluster, 3)
    cluster.heal()
    const { term } = cluster.raft(1)
    cluster.run(20_000)
    expect([cluster.leader(), cluster.raft(1).term]).toEqual([1, term])
    // It asks for pre-votes all the time.
    expect(cluster.raft(3)).toMatchObject({ term, leader: 0 })
    expect(deadlineMs(cluster.raft(3))).toBeLessThan(Infinity)
  })

  function arriveWithout(cluster: RaftCluster, removed: ReplicaId): void {
    const voters = cluster.ids.filter((id) => id !== removed)
    cluster.change(1, { voters, learners: [] })
    const isLeft = () => {
      const { configuration, configurationCommitted } = inspectRaft(cluster.raft(1))
      return configurationCommitted && configuration.outgoing === undefined
    }
    expect(cluster.runUntil(isLeft, 1000)).toBe(true)
  }
})
