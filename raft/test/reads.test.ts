// ReadIndex (thesis 6.4) and the two ways it was wrong elsewhere: answered before the leader's own
// term has committed [6, 24], and confirmed by replies that are older than the read [7].
import { describe, expect, test } from 'vitest'
import { RaftCluster } from '../src/testing/index.ts'
import { heartbeat, heartbeatReply, only, Solo, sent } from './solo.ts'

function read(solo: Solo, readId: number) {
  return solo.input({ type: 'read', readId })
}

function ready(effects: ReturnType<Solo['input']>): [number, number][] {
  return only(effects, 'read-ready').map(({ readId, index }) => [readId, index])
}

describe('a read', () => {
  test('is answered with the commit index of its time, once a majority has confirmed it', () => {
    const solo = new Solo()
    solo.becomeServingLeader()
    const asked = sent(read(solo, 7), 'heartbeat')
    expect(asked).toEqual([
      [2, heartbeat(1, 1, 1)],
      [3, heartbeat(1, 1, 1)],
    ])
    solo.propose('later')
    solo.store()
    solo.ack(2, 2)
    expect(ready(solo.receive(3, heartbeatReply(1, 1)))).toEqual([[7, 1]])
    expect(ready(solo.receive(2, heartbeatReply(1, 1)))).toEqual([])
  })

  test('right after an election waits for the own term to commit [6, 24]', () => {
    const solo = new Solo({ log: [1, 1], commit: 1 })
    solo.becomeLeader()
    read(solo, 1)
    expect(ready(solo.receive(2, heartbeatReply(2, 1)))).toEqual([])
    solo.propose('own')
    solo.store()
    expect(ready(solo.ack(2, 3))).toEqual([[1, 3]])
  })

  test('is not confirmed by a late reply to an older heartbeat [7]', () => {
    const solo = new Solo()
    solo.becomeServingLeader()
    read(solo, 1)
    solo.receive(2, heartbeatReply(1, 1))
    expect(solo.raft.leadership?.reads.waiting).toEqual([])
    read(solo, 2)
    // Replies to the heartbeats before it: repeated, delayed, of the other peer.
    expect(ready(solo.receive(2, heartbeatReply(1, 1)))).toEqual([])
    expect(ready(solo.receive(3, heartbeatReply(1, 0)))).toEqual([])
    expect(ready(solo.receive(3, heartbeatReply(1, 1)))).toEqual([])
    expect(ready(solo.receive(3, heartbeatReply(1, 2)))).toEqual([[2, 1]])
  })

  test('is not confirmed by one peer of four', () => {
    const solo = new Solo({ voters: 5 })
    solo.becomeServingLeader()
    read(solo, 1)
    expect(ready(solo.receive(2, heartbeatReply(1, 1)))).toEqual([])
    expect(ready(solo.receive(2, heartbeatReply(1, 1)))).toEqual([])
    expect(ready(solo.receive(5, heartbeatReply(1, 1)))).toEqual([[1, 1]])
  })

  test('shares a round of heartbeats with those that come meanwhile', () => {
    const solo = new Solo()
    solo.becomeServingLeader()
    expect(sent(read(solo, 1), 'heartbeat')).toHaveLength(2)
    expect(read(solo, 2)).toEqual([])
    expect(read(solo, 3)).toEqual([])
    const effects = solo.receive(2, heartbeatReply(1, 1))
    expect(ready(effects)).toEqual([[1, 1]])
    expect(sent(effects, 'heartbeat').map(([, message]) => message.read)).toEqual([3, 3])
    expect(ready(solo.receive(2, heartbeatReply(1, 3)))).toEqual([
      [2, 1],
      [3, 1],
    ])
  })

  test('whose heartbeats are lost is asked again with the next ones', () => {
    const solo = new Solo()
    solo.becomeServingLeader()
    read(solo, 1)
    expect(sent(solo.timeOut(), 'heartbeat')[0]?.[1].read).toBe(1)
    expect(ready(solo.receive(3, heartbeatReply(1, 1)))).toEqual([[1, 1]])
  })

  test('is refused by every replica that does not lead, and when leadership ends', () => {
    const solo = new Solo()
    expect(read(solo, 1)).toEqual([{ type: 'read-refused', readId: 1 }])
    solo.becomeServingLeader()
    read(solo, 2)
    const effects = solo.receive(2, heartbeat(9))
    expect(only(effects, 'read-refused')).toEqual([{ type: 'read-refused', readId: 2 }])
  })

  test('in a group of one is answered at once, after the own term has committed', () => {
    const solo = new Solo({ voters: 1 })
    solo.becomeLeader()
    solo.propose('own')
    expect(read(solo, 1)).toEqual([])
    expect(ready(solo.store())).toEqual([[1, 1]])
    expect(ready(read(solo, 2))).toEqual([[2, 1]])
  })

  test('at a leader that was replaced without noticing is never answered [7]', () => {
    const cluster = new RaftCluster({ replicas: 3 })
    cluster.elect(1)
    cluster.settle()
    cluster.run(500)
    // Nothing leaves 1 any more, and nothing of the next term reaches it.
    cluster.network.passes = ({ from, to, message }) =>
      from !== 1 && (to !== 1 || message.term === 1)
    for (const other of [2, 3]) cluster.connectionLost(other, 1)
    expect(cluster.runUntil(() => cluster.checker.committed.length > 1, 300)).toBe(true)
    expect(cluster.raft(1).role).toBe('leader')
    const readId = cluster.read(1)
    // Every reply of the past arrives once more.
    for (const packet of [...cluster.network.past]) cluster.network.replay(packet, cluster.nowMs)
    cluster.run(2000)
    expect(cluster.reads).toEqual([{ readId, index: -1 }])
  })
})
