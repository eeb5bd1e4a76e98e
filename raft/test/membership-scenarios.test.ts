// Changes of members together with everything else that goes wrong: leader changes, partitions,
// crashes, empty disks and compacted logs, on a whole group under the checker. Numbers in brackets
// are those of the table of known bugs in ../DEVIATIONS.md.
import { describe, expect, test } from 'vitest'
import { inspectRaft, type ReplicaId } from '../src/index.ts'
import { RaftCluster } from '../src/testing/index.ts'

function led(replicas: number): RaftCluster {
  const cluster = new RaftCluster({ replicas, raft: { snapshotChunkBytes: 16 } })
  cluster.elect(1)
  cluster.settle()
  return cluster
}

function configurationOf(cluster: RaftCluster, id: ReplicaId) {
  return cluster.raft(id).membership.placed.configuration
}

function arrive(cluster: RaftCluster, voters: ReplicaId[], learners: ReplicaId[] = []): void {
  for (let step = 0; step < 8; step++) {
    const leader = cluster.settle()
    if (cluster.change(leader, { voters, learners }) === 'nothing to change') return
  }
  throw new Error('members were not reached')
}

/** Cuts every link but these. */
function onlyLinks(cluster: RaftCluster, ...links: [ReplicaId, ReplicaId][]): void {
  cluster.partition()
  for (const [one, other] of links) cluster.mend(one, other)
}

/** A group of 1 to 5 whose leader 1 is in the middle of a change to 1, 2, 3, 4 and 6. */
function heldInJoint(): RaftCluster {
  const cluster = led(5)
  cluster.add(6)
  arrive(cluster, [1, 2, 3, 4, 5], [6])
  cluster.network.passes = ({ message }) =>
    message.type !== 'append' ||
    message.entries.every(({ configuration }) => !configuration || configuration.outgoing)
  cluster.change(1, { voters: [1, 2, 3, 4, 6], learners: [] })
  cluster.run(300)
  expect(configurationOf(cluster, 2).outgoing).toEqual([1, 2, 3, 4, 5])
  return cluster
}

describe('two changes in two terms [2]', () => {
  test.each([
    ['two additions', [1, 2, 3, 4, 5], [1, 2, 3, 4, 6]],
    ['an addition and a removal', [1, 2, 3, 4, 5], [1, 2, 3]],
    ['two removals', [1, 2, 3], [1, 2, 4]],
  ])('%s never make two majorities that do not meet', (_what, first, second) => {
    const cluster = led(4)
    cluster.add(5)
    cluster.add(6)
    arrive(cluster, [1, 2, 3, 4], [5, 6])
    // Leader 1 alone has the entry of the first change.
    cluster.isolate(1)
    cluster.change(1, { voters: first, learners: [5, 6].filter((id) => !first.includes(id)) })
    cluster.runUntil(() => ![0, 1].includes(cluster.leader()), 3000)
    cluster.run(100)
    const next = cluster.leader()
    const before = { voters: second, learners: [5, 6].filter((id) => !second.includes(id)) }
    expect(cluster.change(next, before)).toBeUndefined()
    cluster.run(500)
    const decided = cluster.checker.committed.length
    cluster.heal()
    cluster.settle()
    expect(cluster.raft(1).log.commit).toBeGreaterThanOrEqual(decided)
    expect(configurationOf(cluster, cluster.leader())).toMatchObject({ voters: second })
  })

  test('a new leader waits for an entry of its own term before it changes anything', () => {
    const cluster = led(4)
    cluster.add(5)
    arrive(cluster, [1, 2, 3, 4], [5])
    cluster.crash(1)
    cluster.network.passes = ({ message }) => message.type !== 'append-reply'
    cluster.runUntil(() => cluster.leader() !== 0, 3000)
    const target = { voters: [2, 3, 4, 5], learners: [] }
    expect(cluster.change(cluster.leader(), target)).toBe('own-term-not-committed')
  })
})

