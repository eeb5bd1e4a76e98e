import { afterEach, describe, expect, test } from 'vitest'
import { limits } from '../../src/limits.ts'
import { Rig } from './partition-rig.ts'

const place = (replicaId: number) => ({ replicaId, nodeId: `n${replicaId}` })
let rig: Rig

afterEach(() => {
  expect(rig.failures).toEqual([])
})

/** What stands in the log from an index on, in short. */
function configurations(): unknown[] {
  return rig.fake.log.entries.flatMap(({ configuration }) => configuration ?? [])
}

const learning = { voters: [1, 2, 3], learners: [4, 5] }
const joint = { voters: [1, 4, 5], outgoing: [1, 2, 3] }
const after = { voters: [1, 4, 5] }

/** Replica 1 leads three, and is told that 4 and 5 are to vote in place of 2 and 3. */
function leadJoint(): void {
  rig = new Rig([1, 2, 3]).leadThree()
  rig.desired = {
    voters: [1, 4, 5].map(place),
    learners: [],
    removing: [2, 3].map(place),
    changedIndex: 70,
  }
  rig.ref.reply({ type: 'members' })
  rig.settle()
  expect(configurations()).toEqual([learning])
  for (const replica of [2, 4]) rig.ack(replica)
  rig.pass(limits.membershipIntervalMs)
  // 5 does not have the log yet.
  expect(configurations()).toEqual([learning])
  rig.ack(5)
  rig.ack(2)
  rig.ref.reply({ type: 'members' })
  rig.settle()
  expect(configurations()).toEqual([learning, joint])
}

test('a leader that begins goes on at once with what is left to do', () => {
  rig = new Rig([1, 2, 3])
  rig.desired = {
    voters: [1, 4, 5].map(place),
    learners: [],
    removing: [2, 3].map(place),
    changedIndex: 70,
  }
  rig.leadThree()
  rig.turn()
  expect(configurations()).toEqual([learning])
})

function confirm(from: number): void {
  const reads = rig.sent.map(({ message }) => (message.type === 'heartbeat' ? message.read : 0))
  const extent = { index: rig.fake.log.lastIndex, term: 1 }
  const read = Math.max(...reads)
  const reply = { term: 1, read, extent, session: 7, recovering: false }
  rig.receive(from, { type: 'heartbeat-reply', ...reply })
}

describe('under a joint configuration', () => {
  test.each([
    [2, 4],
    [4, 2],
  ])('a position is answered when both halves confirm the leader: %i, then %i', (one, other) => {
    leadJoint()
    const answers = rig.offsets('latest')
    rig.pass(100)
    confirm(one)
    expect(answers).toEqual([])
    confirm(other)
    expect(answers).toEqual([{ offset: 0 }])
  })

  test('a write is answered when both halves have it', () => {
    leadJoint()
    const answers = rig.write()
    rig.settle()
    rig.ack(2)
    rig.ack(3)
    expect(answers).toEqual([])
    rig.ack(4)
    expect(answers).toMatchObject([{ offset: 0 }])
  })

  test('it is left when both halves have it, and records around that keep their offsets', () => {
    leadJoint()
    const before = rig.write({ count: 2 })
    rig.settle()
    rig.ack(4)
    expect(configurations()).toHaveLength(2)
    rig.ack(2)
    rig.settle()
    expect(configurations()).toEqual([learning, joint, after])
    const behind = rig.write({ count: 1 })
    rig.settle()
    rig.ack(2)
    expect(behind).toEqual([])
    rig.ack(5)
    expect([before, behind]).toMatchObject([[{ offset: 0 }], [{ offset: 2 }]])
    rig.turn()
    expect(rig.changes).toEqual([{ voters: [1, 4, 5], learners: [], changedIndex: 70 }])
  })
})
