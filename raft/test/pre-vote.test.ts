// Pre-vote and leader stickiness (thesis 9.6 and 4.2.3): an opinion that binds nobody. Numbers in
// brackets are those of ../DEVIATIONS.md.
import { describe, expect, test } from 'vitest'
import { heartbeat, only, Solo, sent, voteReply, voteRequest } from './solo.ts'

const nothing = { index: 0, term: 0 }

function answer(effects: ReturnType<Solo['input']>): [boolean, number] | undefined {
  const reply = sent(effects, 'vote-reply')[0]?.[1]
  return reply === undefined ? undefined : [reply.granted, reply.term]
}

describe('a pre-vote request', () => {
  test('changes neither term, vote, contact nor timer, and writes nothing [10, 11]', () => {
    const solo = new Solo({ term: 3 })
    const { electionDeadlineMs, contactMs } = solo.raft
    solo.nowMs += 10
    const effects = solo.receive(2, voteRequest(4, nothing, { pre: true }))
    expect(answer(effects)).toEqual([true, 4])
    expect(only(effects, 'persist')).toEqual([])
    expect([solo.raft.term, solo.raft.votedFor, solo.raft.role]).toEqual([3, 0, 'follower'])
    expect([solo.raft.electionDeadlineMs, solo.raft.contactMs]).toEqual([
      electionDeadlineMs,
      contactMs,
    ])
  })

  test('is granted to several, and does not bind the vote', () => {
    const solo = new Solo({ term: 1, votedFor: 3 })
    expect(answer(solo.receive(2, voteRequest(2, nothing, { pre: true })))).toEqual([true, 2])
    expect(answer(solo.receive(3, voteRequest(2, nothing, { pre: true })))).toEqual([true, 2])
  })

  test('for a term that is not new is refused with the own term', () => {
    const solo = new Solo({ term: 3 })
    expect(answer(solo.receive(2, voteRequest(3, nothing, { pre: true })))).toEqual([false, 3])
  })

  test('with a shorter log is refused', () => {
    const solo = new Solo({ log: [1, 2] })
    const request = voteRequest(9, { index: 9, term: 1 }, { pre: true })
    expect(answer(solo.receive(2, request))).toEqual([false, 2])
  })

  test('is refused while the leader is in contact, and granted when contact has expired', () => {
    const solo = new Solo({ term: 1 })
    solo.receive(2, heartbeat(1))
    const request = voteRequest(2, nothing, { pre: true })
    solo.nowMs += 599
    expect(answer(solo.receive(3, request))).toEqual([false, 1])
    solo.nowMs += 1
    expect(answer(solo.receive(3, request))).toEqual([true, 2])
  })

  test('is refused by a leader', () => {
    const solo = new Solo()
    solo.becomeServingLeader()
    expect(answer(solo.receive(2, voteRequest(2, { index: 1, term: 1 }, { pre: true })))).toEqual([
      false,
      1,
    ])
    expect(solo.raft.role).toBe('leader')
  })

  test('is granted by a pre-candidate, which keeps no stale leader in mind [9]', () => {
    const solo = new Solo({ id: 1, term: 1 })
    solo.receive(2, heartbeat(1))
    solo.timeOut()
    expect([solo.raft.role, solo.raft.leader]).toEqual(['pre-candidate', 0])
    expect(answer(solo.receive(3, voteRequest(2, nothing, { pre: true })))).toEqual([true, 2])
  })

  test('of an equal rival with a lower id waits one heartbeat interval', () => {
    const solo = new Solo({ id: 2, term: 1 })
    solo.timeOut()
    const request = voteRequest(2, nothing, { pre: true })
    expect(answer(solo.receive(1, request))).toEqual([false, 1])
    expect(answer(solo.receive(3, request))).toEqual([true, 2])
    expect(answer(solo.receive(1, voteRequest(2, { index: 1, term: 1 }, { pre: true })))).toEqual([
      true,
      2,
    ])
    solo.nowMs += 100
    expect(answer(solo.receive(1, request))).toEqual([true, 2])
  })

  test('of a rival that has refused the own one does not wait', () => {
    const solo = new Solo({ id: 2, term: 1 })
    solo.timeOut()
    solo.receive(1, voteReply(1, false, true))
    const effects = solo.receive(1, voteRequest(2, nothing, { pre: true }))
    expect(answer(effects)).toEqual([true, 2])
  })
})

describe('a pre-candidate', () => {
  test('does not count votes of another kind, of another round, or twice [9]', () => {
    const solo = new Solo({ term: 1, voters: 5 })
    solo.timeOut()
    solo.receive(2, voteReply(2, true, true))
    solo.receive(2, voteReply(2, true, true))
    solo.receive(3, voteReply(1, true, false))
    solo.receive(3, voteReply(7, true, true))
    expect([solo.raft.role, solo.raft.term]).toEqual(['pre-candidate', 1])
    solo.receive(3, voteReply(2, true, true))
    expect([solo.raft.role, solo.raft.term]).toEqual(['candidate', 2])
    // Grants of the pre-vote are no votes.
    solo.store()
    solo.receive(4, voteReply(2, true, true))
    solo.receive(5, voteReply(2, true, true))
    expect(solo.raft.role).toBe('candidate')
  })

  test('that is refused goes back to wait, in its term, with its timer running', () => {
    const solo = new Solo({ term: 1 })
    solo.timeOut()
    const { electionDeadlineMs } = solo.raft
    solo.receive(2, voteReply(1, false, true))
    solo.receive(3, voteReply(1, false, true))
    expect([solo.raft.role, solo.raft.term]).toEqual(['follower', 1])
    expect(solo.raft.electionDeadlineMs).toBe(electionDeadlineMs)
  })

  test('learns a newer term from a refusal', () => {
    const solo = new Solo({ term: 1 })
    solo.timeOut()
    solo.receive(2, voteReply(6, false, true))
    expect([solo.raft.role, solo.raft.term]).toEqual(['follower', 6])
  })

  test('returns to a leader that speaks, without a new term', () => {
    const solo = new Solo({ term: 1 })
    solo.timeOut()
    const effects = solo.receive(2, heartbeat(1))
    expect(only(effects, 'persist')).toEqual([])
    expect([solo.raft.role, solo.raft.term, solo.raft.leader]).toEqual(['follower', 1, 2])
  })
})

describe('a vote request', () => {
  test('is ignored, term and all, while the leader is in contact', () => {
    const solo = new Solo({ term: 1 })
    solo.receive(2, heartbeat(1))
    expect(solo.receive(3, voteRequest(8, { index: 9, term: 7 }))).toEqual([])
    expect(solo.raft.term).toBe(1)
  })

  test('of the term of a known leader is refused', () => {
    const solo = new Solo({ term: 1 })
    solo.receive(2, heartbeat(1))
    solo.nowMs += 5000
    expect(answer(solo.receive(3, voteRequest(1, nothing)))).toEqual([false, 1])
  })

  test('that is granted restarts the timer, a refused one does not', () => {
    const solo = new Solo({ log: [1] })
    const { electionDeadlineMs } = solo.raft
    solo.nowMs += 50
    solo.receive(2, voteRequest(2, nothing))
    expect([solo.raft.term, solo.raft.electionDeadlineMs]).toEqual([2, electionDeadlineMs])
    solo.receive(3, voteRequest(2, { index: 1, term: 1 }))
    expect(solo.raft.electionDeadlineMs).toBeGreaterThanOrEqual(650)
  })
})
