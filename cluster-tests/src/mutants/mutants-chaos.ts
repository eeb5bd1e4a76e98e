// `npm run chaos -- mutants [NAME…] [--failures N] [--plans N]`: how soon drawn plans find each bug of
// the table, and how small the plans become that find it. Each failing plan adds a line to
// reports/mutants.jsonl, and a further run goes on behind the last one of its mutant. The smallest
// plan of each is kept in mutants/NAME.json. A mutant that is not found within its budget ends it.
import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { wholeNumber } from '../process/whole-number.ts'
import { askMutant } from './ask.ts'
import type { Mutant } from './mutant.ts'
import type { Answer } from './mutant-main.ts'
import { mutantOf, mutants } from './table.ts'

export const mutantsUsage = `usage: npm run chaos -- mutants [NAME…] [--failures N]
  NAME          bugs of cluster-tests/src/mutants/table.ts (default all)
  --failures N  failing plans of each that are to be in the report (default 3)`

const folder = resolve(import.meta.dirname, '../..')
const reportPath = resolve(folder, 'reports/mutants.jsonl')
export const keptPath = (name: string): string => resolve(folder, `mutants/${name}.json`)

/** One failing plan, found and made smaller. */
export interface MutantLine {
  readonly commit: string
  readonly mutant: string
  readonly kind: string
  /** Number of the drawn plan that failed. */
  readonly seed: number
  /** Plans and CPU seconds since the start, or since the line before. */
  readonly plans: number
  readonly cpuSeconds: number
  readonly stepsBefore: number
  readonly stepsAfter: number
  readonly shrinkRuns: number
  readonly shrinkCpuSeconds: number
  readonly violation: string
}

export async function mutantsChaos(commandLine: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...commandLine],
    options: { failures: { type: 'string' } },
    allowPositionals: true,
  })
  const failures = wholeNumber('failures', values.failures, 3)
  const wanted = positionals.length === 0 ? mutants : positionals.map(mutantOf)
  let isComplete = true
  for (const mutant of wanted) {
    while (linesOf(mutant.name).length < failures) {
      if (await addFailure(mutant)) continue
      process.stdout.write(`${mutant.name} is not found within ${mutant.budget.plans} plans\n`)
      isComplete = false
      break
    }
  }
  process.stdout.write(`${tableOf(readReport()).join('\n')}\n`)
  return isComplete ? 0 : 1
}

export function readReport(): readonly MutantLine[] {
  if (!existsSync(reportPath)) return []
  const lines = readFileSync(reportPath, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as MutantLine)
}

function linesOf(name: string): readonly MutantLine[] {
  return readReport().filter(({ mutant }) => mutant === name)
}

/** False when none of as many plans as its budget has fails. */
async function addFailure(mutant: Mutant): Promise<boolean> {
  const { name, kind = 'sim', budget } = mutant
  const from = Math.max(0, ...linesOf(name).map(({ seed }) => seed)) + 1
  const answer = await askMutant(name, 'shrink', from, budget.plans)
  const { shrunk, seed, steps } = answer
  if (shrunk === undefined || seed === undefined || steps === undefined) return false
  const line: MutantLine = {
    commit: execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], { encoding: 'utf8' }).trim(),
    mutant: name,
    kind,
    seed,
    plans: answer.plans,
    cpuSeconds: rounded(answer.cpuSeconds),
    stepsBefore: steps,
    stepsAfter: shrunk.plan.steps.length,
    shrinkRuns: shrunk.runs,
    shrinkCpuSeconds: rounded(shrunk.cpuSeconds),
    violation: shrunk.violations[0]!.slice(0, 200),
  }
  appendFileSync(reportPath, `${JSON.stringify(line)}\n`)
  process.stdout.write(`${JSON.stringify(line)}\n`)
  keepSmallest(name, shrunk.plan)
  return true
}

function rounded(seconds: number): number {
  return Math.round(seconds * 10) / 10
}

function keepSmallest(name: string, plan: NonNullable<Answer['shrunk']>['plan']): void {
  const path = keptPath(name)
  const kept = existsSync(path)
    ? (JSON.parse(readFileSync(path, 'utf8')) as typeof plan)
    : undefined
  if (kept !== undefined && kept.steps.length <= plan.steps.length) return
  writeFileSync(path, `${JSON.stringify(plan, null, 2)}\n`)
}

/** Median and worst over all lines of each mutant, and over all of them. */
export function tableOf(lines: readonly MutantLine[]): readonly string[] {
  const names = [...new Set(lines.map(({ mutant }) => mutant))]
  const row = (name: string, own: readonly MutantLine[]): string => {
    const cells = [
      own.map(({ plans }) => plans),
      own.map(({ cpuSeconds }) => cpuSeconds),
      own.map(({ stepsBefore }) => stepsBefore),
      own.map(({ stepsAfter }) => stepsAfter),
      own.map(({ shrinkCpuSeconds }) => shrinkCpuSeconds),
    ].map((numbers) => `${medianOf(numbers)} (${Math.max(...numbers)})`)
    return `| ${[name, own[0]!.kind, own.length, ...cells].join(' | ')} |`
  }
  return [
    '| Mutant | Plans of | Failures | Plans until found | CPU s until found | Steps before | after | CPU s to shrink |',
    '|---|---|---|---|---|---|---|---|',
    ...names.map((name) =>
      row(
        name,
        lines.filter(({ mutant }) => mutant === name),
      ),
    ),
    row('all', lines).replace(/\| [a-z-]+ \|/, '| **all** |'),
  ]
}

function medianOf(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!
}
