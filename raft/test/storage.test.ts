// What is promised when: storage requests run beside everything else, and nothing that depends on
// one leaves before it is on disk. Numbers in brackets are those of ../DEVIATIONS.md.
import { describe, expect, test } from 'vitest'
import { createRaft, defaultRaftOptions, inspectRaft, step } from '../src/index.ts'
import { makeEntry, makeLog, origin, type TestEntry } from '../src/testing/index.ts'
import {
  append,
  appendReply,
  heartbeat,
  heartbeatReply,
  only,
  Solo,
  sent,
  voteReply,
  voteRequest,
} from './solo.ts'

function stored(solo: Solo, id: number) {
  return solo.input({ type: 'stored', id })
}

describe('promises', () => {
  test('an append is acked when its entries are on disk', () => {
    const solo = new Solo({ term: 1 })
    const effects = solo.receive(2, append(1, origin, makeLog([1, 1])))
    expect(only(effects, 'persist')).toHaveLength(1)
    expect(only(effects, 'send')).toEqual([])
    expect(sent(stored(solo, 1), 'append-reply')[0]?.[1]).toMatchObject({
      success: true,
      match: 2,
      session: 1,
    })
  })

  test('a repeated append is acked with the entries it repeats, not before', () => {
    const solo = new Solo({ term: 1 })
    solo.receive(2, append(1, origin, makeLog([1, 1])))
    expect(only(solo.receive(2, append(1, origin, makeLog([1, 1]))), 'send')).toEqual([])
    expect(sent(stored(solo, 1), 'append-reply')).toHaveLength(1)
    expect(sent(solo.receive(2, append(1, origin, makeLog([1, 1]))), 'append-reply')).toHaveLength(
      1,
    )
  })

  test('a vote, and every reply of a new term, leaves when term and vote are on disk', () => {
    const solo = new Solo({ term: 1 })
    expect(only(solo.receive(2, voteRequest(2, { index: 0, term: 0 })), 'send')).toEqual([])
    expect(only(solo.receive(3, voteRequest(2, { index: 0, term: 0 })), 'send')).toEqual([])
    const replies = sent(stored(solo, 1), 'vote-reply')
    expect(replies.map(([to, { granted, term }]) => [to, granted, term])).toEqual([
      [2, true, 2],
      [3, false, 2],
    ])
    expect(only(solo.receive(2, heartbeat(3)), 'send')).toEqual([])
    expect(sent(stored(solo, 2), 'heartbeat-reply')).toHaveLength(1)
  })

  // With a new term for each time-out, a disk slower than that would never bring an election about.
  test('a candidate begins no other election before its vote is on disk, and then waits for answers', () => {
    const solo = new Solo({ term: 1 })
    solo.timeOut()
    solo.receive(2, voteReply(2, true, true))
    expect([solo.raft.role, solo.raft.term]).toEqual(['candidate', 2])
    for (let late = 0; late < 3; late += 1) expect(only(solo.timeOut(), 'persist')).toEqual([])
    solo.tick(defaultRaftOptions.electionTimeoutMinMs - 1)
    expect(sent(stored(solo, 1), 'vote-request').map(([to]) => to)).toEqual([2, 3])
    expect(only(solo.tick(defaultRaftOptions.electionTimeoutMinMs - 1), 'send')).toEqual([])
    solo.receive(3, voteReply(2, true))
    expect([solo.raft.role, solo.raft.term]).toEqual(['leader', 2])
  })

  test('term, truncation and entries go into one request, in front of all sends', () => {
    const solo = new Solo({ log: [1, 1], term: 1 })
    const fork = makeEntry(solo.raft.log.pointAt(1)!, 2, 'other')
    const effects = solo.receive(2, append(2, solo.raft.log.pointAt(1)!, [fork]))
    expect(effects[0]).toEqual({
      type: 'persist',
      id: 1,
      hardState: { term: 2, votedFor: 0 },
      truncateAfter: 1,
      entries: [fork],
    })
  })

  test('of several acks that become due together only the furthest is sent', () => {
    const solo = new Solo({ term: 1 })
    const log = makeLog([1, 1, 1])
    solo.receive(2, append(1, origin, log.slice(0, 1)))
    solo.receive(2, append(1, log[0]!, log.slice(1, 2)))
    solo.receive(2, append(1, log[1]!, log.slice(2, 3)))
    const replies = sent(stored(solo, 3), 'append-reply')
    expect(replies.map(([, { match }]) => match)).toEqual([3])
  })

  test('do not pile up while a disk stalls', () => {
    const solo = new Solo({ term: 1 })
    solo.receive(2, append(2, origin, makeLog([1])))
    for (let round = 1; round <= 1000; round++) {
      solo.receive(2, heartbeat(2, 0, round))
      solo.receive(2, append(2, origin, makeLog([1])))
    }
    expect(inspectRaft(solo.raft).heldReplies).toBe(2)
    expect(sent(stored(solo, 1), 'heartbeat-reply')[0]?.[1].read).toBe(1000)
  })

  test('of an older term are not kept', () => {
    const solo = new Solo({ term: 1 })
    solo.receive(2, append(1, origin, makeLog([1])))
    solo.receive(3, heartbeat(2))
    const replies = only(stored(solo, 2), 'send')
    expect(replies.map(({ to, message }) => [to, message.type])).toEqual([[3, 'heartbeat-reply']])
  })

  test('a leader sends entries while it stores them, and counts itself afterwards', () => {
    const solo = new Solo()
    solo.becomeServingLeader()
    const effects = solo.propose('x')
    expect(effects.map(({ type }) => type)).toEqual(['persist', 'send', 'send'])
    expect(only(solo.ack(2, 2), 'commit')).toEqual([])
    expect(only(solo.store(), 'commit')).toEqual([{ type: 'commit', index: 2 }])
  })

  test('two peers commit an entry that the leader itself has not stored yet', () => {
    const solo = new Solo()
    solo.becomeServingLeader()
    solo.propose('x')
    solo.ack(2, 2)
    expect(only(solo.ack(3, 2), 'commit')).toEqual([{ type: 'commit', index: 2 }])
    expect(solo.raft.log.stable).toBe(1)
  })
})

