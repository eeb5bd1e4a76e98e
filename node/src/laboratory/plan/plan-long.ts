// Draws plans that last: processes stand still for longer than any lease, session or time-out, and
// messages come again when everybody has forgotten them. Little is sent meanwhile, so that such a plan
// costs about as much as a short one. A part of the kind sim-mixed. Shrinks like every plan.
import fc from 'fast-check'
import type { FaultName } from './fault-table.ts'
import type { Plan, Step } from './plan.ts'
import { settings, traffic } from './plan-arbitrary.ts'
import { usualTiming } from './plan-menu.ts'
import { stepDraft, stepOf } from './plan-steps.ts'

const durationsMs: readonly number[] = [55_000, 75_000]
/** Beyond the time-outs of links (2 and 5 s), requests (10 s) and sends (30 s). */
const lengthsMs: readonly number[] = [5_000, 12_000, 20_000, 35_000, 60_000]
const everyMs = 250
const stepsMax = 6
/** From the end of a step to the end of all faults, at least. */
const afterMs = 5_000

/** Each with what makes its oldest state return: another leader, another life, a late message. */
const swarms: readonly (readonly FaultName[])[] = [
  ['pause'],
  ['pause', 'pause-client', 'isolate-peers'],
  ['pause', 'jump-clock', 'freeze-clock'],
  ['pause', 'pause-reader', 'lose-replies'],
  ['replay-old-messages'],
  ['replay-old-messages', 'pause'],
  ['replay-old-messages', 'jump-clock'],
  ['replay-old-messages', 'kill', 'isolate'],
  ['replay-old-messages', 'power', 'transfer-storm'],
]

/** Early enough to be over while producers send: what healing ends is seen in every short plan. */
function early(step: Step, durationMs: number): Step {
  return { ...step, atMs: Math.max(0, Math.min(step.atMs, durationMs - step.forMs - afterMs)) }
}

export const longPlans: fc.Arbitrary<Plan> = fc
  .record({
    seed: fc.integer({ min: 0, max: 1_000_000 }),
    settings,
    traffic,
    durationMs: fc.constantFrom(...durationsMs),
    swarm: fc.constantFrom(...swarms),
    drafts: fc.array(stepDraft, { minLength: 2, maxLength: stepsMax, size: 'max' }),
  })
  .map(({ seed, swarm, drafts, durationMs, ...rest }): Plan => {
    const steps = drafts.map((drawn) =>
      early(stepOf(drawn, swarm, durationMs, lengthsMs), durationMs),
    )
    return {
      version: 1,
      seed,
      provoke: 'drawn',
      nodes: 3,
      settings: { ...rest.settings, ...usualTiming },
      workload: { ...rest.traffic, durationMs, everyMs, replicas: 3 },
      steps: steps.sort((a, b) => a.atMs - b.atMs),
    }
  })
