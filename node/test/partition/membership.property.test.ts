import { type Configuration, type ConfigurationTarget, nextConfiguration } from '@quorate/raft'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type GroupState, type MembershipStep, nextStep } from '../../src/partition/membership.ts'

/** Replicas 1 to 9. What a replica holds grows by a stride at each tick while it is alive. */
class Group {
  configuration: Configuration
  leader: number
  configurationIndex = 0
  lastIndex = 10_000
  readonly alive = new Set([1, 2, 3, 4, 5, 6, 7, 8, 9])
  readonly match = new Map<number, number>()
  handOvers = 0
  proposals = 0

  constructor(voters: readonly number[]) {
    this.configuration = { voters }
    this.leader = voters[0]!
    for (const voter of voters) this.match.set(voter, this.lastIndex)
  }

  get members(): number[] {
    const { voters, outgoing = [], learners = [] } = this.configuration
    return [...new Set([...voters, ...outgoing, ...learners])]
  }

  state(): GroupState {
    const peers = this.members.filter((id) => id !== this.leader)
    return {
      self: this.leader,
      configuration: this.configuration,
      configurationIndex: this.configurationIndex,
      settled: this.configuration.outgoing === undefined,
      transferring: false,
      lastIndex: this.lastIndex,
      handOvers: this.handOvers,
      peers: peers.map((id) => {
        const match = this.match.get(id) ?? 0
        return { id, match, incomplete: match < 5000, alive: this.alive.has(id) }
      }),
    }
  }

  /** A majority of these is alive and holds the log but for what is under way. */
  canCommit(half: readonly number[] | undefined): boolean {
    if (half === undefined) return true
    return 2 * half.filter((id) => this.alive.has(id)).length > half.length
  }

  take(step: MembershipStep): void {
    if (step.kind === 'hand-over') {
      expect(this.configuration.voters).toContain(step.to)
      expect(this.alive).toContain(step.to)
      this.leader = step.to
      this.match.set(step.to, this.lastIndex)
      this.handOvers = 0
    } else if (step.kind === 'propose') this.propose(step.configuration)
  }

  propose(next: Configuration): void {
    this.proposals += 1
    expect(this.configuration.outgoing).toBeUndefined()
    if (next.outgoing === undefined) expect(next.voters).toEqual(this.configuration.voters)
    else {
      expect(next.outgoing).toEqual(this.configuration.voters)
      // The quorum that counts from now on lives and has what was committed by the one before.
      const ready = next.voters.filter((id) => this.alive.has(id))
      expect(2 * ready.length).toBeGreaterThan(next.voters.length)
      for (const id of next.voters) {
        if (this.configuration.voters.includes(id)) continue
        expect(this.alive).toContain(id)
        expect(this.lastIndex - this.match.get(id)!).toBeLessThanOrEqual(256)
        expect(this.match.get(id)).toBeGreaterThanOrEqual(this.configurationIndex)
      }
    }
    this.lastIndex += 1
    this.configurationIndex = this.lastIndex
    this.configuration = next
  }

  /** Time passes: logs grow, a joint configuration is left as soon as it is committed. */
  tick(): void {
    this.lastIndex += 10
    for (const id of this.members) {
      const { lastIndex } = this
      if (!this.alive.has(id)) continue
      this.match.set(id, Math.min(lastIndex, (this.match.get(id) ?? 0) + 3000))
    }
    const { voters, outgoing, learners } = this.configuration
    if (outgoing === undefined || !this.canCommit(voters) || !this.canCommit(outgoing)) return
    this.lastIndex += 1
    this.configurationIndex = this.lastIndex
    this.configuration = learners === undefined ? { voters } : { voters, learners }
    if (!voters.includes(this.leader)) this.leader = voters.find((id) => this.alive.has(id))!
  }
}

const ids = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 })
const target = fc
  .record({
    voters: ids,
    learners: fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 2 }),
  })
  .map(({ voters, learners }) => ({
    voters,
    learners: learners.filter((id) => !voters.includes(id)),
  }))

const sorted = (list: readonly number[] = []) => [...list].sort((one, other) => one - other)

function isAt(group: Group, { voters, learners }: ConfigurationTarget): boolean {
  const { configuration } = group
  return (
    configuration.outgoing === undefined &&
    sorted(configuration.voters).join() === sorted(voters).join() &&
    sorted(configuration.learners).join() === sorted(learners).join()
  )
}

function untilDone(group: Group, wanted: ConfigurationTarget): void {
  for (let round = 0; round < 40; round += 1) {
    const step = nextStep(group.state(), wanted)
    if (step.kind === 'done') {
      expect(isAt(group, wanted)).toBe(true)
      return
    }
    group.take(step)
    group.tick()
  }
  throw new Error(`not done: ${JSON.stringify([group.configuration, wanted])}`)
}

