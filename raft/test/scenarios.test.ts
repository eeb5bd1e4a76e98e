// Elections and partitions that broke other implementations, replayed on a whole group under the
// checker. Numbers in brackets are those of the table of known bugs in ../DEVIATIONS.md.
import { describe, expect, test } from 'vitest'
import type { ReplicaId } from '../src/index.ts'
import { makeLog, type Packet, RaftCluster, TestDisk } from '../src/testing/index.ts'

function preloaded(term: number, terms: readonly number[]): TestDisk {
  const disk = new TestDisk()
  disk.preload({ term, votedFor: 0 }, makeLog(terms))
  return disk
}

/** Cuts every link but these. */
function onlyLinks(cluster: RaftCluster, ...links: [ReplicaId, ReplicaId][]): void {
  cluster.partition()
  for (const [one, other] of links) cluster.mend(one, other)
}

describe('figure 8 of the paper [1]', () => {
  /** After (b): S1 and S2 hold 2@2, S5 holds 2@3; S1 is then elected for term 4 by S2 and S3. */
  function afterStepB(): RaftCluster {
    const logs: Record<number, number[]> = { 1: [1, 2], 2: [1, 2], 3: [1], 4: [1], 5: [1, 3] }
    const cluster = new RaftCluster({
      replicas: 5,
      raft: { appendBytesMax: 1 },
      // 4 and 5 have heard of term 4, so that one campaign is enough for them.
      disk: (id) => preloaded(id < 4 ? 3 : 4, logs[id]!),
    })
    // The checker learns of no commit before the test begins: entry 1 is committed in the story.
    cluster.crash(4)
    cluster.crash(5)
    return cluster
  }

  /** The entry of term 4 reaches nobody: what 3 refuses for want of 2@2 may pass. */
  function lacksOwnEntry(cluster: RaftCluster, { to, message }: Packet): boolean {
    if (message.type !== 'append' || message.entries.every((entry) => entry.term < 4)) return true
    return to === 3 && cluster.raft(3).log.lastIndex < message.previous.index
  }

  test('an entry of an earlier term on a majority is not committed, and may be lost (c, d)', () => {
    const cluster = afterStepB()
    cluster.network.passes = (packet) => lacksOwnEntry(cluster, packet)
    cluster.elect(1)
    cluster.run(400)
    expect([cluster.leader(), cluster.raft(1).term]).toEqual([1, 4])
    expect(cluster.replica(3).disk.entries.map(({ term }) => term)).toEqual([1, 2])
    expect(cluster.raft(1).log.commit).toBe(0)

    cluster.crash(1)
    cluster.crash(2)
    cluster.network.passes = () => true
    cluster.restart(4)
    cluster.restart(5)
    cluster.elect(5)
    cluster.settle()
    expect(cluster.raft(3).log.entries.map(({ term }) => term)).toEqual([1, 3, 5])
  })

  test('an entry of the own term on a majority commits it for good (e)', () => {
    const cluster = afterStepB()
    cluster.elect(1)
    cluster.settle()
    expect(cluster.raft(1).log.commit).toBe(3)
    cluster.crash(1)
    cluster.restart(4)
    cluster.restart(5)
    expect(cluster.settle()).not.toBe(5)
    expect(
      cluster
        .raft(5)
        .log.entries.map(({ term }) => term)
        .slice(0, 3),
    ).toEqual([1, 2, 4])
  })
})