describe('a completion that comes late [17]', () => {
  test('does not make entries stable that took the place of what it stored', () => {
    const solo = new Solo({ term: 1 })
    const old = makeLog([1, 1, 1])
    solo.receive(2, append(1, origin, old)) // request 1
    const other = makeEntry(old[0]!, 2, 'other')
    solo.receive(3, append(2, old[0]!, [other])) // request 2 drops 2 and 3
    expect(sent(stored(solo, 1), 'append-reply')).toEqual([])
    expect(solo.raft.log.stable).toBe(1)
    expect(sent(stored(solo, 2), 'append-reply')[0]?.[1]).toMatchObject({ match: 2 })
  })

  test('does not count even when the very same entries have come back (ABA)', () => {
    const solo = new Solo({ term: 1 })
    const old = makeLog([1, 1, 1])
    solo.receive(2, append(1, origin, old)) // request 1
    solo.receive(3, append(2, old[0]!, [makeEntry(old[0]!, 2, 'other')])) // request 2
    solo.receive(2, append(3, old[0]!, old.slice(1))) // request 3 brings 2@1 and 3@1 back
    // After request 2 the disk will hold the other entry: request 1 proves nothing about 2 and 3.
    expect(sent(stored(solo, 1), 'append-reply')).toEqual([])
    expect(solo.raft.log.stable).toBe(1)
    expect(sent(stored(solo, 2), 'append-reply')).toEqual([])
    expect(solo.raft.log.stable).toBe(1)
    const replies = sent(stored(solo, 3), 'append-reply')
    expect(replies[0]?.[1]).toMatchObject({ term: 3, match: 3 })
  })

  test('of a request that is long done, or was never made, is harmless', () => {
    const solo = new Solo({ term: 1 })
    solo.receive(2, append(1, origin, makeLog([1])))
    stored(solo, 1)
    expect(stored(solo, 1)).toEqual([])
    expect(stored(solo, 0)).toEqual([])
    expect(solo.raft.log.stable).toBe(1)
  })
})

