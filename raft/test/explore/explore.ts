// Searches every world that can be reached within a budget: breadth first, each world once. What it
// looks for is a committed entry that is lost or changed. It need not wait for the election that
// loses it: a replica that could be elected by the logs on the disks as they are, and lacks a
// committed entry, is enough. Everything that decides is the real core; the model is only when a
// message gets through. What it leaves out: only the late message overtakes
// others, and an action goes on until those who hear each other have no more to say.
import type { TestEntry } from '../../src/testing/index.ts'
import type { ReplicaId } from '../../src/types.ts'
import { assertGoesOn } from './ending.ts'
import { electing, feed, hasGood, holds, holesToFill, repair } from './moves.ts'
import {
  type Budget,
  boot,
  type Disk,
  emptyDisk,
  keyOf,
  type Observer,
  type Quality,
  type Replica,
  Turn,
  Violation,
  type World,
} from './world.ts'

export interface Bounds {
  readonly replicas: number
  readonly budget: Budget
  /** Kinds of damage a crash may do. */
  readonly damages: readonly Damage[]
  /** Voters that may be damaged at one time. */
  readonly damagedMax: number
  /** Actions on the way to a world. */
  readonly depthMax: number
}

export type Damage = 'undecided' | 'faulty' | 'lost' | 'torn'

export interface Outcome {
  readonly worlds: number
  /** How often each action was possible: an exploration that never repairs proves nothing. */
  readonly actions: Readonly<Record<string, number>>
  /** And how often the core asked for what. */
  readonly effects: Readonly<Record<string, number>>
  readonly violation: string | undefined
  /** Labels of the actions that lead to the violation. */
  readonly path: readonly string[]
}

interface Step {
  readonly label: string
  readonly budget: Budget
  /** The packet with this number, of those that get through, is held up. */
  readonly run: (turn: Turn, heldUp: number) => void
}

export function explore(bounds: Bounds): Outcome {
  const seen = new Set<string>()
  const worlds: { world: World; parent: number; label: string; depth: number }[] = []
  const actions: Record<string, number> = {}
  const effects: Record<string, number> = {}
  const observer: Observer = {
    assess,
    effect: (type) => {
      effects[type] = (effects[type] ?? 0) + 1
    },
  }
  const add = (world: World, parent: number, label: string): void => {
    const key = keyOf(world)
    if (seen.has(key)) return
    seen.add(key)
    worlds.push({ world, parent, label, depth: 1 + (worlds[parent]?.depth ?? -1) })
  }
  const failed = (violation: string, parent: number, label: string): Outcome => {
    const path = [label]
    for (let at = parent; at > 0; at = worlds[at]!.parent) path.unshift(worlds[at]!.label)
    return { worlds: worlds.length, actions, effects, violation, path }
  }
  add(start(bounds, observer), -1, 'start')
  for (let place = 0; place < worlds.length; place++) {
    const { world, depth, label: last } = worlds[place]!
    if (world.lost !== 0) {
      try {
        assertGoesOn(world, observer)
      } catch (error) {
        if (!(error instanceof Violation)) throw error
        return failed(error.message, worlds[place]!.parent, last)
      }
    }
    if (depth === bounds.depthMax) break
    for (const action of stepsOf(world, bounds)) {
      const label = action.label.split(' ', 1)[0] as string
      actions[label] = (actions[label] ?? 0) + 1
      try {
        for (const next of outcomesOf(world, action, observer)) add(next, place, action.label)
      } catch (error) {
        if (!(error instanceof Violation)) throw error
        return failed(error.message, place, action.label)
      }
    }
  }
  return { worlds: worlds.length, actions, effects, violation: undefined, path: [] }
}

/** Replica 1 leads term 1 and its first entry is on no other disk yet. */
function start({ replicas, budget }: Bounds, observer: Observer): World {
  const voters = Array.from({ length: replicas }, (_, place) => place + 1)
  const world: World = {
    replicas: voters.map((id) => boot(id, voters, emptyDisk)),
    late: undefined,
    budget,
    committed: [],
    lost: 0,
    touched: 1,
  }
  const turn = new Turn(world, observer)
  turn.at(1).raft.electionDeadlineMs = 0
  turn.input(1, { type: 'tick' })
  turn.exchange(voters, electing)
  return { ...turn.end(budget), touched: 1 }
}