describe('a leader without a quorum', () => {
  test('falls silent after one minimum election time-out and helps the next leader [11, 14]', () => {
    const cluster = new RaftCluster({ replicas: 3 })
    const old = cluster.settle()
    cluster.run(1000)
    const cutAtMs = cluster.nowMs
    for (const other of cluster.ids) cluster.network.cutOneWay(other, old)
    const sentAtMs: number[] = []
    cluster.network.passes = ({ from, dueMs, message }) => {
      if (from === old && message.type === 'heartbeat') sentAtMs.push(dueMs)
      return true
    }
    cluster.run(3000)
    expect(cluster.raft(old).role).not.toBe('leader')
    expect(Math.max(...sentAtMs) - cutAtMs).toBeLessThanOrEqual(602)
    // Its heartbeats reached the others all the time; still they could elect somebody.
    expect(cluster.leader()).not.toBe(0)
    expect(cluster.leader()).not.toBe(old)
  })

  test('treats its own leader contact as expired and grants pre-votes at once [11]', () => {
    const cluster = new RaftCluster({ replicas: 3 })
    const old = cluster.settle()
    const [one, other] = cluster.ids.filter((id) => id !== old) as [number, number]
    cluster.crash(other)
    cluster.cut(old, one)
    cluster.runUntil(() => cluster.raft(old).role !== 'leader', 2000)
    cluster.heal()
    cluster.settle(2500)
    expect(cluster.leader()).not.toBe(0)
  })

  test('does not keep a bridge from electing with a majority that is connected [14]', () => {
    const cluster = new RaftCluster({ replicas: 5 })
    cluster.elect(1)
    cluster.settle()
    // Leader 1 reaches the bridge 2 only; 2, 3 and 4 reach each other; 5 is alone.
    onlyLinks(cluster, [1, 2], [2, 3], [2, 4], [3, 4])
    const isLed = () => [2, 3, 4].includes(cluster.leader()) && cluster.raft(1).role !== 'leader'
    expect(cluster.runUntil(isLed, 4000)).toBe(true)
    cluster.propose(cluster.leader(), 'x')
    const before = cluster.checker.committed.length
    expect(cluster.runUntil(() => cluster.checker.committed.length > before, 1000)).toBe(true)
  })
})

describe('partial partitions [13]', () => {
  test('a leader and its term survive replicas that see only part of the group', () => {
    const cluster = new RaftCluster({ replicas: 5 })
    cluster.elect(1)
    cluster.settle()
    const { term } = cluster.raft(1)
    onlyLinks(cluster, [1, 2], [1, 3], [2, 3], [4, 2], [5, 3])
    cluster.run(30_000)
    expect([cluster.leader(), cluster.raft(1).term]).toEqual([1, term])
    cluster.heal()
    cluster.settle()
    expect([cluster.leader(), cluster.raft(1).term]).toEqual([1, term])
  })

  test('a leader that is left with one peer is replaced once, not for ever', () => {
    const cluster = new RaftCluster({ replicas: 5 })
    cluster.elect(4)
    cluster.settle()
    onlyLinks(cluster, [1, 2], [1, 3], [2, 3], [4, 2], [5, 3])
    cluster.run(6000)
    const leader = cluster.leader()
    const { term } = cluster.raft(leader)
    expect([1, 2, 3]).toContain(leader)
    cluster.run(30_000)
    expect([cluster.leader(), cluster.raft(leader).term]).toEqual([leader, term])
  })

  test('of two replicas that cannot hear each other only one leads (Cloudflare 2020)', () => {
    const cluster = new RaftCluster({ replicas: 3 })
    cluster.elect(1)
    cluster.settle()
    const { term } = cluster.raft(1)
    cluster.cut(1, 2)
    cluster.run(30_000)
    expect([cluster.leader(), cluster.raft(1).term]).toEqual([1, term])
    // The one that is cut off keeps asking for pre-votes and nobody minds.
    expect(cluster.raft(2).role).toBe('pre-candidate')
    cluster.propose(1, 'x')
    expect(cluster.runUntil(() => cluster.raft(3).log.commit === 2, 500)).toBe(true)
  })

  test('a replica that was cut off returns without an election', () => {
    const cluster = new RaftCluster({ replicas: 3 })
    cluster.elect(1)
    cluster.settle()
    cluster.isolate(3)
    cluster.propose(1, 'while away')
    cluster.run(10_000)
    cluster.heal()
    cluster.run(500)
    expect([cluster.leader(), cluster.raft(1).term]).toEqual([1, 1])
    expect(cluster.raft(3).log.commit).toBe(2)
  })
})

