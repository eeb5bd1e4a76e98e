// Configurations against slow references that are obviously right: quorums of joint configurations
// by trying all subsets, and the way from any members to any others.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Configuration, nextConfiguration, type ReplicaId } from '../src/index.ts'
import {
  disorderOf,
  isJoint,
  isLegalStep,
  isSameSet,
  learnersOf,
  membershipOf,
  votersOf,
  withoutOutgoing,
} from '../src/membership.ts'
import { quorumOver, quorumsOf, tally } from '../src/quorum.ts'

const ids = [1, 2, 3, 4, 5, 6]
const voters = fc.subarray(ids, { minLength: 1 })
const members = fc.record({ voters, learners: fc.subarray(ids) }).map(({ voters, learners }) => ({
  voters,
  learners: learners.filter((id) => !voters.includes(id)),
}))
const configurations: fc.Arbitrary<Configuration> = fc
  .record({ voters, outgoing: fc.option(voters, { nil: undefined }) })
  .map(({ voters, outgoing }) => (outgoing === undefined ? { voters } : { voters, outgoing }))

function halvesOf({ voters, outgoing }: Configuration): (readonly ReplicaId[])[] {
  return outgoing === undefined ? [voters] : [voters, outgoing]
}

/** More than half of each half. */
function isQuorum(configuration: Configuration, chosen: readonly ReplicaId[]): boolean {
  return halvesOf(configuration).every(
    (half) => 2 * half.filter((id) => chosen.includes(id)).length > half.length,
  )
}

const subsets: ReplicaId[][] = Array.from({ length: 2 ** ids.length }, (_, chosen) =>
  ids.filter((_id, place) => (chosen >> place) % 2 === 1),
)

describe('a quorum of a configuration, joint or not', () => {
  const reached = fc.array(fc.nat({ max: 9 }), { minLength: ids.length, maxLength: ids.length })

  test('has reached the highest value that some quorum has reached', () => {
    fc.assert(
      fc.property(
        configurations,
        reached,
        fc.constantFrom(...ids),
        (configuration, values, self) => {
          const reachedBy = (id: ReplicaId) => values[id - 1] as number
          const slow = Math.max(
            ...subsets
              .filter((subset) => isQuorum(configuration, subset))
              .map((subset) => Math.min(...subset.map(reachedBy))),
          )
          const peers = ids.filter((id) => id !== self).map((id) => ({ id }))
          const quorums = quorumsOf(configuration, self, peers)
          const fast = quorumOver(quorums, reachedBy(self), ({ id }) => reachedBy(id), [])
          expect(fast).toBe(slow)
        },
      ),
      { numRuns: 500 },
    )
  })

  test('elects exactly when the missing votes cannot change it', () => {
    const answers = fc.array(fc.option(fc.boolean()), { minLength: 6, maxLength: 6 })
    fc.assert(
      fc.property(configurations, answers, (configuration, all) => {
        const votes = new Map<ReplicaId, boolean>()
        all.forEach((vote, place) => {
          if (vote !== null) votes.set(place + 1, vote)
        })
        const those = (vote: boolean | undefined) => ids.filter((id) => votes.get(id) === vote)
        const wins = isQuorum(configuration, those(true))
        const canWin = isQuorum(configuration, [...those(true), ...those(undefined)])
        expect(tally(configuration, votes)).toBe(wins ? 'won' : canWin ? 'open' : 'lost')
      }),
      { numRuns: 1000 },
    )
  })
})

