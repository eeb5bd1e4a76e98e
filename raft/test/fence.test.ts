// Unknown tails: what a replica does that may have lost entries it had acked, how its leader fences
// it, and what happens to one that lost entries without saying so.
import { describe, expect, test } from 'vitest'
import { inspectRaft } from '../src/index.ts'
import { makeLog } from '../src/testing/index.ts'
import {
  append,
  appendReply,
  heartbeat,
  heartbeatReply,
  only,
  peerSession,
  Solo,
  sent,
  voteRequest,
} from './solo.ts'

describe('a replica with an unknown tail', () => {
  function lost(): Solo {
    return new Solo({ log: [1, 1], condition: 'unknown-tail' })
  }

  test('gives no vote and no pre-vote, but follows the term', () => {
    const solo = lost()
    const last = { index: 9, term: 1 }
    expect(sent(solo.receive(2, voteRequest(2, last, { pre: true })), 'vote-reply')).toMatchObject([
      [2, { granted: false }],
    ])
    solo.receive(2, voteRequest(2, last))
    expect(sent(solo.store(), 'vote-reply')).toMatchObject([[2, { granted: false, term: 2 }]])
    expect(solo.raft).toMatchObject({ term: 2, votedFor: 0 })
  })

  test('does not repeat a vote of before either', () => {
    const solo = new Solo({ log: [1], term: 2, votedFor: 2, condition: 'unknown-tail' })
    const replies = sent(solo.receive(2, voteRequest(2, { index: 9, term: 1 })), 'vote-reply')
    expect(replies).toMatchObject([[2, { granted: false }]])
  })

  test('never campaigns', () => {
    const solo = lost()
    expect(solo.timeOut()).toEqual([])
    expect(solo.input({ type: 'campaign' })).toEqual([])
    solo.receive(2, heartbeat(1))
    expect(solo.receive(2, { type: 'timeout-now', term: 1 })).toEqual([])
    expect(solo.raft.role).toBe('follower')
  })

  test('takes nothing for committed that it acked before it lost its tail', () => {
    // Entry 2 was cut off and written again in term 2, and acked; that is what was lost.
    const solo = new Solo({ log: [1, 1], term: 2, condition: 'unknown-tail' })
    expect(only(solo.receive(2, heartbeat(2, 2)), 'commit')).toEqual([])
    const log = makeLog([1, 2])
    solo.receive(2, append(2, log[0]!, log.slice(1)))
    expect(only(solo.receive(2, heartbeat(2, 2)), 'commit')).toEqual([{ type: 'commit', index: 2 }])
  })

  test('is fed, and says what it is in every reply', () => {
    const solo = lost()
    solo.receive(2, append(1, makeLog([1, 1])[1]!, makeLog([1, 1, 1]).slice(2)))
    expect(sent(solo.store(), 'append-reply')).toMatchObject([[2, { match: 3, recovering: true }]])
    expect(sent(solo.receive(2, heartbeat(1)), 'heartbeat-reply')).toMatchObject([
      [2, { recovering: true }],
    ])
    expect(inspectRaft(solo.raft).condition).toBe('unknown-tail')
  })

  test('is a voter again when its leader says so, for this term and session', () => {
    const solo = lost()
    solo.receive(2, heartbeat(2))
    solo.store()
    expect(solo.receive(2, { type: 'fence-passed', term: 2, session: 9 })).toEqual([])
    expect(solo.receive(3, { type: 'fence-passed', term: 2, session: 1 })).toEqual([])
    expect(solo.receive(2, { type: 'fence-passed', term: 1, session: 1 })).toEqual([])
    expect(solo.receive(2, { type: 'fence-passed', term: 2, session: 1 })).toEqual([
      { type: 'recovered' },
    ])
    expect(solo.receive(2, { type: 'fence-passed', term: 2, session: 1 })).toEqual([])
    expect(inspectRaft(solo.raft).condition).toBe('clean')
    expect(sent(solo.receive(2, heartbeat(2)), 'heartbeat-reply')).toMatchObject([
      [2, { recovering: false }],
    ])
  })

  test('takes no word of a leader of a term it just learns of', () => {
    const solo = lost()
    expect(
      only(solo.receive(2, { type: 'fence-passed', term: 2, session: 1 }), 'recovered'),
    ).toEqual([])
  })
})