describe('rivals', () => {
  test('two replicas that notice a dead leader in the same instant do not split the vote', () => {
    for (let seed = 0; seed < 50; seed++) {
      const cluster = new RaftCluster({ replicas: 3, seed })
      cluster.elect(1)
      cluster.settle()
      cluster.crash(1)
      const now = cluster.nowMs + 700
      cluster.raft(2).electionDeadlineMs = now
      cluster.raft(3).electionDeadlineMs = now
      expect(cluster.runUntil(() => cluster.leader() !== 0, 760)).toBe(true)
      expect(cluster.raft(cluster.leader()).term).toBe(2)
    }
  })

  test('a lower id that alone reaches a majority is not kept out by higher ones', () => {
    const cluster = new RaftCluster({ replicas: 5 })
    // 1 is the hub of a star; 4 and 5 are down.
    cluster.crash(4)
    cluster.crash(5)
    onlyLinks(cluster, [1, 2], [1, 3])
    expect(cluster.runUntil(() => cluster.leader() === 1, 20_000)).toBe(true)
  })

  test('a stuck candidate of a higher term makes the leader step down, and is led again', () => {
    const cluster = new RaftCluster({ replicas: 3 })
    cluster.elect(1)
    cluster.settle()
    // 3 has taken a term of its own, as a transfer's target does, and then nobody heard it.
    cluster.network.passes = ({ from, message }) => from !== 3 || message.type !== 'vote-request'
    cluster.transfer(1, 3)
    cluster.run(50)
    expect(cluster.raft(3).term).toBe(2)
    cluster.network.passes = () => true
    cluster.settle()
    expect(cluster.raft(cluster.leader()).term).toBeGreaterThan(2)
    expect(cluster.ids.every((id) => cluster.raft(id).term === cluster.raft(1).term)).toBe(true)
  })
})

describe('a lost connection to the leader', () => {
  /** Time without leader; each survivor notices `afterMs` later than the one before. */
  function gapMs(seed: number, afterMs: number, replicas = 3): number {
    const cluster = new RaftCluster({ replicas, seed })
    const old = cluster.settle()
    cluster.run(950)
    cluster.crash(old)
    const crashedMs = cluster.nowMs
    const survivors = cluster.live().map(({ id }) => id)
    if (seed % 2 === 1) survivors.reverse()
    survivors.forEach((id, place) => {
      if (afterMs < Infinity) cluster.later(place * afterMs, () => cluster.connectionLost(id, old))
    })
    cluster.runUntil(() => cluster.leader() !== 0, 5000)
    return cluster.nowMs - crashedMs
  }
  const seeds = Array.from({ length: 100 }, (_, seed) => seed)

  test('brings a new leader within about 100 ms instead of an election time-out', () => {
    const noticed = seeds.map((seed) => gapMs(seed, 0))
    const waited = seeds.map((seed) => gapMs(seed, Infinity))
    expect(Math.max(...noticed)).toBeLessThanOrEqual(120)
    expect(Math.min(...waited)).toBeGreaterThan(500)
  })

  test.each([1, 5, 20, 60, 150])(
    'is made good as soon as a majority has noticed, each %i ms after the other',
    (afterMs) => {
      const ofThree = seeds.map((seed) => gapMs(seed, afterMs, 3))
      expect(Math.max(...ofThree)).toBeLessThanOrEqual(afterMs + 120)
      const ofFive = seeds.map((seed) => gapMs(seed, afterMs, 5))
      expect(Math.max(...ofFive)).toBeLessThanOrEqual(3 * afterMs + 120)
    },
  )

  test('costs one lost pre-vote when it is a false alarm', () => {
    const cluster = new RaftCluster({ replicas: 3 })
    cluster.elect(1)
    cluster.settle()
    cluster.run(950)
    // The next heartbeat is late, so that the campaign comes before it.
    cluster.network.passes = ({ to, message }) =>
      to !== 2 || message.type !== 'heartbeat' || roles.length > 0
    const roles: string[] = []
    cluster.onStep = (id, _input, effects) => {
      for (const effect of effects) {
        if (id === 2 && effect.type === 'role') roles.push(`${effect.role} of ${effect.leader}`)
      }
    }
    cluster.connectionLost(2, 1)
    cluster.run(1000)
    expect(roles).toEqual(['pre-candidate of 0', 'follower of 0', 'follower of 1'])
    expect(cluster.ids.map((id) => [cluster.raft(id).term, cluster.raft(id).leader])).toEqual([
      [1, 1],
      [1, 1],
      [1, 1],
    ])
  })

  test('means nothing when it is not the leader that is lost', () => {
    const cluster = new RaftCluster({ replicas: 3 })
    cluster.elect(1)
    cluster.settle()
    const before = [cluster.raft(2).contactMs, cluster.raft(2).electionDeadlineMs]
    cluster.connectionLost(2, 3)
    cluster.connectionLost(1, 1)
    cluster.connectionLost(2, 0)
    expect([cluster.raft(2).contactMs, cluster.raft(2).electionDeadlineMs]).toEqual(before)
    expect(cluster.raft(1).role).toBe('leader')
  })
})

