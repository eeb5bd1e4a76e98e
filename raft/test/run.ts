// Plays a random schedule (schedule.ts) on a RaftCluster, move by move, and lets the group recover.
import { expect } from 'vitest'
import { votersOf } from '../src/membership.ts'
import { RaftCluster } from '../src/testing/index.ts'
import { Members } from './members.ts'
import type { Provoking } from './provoking.ts'
import { type Action, faultTypes, type Schedule } from './schedule.ts'

class Run {
  readonly cluster: RaftCluster
  readonly members: Members
  private readonly provoking: Provoking | undefined
  private value = 0
  /** The next leader is cut off this long after its election. */
  private ambushAfterMs: number | undefined

  constructor(schedule: Schedule, provoking: Provoking | undefined) {
    this.provoking = provoking
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
      ...(provoking === undefined ? {} : { probe: provoking }),
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
    this.provoking?.stop()
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
export function play(
  schedule: Schedule,
  watch: Watch = () => {},
  provoking?: Provoking,
): RaftCluster {
  const run = new Run(schedule, provoking)
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
