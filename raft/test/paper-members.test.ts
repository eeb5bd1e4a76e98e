// What the paper demands in its sections on changes of members (6) and snapshots (7), one test for
// each sentence. Section 5 is in paper.test.ts.
import { describe, expect, test } from 'vitest'
import { type Configuration, inspectRaft, type SnapshotPoint } from '../src/index.ts'
import {
  makeConfigurationEntry,
  makeEntry,
  makeLog,
  origin,
  type TestEntry,
} from '../src/testing/index.ts'
import {
  append,
  heartbeat,
  type Message,
  only,
  Solo,
  sent,
  voteReply,
  voteRequest,
} from './solo.ts'

const joint: Configuration = { voters: [1, 4, 5], outgoing: [1, 2, 3] }
const [first] = makeLog([1]) as [TestEntry]

/** Leader of term 2 whose log has a joint configuration at 2, and its own entry at 3. */
function jointLeader(): Solo {
  const solo = new Solo({ entries: [first, makeConfigurationEntry(first, 1, joint)] })
  solo.becomePreCandidate()
  for (const peer of [2, 4]) solo.receive(peer, voteReply(2, true, true))
  solo.store()
  for (const peer of [2, 4]) solo.receive(peer, voteReply(2, true))
  solo.propose('start')
  solo.store()
  return solo
}

describe('6: cluster membership changes', () => {
  test('log entries are replicated to all servers in both configurations', () => {
    const solo = jointLeader()
    for (const peer of [2, 3, 4, 5]) solo.ack(peer, 3)
    expect(
      sent(solo.propose('y'), 'append')
        .map(([to]) => to)
        .sort(),
    ).toEqual([2, 3, 4, 5])
  })

  test('any server from either configuration may serve as leader', () => {
    for (const id of [3, 5]) {
      const solo = new Solo({ id, configuration: joint })
      expect(solo.becomePreCandidate()).not.toEqual([])
      expect(solo.raft.role).toBe('pre-candidate')
    }
  })

  test.each([
    ['a majority of the old', [2, 3], false],
    ['a majority of the new', [4, 5], false],
    ['a majority of each', [3, 5], true],
  ])('agreement for commitment by %s: %s', (_what, peers, isCommitted) => {
    const solo = jointLeader()
    for (const peer of peers) solo.ack(peer, 3)
    expect(solo.raft.log.commit).toBe(isCommitted ? 3 : 0)
  })

  test('a server uses the latest configuration in its log, committed or not', () => {
    const solo = new Solo({ term: 1 })
    const entries = [first, makeConfigurationEntry(first, 1, joint)]
    solo.receive(2, append(1, origin, entries, 0))
    expect(inspectRaft(solo.raft)).toMatchObject({
      configuration: joint,
      configurationCommitted: false,
    })
    solo.nowMs += 2000
    expect(sent(solo.tick(), 'vote-request').map(([to]) => to)).toEqual([4, 5, 2, 3])
  })

  test('once the joint configuration is committed, the leader creates the new one', () => {
    const solo = jointLeader()
    solo.ack(2, 3)
    expect(only(solo.ack(4, 3), 'propose-configuration')[0]?.configuration).toEqual({
      voters: [1, 4, 5],
    })
  })

  test('new servers join as non-voting members, to which entries are replicated', () => {
    const solo = new Solo()
    solo.becomeServingLeader()
    const learner = makeConfigurationEntry(solo.raft.log.pointAt(1)!, 1, {
      voters: [1, 2, 3],
      learners: [4],
    })
    const effects = solo.input({ type: 'propose', entries: [learner] })
    expect(sent(effects, 'append').map(([to]) => to)).toEqual([2, 3, 4])
    solo.store()
    expect(only(solo.ack(4, 2), 'commit')).toEqual([])
  })

  test('a leader that is not in the new configuration does not count itself, and steps down', () => {
    const solo = new Solo()
    solo.becomeServingLeader()
    for (const configuration of [{ voters: [2, 3], outgoing: [1, 2, 3] }, { voters: [2, 3] }]) {
      const { log, term } = solo.raft
      const entry = makeConfigurationEntry(log.pointAt(log.lastIndex)!, term, configuration)
      solo.input({ type: 'propose', entries: [entry] })
      solo.store()
      solo.ack(2, log.lastIndex)
      expect(solo.raft.log.commit).toBe(log.lastIndex - 1)
      solo.ack(3, log.lastIndex)
    }
    expect([solo.raft.log.commit, solo.raft.role]).toEqual([3, 'follower'])
  })

  test('within the minimum election time-out of a leader a vote request changes nothing', () => {
    const solo = new Solo({ term: 1 })
    solo.receive(2, heartbeat(1))
    solo.nowMs += 599
    // 9 was removed and does not know it.
    expect(solo.receive(9, voteRequest(2, { index: 9, term: 1 }))).toEqual([])
    expect(solo.raft.term).toBe(1)
  })
})

describe('7: log compaction', () => {
  const point: SnapshotPoint = {
    ...(makeLog([1, 1, 1])[2] as TestEntry),
    configuration: { voters: [1, 2, 3] },
  }

  function chunk(offset: number, length: number, term = 1): Message {
    const data = new Uint8Array(length)
    return { type: 'snapshot', term, snapshot: point, offset, totalBytes: 4, data }
  }

  function install(solo: Solo): void {
    solo.receive(2, chunk(0, 2))
    solo.receive(2, chunk(2, 2))
    solo.input({ type: 'install', snapshot: point })
    solo.store()
  }

  test('the snapshot holds the last index and term, for the check of the first append after it', () => {
    const solo = new Solo({ term: 1 })
    install(solo)
    const next = makeEntry(point, 1, 'x')
    solo.receive(2, append(1, point, [next]))
    expect(sent(solo.store(), 'append-reply')[0]?.[1]).toMatchObject({ success: true, match: 4 })
  })

  test('the snapshot holds the latest configuration as of its last index', () => {
    const solo = new Solo({ id: 3, term: 1, configuration: { voters: [] } })
    install(solo)
    expect(solo.raft.membership).toMatchObject({ isVoter: true, votingPeers: [1, 2] })
  })

  test('a chunk of an older term is answered with the own one', () => {
    const solo = new Solo({ term: 3 })
    const effects = solo.receive(2, chunk(0, 2, 2))
    expect(effects.map((effect) => (effect.type === 'send' ? effect.message.term : 0))).toEqual([3])
  })

  test('entries that follow the snapshot in the log are retained', () => {
    const solo = new Solo({ log: [1, 1, 1, 1] })
    solo.receive(2, chunk(0, 2))
    expect(inspectRaft(solo.raft)).toMatchObject({ commit: 3, lastIndex: 4 })
  })

  test('a log that conflicts with the snapshot is discarded', () => {
    const solo = new Solo({ log: [1], term: 1 })
    install(solo)
    expect(inspectRaft(solo.raft)).toMatchObject({ firstIndex: 4, commit: 3, stable: 3 })
  })
})
