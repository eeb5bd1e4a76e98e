// Draws plans in which everything may happen together: faults of network, messages, processes, disks,
// clocks and clients, changes of members and damage within the bound. Of each group a run has either
// nothing or one bundle, as a mix of all hides what needs a quiet cluster. Shrinks like every plan.
// Number n always draws the same plan.
import fc from 'fast-check'
import type { FaultName } from './fault-table.ts'
import type { Plan, PlanSettings } from './plan.ts'
import { settings, traffic } from './plan-arbitrary.ts'
import { limitNames, type PlanLimits, tinyLimits } from './plan-limits.ts'
import { forMenuMs } from './plan-menu.ts'
import { asDrawn, beginning, leaving, retiring } from './plan-shapes.ts'
import { bothCopies, stepDraft, stepOf } from './plan-steps.ts'

const stepsMax = 20
const roundTripMs = 10

/** Most are the usual ones: of each plan one or two are tiny. */
const limits: fc.Arbitrary<PlanLimits> = fc
  .tuple(
    ...limitNames.map((name) =>
      fc.oneof(
        { weight: 7, arbitrary: fc.constant({}) },
        { weight: 1, arbitrary: fc.constant({ [name]: tinyLimits[name] }) },
      ),
    ),
  )
  .map((some) => Object.assign({}, ...some))

/**
 * A record in each batch, batches that are stored or read one by one, and slow disks or links: some ten
 * records a second. What producers send in ten seconds would not be stored, or read back, minutes
 * later, without any fault.
 */
function bearable({ batchBytes, ...others }: PlanSettings): PlanSettings {
  const { inflightMessagesMax, inflightBytesMax, diskMaxMs, latencyMaxMs } = others
  const areStored = inflightMessagesMax === 1 || inflightBytesMax === 1
  const areRead = others.readerBufferBytes !== undefined || others.fetchBytes !== undefined
  const isTooSlow = (areStored || areRead) && diskMaxMs + 2 * latencyMaxMs > roundTripMs
  return isTooSlow || batchBytes === undefined ? others : { ...others, batchBytes }
}

/** Besides the usual: so short that retries come in storms. */
const deliveries: readonly Partial<PlanSettings>[] = [
  {},
  {},
  {},
  { writeTimeoutMs: 40, deliveryTimeoutMs: 3_000 },
]

/** Faults of one kind, in runs without others. */
const swarms: readonly (readonly FaultName[])[] = [
  ['crash-client', 'pause-client', 'lose-requests', 'lose-replies', 'repeat-produces'],
  ['crash-client', 'lose-replies', 'pause-reader', 'isolate-peers'],
  ['slow-node', 'slow-disk', 'stall-file', 'rolling-restart'],
  ['transfer-storm', 'isolate-peers', 'reset', 'power'],
  ['jump-clock', 'freeze-clock', 'drift-clock', 'jump-client-clock', 'pause'],
]

type Bundle = readonly FaultName[]
const alone = (...faults: readonly FaultName[]): readonly Bundle[] => faults.map((each) => [each])

/**
 * For runs in which everything may happen together: of each group either nothing or one bundle. What
 * makes a bundle possible is in it.
 */
const mixedGroups: readonly (readonly Bundle[])[] = [
  alone(
    ...(['isolate', 'isolate-peers', 'mute', 'deafen', 'cut', 'cut-forward', 'split'] as const),
    'cut-forward',
    ...(['isolate-majority', 'bridge', 'ring'] as const),
  ),
  alone('clog', 'swizzle', 'slow-link', 'reset', 'delay', 'delay'),
  alone(
    ...(['lose-messages', 'delay-messages', 'reorder-messages', 'repeat-messages'] as const),
    'replay-messages',
  ),
  alone(
    ...(['power', 'kill', 'stop', 'pause', 'slow-node', 'rolling-restart'] as const),
    ...(['power-at', 'power-loop', 'transfer-storm'] as const),
  ),
  alone(
    ...(['stall-disk', 'stall-file', 'slow-disk', 'full-disk'] as const),
    // What seldom meets anything stands here more than once, as in other groups.
    ...(['full-disk', 'fail-read', 'fail-read', 'fail-read', 'fail-read'] as const),
    ...(['fail-read', 'fail-write'] as const),
    ...(['fail-sync', 'fail-sync', 'fail-sync'] as const),
  ),
  alone('jump-clock', 'freeze-clock', 'drift-clock', 'jump-client-clock'),
  alone(
    ...(['crash-client', 'pause-client', 'lose-requests', 'lose-replies'] as const),
    ...(['repeat-produces', 'pause-reader'] as const),
  ),
  [
    ['add-node'],
    ['add-node', 'remove-node'],
    ['replace-node'],
    ['add-node', 'move-partition'],
    ['add-node', 'rebalance'],
  ],
  alone(
    ...(['flip', 'zero', 'truncate', 'delete', 'stale', 'swap', 'flip-read'] as const),
    ...([
      'zero',
      'flip-read',
      'truncate',
      'stale',
      'stale',
      'misdirect-read',
      'lose-disk',
      'lose-disk',
    ] as const),
  ),
]

/** Nothing of half of the groups. */
const mixedSwarm: fc.Arbitrary<readonly FaultName[]> = fc
  .tuple(
    ...mixedGroups.map((bundles) =>
      fc.oneof(fc.constant([]), fc.constantFrom<readonly FaultName[]>(...bundles)),
    ),
  )
  .map((chosen) => chosen.flat())
  .map((swarm) => (swarm.length === 0 ? swarms[0]! : swarm))

/** As many as its faults need to happen at all. */
function nodesFor(nodes: Plan['nodes'], swarm: readonly FaultName[]): Plan['nodes'] {
  if (swarm.includes('ring')) return 5
  const changes = new Set(mixedGroups.at(-2)!.flat())
  return nodes === 1 && swarm.some((fault) => changes.has(fault)) ? 3 : nodes
}

export const mixedPlans: fc.Arbitrary<Plan> = fc
  .record({
    seed: fc.integer({ min: 0, max: 1_000_000 }),
    nodes: fc.constantFrom(...([3, 3, 3, 3, 3, 5, 1] as const)),
    everywhere: fc.boolean(),
    settings,
    limits,
    delivery: fc.constantFrom(...deliveries),
    traffic,
    swarm: fc.oneof(
      { weight: 1, arbitrary: fc.constantFrom(...swarms) },
      { weight: 4, arbitrary: mixedSwarm },
    ),
    drafts: fc.array(stepDraft, { minLength: 3, maxLength: stepsMax, size: 'max' }),
    shaped: fc.oneof(
      { weight: 11, arbitrary: asDrawn },
      { weight: 4, arbitrary: retiring },
      { weight: 3, arbitrary: leaving },
      { weight: 2, arbitrary: beginning },
    ),
  })
  .map(({ seed, nodes: wanted, everywhere, swarm, drafts, shaped, ...rest }): Plan => {
    const nodes = nodesFor(wanted, swarm)
    const replicas = everywhere || nodes === 1 ? nodes : 3
    const { durationMs } = rest.traffic
    const steps = drafts.flatMap((drawn) =>
      bothCopies(stepOf(drawn, swarm, durationMs, forMenuMs), drawn),
    )
    return shaped({
      version: 1,
      seed,
      provoke: 'drawn',
      nodes,
      settings: bearable({ ...rest.settings, ...rest.limits, ...rest.delivery }),
      workload: { ...rest.traffic, replicas },
      steps: steps.sort((a, b) => a.atMs - b.atMs),
    })
  })
