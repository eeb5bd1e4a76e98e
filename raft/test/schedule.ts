// Random schedules of everything that may happen to a group: the arbitrary, and how one schedule is
// played on a RaftCluster. model.property.test.ts asserts over many of them.
import fc from 'fast-check'
import { expect } from 'vitest'
import { votersOf } from '../src/membership.ts'
import { RaftCluster } from '../src/testing/index.ts'
import { Members } from './members.ts'

/** Replicas are meant by their place, counted over the group. */
type Action =
  | { readonly type: 'propose'; readonly count: number }
  | { readonly type: 'read' }
  | { readonly type: 'transfer'; readonly to: number }
  | { readonly type: 'release'; readonly place: number }
  | { readonly type: 'compact'; readonly place: number }
  | { readonly type: 'compact-all' }
  | { readonly type: 'add' }
  | { readonly type: 'change'; readonly voters: readonly number[] }
  | { readonly type: 'replace'; readonly place: number }
  | { readonly type: 'crash'; readonly place: number; readonly kept: number }
  | { readonly type: 'restart'; readonly place: number }
  | { readonly type: 'stall-disk'; readonly place: number }
  | { readonly type: 'resume-disk'; readonly place: number }
  | { readonly type: 'cut'; readonly place: number; readonly other: number }
  | { readonly type: 'cut-one-way'; readonly place: number; readonly other: number }
  | { readonly type: 'isolate'; readonly place: number }
  | { readonly type: 'isolate-leader' }
  | { readonly type: 'leave-leader-one'; readonly place: number }
  | { readonly type: 'lose-leader' }
  | { readonly type: 'coup'; readonly place: number }
  | { readonly type: 'crash-leader'; readonly kept: number }
  | { readonly type: 'ambush'; readonly afterMs: number }
  | { readonly type: 'campaign'; readonly place: number }
  | { readonly type: 'heal' }
  | { readonly type: 'connection-lost'; readonly place: number }
  | { readonly type: 'network'; readonly latencyMs: number; readonly drop: number }
  | { readonly type: 'replay'; readonly place: number; readonly count: number }

interface Move {
  readonly action: Action
  /** How long the group runs after the action. */
  readonly forMs: number
}

export interface Schedule {
  readonly seed: number
  readonly replicas: number
  readonly inflightMessagesMax: number
  readonly appendBytesMax: number
  readonly storeMs: number
  readonly snapshotChunkBytes: number
  /** Begins with a leader in office. */
  readonly startsSettled: boolean
  /** Only these faults occur in this run; a proposal takes the place of others (swarm testing). */
  readonly faults: readonly Action['type'][]
  readonly moves: readonly Move[]
}

const place = fc.nat({ max: 4 })
const kept = fc.nat({ max: 3 })

function action<Type extends Action['type'], Fields extends object>(
  type: Type,
  weight: number,
  fields: { [Name in keyof Fields]: fc.Arbitrary<Fields[Name]> } = {} as never,
) {
  return { weight, arbitrary: fc.record({ type: fc.constant(type), ...fields }) }
}

const anyAction: fc.Arbitrary<Action> = fc.oneof(
  action('propose', 12, { count: fc.integer({ min: 1, max: 5 }) }),
  action('read', 4),
  action('transfer', 2, { to: place }),
  action('release', 2, { place }),
  action('compact', 2, { place }),
  action('compact-all', 1),
  action('add', 2),
  action('change', 3, { voters: fc.array(place, { minLength: 1, maxLength: 4 }) }),
  action('replace', 3, { place }),
  action('crash', 2, { place, kept }),
  action('crash-leader', 3, { kept }),
  action('restart', 5, { place }),
  action('stall-disk', 2, { place }),
  action('resume-disk', 3, { place }),
  action('cut', 2, { place, other: place }),
  action('cut-one-way', 2, { place, other: place }),
  action('isolate', 2, { place }),
  action('isolate-leader', 3),
  action('leave-leader-one', 3, { place }),
  action('lose-leader', 4),
  action('coup', 8, { place }),
  action('ambush', 4, { afterMs: fc.constantFrom(0, 0, 3, 10, 30) }),
  action('campaign', 1, { place }),
  action('heal', 4),
  action('connection-lost', 2, { place }),
  action('network', 2, {
    latencyMs: fc.constantFrom(1, 10, 60, 400),
    drop: fc.constantFrom(0, 0, 10, 30),
  }),
  action('replay', 3, { place: fc.nat({ max: 511 }), count: fc.integer({ min: 1, max: 20 }) }),
) as fc.Arbitrary<Action>

