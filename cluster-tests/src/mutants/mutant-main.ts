// Child process that runs plans on a patched build: `mutant-main.ts NAME replay FILE`, or
// `mutant-main.ts NAME search FIRST-SEED PLANS SHRINK-MS`. The name `none` patches nothing. Prints one
// line of JSON: what failed, and for a search the seed, the number of plans and the shrunk plan.
import { readFileSync } from 'node:fs'
import type { Plan } from '../plan.ts'
import { patchSources } from './loader.ts'
import { mutants } from './table.ts'

export interface Answer {
  readonly violations: readonly string[]
  readonly plans: number
  readonly realMs: number
  readonly seed?: number
  readonly plan?: Plan
}

async function main([name, mode, ...rest]: readonly string[]): Promise<Answer> {
  const mutant = mutants.find((each) => each.name === name)
  if (mutant === undefined && name !== 'none') throw new Error(`no mutant ${String(name)}`)
  const patching = mutant === undefined ? undefined : patchSources(mutant)
  const { runPlan } = await import('../run-plan.ts')
  const { parsePlan } = await import('../plan.ts')
  const { planOfSeed, shrinkPlan } = await import('../plan-of-seed.ts')
  patching?.assertLoaded()
  const startMs = performance.now()
  if (mode === 'replay') {
    const plan = parsePlan(JSON.parse(readFileSync(rest[0]!, 'utf8')))
    const { violations } = runPlan(plan)
    return { violations, plans: 1, realMs: performance.now() - startMs }
  }
  const [first, plans, shrinkMs] = rest.map(Number) as [number, number, number]
  for (let seed = first; seed < first + plans; seed += 1) {
    const plan = planOfSeed(seed)
    const { violations } = runPlan(plan)
    if (violations.length === 0) continue
    const realMs = performance.now() - startMs
    const fails = (candidate: Plan) => runPlan(candidate).violations.length > 0
    const smallest = shrinkMs > 0 ? shrinkPlan(plan, fails, shrinkMs) : plan
    return { violations, plans: seed - first + 1, realMs, seed, plan: smallest }
  }
  return { violations: [], plans, realMs: performance.now() - startMs }
}

process.stdout.write(`${JSON.stringify(await main(process.argv.slice(2)))}\n`)
