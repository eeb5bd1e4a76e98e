// Changes of members, step by step and on whole groups, with the bugs that others had in them.
// Numbers in brackets are those of the table of known bugs in ../DEVIATIONS.md.
import { describe, expect, test } from 'vitest'
import { type Configuration, configurationProblem, deadlineMs, inspectRaft } from '../src/index.ts'
import {
  makeConfigurationEntry,
  makeEntry,
  makeLog,
  origin,
  type TestEntry,
} from '../src/testing/index.ts'
import { arrive, change, led, settled, votersOn } from './groups.ts'
import {
  append,
  heartbeat,
  heartbeatReply,
  only,
  Solo,
  sent,
  voteReply,
  voteRequest,
} from './solo.ts'

const three: Configuration = { voters: [1, 2, 3] }
const withLearner: Configuration = { voters: [1, 2, 3], learners: [4] }
const joint: Configuration = { voters: [1, 2, 4], outgoing: [1, 2, 3] }

/** Leader whose joint configuration is on its disk and nowhere else. */
function inJoint(): Solo {
  const solo = settled()
  change(solo, withLearner)
  solo.store()
  solo.ack(2, 2)
  change(solo, joint)
  solo.store()
  return solo
}

describe('a configuration', () => {
  test('is in force as soon as it is appended, and reported again when it is committed', () => {
    const solo = settled()
    const effects = change(solo, withLearner)
    expect(only(effects, 'configuration')).toEqual([
      { type: 'configuration', configuration: withLearner, index: 2, committed: false },
    ])
    expect(sent(effects, 'append').map(([to]) => to)).toEqual([2, 3, 4])
    solo.store()
    expect(only(solo.ack(2, 2), 'configuration')).toEqual([
      { type: 'configuration', configuration: withLearner, index: 2, committed: true },
    ])
    expect(inspectRaft(solo.raft)).toMatchObject({
      configuration: withLearner,
      configurationIndex: 2,
      configurationCommitted: true,
      progress: [{ learner: false }, { learner: false }, { learner: true }],
    })
  })

  test('is in force on a follower when it comes, and goes with its truncated entry [20]', () => {
    const solo = new Solo({ term: 1 })
    const [first] = makeLog([1]) as [TestEntry]
    const entry = makeConfigurationEntry(first, 1, { voters: [2, 3] })
    solo.receive(2, append(1, origin, [first, entry]))
    expect(solo.raft.membership.isVoter).toBe(false)
    solo.store()
    const other = makeLog([1, 2])[1] as TestEntry
    const effects = solo.receive(3, append(2, first, [other]))
    expect(only(effects, 'configuration')).toEqual([
      { type: 'configuration', configuration: three, index: 0, committed: true },
    ])
    expect(solo.raft.membership).toMatchObject({ isVoter: true, votingPeers: [2, 3] })
    expect(deadlineMs(solo.raft)).toBeLessThan(Infinity)
  })

  test('is found again in the log after a restart, joint or not, last entry or not [3]', () => {
    const [first] = makeLog([1]) as [TestEntry]
    const second = makeConfigurationEntry(first, 1, joint)
    const entries = [first, second, makeEntry(second, 1, 'x')]
    for (const restored of [{ base: 0 }, { base: 1 }, { base: 2, configuration: joint }]) {
      const solo = new Solo({ entries, ...restored })
      expect(inspectRaft(solo.raft)).toMatchObject({
        configuration: joint,
        configurationIndex: 2,
        configurationCommitted: restored.base === 2,
      })
    }
  })

  test('at the base stays known when its entry is released', () => {
    const solo = settled()
    change(solo, withLearner)
    solo.store()
    solo.ack(2, 2)
    solo.propose('x')
    solo.store()
    solo.ack(2, 3)
    solo.input({ type: 'release', index: 3 })
    expect(solo.raft.log.base.index).toBe(3)
    expect(inspectRaft(solo.raft)).toMatchObject({
      configuration: withLearner,
      configurationIndex: 2,
      configurationCommitted: true,
    })
  })
})

