// Shapes of drawn plans, for what a mix of faults rarely comes to because several things must come
// together: workload, settings and a few faults on top of what was drawn. Pure. Who draws them:
// plan-mixed.ts, and `shapedPlans` below, of which each has one.
import fc from 'fast-check'
import type { Plan, PlanSettings, Step } from './plan.ts'
import { planArbitrary } from './plan-arbitrary.ts'
import { briskTiming, sizes, stepMs } from './plan-menu.ts'

export type Shape = (plan: Plan) => Plan

export const asDrawn: fc.Arbitrary<Shape> = fc.constant((plan) => plan)

/** With so much else going on only some of what was drawn. */
const keptMax = 6

function withSteps(plan: Plan, added: readonly Step[], kept = plan.steps): Plan {
  return { ...plan, steps: [...added, ...kept].sort((a, b) => a.atMs - b.atMs) }
}

const absence = fc.record({
  fault: fc.constantFrom('kill' as const, 'power' as const, 'isolate' as const),
  target: fc.constantFrom('follower:0:0', 'follower:0:1', 'leader:0'),
  atMs: fc.constantFrom(200, 600, 1_000),
  forMs: fc.constantFrom(5_200, 5_800, 6_400),
})

/**
 * So much is written and so little kept that the front of the log is retired within the run, while a
 * replica is away that finds it gone when it comes back. Leaders look at retention every 5 s.
 */
export const retiring: fc.Arbitrary<Shape> = fc
  .array(absence, { minLength: 1, maxLength: 2 })
  .map((absences) => (plan) => {
    // Batches must have room for such values.
    const { batchBytes: _, ...settings } = plan.settings
    const { workload } = plan
    const busy = { partitions: 1, everyMs: 50, burst: 1, valueBytes: 2_000 }
    const shaped = {
      ...plan,
      settings: { ...settings, ...sizes.at(-1)! },
      workload: { ...workload, ...busy },
    }
    return withSteps(shaped, absences)
  })

const departure = fc.record({
  fault: fc.constantFrom('remove-node' as const, 'replace-node' as const, 'remove-node' as const),
  target: fc.constantFrom('leader:0', 'leader:0', 'leader:metadata', 'leader:1'),
  atMs: fc.integer({ min: 2, max: 60 }).map((steps) => steps * stepMs),
  strike: fc.constantFrom('isolate' as const, 'kill' as const, 'pause' as const),
  struck: fc.constantFrom('leader:0', 'leader:metadata', 'follower:0:0'),
  /** After the change began. */
  strikesMs: fc.array(fc.constantFrom(300, 500, 700, 900, 1_200), { maxLength: 3 }),
})

/** Nodes leave that lead, while their groups change: leaders go in the middle of changes of members. */
export const leaving: fc.Arbitrary<Shape> = fc
  .array(departure, { minLength: 1, maxLength: 2 })
  .map((departures) => (plan) => {
    const joins: Step[] = departures.map((_, number) => {
      return { atMs: number * stepMs, fault: 'add-node', target: 'all', forMs: 0 }
    })
    const departing = departures.flatMap(({ fault, target, atMs, strike, struck, strikesMs }) => [
      { fault, target, atMs, forMs: 0 },
      ...strikesMs.map((afterMs) => {
        return { fault: strike, target: struck, atMs: atMs + afterMs, forMs: stepMs }
      }),
    ])
    const shaped = {
      ...plan,
      nodes: plan.nodes === 1 ? (3 as const) : plan.nodes,
      workload: { ...plan.workload, replicas: plan.workload.replicas === 5 ? (5 as const) : 3 },
    } satisfies Plan
    return withSteps(shaped, [...joins, ...departing], plan.steps.slice(0, keptMax))
  })

const impatience: Partial<PlanSettings> = { writeTimeoutMs: 100, deliveryTimeoutMs: 400 }

