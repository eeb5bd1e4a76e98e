// Draws plans for fast-check. Values come from short menus and times are coarse, so that shrinking
// is quick and a shrunk plan reads well; each run enables only some of the faults (swarm testing), as
// a mix of everything hides what needs a quiet cluster. The first entry of a menu is the tamest:
// shrinking goes there. Faults are aimed at roles more often than at numbers.
import fc from 'fast-check'
import { type FaultName, faultTable } from './fault-table.ts'
import type { Plan, PlanSettings, Step } from './plan.ts'
import type { TargetKind } from './target-grammar.ts'

const durationsMs = [10_000, 12_000, 15_000] as const
const stepMs = 100
const forMenuMs = [50, 20, 100, 200, 400, 800, 1_500, 3_000] as const
const stepsMax = 24

type Timing = Pick<PlanSettings, 'heartbeatMs' | 'electionTimeoutMinMs' | 'electionTimeoutMaxMs'>

const timings: readonly Timing[] = [
  { heartbeatMs: 100, electionTimeoutMinMs: 600, electionTimeoutMaxMs: 900 },
  { heartbeatMs: 50, electionTimeoutMinMs: 200, electionTimeoutMaxMs: 400 },
  { heartbeatMs: 20, electionTimeoutMinMs: 60, electionTimeoutMaxMs: 120 },
]

const latencies: readonly Pick<PlanSettings, 'latencyMinMs' | 'latencyMaxMs'>[] = [
  { latencyMinMs: 0, latencyMaxMs: 1 },
  { latencyMinMs: 1, latencyMaxMs: 5 },
  { latencyMinMs: 1, latencyMaxMs: 20 },
]

const syncs: readonly Pick<PlanSettings, 'syncMinMs' | 'syncMaxMs'>[] = [
  { syncMinMs: 0, syncMaxMs: 1 },
  { syncMinMs: 1, syncMaxMs: 5 },
  { syncMinMs: 5, syncMaxMs: 30 },
  { syncMinMs: 20, syncMaxMs: 80 },
]

const appends: readonly Pick<PlanSettings, 'appendBytesMax' | 'inflightMessagesMax'>[] = [
  { appendBytesMax: 512 * 1024, inflightMessagesMax: 64 },
  { appendBytesMax: 1, inflightMessagesMax: 64 },
  { appendBytesMax: 1, inflightMessagesMax: 1 },
]

const sizes: readonly Pick<PlanSettings, 'walFileBytes' | 'segmentBytes' | 'cacheBytesMax'>[] = [
  { walFileBytes: 1024 * 1024, segmentBytes: 64 * 1024, cacheBytesMax: 1024 * 1024 },
  { walFileBytes: 256 * 1024, segmentBytes: 16 * 1024, cacheBytesMax: 16 * 1024 },
  { walFileBytes: 128 * 1024, segmentBytes: 8 * 1024, cacheBytesMax: 0 },
]

const deliveries: readonly Pick<PlanSettings, 'writeTimeoutMs' | 'deliveryTimeoutMs'>[] = [
  { writeTimeoutMs: 5_000, deliveryTimeoutMs: 30_000 },
  { writeTimeoutMs: 300, deliveryTimeoutMs: 10_000 },
  { writeTimeoutMs: 500, deliveryTimeoutMs: 1_500 },
]

const settings: fc.Arbitrary<PlanSettings> = fc
  .tuple(
    fc.constantFrom(...timings),
    fc.constantFrom(...latencies),
    fc.constantFrom(...syncs),
    fc.constantFrom(...appends),
    fc.constantFrom(...sizes),
    fc.constantFrom(...deliveries),
    fc.record({ splitPerMille: fc.constantFrom(0, 20, 300) }),
  )
  .map((parts) => Object.assign({}, ...parts) as PlanSettings)

/** Parts of a workload that do not depend on the number of nodes. */
const traffic = fc.record({
  durationMs: fc.constantFrom(...durationsMs),
  partitions: fc.constantFrom(1, 2, 3),
  producers: fc.constantFrom(1, 2, 3),
  everyMs: fc.constantFrom(40, 25, 80),
  burst: fc.constantFrom(1, 3),
  valueBytes: fc.constantFrom(32, 400),
  keys: fc.constantFrom(0, 1, 5),
})

