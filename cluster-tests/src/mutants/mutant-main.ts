// Child process that runs plans on a patched build; prints one line of JSON. All modes end with the
// first plan that fails:
//   NAME replay FILE SEEDS          one plan with so many seeds, from its own on
//   NAME search FIRST-SEED PLANS    drawn plans
//   NAME shrink FIRST-SEED PLANS    and the one that fails is made smaller
import { readFileSync } from 'node:fs'
import type { Plan } from 'quorate/laboratory'
import { patchSources } from './loader.ts'
import type { Mutant } from './mutant.ts'
import { mutants } from './table.ts'

export interface Answer {
  /** Of the plan that failed; empty when none did. */
  readonly violations: readonly string[]
  /** Plans that were run until then. */
  readonly plans: number
  readonly cpuSeconds: number
  /** Number of the drawn plan. */
  readonly seed?: number
  readonly steps?: number
  readonly shrunk?: Shrunk
}

export interface Shrunk {
  readonly plan: Plan
  readonly violations: readonly string[]
  readonly runs: number
  readonly cpuSeconds: number
}

const shrinkLimitMs = 600_000

/** Patches a file that no part of a cluster needs: proves that such a patch is noticed. */
const unloaded: Omit<Mutant, 'harm' | 'budget'> = {
  name: 'unloaded',
  says: /./,
  patches: [{ file: 'node/src/main.ts', find: 'hostOfNode', replace: 'hostOfNode' }],
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

async function main([name, mode, ...rest]: readonly string[]): Promise<Answer> {
  const mutant = [...mutants, unloaded].find((each) => each.name === name)
  if (mutant === undefined) throw new Error(`no mutant ${String(name)}`)
  const patching = patchSources(mutant)
  const { parsePlan, planOfSeed, runPlan, shrinkPlan } = await import('quorate/laboratory')
  patching.assertLoaded()
  /** What speaks of the mutant's harm. */
  const violated = (plan: Plan) => {
    return runPlan(plan).violations.filter((text) => mutant.says.test(text))
  }
  const started = cpuSeconds()
  if (mode === 'replay') {
    const plan = parsePlan(JSON.parse(readFileSync(rest[0]!, 'utf8')))
    return firstFailure(Number(rest[1]), (more) => violated({ ...plan, seed: plan.seed + more }))
  }
  const [first, plans] = rest.map(Number) as [number, number]
  const found = firstFailure(plans, (more) => violated(planOfSeed(first + more, mutant.kind)))
  if (found.violations.length === 0) return found
  const seed = first + found.plans - 1
  const plan = planOfSeed(seed, mutant.kind)
  const answer = { ...found, seed, steps: plan.steps.length }
  if (mode !== 'shrink') return answer
  const before = cpuSeconds()
  const shrunk = shrinkPlan(plan, found.violations, violated, shrinkLimitMs)
  return { ...answer, shrunk: { ...shrunk, cpuSeconds: cpuSeconds() - before } }

  function firstFailure(count: number, run: (more: number) => readonly string[]): Answer {
    for (let more = 0; more < count; more += 1) {
      const violations = run(more)
      if (violations.length === 0) continue
      return { violations, plans: more + 1, cpuSeconds: cpuSeconds() - started }
    }
    return { violations: [], plans: count, cpuSeconds: cpuSeconds() - started }
  }
}

process.stdout.write(`${JSON.stringify(await main(process.argv.slice(2)))}\n`)