const newcomer = fc.record({
  client: fc.constantFrom('client:0', 'client:1'),
  atMs: fc.nat(90).map((steps) => steps * stepMs),
  fault: fc.constantFrom('crash-client' as const, 'lose-replies' as const),
  lostMs: fc.constantFrom(400, 800, 1_500),
})

/**
 * Producers that begin, or begin a new epoch, while requests are lost and old ones arrive again. A
 * second batch is on its way before the first is answered.
 */
export const beginning: fc.Arbitrary<Shape> = fc
  .array(newcomer, { minLength: 3, maxLength: 6, size: 'max' })
  .map((newcomers) => (plan) => {
    const steps = newcomers.flatMap(({ client, atMs, fault, lostMs }): Step[] => [
      { atMs, fault, target: client, forMs: stepMs },
      { atMs, fault: 'lose-requests', target: client, forMs: lostMs },
      { atMs, fault: 'repeat-produces', target: client, forMs: 3_000 },
    ])
    const shaped: Plan = {
      ...plan,
      provoke: ['client.batch-early', 'client.write-timeout-early', 'client.retry-at-once'],
      settings: { ...plan.settings, ...impatience },
    }
    return withSteps(shaped, steps, plan.steps.slice(0, keptMax))
  })

/** Slow disks, one entry in each append, many of them under way. */
const trickle: Partial<PlanSettings> = {
  latencyMinMs: 1,
  latencyMaxMs: 5,
  diskMinMs: 20,
  diskMaxMs: 80,
  appendBytesMax: 1,
  inflightMessagesMax: 64,
  writeTimeoutMs: 300,
}

const overtaking = fc.record({
  atMs: fc.integer({ min: 20, max: 40 }).map((steps) => steps * stepMs),
  everyMs: fc.constantFrom(200, 300, 400, 500),
  /** The write that is under way then has what came in since the leader was cut off. */
  stallsAfterMs: fc.constantFrom(20, 40, 60, 80, 120),
  awayMs: fc.constantFrom(1_000, 1_200, 1_400, 1_600),
  stalledMs: fc.constantFrom(100, 200, 400),
  absent: fc.constantFrom('new-follower:0:0', 'new-follower:0:1'),
  lateMs: fc.constantFrom('', '+20', '+50', '+80'),
})

/**
 * A leader is cut off while a write of many entries is under way and does not end. Another one is
 * elected, the third replica goes, and the old leader is asked to store other entries in the place of
 * those: an answer that takes the end of the old write for that of the new one is an
 * acknowledgement by one disk.
 */
export const overtaken: fc.Arbitrary<Shape> = overtaking.map(
  ({ atMs, everyMs, stallsAfterMs, awayMs, stalledMs, absent, lateMs }) =>
    (plan) => {
      const settings = { ...plan.settings, ...trickle }
      const stallMs = awayMs - stallsAfterMs + stalledMs
      const steps: Step[] = [
        { atMs, fault: 'isolate-peers', target: 'leader:0', forMs: awayMs },
        {
          atMs: atMs + stallsAfterMs,
          fault: 'stall-file',
          target: 'leader:0',
          forMs: stallMs,
          detail: 'wal',
        },
        { atMs: atMs + 2 * stepMs, fault: 'isolate', target: absent + lateMs, forMs: 3_500 },
      ]
      return {
        ...plan,
        nodes: 3,
        settings: { ...settings, ...briskTiming(settings) },
        workload: { ...plan.workload, partitions: 1, producers: 8, everyMs, replicas: 3 },
        steps,
      }
    },
)

export const shapedPlans: fc.Arbitrary<Plan> = fc
  .tuple(
    planArbitrary,
    fc.oneof(
      { weight: 3, arbitrary: overtaken },
      { weight: 1, arbitrary: retiring },
      { weight: 1, arbitrary: leaving },
      { weight: 1, arbitrary: beginning },
    ),
  )
  .map(([plan, shaped]) => shaped(plan))
