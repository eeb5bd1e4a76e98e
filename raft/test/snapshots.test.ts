// Snapshots in chunks, message by message: the leader's side, the receiver's side, what is refused,
// and what is told to disk and host in which order.
import { describe, expect, test } from 'vitest'
import { inspectRaft, type SnapshotPoint } from '../src/index.ts'
import { makeLog, type TestEntry } from '../src/testing/index.ts'
import {
  append,
  appendRefusal,
  heartbeat,
  heartbeatReply,
  type Message,
  only,
  peerSession,
  Solo,
  sent,
  voteRequest,
} from './solo.ts'

const voters = [1, 2, 3]
const point: SnapshotPoint = {
  ...(makeLog([1, 1, 1, 1])[3] as TestEntry),
  configuration: { voters },
}
const totalBytes = 5

function bytes(offset: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, place) => offset + place)
}

function chunk(offset: number, length: number, term = 1, snapshot = point): Message {
  return { type: 'snapshot', term, snapshot, offset, totalBytes, data: bytes(offset, length) }
}

function chunkReply(received: number, term: number, index = 4): Message {
  return { type: 'snapshot-reply', term, index, received, session: peerSession }
}

/** Leader of term 2 with 4 entries on its host's side of log start; peer 3 has nothing. */
function leaderWithoutEntries(): Solo {
  const solo = new Solo({ log: [1, 1, 1, 1], base: 4, raft: { snapshotChunkBytes: 2 } })
  solo.becomeServingLeader()
  solo.raft.leadership?.progress[1]?.restarted(peerSession, 0)
  solo.ack(3, 0)
  return solo
}

function read(solo: Solo, offset: number, snapshot = point) {
  const data = bytes(offset, Math.min(2, totalBytes - offset))
  return solo.input({ type: 'snapshot-read', to: 3, snapshot, offset, totalBytes, data })
}

function inSnapshotState(): Solo {
  const solo = leaderWithoutEntries()
  solo.input({ type: 'entries-gone', to: 3 })
  return solo
}

function progressOf(solo: Solo) {
  return inspectRaft(solo.raft).progress.find(({ id }) => id === 3)
}