const faultTypes: Action['type'][] = [
  'add',
  'change',
  'replace',
  'compact',
  'compact-all',
  'crash',
  'crash-leader',
  'stall-disk',
  'cut',
  'cut-one-way',
  'isolate',
  'isolate-leader',
  'leave-leader-one',
  'lose-leader',
  'coup',
  'ambush',
  'connection-lost',
  'network',
  'replay',
]

function moves(of: fc.Arbitrary<Action>, forMs: number[]): fc.Arbitrary<Move[]> {
  const move = fc.record({ action: of, forMs: fc.constantFrom(...forMs) })
  return fc.array(move, { minLength: 10, maxLength: 60, size: 'max' })
}

const common = {
  seed: fc.nat({ max: 0xffff }),
  replicas: fc.constantFrom(3, 5),
  startsSettled: fc.boolean(),
  snapshotChunkBytes: fc.constantFrom(9, 1024),
}

const mixed: fc.Arbitrary<Schedule> = fc.record({
  ...common,
  inflightMessagesMax: fc.constantFrom(1, 3, 64),
  appendBytesMax: fc.constantFrom(1, 40, 4096),
  storeMs: fc.constantFrom(1, 5, 40),
  faults: fc.subarray(faultTypes),
  moves: moves(anyAction, [0, 1, 3, 10, 40, 150, 700, 1000]),
})

const leaderChange: fc.Arbitrary<Action> = fc.oneof(
  action('propose', 3, { count: fc.integer({ min: 1, max: 3 }) }),
  action('read', 1),
  action('coup', 6, { place }),
  action('ambush', 6, { afterMs: fc.constantFrom(0, 0, 3, 10, 30) }),
  action('crash-leader', 2, { kept }),
) as fc.Arbitrary<Action>

/** Nothing but changes of leader, with one entry a message: the hunting ground of figure 8. */
const leaderChanges: fc.Arbitrary<Schedule> = fc.record({
  ...common,
  inflightMessagesMax: fc.constant(1),
  appendBytesMax: fc.constant(1),
  storeMs: fc.constantFrom(1, 5, 40),
  faults: fc.constant(faultTypes),
  moves: moves(leaderChange, [3, 10, 40, 150, 250]),
})

const memberChange: fc.Arbitrary<Action> = fc.oneof(
  action('propose', 4, { count: fc.integer({ min: 1, max: 3 }) }),
  action('read', 1),
  action('add', 3),
  action('change', 3, { voters: fc.array(place, { minLength: 1, maxLength: 4 }) }),
  action('replace', 5, { place }),
  action('compact-all', 2),
  action('transfer', 2, { to: place }),
  action('coup', 2, { place }),
  action('ambush', 3, { afterMs: fc.constantFrom(0, 0, 3, 10, 30) }),
  action('crash-leader', 2, { kept }),
  action('restart', 4, { place }),
  action('heal', 4),
) as fc.Arbitrary<Action>

/** Members come and go while leaders change, and new ones find the log compacted. */
const memberChanges: fc.Arbitrary<Schedule> = fc.record({
  ...common,
  replicas: fc.constantFrom(1, 2, 3),
  inflightMessagesMax: fc.constantFrom(1, 64),
  appendBytesMax: fc.constantFrom(1, 4096),
  storeMs: fc.constantFrom(1, 5, 40),
  faults: fc.subarray(faultTypes, { minLength: 8 }),
  moves: moves(memberChange, [3, 10, 40, 150, 700]),
})