describe('a group of two that gets a third [4]', () => {
  test('goes on without the leader that dies as soon as the change is committed', () => {
    const cluster = led(2)
    cluster.add(3)
    arrive(cluster, [1, 2], [3])
    cluster.change(1, { voters: [1, 2, 3], learners: [] })
    const isChanged = () => {
      const { configuration, configurationCommitted } = inspectRaft(cluster.raft(1))
      return configurationCommitted && configuration.outgoing === undefined
    }
    expect(cluster.runUntil(isChanged, 200)).toBe(true)
    cluster.crash(1)
    cluster.settle()
    expect([2, 3]).toContain(cluster.leader())
  })

  test('also when only one of the others has heard of the change', () => {
    for (const deaf of [2, 3]) {
      const cluster = led(2)
      cluster.add(3)
      arrive(cluster, [1, 2], [3])
      cluster.network.passes = ({ to, message }) =>
        to !== deaf ||
        message.type !== 'append' ||
        message.entries.every(({ configuration }) => !configuration || configuration.outgoing)
      cluster.change(1, { voters: [1, 2, 3], learners: [] })
      const isChanged = () => inspectRaft(cluster.raft(1)).configuration.outgoing === undefined
      cluster.runUntil(
        () => isChanged() && inspectRaft(cluster.raft(1)).configurationCommitted,
        500,
      )
      cluster.crash(1)
      cluster.network.passes = () => true
      cluster.settle()
      expect(configurationOf(cluster, deaf)).toEqual({ voters: [1, 2, 3] })
    }
  })
})

describe('a crash in a joint configuration [3]', () => {
  test('of the whole group leaves it joint, and the next leader leaves it', () => {
    const cluster = heldInJoint()
    for (const id of cluster.ids) cluster.crash(id)
    cluster.network.passes = () => true
    for (const id of cluster.ids) cluster.restart(id)
    expect(configurationOf(cluster, 3)).toEqual({
      voters: [1, 2, 3, 4, 6],
      outgoing: [1, 2, 3, 4, 5],
    })
    cluster.settle()
    cluster.run(100)
    expect(configurationOf(cluster, cluster.leader())).toEqual({ voters: [1, 2, 3, 4, 6] })
    const proposed = cluster.checker.committed.filter(({ configuration }) => configuration)
    expect(proposed).toHaveLength(3)
  })
})

describe('a truncated change [20]', () => {
  test('is forgotten by its leader, who then follows by the members of before', () => {
    const cluster = led(3)
    cluster.add(4)
    arrive(cluster, [1, 2, 3], [4])
    cluster.isolate(1)
    cluster.change(1, { voters: [1, 4], learners: [] })
    expect(configurationOf(cluster, 1).outgoing).toBeDefined()
    cluster.runUntil(() => [2, 3].includes(cluster.leader()), 3000)
    cluster.heal()
    cluster.settle()
    expect(configurationOf(cluster, 1)).toEqual({ voters: [1, 2, 3], learners: [4] })
    expect(inspectRaft(cluster.raft(1)).configurationCommitted).toBe(true)
    arrive(cluster, [1, 2, 4])
  })
})

describe('partial partitions under a joint configuration', () => {
  test('a leader of both halves and its term survive replicas that see part of them [13]', () => {
    const cluster = heldInJoint()
    const { term } = cluster.raft(1)
    onlyLinks(cluster, [1, 2], [1, 3], [2, 3], [4, 2], [5, 3], [6, 2])
    cluster.run(20_000)
    expect([cluster.leader(), cluster.raft(1).term]).toEqual([1, term])
  })

  test('a leader with a majority of one half only is replaced once, not for ever [13]', () => {
    const cluster = heldInJoint()
    // 1 has 5 and 3 of the older half and nobody else of the newer; 2, 3, 4 and 6 see each other.
    onlyLinks(cluster, [1, 5], [1, 3], [2, 3], [2, 4], [2, 6], [3, 4], [3, 6], [4, 6])
    cluster.run(5000)
    const leader = cluster.leader()
    const { term } = cluster.raft(leader)
    expect([2, 3, 4, 6]).toContain(leader)
    cluster.run(20_000)
    expect([cluster.leader(), cluster.raft(leader).term]).toEqual([leader, term])
  })

  test('a leader without a quorum does not hold a bridge [14]', () => {
    const cluster = heldInJoint()
    onlyLinks(cluster, [1, 2], [2, 3], [2, 4], [3, 4], [2, 6], [3, 6], [4, 6])
    const isLed = () => [2, 3, 4, 6].includes(cluster.leader()) && cluster.raft(1).role !== 'leader'
    expect(cluster.runUntil(isLed, 4000)).toBe(true)
    cluster.network.passes = () => true
    cluster.propose(cluster.leader(), 'x')
    const before = cluster.checker.committed.length
    expect(cluster.runUntil(() => cluster.checker.committed.length > before, 1000)).toBe(true)
  })
})