describe('a leader whose host has no entries for a peer', () => {
  test('asks for the snapshot, and sends it chunk by chunk, each when the last has arrived', () => {
    const solo = leaderWithoutEntries()
    expect(solo.raft.leadership?.progress[1]?.readingFrom).toBe(1)
    const asked = only(solo.input({ type: 'entries-gone', to: 3 }), 'read-snapshot')
    expect(asked).toEqual([{ type: 'read-snapshot', to: 3, offset: 0, bytesMax: 2 }])
    expect(sent(read(solo, 0), 'snapshot')).toEqual([[3, chunk(0, 2, 2)]])
    const next = only(solo.receive(3, chunkReply(2, 2)), 'read-snapshot')
    expect(next.map(({ offset }) => offset)).toEqual([2])
    read(solo, 2)
    solo.receive(3, chunkReply(4, 2))
    expect(sent(read(solo, 4), 'snapshot')).toEqual([[3, chunk(4, 1, 2)]])
    expect(solo.receive(3, chunkReply(5, 2))).toEqual([])
    expect(progressOf(solo)?.snapshot).toEqual({ index: 4, received: 5, totalBytes: 5 })
  })

  test('goes on with entries when the peer has acked the snapshot', () => {
    const solo = inSnapshotState()
    read(solo, 0)
    const appends = sent(solo.ack(3, 4), 'append')
    expect(
      appends.map(([to, { previous, entries }]) => [to, previous.index, entries.length]),
    ).toEqual([[3, 4, 1]])
    expect(progressOf(solo)).toMatchObject({ state: 'replicate', snapshot: undefined })
  })

  test('sends no appends meanwhile, and heeds no refusal', () => {
    const solo = inSnapshotState()
    expect(sent(solo.propose('x'), 'append').map(([to]) => to)).toEqual([2])
    expect(solo.receive(3, appendRefusal(2, 4, { index: 0, term: 0 }))).toEqual([])
    expect(progressOf(solo)?.state).toBe('snapshot')
  })

  test('reads a chunk again that was lost, at the next heartbeat reply after a while', () => {
    const solo = inSnapshotState()
    read(solo, 0)
    solo.nowMs += 599
    expect(solo.receive(3, heartbeatReply(2))).toEqual([])
    solo.nowMs += 1
    expect(only(solo.receive(3, heartbeatReply(2)), 'read-snapshot')[0]?.offset).toBe(0)
    expect(solo.receive(3, heartbeatReply(2))).toEqual([])
  })

  test('takes a repeated or late answer for what it is', () => {
    const solo = inSnapshotState()
    read(solo, 0)
    solo.receive(3, chunkReply(2, 2))
    expect(solo.receive(3, chunkReply(2, 2))).toEqual([])
    expect(solo.receive(3, chunkReply(0, 2))).toEqual([])
    expect(solo.receive(3, chunkReply(4, 2, 3))).toEqual([])
    expect(solo.receive(3, chunkReply(6, 2))).toEqual([])
    expect(progressOf(solo)?.snapshot?.received).toBe(2)
  })

  test('starts over for a peer that has lost what it held', () => {
    const solo = inSnapshotState()
    read(solo, 0)
    solo.receive(3, chunkReply(2, 2))
    read(solo, 2)
    solo.nowMs += 600
    solo.receive(3, heartbeatReply(2))
    read(solo, 2)
    expect(only(solo.receive(3, chunkReply(0, 2)), 'read-snapshot')[0]?.offset).toBe(0)
  })

  test('starts over when its log start has moved', () => {
    const solo = inSnapshotState()
    read(solo, 0)
    solo.receive(3, chunkReply(2, 2))
    const moved = { ...point, index: 5, term: 2 }
    expect(only(read(solo, 2, moved), 'read-snapshot')[0]?.offset).toBe(0)
    const [, message] = sent(read(solo, 0, moved), 'snapshot')[0] ?? []
    expect(message).toMatchObject({ snapshot: moved, offset: 0 })
  })

  test('asks for nothing while the host is reading, and again when the host is silent', () => {
    const solo = inSnapshotState()
    solo.nowMs += 700
    expect(solo.receive(3, heartbeatReply(2))).toEqual([])
    solo.nowMs += 200
    expect(only(solo.receive(3, heartbeatReply(2)), 'read-snapshot')).toHaveLength(1)
  })

  test('ignores an answer nobody asked for', () => {
    const solo = leaderWithoutEntries()
    expect(read(solo, 0)).toEqual([])
    expect(solo.input({ type: 'entries-gone', to: 2 })).toEqual([])
    expect(solo.input({ type: 'entries-gone', to: 9 })).toEqual([])
    const follower = new Solo()
    expect(follower.input({ type: 'entries-gone', to: 2 })).toEqual([])
    expect(read(follower, 0)).toEqual([])
  })
})

