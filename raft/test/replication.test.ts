// How a leader feeds its peers: window, back-tracking, lost messages, peers that restart, and
// entries that have left memory. Numbers in brackets are those of ../DEVIATIONS.md.
import { describe, expect, test } from 'vitest'
import { inspectRaft, type ReplicaId } from '../src/index.ts'
import { makeLog, RaftCluster, TestDisk } from '../src/testing/index.ts'
import { appendRefusal, appendReply, heartbeatReply, only, Solo, sent } from './solo.ts'

function progress(solo: Solo, peer: ReplicaId) {
  return inspectRaft(solo.raft).progress.find(({ id }) => id === peer)!
}

/** [first index, number of entries] of each append to this peer. */
function appends(effects: ReturnType<Solo['input']>, peer: ReplicaId): [number, number][] {
  return sent(effects, 'append')
    .filter(([to]) => to === peer)
    .map(([, { previous, entries }]) => [previous.index + 1, entries.length])
}

describe('the window of a peer', () => {
  test('takes no more messages than allowed until acks come [8]', () => {
    const solo = new Solo({ raft: { inflightMessagesMax: 2 } })
    solo.becomeServingLeader()
    expect(appends(solo.propose('a'), 2)).toEqual([[2, 1]])
    expect(appends(solo.propose('b'), 2)).toEqual([[3, 1]])
    expect(appends(solo.propose('c'), 2)).toEqual([])
    expect(appends(solo.propose('d'), 2)).toEqual([])
    // What was proposed meanwhile travels together.
    expect(appends(solo.ack(2, 2), 2)).toEqual([[4, 2]])
    expect(progress(solo, 2)).toMatchObject({ match: 2, next: 6, inflightMessages: 2 })
  })

  test('takes no more bytes than allowed, but always one entry [8]', () => {
    const solo = new Solo({ raft: { inflightBytesMax: 10, appendBytesMax: 6 } })
    solo.becomeServingLeader()
    expect(appends(solo.propose('aaaa', 'bbbb', 'cccc', 'dddd'), 2)).toEqual([
      [2, 1],
      [3, 1],
      [4, 1],
    ])
    expect(progress(solo, 2).inflightBytes).toBe(12)
    expect(appends(solo.propose('an entry larger than any limit'), 2)).toEqual([])
    solo.ack(2, 4)
    expect(progress(solo, 2)).toMatchObject({ inflightMessages: 2, next: 7 })
    solo.ack(2, 6)
    expect(progress(solo, 2)).toMatchObject({ inflightMessages: 0, inflightBytes: 0 })
  })

  test('forgets acks that are late or repeated', () => {
    const solo = new Solo()
    solo.becomeServingLeader()
    solo.propose('a')
    solo.propose('b')
    solo.ack(2, 3)
    expect(solo.ack(2, 2)).toEqual([])
    expect(solo.ack(2, 3)).toEqual([])
    expect(progress(solo, 2)).toMatchObject({ match: 3, next: 4, inflightMessages: 0 })
  })

  test('ignores an ack of entries that do not exist', () => {
    const solo = new Solo()
    solo.becomeServingLeader()
    expect(solo.ack(2, 99)).toEqual([])
    expect(progress(solo, 2).match).toBe(1)
  })
})

describe('a peer whose log differs', () => {
  test('is probed with one append at a time until a point of agreement is found', () => {
    const solo = new Solo({ log: [1, 1, 1] })
    solo.becomeLeader()
    expect(appends(solo.propose('own'), 2)).toEqual([[4, 1]])
    expect(appends(solo.propose('more'), 2)).toEqual([])
    const effects = solo.receive(2, appendRefusal(2, 3, { index: 1, term: 1 }))
    expect(appends(effects, 2)).toEqual([[2, 4]])
    expect(progress(solo, 2)).toMatchObject({ state: 'probe', paused: true })
    solo.ack(2, 5)
    expect(progress(solo, 2)).toMatchObject({ state: 'replicate', match: 5, next: 6 })
  })

  test('names a term, and all that the leader has of later terms is skipped at once', () => {
    const solo = new Solo({ log: [1, 1, 3, 3, 3, 3, 3] })
    solo.becomeLeader()
    solo.propose('own')
    // The peer has 1 1 2 2 2 2 2: of its hint at (7, 2) nothing above index 2 can agree.
    const effects = solo.receive(2, appendRefusal(4, 7, { index: 7, term: 2 }))
    expect(appends(effects, 2)).toEqual([[3, 6]])
  })

  test('never moves the commit index with a refusal', () => {
    const solo = new Solo()
    solo.becomeServingLeader()
    solo.propose('a')
    solo.store()
    const effects = solo.receive(2, appendRefusal(1, 2, { index: 2, term: 1 }))
    expect(only(effects, 'commit')).toEqual([])
    expect(solo.raft.log.commit).toBe(1)
  })

  test('is not disturbed by a refusal that is older than its acks', () => {
    const solo = new Solo()
    solo.becomeServingLeader()
    solo.propose('a')
    solo.ack(2, 2)
    solo.receive(2, appendRefusal(1, 1, { index: 0, term: 0 }))
    expect(progress(solo, 2)).toMatchObject({ state: 'replicate', match: 2, next: 3 })
  })

  test('that lacks the end of the window gets it again [8]', () => {
    const solo = new Solo()
    solo.becomeServingLeader()
    solo.propose('a')
    solo.propose('b')
    solo.propose('c')
    // The first was lost: the peer refuses the second and the third.
    const first = solo.receive(2, appendRefusal(1, 2, { index: 1, term: 1 }))
    expect(appends(first, 2)).toEqual([[2, 3]])
    expect(solo.receive(2, appendRefusal(1, 3, { index: 1, term: 1 }))).toEqual([])
  })
})

