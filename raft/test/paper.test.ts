// One test per claim of the Raft paper (extended version), after the list in etcd-io/raft's
// raft_paper_test.go; section numbers stand in the titles. Where this core adds a pre-vote or waits
// for the disk, the test says so at that step.
import { describe, expect, test } from 'vitest'
import { makeEntry, makeLog, RaftCluster, TestDisk } from '../src/testing/index.ts'
import {
  append,
  appendRefusal,
  heartbeat,
  heartbeatReply,
  only,
  Solo,
  type SoloOptions,
  sent,
  voteReply,
  voteRequest,
} from './solo.ts'

const fivers: SoloOptions = { voters: 5 }

describe('terms (paper 5.1)', () => {
  test('a follower that sees a newer term adopts it', () => {
    const solo = new Solo({ term: 1 })
    solo.receive(2, append(2, { index: 0, term: 0, chain: { high: 0, low: 0 } }))
    expect([solo.raft.term, solo.raft.role, solo.raft.leader]).toEqual([2, 'follower', 2])
  })

  test('a candidate that sees a newer term becomes follower', () => {
    const solo = new Solo({ term: 1 })
    solo.becomeCandidate()
    solo.receive(2, heartbeat(3))
    expect([solo.raft.term, solo.raft.role]).toEqual([3, 'follower'])
  })

  test('a leader that sees a newer term becomes follower', () => {
    const solo = new Solo({ term: 1 })
    solo.becomeLeader()
    solo.receive(2, appendRefusal(4, 0, { index: 0, term: 0 }))
    expect([solo.raft.term, solo.raft.role, solo.raft.leader]).toEqual([4, 'follower', 0])
  })

  test('a message of an old term changes nothing', () => {
    const solo = new Solo({ term: 3 })
    const before = JSON.stringify([solo.raft.log, solo.raft.role, solo.raft.electionDeadlineMs])
    const effects = solo.receive(2, append(2, solo.raft.log.base, makeLog([2])))
    expect(only(effects, 'persist')).toEqual([])
    expect(JSON.stringify([solo.raft.log, solo.raft.role, solo.raft.electionDeadlineMs])).toBe(
      before,
    )
    expect(sent(effects, 'append-reply')[0]?.[1]).toMatchObject({ term: 3, success: false })
  })
})