describe('a follower', () => {
  function receiver(options: ConstructorParameters<typeof Solo>[0] = {}): Solo {
    return new Solo({ term: 1, ...options })
  }

  function complete(solo: Solo, term = 1) {
    solo.receive(2, chunk(0, 2, term))
    return solo.receive(2, chunk(2, 3, term))
  }

  test('gives the host the whole, and is reset when the host has found it sound', () => {
    const solo = receiver()
    expect(sent(solo.receive(2, chunk(0, 2)), 'snapshot-reply')[0]?.[1].received).toBe(2)
    const effects = solo.receive(2, chunk(2, 3))
    expect(only(effects, 'snapshot-received')).toEqual([
      { type: 'snapshot-received', snapshot: point, data: [bytes(0, 2), bytes(2, 3)] },
    ])
    const installed = solo.input({ type: 'install', snapshot: point })
    expect(only(installed, 'persist')).toEqual([
      { type: 'persist', id: 1, snapshot: point, entries: [] },
    ])
    expect(only(installed, 'configuration')).toEqual([
      { type: 'configuration', configuration: { voters }, index: 4, committed: true },
    ])
    expect(only(installed, 'commit')).toEqual([])
    expect(inspectRaft(solo.raft)).toMatchObject({
      commit: 4,
      stable: 0,
      lastIndex: 4,
      lastTerm: 1,
    })
  })

  test('acks it when it is on disk, and not before, whatever is asked meanwhile', () => {
    const solo = receiver()
    complete(solo)
    expect(sent(solo.input({ type: 'install', snapshot: point }), 'append-reply')).toEqual([])
    expect(solo.receive(2, chunk(5, 0))).toEqual([])
    expect(solo.receive(2, append(1, point))).toEqual([])
    const acks = sent(solo.store(), 'append-reply')
    expect(acks.map(([to, { success, match }]) => [to, success, match])).toEqual([[2, true, 4]])
    expect(solo.raft.log.stable).toBe(4)
  })

  test('drops what its log holds beyond its commit and the snapshot does not know', () => {
    const solo = receiver({ log: [1, 1], commit: 1 })
    complete(solo)
    solo.input({ type: 'install', snapshot: point })
    expect(inspectRaft(solo.raft)).toMatchObject({ firstIndex: 5, lastIndex: 4, stable: 1 })
  })

  test('that holds the entries needs no reset: they are committed', () => {
    const solo = receiver({ log: [1, 1, 1, 1, 1] })
    const effects = solo.receive(2, chunk(0, 2))
    expect(only(effects, 'commit')).toEqual([{ type: 'commit', index: 4 }])
    expect(sent(effects, 'append-reply')[0]?.[1]).toMatchObject({ success: true, match: 4 })
    expect(solo.raft.log.lastIndex).toBe(5)
  })

  test('answers a snapshot at or below its commit with an ack', () => {
    const solo = receiver({ log: [1, 1, 1, 1, 1], commit: 5 })
    expect(sent(solo.receive(2, chunk(2, 2)), 'append-reply')[0]?.[1].match).toBe(5)
    expect(only(solo.input({ type: 'install', snapshot: point }), 'persist')).toEqual([])
  })

  test('with another log of the same term stops', () => {
    const solo = receiver({ log: [1, 1, 1, 1] })
    const chain = { high: 1, low: 2 }
    const effects = solo.receive(2, chunk(0, 2, 1, { ...point, chain }))
    expect(only(effects, 'halt')[0]).toMatchObject({ index: 4 })
  })

  test('leaves out chunks that are repeated or do not come next, and says how far it is', () => {
    const solo = receiver()
    const received = (message: Message) =>
      sent(solo.receive(2, message), 'snapshot-reply')[0]?.[1].received
    expect(received(chunk(2, 2))).toBe(0)
    expect(received(chunk(0, 2))).toBe(2)
    expect(received(chunk(0, 2))).toBe(2)
    expect(received(chunk(3, 2))).toBe(2)
    expect(received(chunk(2, 2))).toBe(4)
    expect(inspectRaft(solo.raft).snapshot).toEqual({ index: 4, received: 4, totalBytes: 5 })
  })

  test('does not mix chunks of two leaders, or of one leader in two terms', () => {
    const solo = receiver()
    solo.receive(2, chunk(0, 2))
    solo.receive(3, chunk(2, 3, 2))
    const reply = sent(solo.store(), 'snapshot-reply')[0]?.[1]
    expect(reply).toMatchObject({ term: 2, received: 0 })
    solo.receive(3, chunk(0, 2, 2))
    solo.receive(3, heartbeat(3))
    solo.store()
    expect(sent(solo.receive(3, chunk(2, 3, 3)), 'snapshot-reply')[0]?.[1].received).toBe(0)
  })

  test('does not take a snapshot that is too large, and shows it', () => {
    const solo = receiver({ raft: { snapshotBytesMax: 4 } })
    const effects = solo.receive(2, chunk(0, 2))
    expect(effects.filter(({ type }) => type !== 'role')).toEqual([])
    expect(inspectRaft(solo.raft)).toMatchObject({
      snapshot: undefined,
      refusedSnapshot: { index: 4, totalBytes: 5 },
      halted: false,
    })
    expect(solo.raft.leader).toBe(2)
  })

  test.each([
    ['is longer than the snapshot', chunk(3, 3)],
    ['is empty in the middle', chunk(2, 0)],
  ])('ignores a chunk that %s', (_what, message) => {
    expect(receiver().receive(2, message)).toEqual([])
  })

  test('collects again when the host found the snapshot wrong', () => {
    const solo = receiver()
    complete(solo)
    expect(sent(solo.receive(2, chunk(5, 0)), 'snapshot-reply')[0]?.[1].received).toBe(5)
    solo.nowMs += 900
    expect(sent(solo.receive(2, chunk(5, 0)), 'snapshot-reply')[0]?.[1].received).toBe(0)
    expect(only(complete(solo), 'snapshot-received')).toHaveLength(1)
  })

  test('takes an empty snapshot', () => {
    const solo = receiver()
    const empty: Message = { ...(chunk(0, 0) as Message & { type: 'snapshot' }), totalBytes: 0 }
    expect(only(solo.receive(2, empty), 'snapshot-received')[0]?.data).toEqual([bytes(0, 0)])
    expect(only(solo.receive(2, empty), 'snapshot-received')).toEqual([])
  })

  test('refuses the snapshot of an old leader with its own term', () => {
    const solo = receiver({ term: 3 })
    expect(sent(solo.receive(2, chunk(0, 2, 1)), 'heartbeat-reply')[0]?.[1].term).toBe(3)
    expect(inspectRaft(solo.raft).snapshot).toBeUndefined()
  })
})

