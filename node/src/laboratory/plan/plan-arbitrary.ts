// Draws plans for fast-check. Values come from short menus (plan-menu.ts) and times are coarse, so
// that a shrunk plan reads well; each run enables only some of the faults (swarm testing), as a mix
// of everything hides what needs a quiet cluster. Faults are aimed at roles more often than at
// numbers, and some follow close on the one before. Shrinking: plan-shrink.ts.
import fc from 'fast-check'
import { type FaultName, type FaultRow, faultTable } from './fault-table.ts'
import type { Plan, PlanSettings, Step, Workload } from './plan.ts'
import {
  appends,
  briskTiming,
  chainGapsMs,
  chainLinksMax,
  deliveries,
  disks,
  durationsMs,
  firstAwayMs,
  forkCuts,
  forkEndLateMs,
  forkEnds,
  forkNexts,
  forMenuMs,
  type LinkKind,
  lateMenuMs,
  latencies,
  laterAwayMs,
  linkKinds,
  messageMenu,
  oneBusyPartition,
  sizes,
  slowAppends,
  splitsPerMille,
  stepMs,
  stepsMax,
  swarms,
  usualTiming,
  voterAwayMs,
} from './plan-menu.ts'
import { type Cursor, firstCursor, simpler } from './plan-shrink.ts'
import type { TargetKind } from './target-grammar.ts'

export const settings: fc.Arbitrary<PlanSettings> = fc
  .tuple(
    fc.constantFrom(...latencies),
    fc.constantFrom(...disks),
    fc.constantFrom(...appends),
    fc.constantFrom(...sizes),
    fc.constantFrom(...deliveries),
    fc.record({ splitPerMille: fc.constantFrom(...splitsPerMille) }),
    fc.constantFrom(false, true, true),
  )
  .map(([latency, disk, append, size, delivery, split, brisk]) => {
    const parts = { ...latency, ...disk, ...append, ...size, ...delivery, ...split, ...usualTiming }
    return brisk ? { ...parts, ...briskTiming(parts) } : parts
  })

/** Parts of a workload that do not depend on the number of nodes. */
export const traffic: fc.Arbitrary<Omit<Workload, 'replicas'>> = fc.record({
  durationMs: fc.constantFrom(...durationsMs),
  partitions: fc.constantFrom(1, 2, 3),
  producers: fc.constantFrom(1, 2, 3),
  // Mostly light: many plans with few records find more than few plans with many.
  everyMs: fc.constantFrom(80, 80, 80, 40, 25),
  burst: fc.constantFrom(1, 1, 1, 3),
  valueBytes: fc.constantFrom(32, 400),
  keys: fc.constantFrom(0, 1, 5),
  churnEveryMs: fc.constantFrom(0, 0, 0, 500, 100),
})

const groups = ['0', '1', 'metadata'] as const
const fresh = (role: string) =>
  fc
    .tuple(fc.constantFrom(...groups), fc.constantFrom(...lateMenuMs), fc.nat(1))
    .map(([group, lateMs, number]) => {
      const late = lateMs === 0 ? '' : `+${lateMs}`
      return `new-${role}:${group}${role === 'leader' ? '' : `:${number}`}${late}`
    })
export const singles: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...groups.map((group) => `leader:${group}`)) },
  { weight: 2, arbitrary: fc.constantFrom('follower:0:0', 'follower:0:1', 'follower:1:0') },
  { weight: 3, arbitrary: fresh('leader') },
  { weight: 3, arbitrary: fresh('follower') },
  { weight: 1, arbitrary: fc.constantFrom('node:0', 'node:1', 'node:2', 'node:3', 'node:4') },
)

export const nodePairs: fc.Arbitrary<string> = fc.constantFrom(
  ...['leader:0/follower:0:0', 'leader:0/follower:0:1', 'follower:0:0/follower:0:1'],
  ...['follower:0:0/leader:0', 'follower:0:1/leader:0', 'follower:0:1/follower:0:0'],
  ...['node:0/node:1', 'node:1/node:2', 'node:0/node:2'],
)
export const pairs: fc.Arbitrary<string> = fc.oneof(
  { weight: 2, arbitrary: nodePairs },
  {
    weight: 1,
    arbitrary: fc.constantFrom('client:0/leader:0', 'client:1/leader:1', 'client:0/new-leader:0'),
  },
)