export const anySchedule: fc.Arbitrary<Schedule> = fc.oneof(
  { weight: 2, arbitrary: mixed },
  { weight: 1, arbitrary: leaderChanges },
  { weight: 1, arbitrary: memberChanges },
)

export class Run {
  readonly cluster: RaftCluster
  readonly members: Members
  private value = 0
  /** The next leader is cut off this long after its election. */
  private ambushAfterMs: number | undefined

  constructor(schedule: Schedule) {
    const { seed, replicas, inflightMessagesMax, appendBytesMax, storeMs } = schedule
    const { snapshotChunkBytes } = schedule
    this.cluster = new RaftCluster({
      replicas,
      seed,
      raft: {
        inflightMessagesMax,
        appendBytesMax,
        inflightBytesMax: 4 * appendBytesMax,
        snapshotChunkBytes,
      },
      storeMs: { min: 0, max: storeMs },
      network: { latencyMs: { min: 0, max: 3 }, duplicatePercent: 3 },
    })
    this.members = new Members(this.cluster)
  }

  id(counted: number): number {
    return this.cluster.ids[counted % this.cluster.ids.length] as number
  }

  propose(count: number): void {
    const values = Array.from({ length: count }, () => `v${++this.value}`)
    // Every replica that thinks it leads takes proposals, also a deposed one.
    for (const { id, raft } of this.cluster.live()) {
      if (raft.role === 'leader') this.cluster.propose(id, ...values)
    }
  }

  perform(action: Action): void {
    const { cluster } = this
    const leader = cluster.leader()
    switch (action.type) {
      case 'propose':
        this.propose(action.count)
        break
      case 'read':
        for (const { id } of cluster.live()) cluster.read(id)
        break
      case 'transfer':
        if (leader !== 0) cluster.transfer(leader, this.id(action.to))
        break
      case 'campaign':
        cluster.input(this.id(action.place), { type: 'campaign' })
        break
      case 'release': {
        const id = this.id(action.place)
        cluster.release(id, cluster.raft(id).log.commit)
        break
      }
      case 'compact': {
        const id = this.id(action.place)
        cluster.compact(id, cluster.raft(id).log.commit)
        break
      }
      case 'compact-all':
        for (const { id, raft } of cluster.live()) cluster.compact(id, raft.log.commit)
        break
      case 'add':
        this.members.add()
        break
      case 'change':
        this.members.change(action.voters.map((counted) => this.id(counted)))
        break
      case 'replace':
        this.members.replace(this.id(action.place))
        break
      case 'crash':
        cluster.crash(this.id(action.place), action.kept)
        break
      case 'crash-leader':
        if (leader !== 0) cluster.crash(leader, action.kept)
        break
      case 'restart':
        cluster.restart(this.id(action.place))
        break
      case 'stall-disk':
        cluster.replica(this.id(action.place)).isDiskStalled = true
        break
      case 'resume-disk':
        cluster.replica(this.id(action.place)).isDiskStalled = false
        break
      default:
        this.disturb(action, leader)
    }
  }