describe('a snapshot and an election [21]', () => {
  test('a candidate that gets a snapshot of its term follows the sender', () => {
    const solo = new Solo({ term: 1 })
    solo.becomeCandidate()
    solo.receive(2, chunk(0, 2, 2))
    expect([solo.raft.role, solo.raft.leader]).toEqual(['follower', 2])
    expect(inspectRaft(solo.raft).snapshot?.received).toBe(2)
  })

  test('a pre-candidate keeps what it has collected, and may install it', () => {
    const solo = new Solo({ term: 1 })
    solo.receive(2, chunk(0, 2))
    solo.receive(2, chunk(2, 3))
    solo.timeOut()
    expect(solo.raft.role).toBe('pre-candidate')
    expect(only(solo.input({ type: 'install', snapshot: point }), 'persist')).toHaveLength(1)
    expect(solo.raft.role).toBe('pre-candidate')
  })

  test('a candidate that installs one in which it is no voter gives up', () => {
    const solo = new Solo({ term: 1 })
    solo.becomeCandidate()
    const removed = { ...point, configuration: { voters: [2, 3] } }
    solo.input({ type: 'install', snapshot: removed })
    expect(solo.raft.role).toBe('follower')
  })

  test('a leader has no use for one', () => {
    const solo = new Solo({ log: [1, 1, 1, 1] })
    solo.becomeLeader()
    expect(solo.input({ type: 'install', snapshot: point })).toEqual([])
  })

  test('a vote is judged by the snapshot while it is being stored', () => {
    const solo = new Solo({ term: 1 })
    solo.input({ type: 'install', snapshot: point })
    solo.receive(3, voteRequest(2, { index: 3, term: 1 }))
    expect(solo.raft.votedFor).toBe(0)
    solo.receive(3, voteRequest(3, { index: 4, term: 1 }))
    expect(solo.raft.votedFor).toBe(3)
  })
})
