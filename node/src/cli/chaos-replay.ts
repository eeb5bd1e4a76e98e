// `quorate chaos replay`: runs one plan in this process and says what it violated. The plan is judged
// by laboratory/cluster/run-plan.ts.
import { runPlan } from '../laboratory/cluster/run-plan.ts'
import { Totals } from '../laboratory/cluster/totals.ts'
import { namedPlan } from './chaos-plan.ts'
import { outputFormat } from './output.ts'

export interface ReplayOptions {
  readonly kind: string
  readonly trace?: boolean
  readonly output: string
}

export async function runReplay(name: string, options: ReplayOptions): Promise<void> {
  const format = outputFormat(options.output, ['table', 'json'])
  const plan = namedPlan(name, options.kind)
  const result = runPlan(plan, options.trace === true ? printEvent : undefined)
  const { history: _, ...summary } = result
  if (summary.violations.length > 0) process.exitCode = 1
  if (format === 'json') {
    process.stdout.write(`${JSON.stringify(summary, null, 2)}\n`)
    return
  }
  const totals = new Totals()
  totals.add(summary)
  print(`hash: ${summary.hash}`)
  for (const line of totals.lines()) print(line)
  for (const text of summary.violations) print(`violation: ${text}`)
}

function printEvent(atMs: number, event: string, fields: object): void {
  print(`${atMs.toFixed(3)} ${event} ${JSON.stringify(fields)}`)
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
