// `quorate chaos shrink`: makes a failing plan smaller and prints it. How it is made smaller:
// laboratory/plan/plan-shrink.ts.
import { shrinkFailing } from '../laboratory/runs/shrink-failing.ts'
import { wholeNumber } from './arguments.ts'
import { namedPlan, planText, writePlan } from './chaos-plan.ts'
import { chaosInterruption } from './chaos-signal.ts'
import { UsageError } from './usage-error.ts'

export interface ShrinkOptions {
  readonly kind: string
  readonly minutes: string
  readonly out?: string
}

const minutesMax = 1440

export async function runShrink(name: string, options: ShrinkOptions): Promise<void> {
  const plan = namedPlan(name, options.kind)
  const limitMs = 60_000 * wholeNumber('--minutes', options.minutes, 1, minutesMax)
  const smallest = await shrinkFailing({
    plan,
    limitMs,
    signal: chaosInterruption(),
    onSmaller: ({ plan: { steps }, tries }) => {
      process.stderr.write(`${steps.length} faults, after ${tries} plans\n`)
    },
  })
  if (smallest.violations.length === 0) throw new UsageError(`${name} violates nothing`)
  for (const text of smallest.violations) process.stderr.write(`violation: ${text}\n`)
  if (options.out === undefined) process.stdout.write(planText(smallest.plan))
  else writePlan(options.out, smallest.plan)
}
