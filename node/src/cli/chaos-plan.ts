// What the commands `quorate chaos …` are given: plans by number and kind or by file, and reports.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { type Plan, parsePlan } from '../laboratory/plan/plan.ts'
import { isPlanKind, type PlanKind, planKinds } from '../laboratory/plan/plan-kinds.ts'
import { planOfSeed } from '../laboratory/plan/plan-of-seed.ts'
import { readSlices, type Slice } from '../laboratory/runs/slice.ts'
import { wholeNumber } from './arguments.ts'
import { UsageError } from './usage-error.ts'

/** Seeds that fast-check draws apart. */
export const seedMax = 0x7fff_ffff

export function planKind(text: string): PlanKind {
  if (!isPlanKind(text)) throw new UsageError(`--kind is ${planKinds.join(', ')}, not ${text}`)
  return text
}

/** `text`: digits are a number, anything else is the name of a file. */
export function namedPlan(text: string, kind: string): Plan {
  const drawn = planKind(kind)
  if (/^\d+$/.test(text)) return planOfSeed(wholeNumber('PLAN', text, 0, seedMax), drawn)
  if (!existsSync(text)) throw new UsageError(`there is no file ${text}, and it is no number`)
  try {
    return parsePlan(JSON.parse(readFileSync(text, 'utf8')))
  } catch (error) {
    throw new UsageError(`${text}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** The slices of a report; none when there is no such file yet. */
export function slicesOf(file: string): Slice[] {
  try {
    return readSlices(file)
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

export function planText(plan: Plan): string {
  return `${JSON.stringify(plan, null, 2)}\n`
}

export function writePlan(file: string, plan: Plan): void {
  try {
    writeFileSync(file, planText(plan))
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}