describe('a healthy group', () => {
  test('keeps its leader for ten minutes on a slow and jittery network and disk', () => {
    const cluster = new RaftCluster({
      replicas: 3,
      network: { latencyMs: { min: 0, max: 120 } },
      storeMs: { min: 0, max: 200 },
    })
    const leader = cluster.settle(20_000)
    const { term } = cluster.raft(leader)
    for (let second = 0; second < 600; second++) {
      cluster.propose(leader, `value ${second}`)
      cluster.run(1000)
    }
    expect([cluster.leader(), cluster.raft(leader).term]).toEqual([leader, term])
    expect(cluster.raft(leader).log.commit).toBeGreaterThanOrEqual(600)
  })
})

describe('group sizes', () => {
  test('a single voter elects itself at once and commits what it has stored', () => {
    const cluster = new RaftCluster({ replicas: 1, storeMs: { min: 5, max: 5 } })
    cluster.run(5)
    expect(cluster.leader()).toBe(1)
    expect(cluster.raft(1).log.commit).toBe(0)
    cluster.run(5)
    expect(cluster.raft(1).log.commit).toBe(1)
    cluster.propose(1, 'a', 'b')
    expect(cluster.raft(1).log.commit).toBe(1)
    cluster.run(5)
    expect(cluster.raft(1).log.commit).toBe(3)
  })

  test('a single voter commits its earlier entries again after a restart [23, 28]', () => {
    const cluster = new RaftCluster({ replicas: 1 })
    cluster.run(10)
    cluster.propose(1, 'a')
    cluster.run(10)
    cluster.crash(1)
    cluster.restart(1)
    // Its own vote of the last term does not make it leader of that term.
    expect([cluster.raft(1).role, cluster.raft(1).log.commit]).toEqual(['follower', 0])
    cluster.run(10)
    expect([cluster.raft(1).term, cluster.raft(1).log.commit]).toEqual([2, 3])
  })

  test('five replicas go on without two', () => {
    const cluster = new RaftCluster({ replicas: 5 })
    const first = cluster.settle()
    cluster.crash(first)
    const second = cluster.settle()
    cluster.crash(second)
    const third = cluster.settle()
    cluster.propose(third, 'x')
    cluster.run(10)
    expect(cluster.raft(third).log.commit).toBe(cluster.raft(third).log.lastIndex)
    cluster.crash(third)
    cluster.run(10_000)
    expect(cluster.leader()).toBe(0)
    cluster.restart(first)
    cluster.settle()
  })

  test('a restarted leader does not lead its old term again [23]', () => {
    const cluster = new RaftCluster({ replicas: 3 })
    cluster.elect(1)
    cluster.settle()
    cluster.crash(1)
    cluster.restart(1)
    expect([cluster.raft(1).role, cluster.raft(1).term]).toEqual(['follower', 1])
    cluster.settle()
    expect(cluster.raft(cluster.leader()).term).toBeGreaterThan(1)
  })
})

describe('the host asks for a campaign', () => {
  test('is obeyed where no leader is known', () => {
    const cluster = new RaftCluster({ replicas: 3 })
    cluster.input(2, { type: 'campaign' })
    cluster.run(20)
    expect(cluster.leader()).toBe(2)
  })

  test('is ignored where a leader is known', () => {
    const cluster = new RaftCluster({ replicas: 3 })
    cluster.elect(1)
    cluster.settle()
    expect(cluster.input(2, { type: 'campaign' })).toEqual([])
    expect(cluster.input(1, { type: 'campaign' })).toEqual([])
  })
})
