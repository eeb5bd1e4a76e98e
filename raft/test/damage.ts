// Random damage on top of random schedules: logs that cannot be read or whose end is gone, within the
// bound that keeps one undamaged copy of each committed entry and damaged voters a minority.
import fc from 'fast-check'
import { RaftCluster, type TestEntry } from '../src/testing/index.ts'

type Action =
  | { readonly type: 'propose'; readonly count: number }
  | { readonly type: 'read' | 'heal' | 'lose-leader' | 'isolate-leader' | 'power-cut' }
  | { readonly type: 'crash' | 'tear'; readonly place: number; readonly kept: number }
  | { readonly type: 'restart' | 'repair' | 'release' | 'isolate'; readonly place: number }
  | {
      readonly type: 'holes'
      readonly place: number
      readonly from: number
      readonly count: number
    }
  | { readonly type: 'lose'; readonly place: number; readonly count: number }

export interface DamageSchedule {
  readonly seed: number
  readonly replicas: number
  readonly storeMs: number
  readonly dropPercent: number
  readonly moves: readonly { readonly action: Action; readonly forMs: number }[]
}

const place = fc.nat({ max: 4 })
const count = fc.integer({ min: 1, max: 4 })

function action(
  type: Action['type'],
  weight: number,
  fields: Record<string, fc.Arbitrary<number>> = {},
) {
  return { weight, arbitrary: fc.record({ type: fc.constant(type), ...fields }) }
}

const anyAction = fc.oneof(
  action('propose', 12, { count }),
  action('read', 3),
  action('crash', 4, { place, kept: fc.nat({ max: 3 }) }),
  action('tear', 5, { place, kept: fc.constant(0) }),
  action('power-cut', 3),
  action('restart', 10, { place }),
  action('holes', 5, { place, from: fc.nat({ max: 60 }), count }),
  action('lose', 4, { place, count }),
  action('repair', 4, { place }),
  action('release', 2, { place }),
  action('isolate', 2, { place }),
  action('isolate-leader', 2),
  action('lose-leader', 3),
  action('heal', 6),
) as fc.Arbitrary<Action>

export const damageSchedule: fc.Arbitrary<DamageSchedule> = fc.record({
  seed: fc.nat({ max: 0xffff }),
  replicas: fc.constantFrom(1, 3, 3, 5),
  storeMs: fc.constantFrom(1, 5, 40),
  dropPercent: fc.constantFrom(0, 0, 10),
  moves: fc.array(
    fc.record({ action: anyAction, forMs: fc.constantFrom(0, 1, 3, 10, 40, 150, 700, 1000) }),
    { minLength: 10, maxLength: 60, size: 'max' },
  ),
})

class DamageRun {
  readonly cluster: RaftCluster
  private value = 0

  constructor({ seed, replicas, storeMs, dropPercent }: DamageSchedule) {
    this.cluster = new RaftCluster({
      replicas,
      seed,
      storeMs: { min: 0, max: storeMs },
      network: { latencyMs: { min: 0, max: 3 }, duplicatePercent: 3, dropPercent },
    })
  }

  propose(many: number): void {
    const values = Array.from({ length: many }, () => `v${++this.value}`)
    for (const { id, raft } of this.cluster.live()) {
      if (raft.role === 'leader') this.cluster.propose(id, ...values)
    }
  }

  perform(action: Action): void {
    const { cluster } = this
    const leader = cluster.leader()
    const id = 'place' in action ? (cluster.ids[action.place % cluster.ids.length] as number) : 0
    switch (action.type) {
      case 'propose':
        this.propose(action.count)
        break
      case 'read':
        for (const each of cluster.live()) cluster.read(each.id)
        break
      case 'crash':
        cluster.crash(id, action.kept)
        break
      case 'tear':
        cluster.tear(id)
        break
      case 'power-cut':
        for (const each of cluster.ids) cluster.tear(each)
        break
      case 'restart':
        cluster.restart(id)
        break
      case 'repair':
        cluster.repair(id)
        break
      case 'release':
        cluster.release(id, cluster.replica(id).disk.damage.cleanThrough)
        break
      case 'isolate':
        cluster.isolate(id)
        break
      case 'isolate-leader':
        if (leader !== 0) cluster.isolate(leader)
        break
      case 'lose-leader':
        if (leader !== 0) cluster.isolate(leader)
        for (const each of cluster.ids) cluster.connectionLost(each, leader)
        break
      case 'heal':
        cluster.heal()
        break
      case 'holes':
        this.makeHoles(id, action.from, action.count)
        break
      case 'lose':
        this.lose(id, action.count)
        break
    }
  }