describe('a follower commits and acks', () => {
  // Its log has an end that the leader's append neither confirms nor contradicts yet.
  function withUnprovenEnd(): Solo {
    return new Solo({ log: [1, 1, 1, 1], term: 2 })
  }

  test('only up to the last entry that a message proves', () => {
    const solo = withUnprovenEnd()
    const effects = solo.receive(
      2,
      append(2, solo.raft.log.pointAt(1)!, [solo.raft.log.entryAt(2)!], 4),
    )
    expect(only(effects, 'commit')).toEqual([{ type: 'commit', index: 2 }])
    expect(sent(effects, 'append-reply')[0]?.[1].match).toBe(2)
  })

  test('nothing on a refusal', () => {
    const solo = withUnprovenEnd()
    const previous = { index: 4, term: 2, chain: { high: 1, low: 1 } }
    const effects = solo.receive(2, append(2, previous, [], 4))
    expect(only(effects, 'commit')).toEqual([])
  })

  test('with its committed prefix when an append starts before what it has in memory', () => {
    const solo = new Solo({ log: [1, 1, 1, 1, 1], base: 3, commit: 4 })
    const log = makeLog([1, 1, 1, 1, 1, 1])
    const effects = solo.receive(2, append(1, log[0]!, log.slice(1, 2)))
    expect(sent(effects, 'append-reply')[0]?.[1]).toMatchObject({ success: true, match: 4 })
    // An append that reaches over the base brings its new entries.
    const more = solo.receive(2, append(1, log[1]!, log.slice(2)))
    expect(only(more, 'persist')[0]?.entries).toEqual(log.slice(5))
    expect(sent(solo.store(), 'append-reply')[0]?.[1]).toMatchObject({ success: true, match: 6 })
  })
})

describe('a replica halts, and does nothing more', () => {
  function halted(solo: Solo, effects: ReturnType<Solo['input']>): string | undefined {
    expect(inspectRaft(solo.raft).halted).toBe(true)
    expect(solo.timeOut()).toEqual([])
    expect(solo.receive(2, heartbeat(99))).toEqual([])
    return only(effects, 'halt')[0]?.reason
  }

  test('when an entry with its index and term has another chain', () => {
    const solo = new Solo({ log: [1, 1] })
    const twin = makeEntry(solo.raft.log.pointAt(1)!, 1, 'twin')
    const effects = solo.receive(2, append(1, solo.raft.log.pointAt(1)!, [twin]))
    expect(halted(solo, effects)).toBe('two logs with term 1 at index 2 differ')
    expect(only(effects, 'persist')).toEqual([])
  })

  test('when the entry before the new ones has another chain', () => {
    const solo = new Solo({ log: [1, 1] })
    const effects = solo.receive(
      2,
      append(1, { ...solo.raft.log.pointAt(2)!, chain: origin.chain }),
    )
    expect(halted(solo, effects)).toBe('two logs with term 1 at index 2 differ')
  })

  test.each([
    ['a new entry', 1],
    ['the entry before', 2],
  ])('when %s contradicts what is committed', (_what, index) => {
    const solo = new Solo({ log: [1, 1], commit: 2 })
    const other = makeEntry(solo.raft.log.pointAt(1)!, 2, 'other')
    const message = index === 1 ? append(2, solo.raft.log.pointAt(1)!, [other]) : append(2, other)
    expect(halted(solo, solo.receive(2, message))).toBe('leader has term 2 at committed index 2')
  })

  test('when two replicas lead the same term', () => {
    const follower = new Solo({ term: 1 })
    follower.receive(2, heartbeat(1))
    expect(halted(follower, follower.receive(3, heartbeat(1)))).toBe(
      'replicas 2 and 3 both lead term 1',
    )
    const leader = new Solo()
    leader.becomeLeader()
    expect(halted(leader, leader.receive(3, heartbeat(1)))).toBe(
      'replicas 1 and 3 both lead term 1',
    )
  })
})

