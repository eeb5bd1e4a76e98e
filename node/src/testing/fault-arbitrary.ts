// Draws faults for fast-check. Each list takes only some of the kinds (swarm testing), as a mix of
// everything hides what needs a quiet cluster. Processes are hit most: their code is what is tested.
// Times are coarse so that a small list reads well. Shrinking: fault-shrink.ts.
import type { Duration } from '@quorate/client'
import { durationMs } from '@quorate/client/testing'
import fc from 'fast-check'
import {
  type Fault,
  type FaultKind,
  type FaultPlan,
  faultKinds,
  faultTable,
  type TargetRole,
} from './fault.ts'
import { type FaultCursor, firstFaultCursor, simplerFaults } from './fault-shrink.ts'
import { invalid } from './invalid.ts'

/** Options of `faults`. */
export interface FaultOptions {
  /** Kinds that are drawn. Default: all. */
  readonly kinds?: readonly FaultKind[]
  /** Faults begin within this time after `underFaults` was called. Default `'2s'`: about as long as the work should take. */
  readonly within?: Duration
  /** Faults of one list. Default 8. */
  readonly most?: number
}

/** Options of `faultPlan`. */
export interface FaultPlanOptions extends FaultOptions {
  /** Of the cluster. Default 3. */
  readonly nodes?: 1 | 3 | 5
}

const stepMs = 50
const forMenuMs = [200, 50, 500, 1_000, 2_000] as const
/** Mostly few: the windows between two calls of a handler follow soon. */
const calls = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 6 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 40 }) },
)

/** How often each kind is drawn among those of a list. */
const kindWeights: Readonly<Record<FaultKind, number>> = {
  crash: 6,
  power: 1,
  stop: 2,
  pause: 2,
  partition: 2,
  skewClock: 1,
  corrupt: 1,
  fillDisk: 1,
}

/** How often each role is hit, by a fault that can hit it. */
const roleWeights: Readonly<Record<TargetRole, number>> = {
  process: 8,
  leader: 2,
  node: 1,
  client: 1,
}

/** Lists of faults, as `underFaults` takes them. A failing list is made smaller by taking faults away. */
export function faults(options: FaultOptions = {}): fc.Arbitrary<readonly Fault[]> {
  const { kinds = faultKinds, within = '2s', most = 8 } = options
  const withinMs = durationMs('within', within)
  const unknown = kinds.find((kind) => !faultKinds.includes(kind))
  if (kinds.length === 0 || unknown !== undefined) {
    throw invalid(`kinds ${JSON.stringify(kinds)}: one or more of ${faultKinds.join(', ')}`)
  }
  if (!Number.isInteger(most) || most < 1) throw invalid(`most is ${most}, below 1`)
  // Two of three lists hold crashes, if any do.
  const others = fc.shuffledSubarray([...kinds], { minLength: 1 })
  const swarms = kinds.includes('crash')
    ? fc.oneof(
        others,
        others.map((some) => [...new Set<FaultKind>(['crash', ...some])]),
      )
    : others
  const drawn = swarms
    .chain((swarm) =>
      fc.array(fault(swarm, withinMs), { minLength: 1, maxLength: most, size: 'max' }),
    )
    .map((list) => list.toSorted((one, other) => one.atMs - other.atMs))
  return new FaultsArbitrary(drawn)
}

/** Whole plans: a seed for the cluster, and faults. Shrinks as `faults` does, and keeps the seed. */
export function faultPlan(options: FaultPlanOptions = {}): fc.Arbitrary<FaultPlan> {
  const { nodes = 3, ...rest } = options
  return fc
    .tuple(fc.noShrink(fc.integer({ min: 0, max: 2 ** 32 - 1 })), faults(rest))
    .map(([seed, list]) => ({ version: 1, seed, nodes, faults: list }))
}

/** The plan that this seed draws. */
export function planOfSeed(seed: number, options: FaultPlanOptions): FaultPlan {
  const { nodes = 3, ...rest } = options
  const [list] = fc.sample(faults(rest), { seed, numRuns: 1 })
  return { version: 1, seed, nodes, faults: list! }
}

function fault(swarm: readonly FaultKind[], withinMs: number): fc.Arbitrary<Fault> {
  const steps = Math.floor(withinMs / stepMs)
  return fc
    .record({
      kind: fc.constantFrom(...weighted(swarm, kindWeights)),
      role: fc.nat(999),
      number: fc.nat(4),
      atMs: fc.nat(steps).map((step) => step * stepMs),
      forMs: fc.constantFrom(...forMenuMs),
      afterCalls: fc.option(calls, { freq: 4, nil: undefined }),
    })
    .map(({ kind, role, number, atMs, forMs, afterCalls }) => {
      const roles: readonly TargetRole[] = faultTable[kind].targets
      const menu = weighted(roles, roleWeights)
      const hit = menu[role % menu.length]!
      const drawn = { atMs, fault: kind, target: `${hit}:${number}`, forMs }
      const counted = kind === 'crash' && hit === 'process' && afterCalls !== undefined
      return counted ? { ...drawn, afterCalls } : drawn
    })
}

function weighted<Item extends string>(
  items: readonly Item[],
  weights: Readonly<Record<Item, number>>,
): Item[] {
  return items.flatMap((item) => Array<Item>(weights[item]).fill(item))
}

/** Draws as given; shrinks lists, not what they were drawn from. */
class FaultsArbitrary extends fc.Arbitrary<readonly Fault[]> {
  readonly #drawn: fc.Arbitrary<readonly Fault[]>

  constructor(drawn: fc.Arbitrary<readonly Fault[]>) {
    super()
    this.#drawn = drawn
  }

  // Without fast-check's bias to small values: a short list with one early fault finds little.
  override generate(random: fc.Random): fc.Value<readonly Fault[]> {
    return new fc.Value(this.#drawn.generate(random, undefined).value, firstFaultCursor)
  }

  override canShrinkWithoutContext(value: unknown): value is readonly Fault[] {
    return Array.isArray(value)
  }

  override shrink(list: readonly Fault[], context: unknown): fc.Stream<fc.Value<readonly Fault[]>> {
    const from = (context as FaultCursor | undefined) ?? firstFaultCursor
    return fc.stream(values(list, from))
  }
}

function* values(
  list: readonly Fault[],
  from: FaultCursor,
): IterableIterator<fc.Value<readonly Fault[]>> {
  for (const { faults: smaller, next } of simplerFaults(list, from)) {
    yield new fc.Value(smaller, next)
  }
}
