// From a failing plan to a small one that fails in the same way: tries what plan-shrink.ts offers, one
// candidate after the other and none twice, and goes on with each that fails. "In the same way" is
// decided by violation-kind.ts, so that shrinking does not slip to another bug. Bounded in real time.
import type { Plan } from './plan.ts'
import { type Cursor, firstCursor, simpler } from './plan-shrink.ts'
import { kindsOf } from './violation-kind.ts'

/** What a run of a candidate has violated; empty when it passes. */
export type Violations = (plan: Plan) => readonly string[]

export interface Shrinking {
  /** Fails in the same way, and as small as was found. */
  readonly plan: Plan
  /** Candidates that were run. */
  readonly runs: number
  /** Violations of `plan`. */
  readonly violations: readonly string[]
}

/**
 * `violations`: those of `plan`, which must have failed. Only candidates count that violate something
 * of a kind among them; `onSmaller` is told of each. Ends after `limitMs` of real time with what it has by then.
 */
export function shrinkPlan(
  plan: Plan,
  violations: readonly string[],
  run: Violations,
  limitMs: number,
  onSmaller: (smaller: Shrinking) => void = () => {},
): Shrinking {
  const wanted = kindsOf(violations)
  const untilMs = performance.now() + limitMs
  const tried = new Set([JSON.stringify(plan)])
  let smallest: Shrinking = { plan, runs: 0, violations }
  let cursor: Cursor | undefined = firstCursor
  let runs = 0
  while (cursor !== undefined) {
    const from: Cursor = cursor
    cursor = undefined
    for (const candidate of simpler(smallest.plan, from)) {
      const text = JSON.stringify(candidate.plan)
      if (tried.has(text)) continue
      if (performance.now() >= untilMs) break
      tried.add(text)
      runs += 1
      const found = run(candidate.plan)
      if (![...kindsOf(found)].some((kind) => wanted.has(kind))) continue
      smallest = { plan: candidate.plan, runs, violations: found }
      cursor = candidate.next
      onSmaller(smallest)
      break
    }
  }
  return { ...smallest, runs }
}
