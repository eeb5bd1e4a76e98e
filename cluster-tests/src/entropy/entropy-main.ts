// Child process that runs plans while nothing may be read that is not the same in each run. Arguments:
// name of a planted leak or `none`, then `kind:seed` for each plan. Prints one line of JSON.
import { patchSources } from '../mutants/loader.ts'
import { guardEntropy } from './guard.ts'
import { leaks } from './leaks.ts'

export interface EntropyAnswer {
  readonly leaks: readonly string[]
  readonly violations: readonly string[]
  readonly hashes: readonly string[]
}

async function main([planted, ...runs]: readonly string[]): Promise<EntropyAnswer> {
  const guard = guardEntropy()
  const leak = leaks.find(({ name }) => name === planted)
  if (leak === undefined && planted !== 'none') throw new Error(`no leak ${String(planted)}`)
  const patching =
    leak === undefined ? undefined : patchSources({ name: leak.name, patches: [leak] })
  const { planKinds, planOfSeed, runPlan } = await import('quorate/laboratory')
  patching?.assertLoaded()
  const hashes: string[] = []
  const violations: string[] = []
  for (const run of runs) {
    const [name, seed] = run.split(':')
    const kind = planKinds.find((each) => each === name)
    const plan = planOfSeed(Number(seed), kind)
    try {
      const result = guard.during(() => runPlan(plan))
      hashes.push(result.hash)
      violations.push(...result.violations)
    } catch (error) {
      violations.push(String(error))
    }
    if (guard.leaks.length > 0) break
  }
  return { leaks: guard.leaks, violations, hashes }
}

process.stdout.write(`${JSON.stringify(await main(process.argv.slice(2)))}\n`)
