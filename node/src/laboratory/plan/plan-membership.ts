// Draws plans that change who is in the cluster, under faults and with so little retained that new
// replicas begin with a snapshot. Shrinks like every plan. Number n always draws the same plan.
import fc from 'fast-check'
import type { Plan, Step } from './plan.ts'
import { planArbitrary } from './plan-arbitrary.ts'
import { sizes, stepMs } from './plan-menu.ts'

const changesMax = 4
const keptStepsMax = 5

const change: fc.Arbitrary<Pick<Step, 'fault' | 'target' | 'detail'>> = fc.oneof(
  fc.constant({ fault: 'add-node' as const, target: 'all' }),
  fc
    .constantFrom('node:0', 'node:1', 'node:2', 'leader:0', 'leader:metadata', 'node:3')
    .map((target) => ({ fault: 'remove-node' as const, target })),
  fc
    .constantFrom('node:0', 'node:1', 'node:2', 'leader:0', 'follower:0:0')
    .map((target) => ({ fault: 'replace-node' as const, target })),
  fc
    .tuple(fc.constantFrom('node:3', 'node:4', 'node:5', 'node:0'), fc.constantFrom('1', '2'))
    .map(([target, detail]) => ({ fault: 'move-partition' as const, target, detail })),
  fc.constant({ fault: 'rebalance' as const, target: 'all' }),
)

const timed = fc.record({ change, at: fc.nat(99) })

export const membershipPlans: fc.Arbitrary<Plan> = fc
  .record({
    plan: planArbitrary,
    /** Most have somewhere to go. */
    adds: fc.constantFrom(0, 1, 1, 1, 2),
    changes: fc.array(timed, { minLength: 1, maxLength: changesMax, size: 'max' }),
    kept: fc.nat(keptStepsMax),
    size: fc.constantFrom(sizes.at(-1)!, sizes.at(-1)!, sizes[0]!),
  })
  .map(({ plan, adds, changes, kept, size }) => {
    const { durationMs, replicas } = plan.workload
    const added: Step[] = Array.from({ length: adds }, (_, number) => ({
      atMs: number * stepMs,
      fault: 'add-node',
      target: 'all',
      forMs: 0,
    }))
    const steps = changes.map(({ change: what, at }): Step => {
      const atMs = Math.floor((at * durationMs) / 100 / stepMs) * stepMs
      return { atMs, forMs: 0, ...what }
    })
    const all = [...added, ...plan.steps.slice(0, kept), ...steps]
    return {
      ...plan,
      heal: 'all',
      nodes: plan.nodes === 1 ? 3 : plan.nodes,
      workload: { ...plan.workload, replicas: replicas === 1 ? 3 : replicas },
      settings: { ...plan.settings, ...size },
      steps: all.sort((a, b) => a.atMs - b.atMs),
    }
  })