  private disturb(action: Action, leader: number): void {
    const { cluster } = this
    const { network } = cluster
    switch (action.type) {
      case 'cut':
        cluster.cut(this.id(action.place), this.id(action.other))
        break
      case 'cut-one-way':
        network.cutOneWay(this.id(action.place), this.id(action.other))
        break
      case 'isolate':
        cluster.isolate(this.id(action.place))
        break
      case 'isolate-leader':
        if (leader !== 0) cluster.isolate(leader)
        break
      case 'leave-leader-one': {
        const side = [leader, this.id(action.place)]
        cluster.partition(
          side,
          cluster.ids.filter((id) => !side.includes(id)),
        )
        break
      }
      case 'lose-leader':
        if (leader !== 0) cluster.isolate(leader)
        for (const id of cluster.ids) cluster.connectionLost(id, leader)
        break
      case 'coup':
        this.coup(action.place, leader)
        break
      case 'ambush':
        this.ambushAfterMs = action.afterMs
        break
      case 'heal':
        cluster.heal()
        break
      case 'connection-lost': {
        const id = this.id(action.place)
        cluster.connectionLost(id, cluster.raft(id).leader)
        break
      }
      case 'network':
        network.conditions.latencyMs = { min: 0, max: action.latencyMs }
        network.conditions.dropPercent = action.drop
        break
      case 'replay':
        for (const packet of network.past.slice(action.place, action.place + action.count)) {
          network.replay(packet, cluster.nowMs)
        }
        break
    }
  }

  /**
   * A bare majority without the leader goes on alone and notices at once. Many of these in a row
   * leave logs of many terms behind, as in figure 8 of the paper.
   */
  private coup(place: number, leader: number): void {
    const { cluster } = this
    const seen = leader === 0 ? (cluster.ids[0] as number) : leader
    const voters = votersOf(cluster.raft(seen).membership.placed.configuration)
    const others = voters.filter((id) => id !== leader)
    if (others.length === 0) return
    const size = Math.floor(voters.length / 2) + 1
    const side = Array.from(
      { length: size },
      (_, count) => others[(place + count) % others.length] as number,
    )
    cluster.heal()
    cluster.partition(
      side,
      cluster.ids.filter((id) => !side.includes(id)),
    )
    for (const id of side) {
      cluster.restart(id)
      cluster.connectionLost(id, leader)
    }
  }

  /** Called for each new leader. */
  lieInWait(leader: number): void {
    const afterMs = this.ambushAfterMs
    if (afterMs === undefined) return
    this.ambushAfterMs = undefined
    if (afterMs === 0) this.cluster.isolate(leader)
    else this.cluster.later(afterMs, () => this.cluster.isolate(leader))
  }

  /** The faults end; the group must elect a leader and commit what it is given, everywhere. */
  recover(): void {
    const { cluster } = this
    this.ambushAfterMs = undefined
    cluster.run(30)
    cluster.heal()
    cluster.network.conditions = {
      latencyMs: { min: 0, max: 3 },
      dropPercent: 0,
      duplicatePercent: 0,
    }
    for (const id of cluster.ids) {
      cluster.restart(id)
      cluster.replica(id).isDiskStalled = false
    }
    cluster.settle(10_000)
    this.members.arrive()
    this.propose(3)
    const leader = cluster.settle(2_000)
    cluster.release(leader, cluster.raft(leader).log.commit)
    const expected = cluster.checker.committed.length
    for (const id of [leader, ...cluster.raft(leader).membership.peers]) {
      const { log } = cluster.raft(id)
      expect(log.commit, `commit of replica ${id}`).toBe(expected)
      expect(log.lastIndex, `last index of replica ${id}`).toBe(expected)
    }
  }
}

type Watch = RaftCluster['onStep']

/** Plays all moves, then recovers. Throws at the first violation. */
export function play(schedule: Schedule, watch: Watch = () => {}): RaftCluster {
  const run = new Run(schedule)
  const { cluster } = run
  cluster.onStep = (id, input, effects) => {
    watch(id, input, effects)
    const isElected = effects.some((effect) => effect.type === 'role' && effect.role === 'leader')
    if (isElected) run.lieInWait(id)
  }
  if (schedule.startsSettled) cluster.settle()
  for (const { action: next, forMs } of schedule.moves) {
    const isLeftOut = faultTypes.includes(next.type) && !schedule.faults.includes(next.type)
    run.perform(isLeftOut ? { type: 'propose', count: 1 } : next)
    run.members.pursue()
    cluster.run(forMs)
  }
  run.recover()
  return cluster
}