/** Leader 1 with entry 1 of its own, stored, and peers 2 to n. */
function leader(voters: number): Solo {
  const solo = new Solo({ voters })
  solo.becomeLeader()
  solo.propose('start')
  solo.store()
  return solo
}

function reply(solo: Solo, match: number, recovering: boolean, session: number = peerSession) {
  return { ...appendReply(solo.raft.term, match, session), recovering }
}

function beat(solo: Solo, recovering: boolean, read = 0, session: number = peerSession) {
  const { term } = solo.raft
  return { ...heartbeatReply(term, read, { index: 1, term }, session), recovering }
}

describe('the leader of a replica with an unknown tail', () => {
  test('does not count it for commit, and counts it when it is back', () => {
    const solo = leader(5)
    expect(only(solo.receive(2, reply(solo, 1, true)), 'commit')).toEqual([])
    expect(only(solo.receive(3, reply(solo, 1, true)), 'commit')).toEqual([])
    expect(only(solo.receive(4, reply(solo, 1, false)), 'commit')).toEqual([])
    expect(only(solo.receive(5, reply(solo, 1, false)), 'commit')).toHaveLength(1)
  })

  test('does not count it for reads or for check-quorum', () => {
    const solo = leader(3)
    solo.receive(3, reply(solo, 1, false))
    solo.receive(2, reply(solo, 0, true))
    solo.input({ type: 'read', readId: 1 })
    expect(only(solo.receive(2, beat(solo, true, 1)), 'read-ready')).toEqual([])
    const startMs = solo.nowMs
    while (solo.raft.role === 'leader') {
      solo.receive(2, beat(solo, true, 1))
      solo.tick(50)
    }
    expect(solo.nowMs - startMs).toBeLessThanOrEqual(650)
  })

  test('does not hand leadership to it', () => {
    const solo = leader(3)
    solo.receive(3, reply(solo, 0, false))
    solo.receive(2, reply(solo, 1, true))
    solo.input({ type: 'transfer', to: 0 })
    expect(inspectRaft(solo.raft).transferring).toBe(3)
  })

  test('lets it pass when it and a majority without it have what the log held then', () => {
    const solo = leader(3)
    solo.receive(2, beat(solo, true))
    solo.propose('later')
    solo.store()
    expect(sent(solo.receive(2, reply(solo, 1, true)), 'fence-passed')).toEqual([])
    expect(sent(solo.receive(3, reply(solo, 1, false)), 'fence-passed')).toEqual([
      [2, { type: 'fence-passed', term: 1, session: peerSession }],
    ])
  })

  test('does not let it pass before its own log reaches that far', () => {
    const solo = leader(3)
    solo.receive(2, beat(solo, true))
    expect(sent(solo.receive(3, reply(solo, 1, false)), 'fence-passed')).toEqual([])
    expect(sent(solo.receive(2, reply(solo, 1, true)), 'fence-passed')).toHaveLength(1)
  })

  test('lets none vouch for another whose tail is unknown', () => {
    const solo = leader(5)
    solo.receive(2, beat(solo, true))
    solo.receive(3, beat(solo, true))
    solo.receive(4, reply(solo, 1, false))
    expect(sent(solo.receive(2, reply(solo, 1, true)), 'fence-passed')).toEqual([])
    expect(sent(solo.receive(3, reply(solo, 1, true)), 'fence-passed')).toEqual([])
    const passed = sent(solo.receive(5, reply(solo, 1, false)), 'fence-passed')
    expect(passed.map(([to]) => to)).toEqual([2, 3])
  })

  test('vouches itself only for what is on its disk', () => {
    const solo = leader(3)
    solo.propose('unstored')
    solo.receive(2, beat(solo, true))
    solo.receive(3, reply(solo, 2, false))
    expect(sent(solo.receive(2, reply(solo, 2, true)), 'fence-passed')).toEqual([])
    expect(sent(solo.store(), 'fence-passed')).toHaveLength(1)
  })

  test('tells it again with each heartbeat, and counts it once it has heard', () => {
    const solo = leader(5)
    solo.receive(2, reply(solo, 1, true))
    solo.receive(3, reply(solo, 1, false))
    solo.receive(4, reply(solo, 1, false))
    solo.propose('next')
    solo.store()
    solo.receive(3, reply(solo, 2, false))
    expect(sent(solo.receive(2, beat(solo, true)), 'fence-passed')).toHaveLength(1)
    expect(only(solo.receive(2, reply(solo, 2, true)), 'commit')).toEqual([])
    expect(only(solo.receive(2, beat(solo, false)), 'commit')).toEqual([
      { type: 'commit', index: 2 },
    ])
    expect(inspectRaft(solo.raft).progress[0]?.recovering).toBe(false)
  })

  test('counts it again after a late reply that still says the tail is unknown, on an idle log', () => {
    const solo = leader(3)
    solo.receive(3, reply(solo, 1, false))
    solo.receive(2, reply(solo, 1, true))
    solo.receive(2, beat(solo, false))
    expect(inspectRaft(solo.raft).progress[0]?.recovering).toBe(false)
    solo.receive(2, beat(solo, true))
    expect(inspectRaft(solo.raft).progress[0]?.recovering).toBe(true)
    solo.receive(2, beat(solo, false))
    expect(inspectRaft(solo.raft).progress[0]?.recovering).toBe(false)
  })

  test('does not believe a late reply that says the tail is known', () => {
    const solo = leader(3)
    solo.receive(2, beat(solo, true))
    expect(only(solo.receive(2, reply(solo, 1, false)), 'commit')).toEqual([])
    expect(inspectRaft(solo.raft).progress[0]?.recovering).toBe(true)
  })
})