/** Which fault of a swarm, and one target of each kind it may take. */
export const aimed = {
  fault: fc.nat(59),
  kind: fc.nat(59),
  one: singles,
  minority: fc.constantFrom('minority:0', 'minority:1', 'minority:2'),
  pair: pairs,
  nodePair: nodePairs,
} as const

/** A step before the swarm and the duration are known; each part shrinks on its own. */
const draft = fc.record({
  ...aimed,
  message: fc.constantFrom(...messageMenu),
  /** Per mille of the duration. */
  at: fc.nat(99).map((percent) => percent * 10),
  /** Instead: so many milliseconds after the step before, to draw chains of faults. */
  after: fc.constantFrom(undefined, undefined, 0, 100, 200, 400),
  forMs: fc.constantFrom(...forMenuMs),
})

type Draft = typeof draft extends fc.Arbitrary<infer Drawn> ? Drawn : never

type DrawnKind = Exclude<TargetKind, 'client'>

/** How often a fault that takes several kinds of targets gets each. */
const kindWeights: readonly (readonly [DrawnKind, number])[] = [
  ['one', 6],
  ['pair', 4],
  ['minority', 1],
  ['all', 1],
]

function targetOf(fault: FaultName, drawn: Draft): string {
  const allowed: readonly TargetKind[] = faultTable[fault].targets
  const kinds = kindWeights
    .filter(([kind]) => allowed.includes(kind))
    .flatMap(([kind, weight]) => Array<DrawnKind>(weight).fill(kind))
  const kind = kinds[drawn.kind % kinds.length]!
  if (kind === 'all') return 'all'
  return kind === 'pair' && isOfMessages(fault) ? drawn.nodePair : drawn[kind]
}

function isOfMessages(fault: FaultName): boolean {
  const { detail }: FaultRow = faultTable[fault]
  return detail === 'message'
}

/** Faults of one swarm, anywhere in the run. */
function mixedSteps(
  drafts: readonly Draft[],
  swarm: readonly FaultName[],
  durationMs: number,
): Step[] {
  let beforeMs = 0
  return drafts
    .map((drawn): Step => {
      const fault = swarm[drawn.fault % swarm.length]!
      const anywhereMs = Math.floor((drawn.at * durationMs) / 1000 / stepMs) * stepMs
      const atMs = drawn.after === undefined ? anywhereMs : (beforeMs + drawn.after) % durationMs
      beforeMs = atMs
      const step = { atMs, fault, target: targetOf(fault, drawn), forMs: drawn.forMs }
      return isOfMessages(fault) ? { ...step, detail: drawn.message } : step
    })
    .sort((a, b) => a.atMs - b.atMs)
}

const link = fc.record({
  kind: fc.constantFrom(...linkKinds),
  gapMs: fc.constantFrom(...chainGapsMs),
  cut: fc.constantFrom(...forkCuts),
  firstMs: fc.constantFrom(...firstAwayMs),
  next: fc.constantFrom(...forkNexts),
  nextMs: fc.constantFrom(...laterAwayMs),
  end: fc.constantFrom(...forkEnds),
  endMs: fc.constantFrom(...laterAwayMs),
  lateMs: fc.constantFrom(...forkEndLateMs),
  voter: fc.nat(1),
  voterMs: fc.constantFrom(...voterAwayMs),
})

type Link = typeof link extends fc.Arbitrary<infer Drawn> ? Drawn : never

