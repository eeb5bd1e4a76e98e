// Runs random plans until enough of them count, and fails with a small plan and the command that
// runs it again.
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Plan } from 'quorate/laboratory'
import { type PlanKind, planOfSeed, runPlan, shrinkPlan, Totals } from 'quorate/laboratory'
import { rareLine } from './rare-probes.ts'

/** Plans of properties.test.ts; mutants are looked for among the same. */
export const firstSeed = 1
export const plansPerFile = 100

const folder = resolve(import.meta.dirname, '../../..')
const shrinkLimitMs = 60_000

/** Plans from this number on, until so many count. Prints the totals. */
export function fulfil(firstSeed: number, wanted: number, kind: PlanKind = 'sim'): Totals {
  const totals = new Totals()
  const seedsMax = wanted + wanted / 4
  for (let seed = firstSeed; totals.counted < wanted && totals.runs < seedsMax; seed += 1) {
    runInto(totals, seed, planOfSeed(seed, kind))
  }
  process.stdout.write(`${[...totals.lines(), rareLine(totals)].join('\n')}\n`)
  return totals
}

/** Plans that damage more than a cluster survives; they end early, so none of them has to count. */
export function exceed(firstSeed: number, plans: number): Totals {
  const totals = new Totals()
  for (let seed = firstSeed; seed < firstSeed + plans; seed += 1) {
    runInto(totals, seed, planOfSeed(seed, 'sim-beyond'))
  }
  process.stdout.write(`${totals.lines().join('\n')}\n`)
  return totals
}

function runInto(totals: Totals, seed: number, plan: Plan): void {
  const result = runPlan(plan)
  totals.add(result)
  if (result.violations.length > 0) throw failure(seed, plan, result.violations)
}

function failure(seed: number, plan: Plan, violations: readonly string[]): Error {
  const violated = (candidate: Plan) => runPlan(candidate).violations
  const shrinking = shrinkPlan(plan, violations, violated, shrinkLimitMs)
  const smallest = JSON.stringify(shrinking.plan, null, 2)
  const path = `failing-plan-${seed}.json`
  writeFileSync(resolve(folder, path), `${smallest}\n`)
  const again = `npx quorate chaos replay ${path}`
  return new Error([`plan ${seed}:`, ...violations, 'smaller:', smallest, again].join('\n'))
}