/** The action as it is, and with each of its packets held up, as far as one may be. */
function* outcomesOf(world: World, { run, budget }: Step, observer: Observer): Generator<World> {
  const turn = new Turn(world, observer)
  run(turn, -1)
  yield turn.end(budget)
  if (world.late !== undefined || budget.late === 0) return
  for (let heldUp = 0; heldUp < turn.news; heldUp++) {
    const other = new Turn(world, observer)
    run(other, heldUp)
    yield other.end({ ...budget, late: budget.late - 1 })
  }
}

function* stepsOf(world: World, bounds: Bounds): Generator<Step> {
  const { replicas, budget } = world
  const majority = majorityOf(replicas)
  const ids = replicas.map(({ id }) => id).filter((id) => id !== world.lost)
  /** Of those that are alike, the first ones are taken. */
  const isCanonical = (among: readonly ReplicaId[]) => {
    const fresh = among.filter((id) => id > world.touched)
    return fresh.every((id, place) => id === world.touched + 1 + place)
  }
  if (world.late !== undefined) {
    yield { label: 'late', budget, run: (turn) => turn.lateArrives() }
  }
  for (const replica of replicas) {
    const { id, raft } = replica
    if (!isCanonical([id]) || id === world.lost) continue
    const others = ids.filter((other) => other !== id)
    if (raft.role === 'leader') {
      if (budget.proposals > 0) {
        const run = (turn: Turn) => {
          turn.propose(id, `x${budget.proposals}`)
          turn.silence()
        }
        yield {
          label: `propose ${id}`,
          budget: { ...budget, proposals: budget.proposals - 1 },
          run,
        }
      }
      for (const other of others) {
        if (!isCanonical([other])) continue
        const run = (turn: Turn, heldUp: number) => feed(turn, id, [id, other], heldUp)
        yield { label: `feed ${id}>${other}`, budget, run }
      }
    } else if (budget.timeouts > 0) {
      const left = { ...budget, timeouts: budget.timeouts - 1 }
      // A bare majority decides an election, all decide what can be decided about an entry.
      for (const among of subsets(others)) {
        const isDecisive = among.length === majority - 1 || among.length === others.length
        if (!isDecisive || !isCanonical([id, ...among].sort())) continue
        const run = (turn: Turn, heldUp: number) => {
          turn.at(id).raft.electionDeadlineMs = 0
          turn.input(id, { type: 'tick' })
          turn.exchange([id, ...among], electing, heldUp)
        }
        yield { label: `time-out ${id}>${among}`, budget: left, run }
      }
    }
    yield* repairsOf(world, replica)
    if (budget.crashes > 0) yield* crashesOf(world, replica, bounds)
    if (budget.losses > 0) yield* lossesOf(world, replica, bounds)
    if (world.lost !== 0 && !raft.recovery.lost.has(world.lost)) {
      yield { label: `tell ${id}`, budget, run: (turn) => turn.hearsOfLoss(id) }
    }
  }
}

function majorityOf(replicas: readonly unknown[]): number {
  return Math.floor(replicas.length / 2) + 1
}

/** Its disk goes up in smoke, which counts as damage: what is committed is on another one. */
function* lossesOf(world: World, { id }: Replica, bounds: Bounds): Generator<Step> {
  const budget = { ...world.budget, losses: world.budget.losses - 1 }
  const others = world.replicas.filter((other) => other.id !== id)
  if (others.filter(({ disk }) => countsAsDamaged(disk)).length + 1 > bounds.damagedMax) return
  if (!world.committed.every((entry) => isKept(others, entry))) return
  yield { label: `lose ${id}`, budget, run: (turn) => turn.lose(id) }
  const run = (turn: Turn) => {
    turn.lose(id)
    for (const other of others) turn.hearsOfLoss(other.id)
    turn.silence()
  }
  yield { label: `lose ${id} known`, budget, run }
}

function* subsets(of: readonly ReplicaId[]): Generator<ReplicaId[]> {
  for (let mask = 1; mask < 1 << of.length; mask++) {
    yield of.filter((_, place) => (mask >> place) & 1)
  }
}

/** The host fills a hole from any disk that has the same entries. */
function* repairsOf({ replicas, budget }: World, { id, disk }: Replica): Generator<Step> {
  const holes = holesToFill(
    disk,
    replicas.map((other) => other.disk),
  )
  if (holes.length === 0) return
  const run = (turn: Turn) => {
    repair(turn, id, holes)
    turn.silence()
  }
  yield { label: `repair ${id}`, budget, run }
}

