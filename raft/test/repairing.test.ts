// Holes: what a replica does while entries of its log are known by index and term only, and what
// changes when they are found or repaired. The round that drops entries is in round.test.ts.
import { describe, expect, test } from 'vitest'
import { deadlineMs, inspectRaft } from '../src/index.ts'
import { makeEntry, makeLog, type TestEntry } from '../src/testing/index.ts'
import {
  append,
  heartbeat,
  heartbeatReply,
  only,
  Solo,
  type SoloOptions,
  sent,
  voteRequest,
} from './solo.ts'

const log = makeLog([1, 1, 1, 1, 1])

/** A follower whose entries 3 and 4 of 5 are damaged. */
function damaged(options: SoloOptions = {}): Solo {
  return new Solo({ log: [1, 1, 1, 1, 1], hole: [3, 4], ...options })
}

function at(index: number): TestEntry {
  return log[index - 1]!
}

function repair(solo: Solo) {
  solo.input({ type: 'repaired', entries: [at(3), at(4)] })
  return solo.input({ type: 'holes', cleanThrough: Infinity, undecided: [] })
}

describe('a repairing replica', () => {
  test('says so, and how far it is clean', () => {
    expect(inspectRaft(damaged().raft)).toMatchObject({ condition: 'repairing', cleanThrough: 2 })
  })

  test('acks what lies before the hole, and names how far it agrees', () => {
    const solo = damaged()
    const reply = sent(solo.receive(2, append(1, at(5))), 'append-reply')[0]?.[1]
    expect(reply).toMatchObject({ success: true, match: 2, reached: 5, recovering: false })
    expect(reply?.extent).toEqual({ index: 5, term: 1 })
  })

  test('compares a missing entry by term, and by chain where that is known', () => {
    const solo = damaged()
    expect(sent(solo.receive(2, append(1, at(3))), 'append-reply')[0]?.[1].success).toBe(true)
    expect(sent(solo.receive(2, append(1, at(4))), 'append-reply')[0]?.[1].success).toBe(true)
    const other = { ...at(4), chain: { high: 1, low: 1 } }
    expect(only(solo.receive(2, append(1, other)), 'halt')).toHaveLength(1)
  })

  test('votes, judged by all it ever had', () => {
    const shorter = damaged().receive(2, voteRequest(2, { index: 4, term: 1 }))
    expect(only(shorter, 'persist')[0]?.hardState?.votedFor).toBe(0)
    const equal = damaged().receive(2, voteRequest(2, { index: 5, term: 1 }))
    expect(only(equal, 'persist')[0]?.hardState?.votedFor).toBe(2)
  })

  test('does not campaign: not on a time-out, not when asked to, not when leadership is handed to it', () => {
    const solo = damaged({ commit: 4 })
    for (let round = 0; round < 3; round++) {
      expect(sent(solo.timeOut(), 'vote-request')).toEqual([])
      expect(deadlineMs(solo.raft)).toBeGreaterThan(solo.nowMs)
    }
    expect(solo.input({ type: 'campaign' })).toEqual([])
    solo.receive(2, heartbeat(1))
    expect(solo.receive(2, { type: 'timeout-now', term: 1 })).toEqual([])
    expect(solo.raft).toMatchObject({ role: 'follower', term: 1 })
  })

  test('lets commit pass the hole', () => {
    expect(only(damaged().receive(2, append(1, at(5), [], 5)), 'commit')).toEqual([
      { type: 'commit', index: 5 },
    ])
  })

  test('loses the hole to an ordinary conflict', () => {
    const solo = damaged()
    const fork = makeEntry(at(2), 2, 'other')
    solo.receive(2, append(2, at(2), [fork]))
    expect(sent(solo.store(), 'append-reply')[0]?.[1]).toMatchObject({ match: 3, reached: 3 })
    expect(inspectRaft(solo.raft)).toMatchObject({ condition: 'clean', lastIndex: 3 })
  })

  test('keeps the part of the hole that a conflict leaves', () => {
    const solo = damaged()
    const previous = { ...at(3), chain: at(3).chain }
    solo.receive(2, append(2, previous, [makeEntry(previous, 2, 'other')]))
    expect(sent(solo.store(), 'append-reply')[0]?.[1]).toMatchObject({ match: 2, reached: 4 })
    expect(inspectRaft(solo.raft).condition).toBe('repairing')
  })

  test('acks again when it is repaired, without a new append', () => {
    const solo = damaged()
    solo.receive(2, append(1, at(5)))
    const replies = sent(repair(solo), 'append-reply')
    expect(replies).toMatchObject([[2, { match: 5, reached: 5 }]])
    expect(inspectRaft(solo.raft).condition).toBe('clean')
    expect(sent(solo.timeOut(), 'vote-request')).toHaveLength(2)
  })

  test('acks nothing when it is repaired in a term whose leader it has not agreed with', () => {
    const solo = damaged()
    solo.receive(2, append(1, at(5)))
    solo.receive(3, heartbeat(2))
    solo.store()
    expect(sent(repair(solo), 'append-reply')).toEqual([])
  })

  test('does not take entries of another term or chain for the missing ones', () => {
    const solo = damaged()
    const foreign = [
      { ...at(3), term: 2 },
      { ...at(4), chain: { high: 9, low: 9 } },
    ]
    solo.input({ type: 'repaired', entries: foreign })
    expect(solo.raft.log.entryAt(3)?.missing).toBe(true)
    expect(solo.raft.log.entryAt(4)?.missing).toBe(true)
    const wrong = () => solo.input({ type: 'holes', cleanThrough: Infinity, undecided: [] })
    expect(wrong).toThrow('entry 3 is missing')
  })

  test('never lets a point without a chain become the base of its memory', () => {
    const solo = damaged()
    solo.receive(2, append(1, at(5), [], 5))
    solo.input({ type: 'release', index: 3 })
    expect(solo.raft.log.base).toEqual({ index: 2, term: 1, chain: at(2).chain })
    solo.input({ type: 'release', index: 4 })
    expect(solo.raft.log.base).toEqual({ index: 4, term: 1, chain: at(4).chain })
  })

  test('follows a configuration that comes back with a repaired entry', () => {
    const configuration = { voters: [1, 2, 3], learners: [4] }
    const solo = damaged()
    solo.input({ type: 'repaired', entries: [{ ...at(3), configuration }] })
    expect(inspectRaft(solo.raft)).toMatchObject({ configuration, configurationIndex: 3 })
  })
})