describe('the way to a wanted configuration', () => {
  test('always ends there when peers answer, whatever was wanted before', () => {
    fc.assert(
      fc.property(ids, fc.array(target, { minLength: 1, maxLength: 4 }), (voters, targets) => {
        const group = new Group(voters)
        for (const wanted of targets.slice(0, -1)) {
          group.take(nextStep(group.state(), wanted))
          group.tick()
        }
        untilDone(group, targets.at(-1)!)
        expect(nextStep(group.state(), targets.at(-1)!)).toEqual({ kind: 'done' })
      }),
      { numRuns: 400 },
    )
  })

  test('never leads into a quorum that does not live, and goes on when peers come back', () => {
    const flips = fc.array(fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 6 }), {
      maxLength: 12,
    })
    fc.assert(
      fc.property(ids, target, flips, (voters, wanted, dead) => {
        const group = new Group(voters)
        for (const silent of dead) {
          group.alive.clear()
          for (let id = 1; id <= 9; id += 1) if (!silent.includes(id)) group.alive.add(id)
          group.alive.add(group.leader)
          // A leader without its quorum leads no more, and nobody asks it.
          if (group.canCommit(group.configuration.voters)) {
            group.take(nextStep(group.state(), wanted))
          }
          group.tick()
        }
        for (let id = 1; id <= 9; id += 1) group.alive.add(id)
        untilDone(group, wanted)
      }),
      { numRuns: 400 },
    )
  })
})

describe('one step', () => {
  const three = { voters: [1, 2, 3] }
  const state = (change: Partial<GroupState> = {}): GroupState => ({
    self: 1,
    configuration: three,
    configurationIndex: 800,
    settled: true,
    transferring: false,
    lastIndex: 1000,
    handOvers: 0,
    peers: [2, 3, 4].map((id) => ({ id, match: 1000, incomplete: false, alive: true })),
    ...change,
  })
  const withLearner = { ...three, learners: [4] }
  const wanted = { voters: [1, 2, 4], learners: [] }
  const peers = (change: object) =>
    state().peers.map((peer) => (peer.id === 4 ? { ...peer, ...change } : peer))

  test('is to let the new one learn, then to vote, then nothing', () => {
    expect(nextStep(state(), wanted)).toEqual({ kind: 'propose', configuration: withLearner })
    const joint = { voters: [1, 2, 4], outgoing: [1, 2, 3] }
    const learning = state({ configuration: withLearner })
    expect(nextStep(learning, wanted)).toEqual({ kind: 'propose', configuration: joint })
    const left = state({ configuration: { voters: [1, 2, 4] } })
    expect(nextStep(left, wanted)).toEqual({ kind: 'done' })
  })

  test.each([
    ['is behind', { match: 743 }],
    ['has not even the entry that let it in', { match: 799 }],
    ['is silent', { alive: false }],
    ['gets a snapshot', { incomplete: true }],
  ])('is to wait while the new one %s', (_what, change) => {
    const learning = state({ configuration: withLearner, peers: peers(change) })
    const waits = { kind: 'wait', reason: 'catching-up', replicas: [4] }
    expect(nextStep(learning, wanted)).toEqual(waits)
  })

  test('is to wait while another one is under way', () => {
    const waits = { kind: 'wait', reason: 'change-under-way', replicas: [] }
    expect(nextStep(state({ settled: false }), wanted)).toEqual(waits)
    expect(nextStep(state({ transferring: true }), wanted)).toEqual(waits)
    const joint = { voters: [1, 2, 4], outgoing: [1, 2, 3] }
    expect(nextStep(state({ configuration: joint }), wanted)).toEqual(waits)
  })

  test('does not shrink a group to those who are silent', () => {
    const silent = state().peers.map((peer) => ({ ...peer, alive: peer.id !== 2 }))
    const step = nextStep(state({ peers: silent }), { voters: [1, 2], learners: [] })
    expect(step).toEqual({ kind: 'wait', reason: 'too-few-alive', replicas: [2] })
  })

  test('removes who is silent', () => {
    const configuration = { ...three, learners: [4] }
    const silent = state().peers.map((peer) => ({ ...peer, alive: peer.id !== 3 }))
    const step = nextStep(state({ configuration, peers: silent }), wanted)
    expect(step.kind).toBe('propose')
  })

  test('is to hand over when the leader itself is to go, and to go all the same when that fails', () => {
    const going = { voters: [2, 3, 4], learners: [] }
    const learning = state({ configuration: withLearner })
    expect(nextStep(learning, going)).toEqual({ kind: 'hand-over', to: 2 })
    const tried = state({ configuration: withLearner, handOvers: 3 })
    expect(nextStep(tried, going).kind).toBe('propose')
    const alone = state({ configuration: { voters: [1], learners: [4] } })
    expect(nextStep(alone, { voters: [4], learners: [] }).kind).toBe('propose')
  })

  test('is none towards nobody', () => {
    expect(nextStep(state(), { voters: [], learners: [] })).toEqual({ kind: 'done' })
    expect(nextConfiguration(three, { voters: [], learners: [] })).toBeUndefined()
  })
})