describe('messages that are lost', () => {
  test('a probe is sent again after a heartbeat reply', () => {
    const solo = new Solo()
    solo.becomeLeader()
    solo.propose('own')
    solo.timeOut()
    solo.tick(100)
    expect(appends(solo.receive(2, heartbeatReply(1)), 2)).toEqual([[1, 1]])
  })

  test('behind a window that does not move an empty append asks for the state', () => {
    const solo = new Solo()
    solo.becomeServingLeader()
    solo.propose('a')
    expect(appends(solo.receive(2, heartbeatReply(1)), 2)).toEqual([])
    solo.nowMs += 100
    expect(appends(solo.receive(2, heartbeatReply(1)), 2)).toEqual([[3, 0]])
    // One question each interval, however often the peer is heard.
    expect(appends(solo.receive(2, heartbeatReply(1)), 2)).toEqual([])
  })
})

describe('a peer that restarts', () => {
  const reborn = 78

  function restartedPeer(): Solo {
    const solo = new Solo()
    solo.becomeServingLeader()
    solo.propose('a')
    solo.store()
    solo.ack(2, 2)
    return solo
  }

  test('is probed again once its new session has confirmed a new heartbeat', () => {
    const solo = restartedPeer()
    expect(solo.receive(2, heartbeatReply(1, 0, { index: 2, term: 1 }, reborn))).toEqual([])
    expect(progress(solo, 2).match).toBe(2)
    const { read } = sent(solo.timeOut(), 'heartbeat')[0]![1]
    const effects = solo.receive(2, heartbeatReply(1, read, { index: 1, term: 1 }, reborn))
    expect(progress(solo, 2)).toMatchObject({ session: reborn, match: 0, state: 'probe' })
    expect(appends(effects, 2)).toEqual([[2, 1]])
    solo.receive(2, appendReply(1, 2, reborn))
    expect(progress(solo, 2)).toMatchObject({ match: 2, state: 'replicate' })
  })

  test('late acks of its old session do not count any more', () => {
    const solo = restartedPeer()
    solo.propose('b')
    solo.receive(2, heartbeatReply(1, 0, { index: 2, term: 1 }, reborn))
    const { read } = sent(solo.timeOut(), 'heartbeat')[0]![1]
    solo.receive(2, heartbeatReply(1, read, { index: 2, term: 1 }, reborn))
    solo.store()
    expect(solo.ack(2, 3)).toEqual([])
    expect([progress(solo, 2).match, solo.raft.log.commit]).toEqual([0, 2])
  })

  test('a late reply of an older session than any known does not drive out the living one', () => {
    const solo = restartedPeer()
    solo.receive(2, heartbeatReply(1, 0, { index: 0, term: 0 }, 55))
    const { read } = sent(solo.timeOut(), 'heartbeat')[0]![1]
    // The dead session can only repeat what it said; the living one goes on counting.
    expect(solo.receive(2, heartbeatReply(1, 0, { index: 0, term: 0 }, 55))).toEqual([])
    solo.receive(2, heartbeatReply(1, read, { index: 2, term: 1 }))
    expect(progress(solo, 2)).toMatchObject({ match: 2, state: 'replicate', session: 77 })
  })

  test('is told no commit index beyond what it has acked since', () => {
    const solo = restartedPeer()
    solo.receive(2, heartbeatReply(1, 0, { index: 2, term: 1 }, reborn))
    const { read } = sent(solo.timeOut(), 'heartbeat')[0]![1]
    solo.receive(2, heartbeatReply(1, read, { index: 2, term: 1 }, reborn))
    const beats = sent(solo.tick(100), 'heartbeat')
    expect(beats.map(([to, { commit }]) => [to, commit])).toEqual([
      [2, 0],
      [3, 1],
    ])
  })
})