function* crashesOf(world: World, replica: Replica, bounds: Bounds): Generator<Step> {
  const { id, disk } = replica
  const budget = { ...world.budget, crashes: world.budget.crashes - 1 }
  const voters = world.replicas.map((other) => other.id)
  const restart = (changed: Disk) => (turn: Turn) => {
    const place = turn.at(id)
    place.disk = { ...changed, session: disk.session + 1 }
    place.raft = boot(id, voters, place.disk).raft
  }
  yield { label: `crash ${id}`, budget, run: restart(disk) }
  if (budget.damages === 0) return
  const left = { ...budget, damages: budget.damages - 1 }
  for (const damage of bounds.damages) {
    for (const changed of damagedDisks(disk, damage, world, id)) {
      const others = world.replicas.filter((other) => other.id !== id && other.id !== world.lost)
      const disks = [changed, ...others.map((other) => other.disk)]
      const damaged = disks.filter(countsAsDamaged).length + (world.lost === 0 ? 0 : 1)
      const kept = [...others, { disk: changed }]
      const isBounded = damaged <= bounds.damagedMax
      if (!isBounded || !world.committed.every((entry) => isKept(kept, entry))) continue
      yield { label: `crash ${id} ${damage}`, budget: left, run: restart(changed) }
    }
  }
}

function* damagedDisks(
  disk: Disk,
  damage: Damage,
  { replicas }: World,
  id: ReplicaId,
): Generator<Disk> {
  const last = disk.entries.length - 1
  if (damage === 'torn') {
    // The next entries of some other log were being written when the power went.
    for (const other of replicas) {
      const entry = other.disk.entries[last + 1]
      const isNext = disk.entries.every(
        (own, place) => own.value === other.disk.entries[place]?.value,
      )
      const isFromNow = entry !== undefined && entry.term <= disk.hardState.term
      if (other.id === id || !isNext || !isFromNow) continue
      const qualities: Quality[] = [...disk.qualities, 'torn']
      yield { ...disk, entries: [...disk.entries, entry], qualities }
      return
    }
  } else if (damage === 'lost') {
    for (let kept = 0; kept <= last; kept++) {
      const entries = disk.entries.slice(0, kept)
      yield { ...disk, entries, qualities: disk.qualities.slice(0, kept), tailKnown: false }
    }
  } else {
    // Only of the last write it may be open whether it was complete.
    for (let place = damage === 'undecided' ? last : 0; place <= last && place >= 0; place++) {
      const qualities = disk.qualities.map((quality, at) => (at === place ? damage : quality))
      yield { ...disk, qualities }
    }
  }
}

function isDamaged({ qualities, tailKnown }: Disk): boolean {
  return !tailKnown || qualities.some((quality) => quality !== 'good')
}

/** A power cut tears writes on any number of disks: nobody was told that they were there. */
function countsAsDamaged({ qualities, tailKnown }: Disk): boolean {
  return !tailKnown || qualities.some((quality) => quality !== 'good' && quality !== 'torn')
}

/** The bound on damage: one undamaged copy is left. */
function isKept(replicas: readonly Pick<Replica, 'disk'>[], entry: TestEntry): boolean {
  return replicas.some(({ disk }) => hasGood(disk, entry))
}

/** Throws when a committed entry could be lost by an election among the disks as they are. */
function assess(disks: readonly Disk[], committed: readonly TestEntry[], lost: ReplicaId): void {
  for (const entry of committed) {
    disks.forEach((candidate, place) => {
      if (place + 1 === lost || isDamaged(candidate) || holds(candidate, entry)) return
      const voters = disks.flatMap((voter, other) =>
        other + 1 !== lost && wouldElect(voter, candidate) ? [other + 1] : [],
      )
      if (voters.length * 2 <= disks.length) return
      const lacks = `${place + 1} lacks ${entry.index}/${entry.term}`
      throw new Violation(`${lacks} and can be elected by ${voters}`)
    })
  }
}

function wouldElect(voter: Disk, candidate: Disk): boolean {
  if (!voter.tailKnown) return false
  const own = voter.entries.at(-1) ?? { term: 0, index: 0 }
  const other = candidate.entries.at(-1) ?? { term: 0, index: 0 }
  return other.term > own.term || (other.term === own.term && other.index >= own.index)
}
