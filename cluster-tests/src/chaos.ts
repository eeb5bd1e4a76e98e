// Command line of the simulator: `npm run chaos -- [KIND] [--plans N] [--seed S] [--minutes M]
// [--plan FILE] [--trace]`. Runs plan after plan, adds a line for each to the report, shrinks the first that fails,
// writes it down and says how to run it again. Without --seed it goes on behind the report's last.
// Long runs with real processes have a word of their own: `npm run chaos -- storage` and
// `-- membership`.
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { RunResult } from 'quorate/laboratory'
import {
  counts,
  type Plan,
  type PlanKind,
  parsePlan,
  planKinds,
  planOfSeed,
  runPlan,
  shrinkPlan,
  Totals,
} from 'quorate/laboratory'
import { membershipChaos, membershipUsage } from './process/membership-chaos.ts'
import { storageChaos, storageUsage } from './process/storage-chaos.ts'
import { wholeNumber } from './process/whole-number.ts'

const folder = resolve(import.meta.dirname, '..')
/** One for each kind: each goes on behind its own last plan. */
const reportPathOf = (kind: PlanKind) =>
  resolve(folder, kind === 'sim' ? 'report.jsonl' : `report-${kind}.jsonl`)
const shrinkLimitMs = 120_000

const usage = `usage: npm run chaos -- [KIND] [--plans N] [--seed S] [--minutes M] [--plan FILE] [--trace]
  KIND          ${planKinds.join(', ')} (default sim)
  --plans N     how many plans are run (default 200, or as many as fit into --minutes)
  --seed S      number of the first plan (default: behind the last one of ${relative(process.cwd(), reportPathOf('sim'))})
  --minutes M   ends after so much real time
  --plan FILE   runs this plan only
  --trace       prints every event of the nodes, one line each
example: npm run chaos -- --plans 50 --seed 1000

${storageUsage}

${membershipUsage}`

interface Options {
  readonly kind: PlanKind
  readonly plans: number
  readonly seed: number
  readonly untilMs: number
  readonly plan: string | undefined
  readonly trace: boolean
}

function optionsOf(commandLine: readonly string[]): Options {
  const kind = planKinds.find((each) => each === commandLine[0])
  const { values } = parseArgs({
    args: commandLine.slice(kind === undefined ? 0 : 1),
    options: {
      plans: { type: 'string' },
      seed: { type: 'string' },
      minutes: { type: 'string' },
      plan: { type: 'string' },
      trace: { type: 'boolean' },
    },
  })
  const minutes = wholeNumber('minutes', values.minutes, 0)
  const endless = minutes > 0 ? Number.MAX_SAFE_INTEGER : 200
  return {
    kind: kind ?? 'sim',
    plans: wholeNumber('plans', values.plans, endless),
    seed: wholeNumber('seed', values.seed, lastReportedSeed(kind ?? 'sim') + 1),
    untilMs: minutes > 0 ? performance.now() + minutes * 60_000 : Number.POSITIVE_INFINITY,
    plan: values.plan,
    trace: values.trace === true,
  }
}

function lastReportedSeed(kind: PlanKind): number {
  const reportPath = reportPathOf(kind)
  if (!existsSync(reportPath)) return 0
  const lines = readFileSync(reportPath, 'utf8').trimEnd().split('\n')
  const last = lines.at(-1)
  return last === undefined || last === '' ? 0 : Number((JSON.parse(last) as { seed: number }).seed)
}

/** Runs with real processes, by the word that names them. */
const processRuns = { storage: storageChaos, membership: membershipChaos }

async function main([first = '', ...rest]: readonly string[]): Promise<number> {
  if (!Object.hasOwn(processRuns, first)) return simulate(first === '' ? [] : [first, ...rest])
  try {
    return await processRuns[first as keyof typeof processRuns](rest)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    return 2
  }
}

function simulate(commandLine: readonly string[]): number {
  let options: Options
  try {
    options = optionsOf(commandLine)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage}\n`)
    return 2
  }
  if (options.plan !== undefined) return runFile(options.plan, options.trace)
  return runSeeds(options)
}

function runFile(path: string, trace: boolean): number {
  // npm runs scripts in the repository's folder: names are meant from where the user stands.
  const plan = parsePlan(
    JSON.parse(readFileSync(resolve(process.env['INIT_CWD'] ?? '.', path), 'utf8')),
  )
  const result = runPlan(plan, trace ? printEvent : undefined)
  const totals = new Totals()
  totals.add(result)
  print([...totals.lines(), `hash: ${result.hash}`, ...result.violations.map(asViolation)])
  return result.violations.length === 0 ? 0 : 1
}

function runSeeds({ kind, plans, seed: first, untilMs, trace }: Options): number {
  const totals = new Totals()
  for (let seed = first; seed < first + plans && performance.now() < untilMs; seed += 1) {
    const plan = planOfSeed(seed, kind)
    const startMs = performance.now()
    const result = runPlan(plan, trace ? printEvent : undefined)
    totals.add(result)
    report(kind, seed, result, performance.now() - startMs)
    if (result.violations.length > 0) {
      tellFailure(seed, plan, result)
      return 1
    }
  }
  print(totals.lines())
  return 0
}

function report(kind: PlanKind, seed: number, result: RunResult, realMs: number): void {
  const { history: _, ...numbers } = result
  const line = { seed, counts: counts(result), realMs: Math.round(realMs), ...numbers }
  appendFileSync(reportPathOf(kind), `${JSON.stringify(line)}\n`)
}

function tellFailure(seed: number, plan: Plan, result: RunResult): void {
  print([`plan ${seed} fails:`, ...result.violations.map(asViolation), 'making it smaller …'])
  const fails = (candidate: Plan) => runPlan(candidate).violations.length > 0
  const smallest = shrinkPlan(plan, fails, shrinkLimitMs)
  const path = resolve(folder, `failing-plan-${seed}.json`)
  writeFileSync(path, `${JSON.stringify(smallest, null, 2)}\n`)
  print([
    JSON.stringify(smallest, null, 2),
    ...runPlan(smallest).violations.map(asViolation),
    `again: npm run chaos -- --plan ${relative(process.cwd(), path)}`,
  ])
}

function asViolation(text: string): string {
  return `violation: ${text}`
}

function printEvent(atMs: number, event: string, fields: object): void {
  print([`${atMs.toFixed(3)} ${event} ${JSON.stringify(fields)}`])
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`)
}

process.exitCode = await main(process.argv.slice(2))