describe('elections (paper 5.2)', () => {
  test('a replica starts as follower', () => {
    expect(new Solo().raft.role).toBe('follower')
  })

  test('a leader sends a heartbeat to every peer in each interval', () => {
    const solo = new Solo()
    solo.becomeLeader()
    const beats = sent(solo.timeOut(), 'heartbeat')
    expect(beats).toEqual([
      [2, heartbeat(1)],
      [3, heartbeat(1)],
    ])
    expect(sent(solo.tick(100), 'heartbeat')).toHaveLength(2)
  })

  test('a follower that hears nothing asks for pre-votes and then starts an election', () => {
    const solo = new Solo({ term: 1 })
    const asked = sent(solo.timeOut(), 'vote-request')
    expect(asked.map(([to, { pre, term }]) => [to, pre, term])).toEqual([
      [2, true, 2],
      [3, true, 2],
    ])
    expect([solo.raft.term, solo.raft.role]).toEqual([1, 'pre-candidate'])
    // The pre-vote is won: now the term rises, and the own vote goes to disk before the requests.
    const effects = solo.receive(2, voteReply(2, true, true))
    expect([solo.raft.term, solo.raft.votedFor, solo.raft.role]).toEqual([2, 1, 'candidate'])
    expect(only(effects, 'persist')[0]?.hardState).toEqual({ term: 2, votedFor: 1 })
    expect(sent(effects, 'vote-request')).toEqual([])
    expect(sent(solo.store(), 'vote-request')).toEqual([
      [2, voteRequest(2, { index: 0, term: 0 })],
      [3, voteRequest(2, { index: 0, term: 0 })],
    ])
  })

  test('a candidate whose election comes to nothing starts a new one in a new term', () => {
    const solo = new Solo({ term: 1 })
    solo.becomeCandidate()
    expect(solo.raft.term).toBe(2)
    solo.becomeCandidate()
    expect([solo.raft.term, solo.raft.role]).toEqual([3, 'candidate'])
  })

  test.each([
    [1, [], 'leader'],
    [3, [2], 'leader'],
    [3, [2, 3], 'leader'],
    [5, [2, 3], 'leader'],
    [5, [2, 3, 4, 5], 'leader'],
    [3, [], 'candidate'],
    [5, [2], 'candidate'],
  ] as const)('with %i voters and votes of %j a candidate ends as %s', (voters, votes, role) => {
    const solo = new Solo({ voters })
    solo.becomeCandidate()
    for (const voter of votes) solo.receive(voter, voteReply(1, true))
    expect(solo.raft.role).toBe(role)
  })

  test.each([
    [3, [2, 3]],
    [5, [2, 3, 4]],
  ] as const)('with %i voters and refusals of %j a candidate gives up', (voters, refusals) => {
    const solo = new Solo({ voters })
    solo.becomeCandidate()
    for (const voter of refusals) solo.receive(voter, voteReply(1, false))
    expect(solo.raft.role).toBe('follower')
  })

  test.each([
    [0, 2, true],
    [0, 3, true],
    [2, 2, true],
    [3, 3, true],
    [2, 3, false],
    [3, 2, false],
  ])('a follower that voted for %i answers %i with %s', (votedFor, candidate, granted) => {
    const solo = new Solo({ term: 1, votedFor })
    solo.receive(candidate, voteRequest(1, { index: 0, term: 0 }))
    const effects = solo.receive(candidate, voteRequest(1, { index: 0, term: 0 }))
    const replies = sent([...effects, ...solo.store()], 'vote-reply')
    expect(replies[0]?.[1].granted).toBe(granted)
  })

  test.each([1, 2])('a candidate falls back when a leader of term %i speaks', (term) => {
    const solo = new Solo()
    solo.becomeCandidate()
    solo.receive(2, append(term, solo.raft.log.base))
    expect([solo.raft.role, solo.raft.term, solo.raft.leader]).toEqual(['follower', term, 2])
  })

  test('election time-outs of followers are spread over the whole range', () => {
    const timeouts = new Set<number>()
    for (let seed = 0; seed < 3000; seed++) timeouts.add(new Solo({ seed }).raft.electionDeadlineMs)
    expect(Math.min(...timeouts)).toBe(600)
    expect(Math.max(...timeouts)).toBe(900)
    expect(timeouts.size).toBeGreaterThan(290)
  })

  test('a candidate draws a new time-out for each election', () => {
    const solo = new Solo()
    const timeouts = new Set<number>()
    for (let round = 0; round < 300; round++) {
      solo.becomeCandidate()
      timeouts.add(solo.raft.electionDeadlineMs - solo.nowMs)
    }
    expect(Math.min(...timeouts)).toBeGreaterThanOrEqual(600)
    expect(Math.max(...timeouts)).toBeLessThanOrEqual(900)
    expect(timeouts.size).toBeGreaterThan(150)
  })

  test('followers rarely time out together', () => {
    let together = 0
    for (let seed = 0; seed < 500; seed++) {
      const cluster = new RaftCluster({ replicas: 5, seed })
      const deadlines = cluster.ids.map((id) => cluster.raft(id).electionDeadlineMs).sort()
      if (deadlines[1]! - deadlines[0]! < 2) together++
    }
    expect(together / 500).toBeLessThan(0.1)
  })

  test('candidates rarely time out together', () => {
    let together = 0
    for (let seed = 0; seed < 500; seed++) {
      const solos = [1, 2, 3, 4, 5].map((id) => new Solo({ id, seed: seed * 7 + id, voters: 5 }))
      for (const solo of solos) solo.becomeCandidate()
      const deadlines = solos.map(({ raft, nowMs }) => raft.electionDeadlineMs - nowMs).sort()
      if (deadlines[1]! - deadlines[0]! < 2) together++
    }
    expect(together / 500).toBeLessThan(0.1)
  })
})