describe('the way from one set of members to another', () => {
  function configurationOf(target: { voters: ReplicaId[]; learners: ReplicaId[] }): Configuration {
    const { voters, learners } = target
    return learners.length === 0 ? { voters } : { voters, learners }
  }

  /** Every configuration in force on the way, the joint ones left as leaders leave them. */
  function way(from: Configuration, target: Parameters<typeof nextConfiguration>[1]) {
    const steps = [from]
    for (let count = 0; count < 8; count++) {
      const current = steps.at(-1) as Configuration
      const next = isJoint(current) ? withoutOutgoing(current) : nextConfiguration(current, target)
      if (next === undefined) return steps
      steps.push(next)
    }
    throw new Error('no end')
  }

  test('arrives, by legal steps, of which no two neighbours have disjoint quorums', () => {
    fc.assert(
      fc.property(members, members, (start, target) => {
        const steps = way(configurationOf(start), target)
        const last = steps.at(-1) as Configuration
        expect(isSameSet(last.voters, target.voters)).toBe(true)
        expect(isSameSet(learnersOf(last), target.learners)).toBe(true)
        expect(isJoint(last)).toBe(false)
        for (let place = 1; place < steps.length; place++) {
          const [before, after] = steps.slice(place - 1, place + 1) as [
            Configuration,
            Configuration,
          ]
          expect(disorderOf(after)).toBeUndefined()
          expect(isLegalStep(before, after)).toBe(true)
          for (const quorum of subsets.filter((subset) => isQuorum(before, subset))) {
            const rest = ids.filter((id) => !quorum.includes(id))
            expect(isQuorum(after, rest)).toBe(false)
          }
          // Whoever becomes voter was a learner.
          const known = [...votersOf(before), ...learnersOf(before)]
          expect(votersOf(after).every((id) => known.includes(id))).toBe(true)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('takes at most four steps', () => {
    fc.assert(
      fc.property(members, members, (start, target) => {
        expect(way(configurationOf(start), target).length - 1).toBeLessThanOrEqual(4)
      }),
    )
  })

  test('does not begin inside a joint configuration, nor towards nobody', () => {
    const joint = { voters: [1, 4], outgoing: [1, 2] }
    expect(nextConfiguration(joint, { voters: [3], learners: [] })).toBeUndefined()
    expect(nextConfiguration({ voters: [1] }, { voters: [], learners: [] })).toBeUndefined()
  })

  test('a voter that is to be a learner leaves first', () => {
    const steps = way({ voters: [1, 2] }, { voters: [1], learners: [2] })
    expect(steps).toEqual([
      { voters: [1, 2] },
      { voters: [1], outgoing: [1, 2] },
      { voters: [1] },
      { voters: [1], learners: [2] },
    ])
  })
})

describe('a step that is not legal', () => {
  const simple: Configuration = { voters: [1, 2, 3], learners: [4] }
  const joint: Configuration = { voters: [1, 2, 4], outgoing: [1, 2, 3] }
  test.each<[string, Configuration, Configuration]>([
    ['changes voters at once', simple, { voters: [1, 2] }],
    ['makes a voter of an unknown replica', simple, { voters: [1, 5], outgoing: [1, 2, 3] }],
    ['leaves out voters of before', simple, { voters: [1, 4], outgoing: [1, 2] }],
    ['is joint for nothing', simple, { voters: [3, 2, 1], outgoing: [1, 2, 3] }],
    ['has no voters', simple, { voters: [] }],
    ['has a voter as learner', simple, { voters: [1, 2, 3], learners: [3] }],
    ['names one twice', simple, { voters: [1, 2, 3], learners: [5, 5] }],
    ['goes from joint to joint', joint, { voters: [1, 2], outgoing: [1, 2, 4] }],
    ['goes back from joint', joint, { voters: [1, 2, 3] }],
    ['changes learners while leaving', joint, { voters: [1, 2, 4], learners: [5] }],
  ])('%s', (_what, current, next) => {
    expect(isLegalStep(current, next)).toBe(false)
  })

  test('while the order of a list means nothing', () => {
    expect(isLegalStep(joint, { voters: [4, 2, 1] })).toBe(true)
    expect(isLegalStep(simple, { voters: [4, 1], outgoing: [3, 2, 1] })).toBe(true)
  })
})

describe('a replica in its configuration', () => {
  test('sends the log to all others, and asks the voters of both halves', () => {
    const configuration = { voters: [1, 2], outgoing: [2, 3], learners: [4] }
    const placed = { index: 5, configuration }
    expect(membershipOf(2, placed, configuration)).toMatchObject({
      peers: [1, 3, 4],
      votingPeers: [1, 3],
      isVoter: true,
    })
    expect(membershipOf(4, placed, configuration)).toMatchObject({
      peers: [1, 2, 3],
      isVoter: false,
    })
  })
})