describe('entries that have left memory', () => {
  function leaderWithShortMemory(): Solo {
    const solo = new Solo({ log: [1, 1, 1, 1], base: 3, commit: 4 })
    solo.becomeLeader()
    solo.propose('own')
    solo.store()
    return solo
  }
  const log = makeLog([1, 1, 1, 1])

  test('are asked of the host, one request per peer at a time, and sent when they come', () => {
    const solo = leaderWithShortMemory()
    const asked = solo.receive(2, appendRefusal(2, 4, { index: 1, term: 1 }))
    expect(only(asked, 'read-entries')).toEqual([
      { type: 'read-entries', to: 2, fromIndex: 2, bytesMax: 512 * 1024 },
    ])
    expect(only(solo.receive(2, heartbeatReply(2)), 'read-entries')).toEqual([])
    const input = {
      type: 'entries-read',
      to: 2,
      previous: log[0]!,
      entries: log.slice(1, 3),
    } as const
    expect(appends(solo.input(input), 2)).toEqual([[2, 2]])
    expect(solo.input(input)).toEqual([])
    // The rest comes from memory again.
    expect(appends(solo.ack(2, 3), 2)).toEqual([[4, 2]])
  })

  test('are dropped when the peer does not need them any more', () => {
    const solo = leaderWithShortMemory()
    solo.receive(2, appendRefusal(2, 4, { index: 1, term: 1 }))
    solo.ack(2, 5)
    expect(
      solo.input({ type: 'entries-read', to: 2, previous: log[0]!, entries: log.slice(1, 3) }),
    ).toEqual([])
    expect(progress(solo, 2)).toMatchObject({ match: 5, readingFrom: 0 })
  })

  test('are asked for again when the host has none, and when it never answers [22]', () => {
    const solo = leaderWithShortMemory()
    solo.receive(2, appendRefusal(2, 4, { index: 1, term: 1 }))
    solo.input({ type: 'entries-read', to: 2, previous: log[0]!, entries: [] })
    expect(only(solo.receive(2, heartbeatReply(2)), 'read-entries')).toEqual([])
    solo.nowMs += 100
    expect(only(solo.receive(2, heartbeatReply(2)), 'read-entries')).toHaveLength(1)
    solo.nowMs += 899
    expect(only(solo.receive(2, heartbeatReply(2)), 'read-entries')).toHaveLength(0)
    solo.nowMs += 1
    expect(only(solo.receive(2, heartbeatReply(2)), 'read-entries')).toHaveLength(1)
  })

  test('mean nothing to a replica that does not lead', () => {
    const solo = new Solo({ log: [1] })
    expect(solo.input({ type: 'entries-read', to: 2, previous: log[0]!, entries: [] })).toEqual([])
  })

  test('bring a replica up to date that was away while all was released', () => {
    const cluster = new RaftCluster({
      replicas: 3,
      raft: { appendBytesMax: 40 },
      disk: () => new TestDisk(),
    })
    cluster.elect(1)
    cluster.settle()
    cluster.crash(3)
    for (let count = 0; count < 50; count++) {
      cluster.propose(1, `value ${count}`)
      cluster.run(5)
    }
    cluster.release(1, 51)
    cluster.release(2, 51)
    expect(inspectRaft(cluster.raft(1))).toMatchObject({ firstIndex: 52, lastIndex: 51 })
    cluster.restart(3)
    cluster.settle(1000)
    expect(cluster.raft(3).log.lastIndex).toBe(51)
  })
})

describe('release', () => {
  test('keeps what is not committed, and what is not stored', () => {
    const solo = new Solo()
    solo.becomeServingLeader()
    solo.propose('a')
    solo.ack(2, 2)
    solo.ack(3, 2)
    solo.propose('b')
    solo.input({ type: 'release', index: 99 })
    // 2 is committed but not stored here, 3 is neither.
    expect(inspectRaft(solo.raft).firstIndex).toBe(2)
    solo.store()
    solo.input({ type: 'release', index: 99 })
    expect(inspectRaft(solo.raft).firstIndex).toBe(3)
    solo.input({ type: 'release', index: 1 })
    expect(inspectRaft(solo.raft).firstIndex).toBe(3)
  })

  test('leaves a replica able to vote and to append', () => {
    const solo = new Solo({ log: [1, 1], commit: 2 })
    solo.input({ type: 'release', index: 2 })
    expect(inspectRaft(solo.raft)).toMatchObject({ firstIndex: 3, lastIndex: 2, lastTerm: 1 })
    solo.becomeServingLeader()
    expect(solo.raft.log.commit).toBe(3)
  })
})