describe('a peer that has lost what it had acked without saying so', () => {
  const newSession = peerSession + 1

  /** Peer 2 has acked entry 1, restarted, and ends at this index now. */
  function restarted(index: number, recovering = false) {
    const solo = leader(3)
    solo.ack(2, 1)
    solo.receive(2, heartbeatReply(1, 0, { index, term: 0 }, newSession))
    const { provingPosition } = solo.raft.leadership!.progress[0]!
    const proof = heartbeatReply(1, provingPosition, { index, term: 0 }, newSession)
    return { solo, effects: solo.receive(2, { ...proof, recovering }) }
  }

  test('is quarantined, and counts for nothing', () => {
    const { solo, effects } = restarted(0)
    expect(sent(effects, 'quarantine')).toEqual([
      [2, { type: 'quarantine', term: 1, session: newSession, index: 1 }],
    ])
    expect(inspectRaft(solo.raft).progress[0]).toMatchObject({ recovering: true })
  })

  test('is told so until it knows', () => {
    const { solo } = restarted(0)
    expect(sent(solo.receive(2, beat(solo, false, 9, newSession)), 'quarantine')).toHaveLength(1)
    expect(sent(solo.receive(2, beat(solo, true, 9, newSession)), 'quarantine')).toEqual([])
    expect(inspectRaft(solo.raft).progress[0]).toMatchObject({ recovering: true })
  })

  test('is not quarantined when it has said so, nor when nothing is missing', () => {
    expect(sent(restarted(0, true).effects, 'quarantine')).toEqual([])
    expect(sent(restarted(1).effects, 'quarantine')).toEqual([])
  })

  test('has an unknown tail from then on', () => {
    const solo = new Solo({ log: [1], term: 1 })
    solo.receive(2, heartbeat(1))
    const quarantine = { type: 'quarantine', term: 1, session: 1, index: 2 } as const
    expect(solo.receive(2, { ...quarantine, session: 2 })).toEqual([])
    expect(only(solo.receive(2, quarantine), 'tail-unknown')).toHaveLength(1)
    expect(solo.receive(2, quarantine)).toEqual([])
    expect(inspectRaft(solo.raft).condition).toBe('unknown-tail')
    solo.receive(2, { type: 'fence-passed', term: 1, session: 1 })
    // A late copy of the message changes nothing.
    expect(solo.receive(2, quarantine)).toEqual([])
    expect(inspectRaft(solo.raft).condition).toBe('clean')
  })
})