const groups = ['0', '1', 'metadata'] as const
const singles: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...groups.map((group) => `leader:${group}`)) },
  { weight: 2, arbitrary: fc.constantFrom('follower:0:0', 'follower:0:1', 'follower:1:0') },
  {
    weight: 3,
    arbitrary: fc.constantFrom('new-leader:0', 'new-leader:1', 'new-leader:metadata'),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom('new-follower:0:0', 'new-follower:0:1', 'new-follower:metadata:0'),
  },
  { weight: 1, arbitrary: fc.constantFrom('node:0', 'node:1', 'node:2', 'node:3', 'node:4') },
)

const pairs = fc.oneof(
  fc.constantFrom('node:0/node:1', 'node:1/node:2', 'node:0/node:2'),
  fc.constantFrom('leader:0/follower:0:0', 'leader:0/follower:0:1', 'follower:0:0/follower:0:1'),
  fc.constantFrom('client:0/leader:0', 'client:1/leader:1', 'client:0/new-leader:0'),
)

/** Faults that are drawn together in one run. */
const swarms: readonly (readonly FaultName[])[] = [
  ['isolate', 'isolate-peers', 'mute', 'deafen'],
  ['power', 'kill'],
  ['power', 'isolate', 'isolate-peers'],
  ['power', 'cut', 'stall-disk'],
  ['cut', 'cut-forward', 'delay', 'reset'],
  ['reset', 'isolate-peers', 'power'],
  ['pause', 'kill', 'reset'],
  ['stall-disk', 'full-disk', 'power'],
  ['power', 'isolate', 'cut', 'reset', 'delay', 'pause', 'stall-disk', 'kill', 'mute', 'full-disk'],
]


/** A step before the swarm and the duration are known; each part shrinks on its own. */
const draft = fc.record({
  fault: fc.nat(59),
  kind: fc.nat(59),
  one: singles,
  minority: fc.constantFrom('minority:0', 'minority:1', 'minority:2'),
  pair: pairs,
  /** Per mille of the duration. */
  at: fc.nat(99).map((percent) => percent * 10),
  /** Instead: so many milliseconds after the step before, to draw chains of faults. */
  after: fc.constantFrom(undefined, undefined, 0, 100, 200, 400),
  forMs: fc.constantFrom(...forMenuMs),
})

type Draft = typeof draft extends fc.Arbitrary<infer Drawn> ? Drawn : never

/** How often a fault that takes several kinds of targets gets each. */
const kindWeights: readonly (readonly [TargetKind, number])[] = [
  ['one', 6],
  ['pair', 4],
  ['minority', 1],
  ['all', 1],
]

function targetOf(fault: FaultName, drawn: Draft): string {
  const allowed: readonly TargetKind[] = faultTable[fault].targets
  const kinds = kindWeights
    .filter(([kind]) => allowed.includes(kind))
    .flatMap(([kind, weight]) => Array<TargetKind>(weight).fill(kind))
  const kind = kinds[drawn.kind % kinds.length]!
  return kind === 'all' ? 'all' : drawn[kind]
}

function stepsOf(drafts: readonly Draft[], swarm: readonly FaultName[], durationMs: number): Step[] {
  let beforeMs = 0
  return drafts
    .map((drawn): Step => {
      const fault = swarm[drawn.fault % swarm.length]!
      const anywhereMs = Math.floor((drawn.at * durationMs) / 1000 / stepMs) * stepMs
      const atMs = drawn.after === undefined ? anywhereMs : beforeMs + drawn.after
      beforeMs = Math.min(atMs, durationMs - stepMs)
      return { atMs: beforeMs, fault, target: targetOf(fault, drawn), forMs: drawn.forMs }
    })
    .sort((a, b) => a.atMs - b.atMs)
}

export const planArbitrary: fc.Arbitrary<Plan> = fc
  .record({
    // Another seed is another run: nothing is gained by a smaller one.
    seed: fc.noShrink(fc.integer({ min: 0, max: 1_000_000 })),
    nodes: fc.constantFrom(...([3, 3, 3, 3, 5] as const)),
    everywhere: fc.boolean(),
    settings,
    traffic,
    swarm: fc.constantFrom(...swarms),
    drafts: fc.array(draft, { minLength: 1, maxLength: stepsMax, size: 'max' }),
  })
  .map(({ seed, nodes, everywhere, settings: drawn, traffic: rest, swarm, drafts }) => ({
    version: 1,
    seed,
    nodes,
    settings: drawn,
    workload: { ...rest, replicas: everywhere ? nodes : 3 },
    steps: stepsOf(drafts, swarm, rest.durationMs),
  }))