describe('replication (paper 5.3)', () => {
  test('a leader appends a proposal to its log and sends it to all at once', () => {
    const solo = new Solo()
    solo.becomeServingLeader()
    const { base } = solo.raft.log
    const previous = solo.raft.log.pointAt(1)!
    const effects = solo.propose('some data')
    const entry = makeEntry(previous, 1, 'some data')
    expect(solo.raft.log.base).toBe(base)
    expect(effects).toEqual([
      { type: 'persist', id: 3, entries: [entry] },
      { type: 'send', to: 2, message: append(1, previous, [entry], 1) },
      { type: 'send', to: 3, message: append(1, previous, [entry], 1) },
    ])
    expect([solo.raft.log.lastIndex, solo.raft.log.commit]).toEqual([2, 1])
  })

  test('a leader commits an entry that a majority has stored, and tells the others', () => {
    const solo = new Solo()
    solo.becomeServingLeader()
    solo.propose('some data')
    expect(only(solo.store(), 'commit')).toEqual([])
    expect(only(solo.ack(2, 2), 'commit')).toEqual([{ type: 'commit', index: 2 }])
    solo.ack(3, 2)
    const beats = sent(solo.timeOut(), 'heartbeat')
    expect(beats.map(([to, { commit }]) => [to, commit])).toEqual([
      [2, 2],
      [3, 2],
    ])
    expect(sent(solo.propose('more'), 'append')[0]?.[1].commit).toBe(2)
  })

  test.each([
    [1, [], true],
    [3, [], false],
    [3, [2], true],
    [3, [2, 3], true],
    [5, [], false],
    [5, [2], false],
    [5, [2, 3], true],
    [5, [2, 3, 4], true],
    [5, [2, 3, 4, 5], true],
  ] as const)('with %i voters and acks of %j an entry is committed: %s', (voters, acks, done) => {
    const solo = new Solo({ voters })
    solo.becomeServingLeader()
    solo.propose('some data')
    solo.store()
    for (const peer of acks) solo.ack(peer, 2)
    expect(solo.raft.log.commit).toBe(done ? 2 : 1)
  })

  test.each([[[]], [[2]], [[1, 2]], [[1]]])(
    'committing an entry commits the earlier-term entries %j before it',
    (log) => {
      const solo = new Solo({ log, term: 2 })
      solo.becomeLeader()
      solo.propose('some data')
      solo.store()
      const effects = solo.ack(2, log.length + 1)
      expect(only(effects, 'commit')).toEqual([{ type: 'commit', index: log.length + 1 }])
    },
  )

  test.each([1, 2])(
    'a follower told of commit %i reports these entries, in order, once',
    (commit) => {
      const solo = new Solo({ term: 1 })
      const entries = makeLog([1, 1])
      const message = append(1, solo.raft.log.base, entries, commit)
      expect(only(solo.receive(2, message), 'commit')).toEqual([{ type: 'commit', index: commit }])
      expect(only(solo.receive(2, message), 'commit')).toEqual([])
      expect(solo.raft.log.commit).toBe(commit)
    },
  )

  test.each([
    ['the start', 0, true],
    ['a committed entry', 1, true],
    ['an uncommitted entry', 2, true],
    ['an entry of another term', 2, false],
    ['an entry it does not have', 3, false],
  ])('a follower checks that its log holds %s before the new entries', (what, index, accepted) => {
    const solo = new Solo({ log: [1, 2], commit: 1 })
    const own = solo.raft.log.pointAt(index)
    const term = what.includes('another term') ? 3 : (own?.term ?? 2)
    const previous = { index, term, chain: own?.chain ?? { high: 9, low: 9 } }
    const effects = solo.receive(2, append(3, previous))
    const reply = sent([...effects, ...solo.store()], 'append-reply')[0]?.[1]
    expect(reply).toMatchObject({ term: 3, success: accepted, rejected: accepted ? 0 : index })
    // A refusal names the highest index that may still agree.
    if (index === 3) expect(reply).toMatchObject({ match: 2, hintTerm: 2 })
  })

  test.each([
    [2, [3], [1, 2, 3], [3]],
    [1, [3, 4], [1, 3, 4], [3, 4]],
    [0, [1], [1, 2], []],
    [0, [3], [3], [3]],
  ])('after index %i, entries of terms %j make the log %j', (index, terms, log, unstored) => {
    const solo = new Solo({ log: [1, 2] })
    let previous = solo.raft.log.pointAt(index)!
    const start = previous
    const entries = terms.map((term) => {
      const own = solo.raft.log.entryAt(previous.index + 1)
      const entry = own?.term === term ? own : makeEntry(previous, term, 'new')
      previous = entry
      return entry
    })
    const effects = solo.receive(2, append(4, start, entries))
    expect(solo.raft.log.entries.map(({ term }) => term)).toEqual(log)
    const written = only(effects, 'persist').flatMap((request) => request.entries)
    expect(written.map(({ term }) => term)).toEqual(unstored)
  })

  const leaderLog = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6]
  test.each([
    ['a', [1, 1, 1, 4, 4, 5, 5, 6, 6]],
    ['b', [1, 1, 1, 4]],
    ['c', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6]],
    ['d', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7]],
    ['e', [1, 1, 1, 4, 4, 4, 4]],
    ['f', [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]],
  ])('a leader brings follower (%s) of figure 7 to its own log', (_name, terms) => {
    // Logs of equal terms at equal indexes are equal: makeLog derives them from the terms.
    const cluster = new RaftCluster({
      replicas: 3,
      disk: (id) => {
        const disk = new TestDisk()
        const log = id === 1 ? leaderLog : id === 2 ? terms : [1]
        disk.preload({ term: id === 2 ? Math.max(7, ...terms) : 7, votedFor: 0 }, makeLog(log))
        return disk
      },
    })
    cluster.elect(1)
    cluster.settle()
    const expected = cluster.raft(1).log.entries
    expect(expected.slice(0, -1).map(({ term }) => term)).toEqual(leaderLog)
    expect(cluster.raft(2).log.entries).toEqual(expected)
    expect(cluster.replica(2).disk.entries).toEqual(expected)
  })
})

