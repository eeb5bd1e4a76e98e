// Leadership transfer (thesis 3.10) in all the ways it went wrong elsewhere [5, 12]: with writes
// under way, to replicas that are behind, dead, gone or the leader itself, repeated, lost.
import { describe, expect, test } from 'vitest'
import { inspectRaft } from '../src/index.ts'
import { RaftCluster } from '../src/testing/index.ts'
import { heartbeat, only, Solo, sent, voteReply, voteRequest } from './solo.ts'

function led(): RaftCluster {
  const cluster = new RaftCluster({ replicas: 3 })
  cluster.elect(1)
  cluster.settle()
  cluster.run(500)
  return cluster
}

function transferring(cluster: RaftCluster, id: number): number {
  return inspectRaft(cluster.raft(id)).transferring
}

describe('a transfer', () => {
  test('to a replica that is up to date takes one round and no time-out', () => {
    const cluster = led()
    cluster.transfer(1, 3)
    expect(cluster.runUntil(() => cluster.leader() === 3, 20)).toBe(true)
    expect(cluster.raft(3).term).toBe(2)
    expect(transferring(cluster, 1)).toBe(0)
  })

  test('to nobody in particular goes to the most advanced voter', () => {
    const cluster = led()
    cluster.isolate(2)
    cluster.propose(1, 'a')
    cluster.run(50)
    cluster.transfer(1, 0)
    expect(transferring(cluster, 1)).toBe(3)
    cluster.heal()
    expect(cluster.runUntil(() => cluster.leader() === 3, 20)).toBe(true)
  })

  test('to a replica that is behind first brings it up to date', () => {
    const cluster = led()
    cluster.isolate(3)
    cluster.propose(1, 'a', 'b', 'c')
    cluster.run(300)
    cluster.heal()
    cluster.transfer(1, 3)
    expect(cluster.leader()).toBe(1)
    expect(cluster.runUntil(() => cluster.leader() === 3, 500)).toBe(true)
    cluster.settle()
    expect(cluster.raft(3).log.entries.map(({ value }) => value)).toContain('c')
  })

  test('to a replica whose missing entries have left memory reads them back first', () => {
    const cluster = led()
    cluster.isolate(3)
    cluster.propose(1, 'a', 'b', 'c')
    cluster.run(300)
    cluster.release(1, 4)
    expect(cluster.raft(1).log.base.index).toBe(4)
    cluster.heal()
    cluster.transfer(1, 3)
    expect(cluster.runUntil(() => cluster.leader() === 3, 800)).toBe(true)
  })

  test('while writes are under way takes them along', () => {
    const cluster = led()
    cluster.propose(1, 'before')
    cluster.transfer(1, 2)
    cluster.propose(1, 'late')
    expect(cluster.runUntil(() => cluster.leader() === 2, 500)).toBe(true)
    cluster.settle()
    const values = cluster.raft(2).log.entries.map(({ value }) => value)
    expect(values).toEqual(['term 1', 'before', 'late', 'term 2'])
  })

  test('to a dead replica is given up after one election time-out and can be repeated', () => {
    const cluster = led()
    cluster.crash(3)
    cluster.transfer(1, 3)
    cluster.run(850)
    expect(transferring(cluster, 1)).toBe(3)
    cluster.run(100)
    expect([transferring(cluster, 1), cluster.leader()]).toEqual([0, 1])
    cluster.restart(3)
    cluster.run(300)
    cluster.transfer(1, 3)
    expect(cluster.runUntil(() => cluster.leader() === 3, 100)).toBe(true)
  })

  test('whose message is lost is told again with the next heartbeat', () => {
    const cluster = led()
    let lost = 0
    cluster.network.passes = ({ message }) => message.type !== 'timeout-now' || lost++ > 0
    cluster.transfer(1, 3)
    expect(cluster.runUntil(() => cluster.leader() === 3, 300)).toBe(true)
    expect(lost).toBeGreaterThan(1)
  })

  test('whose target dies as candidate leaves a group that elects again', () => {
    const cluster = led()
    cluster.transfer(1, 3)
    cluster.runUntil(() => cluster.raft(3).role === 'candidate', 20)
    cluster.crash(3)
    cluster.settle()
    expect(cluster.leader()).not.toBe(3)
  })

  test('can be turned to another target', () => {
    const cluster = led()
    cluster.crash(3)
    cluster.transfer(1, 3)
    cluster.transfer(1, 2)
    expect(cluster.runUntil(() => cluster.leader() === 2, 20)).toBe(true)
  })

  test.each([
    ['itself', 1],
    ['a replica it does not know', 9],
  ])('to %s is ignored', (_what, to) => {
    const cluster = led()
    expect(cluster.input(1, { type: 'transfer', to })).toEqual([])
    expect(transferring(cluster, 1)).toBe(0)
  })

  test('asked of a follower, or in a group of one, is ignored', () => {
    const cluster = led()
    expect(cluster.input(2, { type: 'transfer', to: 3 })).toEqual([])
    const single = new RaftCluster({ replicas: 1 })
    single.run(10)
    expect(single.input(1, { type: 'transfer', to: 0 })).toEqual([])
    expect(transferring(single, 1)).toBe(0)
  })
})

describe('the target of a transfer', () => {
  test('campaigns at once, without pre-vote, with the flag, after its vote is on disk', () => {
    const solo = new Solo({ term: 1 })
    solo.receive(2, heartbeat(1))
    const effects = solo.receive(2, { type: 'timeout-now', term: 1 })
    expect(only(effects, 'persist')[0]?.hardState).toEqual({ term: 2, votedFor: 1 })
    expect(sent(effects, 'vote-request')).toEqual([])
    expect(sent(solo.store(), 'vote-request')[0]?.[1]).toEqual(
      voteRequest(2, { index: 0, term: 0 }, { transfer: true }),
    )
  })

  test('is not called back by a heartbeat of the old term', () => {
    const solo = new Solo({ term: 1 })
    solo.receive(2, heartbeat(1))
    solo.receive(2, { type: 'timeout-now', term: 1 })
    solo.receive(2, heartbeat(1))
    expect([solo.raft.role, solo.raft.term]).toEqual(['candidate', 2])
    solo.store()
    solo.receive(3, voteReply(2, true))
    expect(solo.raft.role).toBe('leader')
  })

  test('takes no notice of a late or repeated call', () => {
    const solo = new Solo({ term: 1 })
    solo.receive(2, { type: 'timeout-now', term: 1 })
    expect(solo.receive(2, { type: 'timeout-now', term: 1 })).toEqual([])
    expect(solo.raft.term).toBe(2)
  })
})

describe('a voter in contact with its leader', () => {
  test.each([
    [false, 1, 0],
    [true, 2, 3],
  ])(
    'answers a request whose transfer flag is %s with term %i and vote %i',
    (transfer, term, vote) => {
      const solo = new Solo({ term: 1 })
      solo.receive(2, heartbeat(1))
      solo.receive(3, voteRequest(2, { index: 0, term: 0 }, { transfer }))
      expect([solo.raft.term, solo.raft.votedFor]).toEqual([term, vote])
    },
  )

  test('that leads itself steps down for the flag only', () => {
    const solo = new Solo()
    solo.becomeServingLeader()
    expect(solo.receive(2, voteRequest(2, { index: 1, term: 1 }))).toEqual([])
    expect(solo.raft.role).toBe('leader')
    solo.receive(2, voteRequest(2, { index: 1, term: 1 }, { transfer: true }))
    expect([solo.raft.role, solo.raft.term, solo.raft.votedFor]).toEqual(['follower', 2, 2])
  })
})