  /** Found while running, or at the next start. */
  private makeHoles(id: number, from: number, many: number): void {
    const { disk, isAlive } = this.cluster.replica(id)
    const last = disk.entries.length
    if (last === 0 || disk.pending.length > 0) return
    const first = 1 + (from % last)
    for (let index = first; index < first + many && index <= last; index++) {
      const isLast = index === last && first === last
      const entry = disk.entryAt(index)
      const isElsewhere = entry !== undefined && this.hasGoodCopy(id, entry)
      // What was complete once and can be read nowhere is waited for, committed or not.
      if (!this.isWithinBound(id, index) || !(isLast || isElsewhere)) continue
      disk.damage.add(index, isLast ? 'begun' : 'synced')
    }
    const { cleanThrough, undecided, isNone } = disk.damage
    if (isAlive && !isNone) this.cluster.input(id, { type: 'holes', cleanThrough, undecided })
  }

  /** Found at a start only. */
  private lose(id: number, many: number): void {
    const { disk } = this.cluster.replica(id)
    const keep = Math.max(disk.checkpoint, disk.entries.length - many)
    for (let index = keep + 1; index <= disk.entries.length; index++) {
      if (!this.isWithinBound(id, index)) return
    }
    if (!this.isMinority(id)) return
    this.cluster.crash(id)
    disk.loseAfter(keep)
  }

  private isMinority(id: number): boolean {
    const { ids } = this.cluster
    const damaged = ids.filter(
      (each) => each === id || !this.cluster.replica(each).disk.damage.isNone,
    )
    return damaged.length * 2 < ids.length
  }

  /** Another undamaged copy is left of what was ever committed there. */
  private isWithinBound(id: number, index: number): boolean {
    const entry = this.cluster.checker.committed[index - 1]
    return this.isMinority(id) && (entry === undefined || this.hasGoodCopy(id, entry))
  }

  private hasGoodCopy(id: number, entry: TestEntry): boolean {
    const { cluster } = this
    return cluster.ids.some((each) => each !== id && cluster.replica(each).disk.hasGood(entry))
  }

  /** The faults end: whatever was damaged is whole again, and the group goes on. */
  recover(): void {
    const { cluster } = this
    cluster.run(30)
    cluster.heal()
    cluster.network.conditions.dropPercent = 0
    for (const id of cluster.ids) cluster.restart(id)
    const isWhole = () => {
      for (const id of cluster.ids) cluster.repair(id)
      return cluster.ids.every((id) => cluster.replica(id).disk.damage.isNone)
    }
    for (let round = 0; round < 40 && !isWhole(); round++) cluster.run(500)
    if (!isWhole()) throw new Error('damage is left after 20 s')
    cluster.settle(10_000)
    this.propose(3)
    cluster.settle(2_000)
    const expected = cluster.checker.committed.length
    for (const { id, raft } of cluster.live()) {
      if (raft.log.commit !== expected || raft.log.lastIndex !== expected) {
        throw new Error(`replica ${id} ends at ${raft.log.lastIndex}, not ${expected}`)
      }
    }
  }
}

/** Plays all moves, then recovers. Throws at the first violation. */
export function playDamage(
  schedule: DamageSchedule,
  watch: RaftCluster['onStep'] = () => {},
): RaftCluster {
  const run = new DamageRun(schedule)
  run.cluster.onStep = watch
  for (const { action: next, forMs } of schedule.moves) {
    run.perform(next)
    run.cluster.run(forMs)
  }
  run.recover()
  return run.cluster
}