describe('damage that is found while running', () => {
  test('lowers acks that still wait for the disk', () => {
    const solo = new Solo({ log: [1, 1] })
    solo.receive(2, append(1, at(2), [at(3)]))
    solo.input({ type: 'holes', cleanThrough: 1, undecided: [] })
    expect(sent(solo.store(), 'append-reply')).toMatchObject([[2, { match: 1, reached: 3 }]])
  })

  test('ends a candidacy', () => {
    const solo = new Solo({ log: [1, 1] })
    solo.becomeCandidate()
    solo.input({ type: 'holes', cleanThrough: 1, undecided: [] })
    expect(solo.raft.role).toBe('follower')
  })

  test('below memory is damage all the same', () => {
    const solo = new Solo({ log: [1, 1, 1, 1], base: 3 })
    solo.input({ type: 'holes', cleanThrough: 1, undecided: [] })
    expect(sent(solo.receive(2, append(1, at(4))), 'append-reply')[0]?.[1]).toMatchObject({
      match: 1,
      reached: 4,
    })
    expect(sent(solo.timeOut(), 'vote-request')).toEqual([])
  })
})

describe('a leader with a hole', () => {
  function leader(): Solo {
    const solo = new Solo({ log: [1, 1] })
    solo.becomeServingLeader()
    solo.input({ type: 'holes', cleanThrough: 1, undecided: [] })
    return solo
  }

  test('does not count itself beyond it', () => {
    const solo = leader()
    solo.propose('x')
    solo.store()
    expect(only(solo.ack(2, 4), 'commit')).toEqual([])
    expect(only(solo.ack(3, 4), 'commit')).toEqual([{ type: 'commit', index: 4 }])
  })

  test('counts itself again as soon as it is repaired', () => {
    const solo = leader()
    solo.propose('x')
    solo.store()
    solo.ack(2, 4)
    const repaired = solo.input({ type: 'holes', cleanThrough: Infinity, undecided: [] })
    expect(only(repaired, 'commit')).toEqual([{ type: 'commit', index: 4 }])
    solo.nowMs += 700
    solo.ack(2, 4)
    solo.tick()
    expect(inspectRaft(solo.raft).transferring).toBe(0)
  })

  /** Ticks and news from both peers for so long. */
  function live(solo: Solo, forMs: number): ReturnType<Solo['input']> {
    const effects = []
    for (const endMs = solo.nowMs + forMs; solo.nowMs < endMs; ) {
      if (solo.raft.role !== 'leader') break
      solo.ack(2, 3)
      solo.ack(3, 3)
      effects.push(...solo.tick(Math.min(50, endMs - solo.nowMs)))
    }
    return effects
  }

  test('hands over after an election time-out, and not before', () => {
    const solo = leader()
    expect(sent(live(solo, 550), 'timeout-now')).toEqual([])
    expect(sent(live(solo, 100), 'timeout-now')[0]).toMatchObject([2, { term: 2 }])
  })

  test('steps down when nobody takes over', () => {
    const solo = leader()
    const startMs = solo.nowMs
    live(solo, 2000)
    expect(solo.raft.role).toBe('follower')
    expect(solo.nowMs - startMs).toBeLessThanOrEqual(600 + 900 + 50)
  })
})

describe('a leader of a repairing peer', () => {
  test('keeps its window moving and does not count it', () => {
    const solo = new Solo({ term: 1, raft: { inflightMessagesMax: 1 } })
    solo.becomeLeader()
    solo.propose('a')
    solo.store()
    const reply = { ...repairingReply(solo.raft.term, 0, 0) }
    solo.receive(2, reply)
    solo.propose('b')
    const effects = solo.receive(2, repairingReply(solo.raft.term, 0, 1))
    expect(only(effects, 'commit')).toEqual([])
    expect(sent(effects, 'append')[0]?.[1].entries.map(({ index }) => index)).toEqual([2])
    const peer = inspectRaft(solo.raft).progress[0]
    expect(peer).toMatchObject({ match: 0, reached: 1, recovering: false })
  })

  test('asks again and again how far it can read: the ack of a repair may be lost', () => {
    const solo = new Solo({ term: 1 })
    solo.becomeLeader()
    solo.propose('a')
    solo.store()
    solo.receive(2, repairingReply(solo.raft.term, 0, 1))
    for (let beat = 0; beat < 3; beat++) {
      solo.tick(100)
      const asked = sent(solo.receive(2, heartbeatReply(solo.raft.term)), 'append')
      expect(asked).toMatchObject([[2, { entries: [], previous: { index: 1 } }]])
    }
    solo.receive(2, repairingReply(solo.raft.term, 1, 1))
    solo.tick(100)
    expect(sent(solo.receive(2, heartbeatReply(solo.raft.term)), 'append')).toEqual([])
  })

  function repairingReply(term: number, match: number, reached: number) {
    return {
      type: 'append-reply',
      term,
      success: true,
      match,
      reached,
      hintTerm: 0,
      rejected: 0,
      extent: { index: reached, term },
      session: 77,
      recovering: false,
    } as const
  }
})