describe('a replica that is replaced while nothing holds still [25]', () => {
  test('keeps one history through partition, crash and compaction', () => {
    for (let seed = 0; seed < 20; seed++) {
      const cluster = new RaftCluster({
        replicas: 3,
        seed,
        raft: { snapshotChunkBytes: 16 },
        network: { latencyMs: { min: 0, max: 20 }, dropPercent: 5 },
      })
      const first = cluster.settle(20_000)
      cluster.propose(first, 'a', 'b', 'c')
      cluster.settle(20_000)
      cluster.compact(first, cluster.raft(first).log.commit)
      const lost = cluster.ids.find((id) => id !== first) as ReplicaId
      cluster.crash(lost)
      cluster.add(4)
      const target = { voters: [...cluster.ids.filter((id) => id !== lost)], learners: [] }
      for (let step = 0; step < 40; step++) {
        if (step === 6) cluster.isolate(cluster.leader() || first)
        if (step === 14) cluster.heal()
        if (step === 18) cluster.restart(lost)
        for (const { id } of cluster.live()) cluster.change(id, target)
        if (cluster.leader() !== 0) cluster.propose(cluster.leader(), `v${step}`)
        cluster.run(150)
      }
      cluster.network.conditions.dropPercent = 0
      arrive(cluster, target.voters)
      expect(configurationOf(cluster, cluster.leader()).voters).toEqual(target.voters)
      expect(cluster.raft(4).log.commit).toBeGreaterThan(20)
    }
  })
})