describe('safety (paper 5.4)', () => {
  test('a vote request carries the last entry of the log (5.4.1)', () => {
    const solo = new Solo({ log: [1, 2], ...fivers })
    const asked = sent(solo.becomeCandidate(), 'vote-request')
    expect(asked.map(([to]) => to)).toEqual([2, 3, 4, 5])
    expect(asked[0]?.[1]).toEqual(voteRequest(3, { index: 2, term: 2 }))
  })

  test.each([
    [[1], 1, 1, true],
    [[1], 2, 1, true],
    [[1, 1], 1, 1, false],
    [[1], 1, 2, true],
    [[1], 2, 2, true],
    [[1, 1], 1, 2, true],
    [[2], 1, 1, false],
    [[2], 2, 1, false],
    [[1, 2], 1, 1, false],
  ])(
    'a voter with log %j answers a candidate at index %i term %i: %s (5.4.1)',
    (log, index, term, granted) => {
      const solo = new Solo({ log })
      const effects = solo.receive(2, voteRequest(3, { index, term }))
      expect(sent(effects, 'vote-reply')).toEqual([])
      // The promise leaves when it is on disk.
      expect(sent(solo.store(), 'vote-reply')[0]?.[1]).toMatchObject({ term: 3, granted })
      expect(solo.raft.votedFor).toBe(granted ? 2 : 0)
    },
  )

  test.each([
    [1, 0],
    [2, 0],
    [3, 3],
  ])('acks up to %i of a log of terms 1, 2 and own 3 commit %i (5.4.2)', (match, commit) => {
    const solo = new Solo({ log: [1, 2] })
    solo.becomeLeader()
    expect(solo.raft.term).toBe(3)
    solo.propose('own')
    solo.store()
    solo.ack(2, match)
    expect(solo.raft.log.commit).toBe(commit)
  })

  test('a heartbeat reply is no ack', () => {
    const solo = new Solo({ log: [1] })
    solo.becomeLeader()
    solo.propose('own')
    solo.store()
    const effects = solo.receive(2, heartbeatReply(2, 0, { index: 2, term: 2 }))
    expect(only(effects, 'commit')).toEqual([])
  })
})