describe('a change is refused', () => {
  test('by who does not lead, and before the own term has committed [2]', () => {
    const solo = new Solo()
    expect(configurationProblem(solo.raft, withLearner)).toBe('not-leader')
    solo.becomeLeader()
    solo.propose('start')
    expect(configurationProblem(solo.raft, withLearner)).toBe('own-term-not-committed')
    expect(() => change(solo, withLearner)).toThrow('own-term-not-committed')
  })

  test('while another one is not committed, and when it is no legal step', () => {
    const solo = settled()
    expect(configurationProblem(solo.raft, { voters: [1, 2] })).toBe('illegal-step')
    change(solo, withLearner)
    expect(configurationProblem(solo.raft, joint)).toBe('change-in-flight')
    solo.store()
    solo.ack(3, 2)
    expect(configurationProblem(solo.raft, joint)).toBeUndefined()
  })

  test('when two come in one proposal', () => {
    const solo = settled()
    const first = makeConfigurationEntry(solo.raft.log.pointAt(1)!, 1, withLearner)
    const second = makeConfigurationEntry(first, 1, joint)
    expect(() => solo.input({ type: 'propose', entries: [first, second] })).toThrow(
      'change-in-flight',
    )
  })
})

describe('a learner', () => {
  test('gets the log and counts for nothing', () => {
    const solo = settled()
    change(solo, withLearner)
    solo.store()
    expect(only(solo.ack(4, 2), 'commit')).toEqual([])
    // Nor does its voice keep the leader in office, or confirm a read.
    solo.input({ type: 'read', readId: 1 })
    expect(only(solo.receive(4, heartbeatReply(1, 1)), 'read-ready')).toEqual([])
    solo.nowMs += 599
    solo.receive(4, heartbeatReply(1, 1))
    solo.nowMs += 1
    solo.tick()
    expect(solo.raft.role).toBe('follower')
  })

  test('never campaigns and needs no ticks, whoever asks [5]', () => {
    const solo = new Solo({ id: 4, term: 1, configuration: withLearner })
    expect(deadlineMs(solo.raft)).toBe(Infinity)
    expect(solo.tick(100_000)).toEqual([])
    expect(solo.input({ type: 'campaign' })).toEqual([])
    solo.receive(1, heartbeat(1))
    expect(solo.receive(1, { type: 'timeout-now', term: 1 })).toEqual([])
    solo.input({ type: 'leader-connection-lost', leader: 1 })
    expect([deadlineMs(solo.raft), solo.raft.role]).toEqual([Infinity, 'follower'])
  })

  test('is no target of a transfer [5]', () => {
    const solo = settled()
    change(solo, withLearner)
    solo.store()
    solo.ack(4, 2)
    expect(solo.input({ type: 'transfer', to: 4 })).toEqual([])
    expect(inspectRaft(solo.raft).transferring).toBe(0)
  })

  test('is asked for no vote, but gives one: it may be a voter and not know it', () => {
    const candidate = new Solo({ configuration: withLearner })
    expect(sent(candidate.becomePreCandidate(), 'vote-request').map(([to]) => to)).toEqual([2, 3])
    candidate.receive(4, voteReply(1, true, true))
    expect(candidate.raft.role).toBe('pre-candidate')
    const learner = new Solo({ id: 4, configuration: { voters: [] } })
    learner.receive(1, voteRequest(1, origin))
    expect(sent(learner.store(), 'vote-reply')[0]?.[1].granted).toBe(true)
  })

  test('with an empty disk gets the log, and again under a new id when it loses it [5]', () => {
    const cluster = led()
    cluster.propose(1, 'a', 'b')
    cluster.settle()
    cluster.compact(1, 2)
    cluster.add(4)
    arrive(cluster, [1, 2, 3], [4])
    expect(cluster.raft(4).log.commit).toBe(cluster.raft(1).log.commit)
    cluster.crash(4)
    cluster.compact(1, cluster.raft(1).log.commit)
    cluster.add(5)
    arrive(cluster, [1, 2, 3], [5])
    expect(cluster.replica(5).disk.start.index).toBeGreaterThan(0)
    expect(cluster.raft(5).log.commit).toBe(cluster.raft(1).log.commit)
  })

  test('that becomes voter has a timer from then on', () => {
    const cluster = led(1)
    cluster.add(2)
    arrive(cluster, [1], [2])
    expect(deadlineMs(cluster.raft(2))).toBe(Infinity)
    arrive(cluster, [1, 2])
    expect(deadlineMs(cluster.raft(2))).toBeLessThan(Infinity)
    // The former single voter now needs the other, and steps down without it.
    cluster.crash(2)
    cluster.run(1000)
    expect(cluster.raft(1).role).not.toBe('leader')
    cluster.restart(2)
    cluster.settle()
  })
})

