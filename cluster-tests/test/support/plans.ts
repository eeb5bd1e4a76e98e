// Runs drawn plans on both cores, adds up what they showed, and fails with a small plan and the
// command that runs it again.
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import {
  type PlanKind,
  planOfSeed,
  runSeeds,
  type SeedResult,
  shrinkFailing,
  Totals,
} from 'quorate/laboratory'
import { rareLine } from './rare-probes.ts'

const firstSeed = 1

const repository = resolve(import.meta.dirname, '../../..')
const shrinkLimitMs = 60_000

/** Runs plans from the first seed on. Prints the totals of what took effect. */
export async function runPlans(kind: PlanKind, count: number): Promise<Totals> {
  const totals = new Totals()
  let failed: SeedResult | undefined
  const onResult = (result: SeedResult): void => {
    if (result.violations.length > 0) failed = result
    if (result.summary !== undefined) totals.add(result.summary)
  }
  await runSeeds({ kind, firstSeed, count, workers: availableParallelism(), onResult })
  if (failed !== undefined) throw await failure(kind, failed)
  process.stdout.write(`${kind}: ${[...totals.lines(), rareLine(totals)].join('\n')}\n`)
  return totals
}

async function failure(kind: PlanKind, { seed, violations }: SeedResult): Promise<Error> {
  const { plan } = await shrinkFailing({ plan: planOfSeed(seed, kind), limitMs: shrinkLimitMs })
  const smallest = JSON.stringify(plan, null, 2)
  const path = `failing-plan-${kind}-${seed}.json`
  writeFileSync(resolve(repository, path), `${smallest}\n`)
  const again = `npx quorate chaos replay ${path}`
  return new Error([`plan ${seed}:`, ...violations, 'smaller:', smallest, again].join('\n'))
}