const linkSteps: { readonly [Kind in LinkKind]: (drawn: Link, atMs: number) => readonly Step[] } = {
  fork: ({ cut, firstMs, next, nextMs, end, endMs, lateMs }, atMs) => [
    { atMs, fault: cut, target: 'leader:0', forMs: firstMs },
    { atMs: atMs + stepMs, fault: next, target: 'new-leader:0', forMs: nextMs },
    { atMs: atMs + 2 * stepMs, fault: end, target: `new-leader:0+${lateMs}`, forMs: endMs },
  ],
  'forgotten-vote': ({ end, firstMs, nextMs, voter, voterMs }, atMs) => [
    { atMs, fault: end, target: 'leader:0', forMs: firstMs },
    { atMs: atMs + stepMs, fault: 'isolate', target: 'new-leader:0', forMs: nextMs },
    { atMs: atMs + stepMs, fault: 'power', target: `new-follower:0:${voter}`, forMs: voterMs },
  ],
  'late-answers': ({ nextMs, endMs }, atMs) => {
    const cutMs = atMs + 3 * stepMs
    return [
      {
        atMs,
        fault: 'delay-messages',
        target: 'leader:0',
        forMs: nextMs,
        detail: 'heartbeat-replies',
      },
      {
        atMs,
        fault: 'replay-messages',
        target: 'leader:0',
        forMs: nextMs,
        detail: 'heartbeat-replies',
      },
      { atMs: cutMs, fault: 'isolate-peers', target: 'leader:0', forMs: endMs },
      { atMs: cutMs, fault: 'cut', target: 'client:0/leader:0', forMs: endMs },
      { atMs: cutMs, fault: 'reset', target: 'client:0/leader:0', forMs: 0 },
    ]
  },
}

function chainedSteps(links: readonly Link[], durationMs: number): Step[] {
  let atMs = -chainGapsMs[0]! / 2
  return links.flatMap((drawn) => {
    atMs = (atMs + drawn.gapMs) % (durationMs - 2 * stepMs)
    return linkSteps[drawn.kind](drawn, atMs)
  })
}

const drawn: fc.Arbitrary<Plan> = fc
  .record({
    seed: fc.integer({ min: 0, max: 1_000_000 }),
    nodes: fc.constantFrom(...([3, 3, 3, 3, 3, 5, 1] as const)),
    everywhere: fc.boolean(),
    settings,
    traffic,
    swarm: fc.constantFrom(...swarms),
    chained: fc.constantFrom(false, false, true),
    drafts: fc.array(draft, { minLength: 1, maxLength: stepsMax, size: 'max' }),
    links: fc.array(link, { minLength: 2, maxLength: chainLinksMax, size: 'max' }),
  })
  .map(
    ({
      seed,
      nodes,
      everywhere,
      settings: chosen,
      traffic: rest,
      swarm,
      chained,
      drafts,
      links,
    }) => ({
      version: 1,
      seed,
      provoke: 'drawn' as const,
      nodes,
      settings: chained ? { ...chosen, ...slowAppends } : chosen,
      workload: {
        ...rest,
        ...(chained ? oneBusyPartition : {}),
        replicas: everywhere || nodes === 1 ? nodes : 3,
      },
      steps: chained
        ? chainedSteps(links, rest.durationMs)
        : mixedSteps(drafts, swarm, rest.durationMs),
      ...(everywhere && nodes === 5 ? { heal: 'bridge' as const } : {}),
    }),
  )

/** Draws as above; shrinks plans, not what they were drawn from. */
class PlanArbitrary extends fc.Arbitrary<Plan> {
  override generate(random: fc.Random, biasFactor: number | undefined): fc.Value<Plan> {
    return new fc.Value(drawn.generate(random, biasFactor).value, firstCursor)
  }

  override canShrinkWithoutContext(value: unknown): value is Plan {
    return typeof value === 'object' && value !== null && 'steps' in value
  }

  override shrink(plan: Plan, context: unknown): fc.Stream<fc.Value<Plan>> {
    const from = (context as Cursor | undefined) ?? firstCursor
    return fc.stream(values(plan, from))
  }
}

function* values(plan: Plan, from: Cursor): IterableIterator<fc.Value<Plan>> {
  for (const { plan: smaller, next } of simpler(plan, from)) yield new fc.Value(smaller, next)
}

export const planArbitrary: fc.Arbitrary<Plan> = new PlanArbitrary()