describe('what a host must not do is refused', () => {
  const entries = makeLog([1, 1])
  const options = { ...defaultRaftOptions, id: 1, configuration: { voters: [1, 2, 3] }, session: 1 }
  const hardState = { term: 1, votedFor: 0 }
  const draw = () => 0

  test('a proposal to a follower, of a gap, or of another term', () => {
    const follower = new Solo()
    expect(() => follower.propose('x')).toThrow('proposal to a follower')
    const leader = new Solo({ term: 1 })
    leader.becomeLeader()
    expect(() => leader.input({ type: 'propose', entries })).toThrow('has term 1, not 2')
    const gap = [{ ...makeEntry(origin, 2, 'x'), index: 2 }]
    expect(() => leader.input({ type: 'propose', entries: gap })).toThrow('starts at 2, not 1')
  })

  test.each([
    ['a gap', { hardState, base: origin, entries: entries.slice(1), commit: 0 }, 'cannot follow 0'],
    ['a commit beyond the log', { hardState, base: origin, entries, commit: 3 }, 'outside 0..2'],
    [
      'a commit before the base',
      { hardState, base: entries[0]!, entries: [], commit: 0 },
      'outside',
    ],
    [
      'a term below that of an entry',
      { hardState: { term: 0, votedFor: 0 }, base: origin, entries, commit: 0 },
      'restored term 0 is below',
    ],
  ])('a start from %s', (_what, restore, message) => {
    expect(() => createRaft<TestEntry>(options, restore, 0, draw)).toThrow(message)
  })

  test.each([
    [{ id: 0 }, 'id is an integer above 0'],
    [{ session: 0 }, 'session is above 0'],
    [{ configuration: { voters: [1, 1, 2] } }, 'ids of a list are distinct'],
    [{ configuration: { voters: [1, 2], learners: [2] } }, 'no learner is a voter'],
    [{ configuration: { voters: [1], outgoing: [] } }, 'there are voters'],
    [{ configuration: { voters: [], learners: [1] } }, 'there are voters'],
    [{ electionTimeoutMinMs: 299 }, 'at least 3 × heartbeatMs'],
    [{ electionTimeoutMaxMs: 599 }, 'electionTimeoutMaxMs is at least electionTimeoutMinMs'],
    [{ inflightMessagesMax: 1025 }, 'between 1 and 1024'],
  ])('the option %j', (wrong, message) => {
    const restore = { hardState, base: origin, entries: [], commit: 0 }
    expect(() => createRaft({ ...options, ...wrong }, restore, 0, draw)).toThrow(message)
  })
})

describe('messages that mean nothing here', () => {
  test('from itself, and answers of replicas outside the group, are ignored', () => {
    const solo = new Solo({ term: 1 })
    expect(solo.receive(1, heartbeat(5))).toEqual([])
    expect(solo.receive(9, heartbeatReply(5))).toEqual([])
    expect(solo.receive(9, appendReply(5, 0))).toEqual([])
    expect(solo.receive(9, voteReply(5, false))).toEqual([])
    expect(solo.raft.term).toBe(1)
  })

  test('with entries that do not follow each other are ignored', () => {
    const solo = new Solo({ term: 1 })
    const [one, two, three] = makeLog([1, 1, 1]) as [TestEntry, TestEntry, TestEntry]
    expect(only(solo.receive(2, append(1, origin, [one, three])), 'persist')).toEqual([])
    expect(only(solo.receive(2, append(1, origin, [two])), 'persist')).toEqual([])
    expect(solo.raft.log.lastIndex).toBe(0)
  })

  test('a clock that goes back is taken as standing still', () => {
    const solo = new Solo()
    step(solo.raft, { type: 'tick' }, 500)
    step(solo.raft, { type: 'tick' }, 100)
    expect(solo.raft.nowMs).toBe(500)
  })
})
