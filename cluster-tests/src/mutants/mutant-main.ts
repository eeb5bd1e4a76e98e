// Child process that runs plans on a patched build. `NAME replay FILE SEEDS` runs one plan with so many
// seeds, from its own on; `NAME search FIRST-SEED PLANS` runs drawn plans; `NAME keep FIRST-SEED PLANS`
// also makes the one that failed smaller and writes it to mutants/NAME.json. All end with the first
// plan that fails and print one line of JSON: what was violated, and where.
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Plan } from 'quorate/laboratory'
import { patchSources } from './loader.ts'
import { type Mutant, mutants } from './table.ts'

export interface Answer {
  readonly violations: readonly string[]
  readonly plans: number
  readonly realMs: number
  readonly seed?: number
}

const shrinkLimitMs = 120_000

/** Patches a file that no part of a cluster needs: proves that such a patch is noticed. */
const unloaded: Mutant = {
  name: 'unloaded',
  harm: '',
  file: 'node/src/main.ts',
  find: 'hostOfNode',
  replace: 'hostOfNode',
}

async function main([name, mode, ...rest]: readonly string[]): Promise<Answer> {
  const mutant = [...mutants, unloaded].find((each) => each.name === name)
  if (mutant === undefined) throw new Error(`no mutant ${String(name)}`)
  const patching = patchSources(mutant)
  const { runPlan } = await import('quorate/laboratory')
  const { parsePlan } = await import('quorate/laboratory')
  const { planOfSeed, shrinkPlan } = await import('quorate/laboratory')
  patching.assertLoaded()
  const startMs = performance.now()
  const elapsedMs = () => performance.now() - startMs
  if (mode === 'replay') {
    const plan = parsePlan(JSON.parse(readFileSync(rest[0]!, 'utf8')))
    const plans = Number(rest[1])
    for (let more = 0; more < plans; more += 1) {
      const { violations } = runPlan({ ...plan, seed: plan.seed + more })
      if (violations.length > 0) return { violations, plans: more + 1, realMs: elapsedMs() }
    }
    return { violations: [], plans, realMs: elapsedMs() }
  }
  const [first, plans] = rest.map(Number) as [number, number]
  for (let seed = first; seed < first + plans; seed += 1) {
    const plan = planOfSeed(seed, mutant.kind)
    const { violations } = runPlan(plan)
    if (violations.length === 0) continue
    const realMs = elapsedMs()
    if (mode === 'keep') {
      const fails = (candidate: Plan) => runPlan(candidate).violations.length > 0
      keep(mutant.name, shrinkPlan(plan, fails, shrinkLimitMs))
    }
    return { violations, plans: seed - first + 1, realMs, seed }
  }
  return { violations: [], plans, realMs: elapsedMs() }
}

function keep(name: string, plan: Plan): void {
  const path = resolve(import.meta.dirname, `../../mutants/${name}.json`)
  writeFileSync(path, `${JSON.stringify(plan, null, 2)}\n`)
}

process.stdout.write(`${JSON.stringify(await main(process.argv.slice(2)))}\n`)