describe('a joint configuration', () => {
  test('commits with a majority of both halves', () => {
    const onlyNew = inJoint()
    onlyNew.ack(4, 3)
    expect(onlyNew.raft.log.commit).toBe(2)
    onlyNew.ack(3, 3)
    expect(onlyNew.raft.log.commit).toBe(3)
    const shared = inJoint()
    shared.ack(2, 3)
    expect(shared.raft.log.commit).toBe(3)
  })

  test('keeps its leader by a majority of both halves', () => {
    const solo = inJoint()
    solo.nowMs += 599
    solo.receive(4, heartbeatReply(1))
    solo.nowMs += 1
    solo.tick()
    expect(solo.raft.role).toBe('follower')
  })

  test('confirms reads by a majority of both halves', () => {
    const solo = inJoint()
    solo.input({ type: 'read', readId: 1 })
    expect(only(solo.receive(4, heartbeatReply(1, 1)), 'read-ready')).toEqual([])
    expect(only(solo.receive(3, heartbeatReply(1, 1)), 'read-ready')).toHaveLength(1)
  })

  test('elects by a majority of both halves, with and without pre-vote', () => {
    const solo = new Solo({ configuration: joint })
    expect(sent(solo.becomePreCandidate(), 'vote-request').map(([to]) => to)).toEqual([2, 4, 3])
    solo.receive(4, voteReply(1, true, true))
    expect(solo.raft.role).toBe('pre-candidate')
    solo.receive(3, voteReply(1, true, true))
    expect(solo.raft.role).toBe('candidate')
    solo.store()
    solo.receive(3, voteReply(1, true))
    expect(solo.raft.role).toBe('candidate')
    solo.receive(4, voteReply(1, true))
    expect(solo.raft.role).toBe('leader')
  })

  test('is left by one proposal, asked for once, in the turn in which it is committed [3]', () => {
    const solo = inJoint()
    const asked = only(solo.ack(2, 3), 'propose-configuration')
    expect(asked.map(({ configuration }) => configuration)).toEqual([{ voters: [1, 2, 4] }])
    expect(only(solo.ack(4, 3), 'propose-configuration')).toEqual([])
    solo.propose('x')
    solo.store()
    expect(only(solo.ack(2, 4), 'propose-configuration')).toEqual([])
    expect(configurationProblem(solo.raft, { voters: [1, 2, 4] })).toBeUndefined()
  })

  test('is left by a new leader too, when its own term has committed [3]', () => {
    const [first] = makeLog([1]) as [TestEntry]
    const entries = [first, makeConfigurationEntry(first, 1, joint)]
    const solo = new Solo({ entries })
    solo.becomeCandidate()
    for (const voter of [2, 4]) solo.receive(voter, voteReply(2, true))
    solo.propose('start')
    solo.store()
    expect(only(solo.ack(2, 2), 'propose-configuration')).toEqual([])
    expect(only(solo.ack(2, 3), 'propose-configuration')).toHaveLength(1)
    expect(only(solo.ack(4, 3), 'propose-configuration')).toEqual([])
  })

  test('forgets a transfer to a voter of the older half', () => {
    const solo = settled()
    change(solo, withLearner)
    solo.store()
    solo.ack(2, 2)
    solo.input({ type: 'transfer', to: 3 })
    expect(inspectRaft(solo.raft).transferring).toBe(3)
    change(solo, joint)
    expect(inspectRaft(solo.raft).transferring).toBe(0)
    expect(solo.input({ type: 'transfer', to: 3 })).toEqual([])
  })

  test('survives the loss of a leader at every point of the change', () => {
    for (let afterMs = 0; afterMs <= 30; afterMs++) {
      const cluster = led()
      cluster.add(4)
      arrive(cluster, [1, 2, 3], [4])
      cluster.change(1, { voters: [2, 3, 4], learners: [] })
      cluster.run(afterMs / 3)
      cluster.crash(1)
      const leader = cluster.settle()
      cluster.restart(1)
      arrive(cluster, [2, 3, 4])
      expect(votersOn(cluster, cluster.leader())).toEqual({ voters: [2, 3, 4] })
      expect(leader).not.toBe(1)
    }
  })
})