describe('a snapshot for a replica that was away', () => {
  /** 3 is away while the others go on and forget what they had. */
  function withoutThree(): RaftCluster {
    const cluster = led(3)
    cluster.isolate(3)
    cluster.propose(1, 'a', 'b', 'c')
    cluster.run(100)
    for (const id of [1, 2]) cluster.compact(id, cluster.raft(id).log.commit)
    cluster.propose(1, 'd')
    cluster.run(100)
    return cluster
  }

  function installed(cluster: RaftCluster): boolean {
    return cluster.replica(3).disk.start.index >= 4 && cluster.raft(3).log.commit >= 5
  }

  test('comes in chunks, and the log after it as always', () => {
    const cluster = withoutThree()
    cluster.heal()
    expect(cluster.runUntil(() => installed(cluster), 1000)).toBe(true)
    cluster.settle()
    cluster.run(20)
    expect(cluster.replica(3).disk.entries.map(({ value }) => value)).toContain('d')
  })

  test('arrives through a network that loses every third message', () => {
    const cluster = withoutThree()
    let count = 0
    cluster.network.passes = ({ message }) =>
      !message.type.startsWith('snapshot') || count++ % 3 > 0
    cluster.heal()
    expect(cluster.runUntil(() => installed(cluster), 20_000)).toBe(true)
  })

  test('is taken up by a new leader when the old one dies in the middle [21]', () => {
    const cluster = withoutThree()
    cluster.heal()
    cluster.runUntil(() => (inspectRaft(cluster.raft(3)).snapshot?.received ?? 0) > 0, 1000)
    cluster.crash(1)
    expect(cluster.runUntil(() => installed(cluster), 6000)).toBe(true)
    expect(cluster.leader()).toBe(2)
  })

  test('is no dead end for a receiver that restarts, campaigns or forgets it [21]', () => {
    for (let afterMs = 0; afterMs < 40; afterMs += 2) {
      const cluster = withoutThree()
      cluster.heal()
      cluster.run(100 + afterMs)
      cluster.crash(3, afterMs % 3)
      cluster.restart(3)
      cluster.run(afterMs)
      cluster.connectionLost(3, cluster.raft(3).leader)
      expect(cluster.runUntil(() => installed(cluster), 6000)).toBe(true)
      cluster.settle()
    }
  })

  test('is sent again when its host could not use it', () => {
    const cluster = withoutThree()
    cluster.findsSnapshotsSound = false
    cluster.heal()
    cluster.run(3000)
    expect(cluster.raft(3).log.commit).toBeLessThan(4)
    cluster.findsSnapshotsSound = true
    expect(cluster.runUntil(() => installed(cluster), 4000)).toBe(true)
  })

  test('starts over when the log start of its leader moves', () => {
    const cluster = withoutThree()
    cluster.heal()
    cluster.runUntil(() => (inspectRaft(cluster.raft(3)).snapshot?.received ?? 0) > 16, 1000)
    cluster.compact(1, cluster.raft(1).log.commit)
    expect(cluster.runUntil(() => cluster.replica(3).disk.start.index === 5, 3000)).toBe(true)
    cluster.settle()
  })

  test('does not hold up the others, nor an election', () => {
    const cluster = withoutThree()
    cluster.answersReads = false
    cluster.heal()
    cluster.run(2000)
    cluster.propose(1, 'e')
    expect(cluster.runUntil(() => cluster.raft(2).log.commit === 6, 100)).toBe(true)
    cluster.transfer(1, 2)
    expect(cluster.runUntil(() => cluster.leader() === 2, 100)).toBe(true)
    cluster.answersReads = true
    cluster.settle()
  })

  test('brings the members of its place along', () => {
    const cluster = led(3)
    cluster.isolate(3)
    cluster.add(4)
    cluster.change(1, { voters: [1, 2, 3], learners: [4] })
    cluster.run(200)
    cluster.compact(1, cluster.raft(1).log.commit)
    cluster.heal()
    cluster.settle()
    cluster.run(20)
    expect(cluster.replica(3).disk.start.index).toBe(2)
    expect(configurationOf(cluster, 3)).toEqual({ voters: [1, 2, 3], learners: [4] })
    cluster.crash(3)
    cluster.restart(3)
    expect(configurationOf(cluster, 3)).toEqual({ voters: [1, 2, 3], learners: [4] })
  })

  test('from before the first change, by a leader that was added later, takes no members away', () => {
    const cluster = led(3)
    cluster.isolate(3)
    cluster.propose(1, 'a')
    cluster.run(100)
    cluster.add(4)
    cluster.isolate(3)
    cluster.change(1, { voters: [1, 2, 3], learners: [4] })
    cluster.run(200)
    cluster.change(1, { voters: [1, 2, 3, 4], learners: [] })
    cluster.run(200)
    cluster.transfer(1, 4)
    cluster.runUntil(() => cluster.leader() === 4, 200)
    cluster.run(200)
    // 4 knows the log from its first entry on, and not the members the group began with.
    cluster.compact(4, 2)
    cluster.release(4, cluster.raft(4).log.commit)
    cluster.network.passes = ({ to, message }) =>
      to !== 3 || message.type !== 'append' || message.previous.index !== 2
    cluster.heal()
    expect(cluster.runUntil(() => cluster.replica(3).disk.start.index === 2, 2000)).toBe(true)
    expect(configurationOf(cluster, 3)).toEqual({ voters: [1, 2, 3] })
    cluster.network.passes = () => true
    cluster.settle()
    expect(configurationOf(cluster, 3)).toEqual({ voters: [1, 2, 3, 4] })
  })
})
