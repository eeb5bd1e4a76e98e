// `quorate chaos replay`: runs one plan in this process and says what it violated, or prints all that
// happens. The plan is judged by laboratory/cluster/run-plan.ts; what lines of a trace look like is
// decided in laboratory/trace/trace-line.ts.
import { runPlan } from '../laboratory/cluster/run-plan.ts'
import type { RunResult, RunSummary } from '../laboratory/cluster/run-result.ts'
import { Totals } from '../laboratory/cluster/totals.ts'
import { writeHistory } from '../laboratory/history/file-node.ts'
import type { Plan } from '../laboratory/plan/plan.ts'
import {
  checkLine,
  type TraceLine,
  traceHeading,
  traceLine,
  traceText,
} from '../laboratory/trace/trace-line.ts'
import { type TraceFilter, traceFilter } from './chaos-filter.ts'
import { namedPlan } from './chaos-plan.ts'
import { Output, outputFormat } from './output.ts'
import { UsageError } from './usage-error.ts'

export interface ReplayOptions {
  readonly kind: string
  readonly trace?: boolean
  readonly only?: string
  readonly node?: string
  readonly from?: string
  readonly to?: string
  /** File for what the clients did and saw. */
  readonly history?: string
  readonly output: string
}

export async function runReplay(name: string, options: ReplayOptions): Promise<void> {
  const format = outputFormat(options.output, ['table', 'json'])
  const filter = traceFilter(options)
  if (options.trace === true && format === 'json') {
    throw new UsageError('--trace prints lines; leave -o json away')
  }
  const plan = namedPlan(name, options.kind)
  const result = options.trace === true ? await trace(plan, filter) : runPlan(plan)
  const { history: _, ...summary } = result
  if (options.history !== undefined) keep(options.history, result)
  if (summary.violations.length > 0) process.exitCode = 1
  if (options.trace !== true) process.stdout.write(summaryText(summary, format))
}

function keep(file: string, { history }: RunResult): void {
  try {
    writeHistory(file, history)
  } catch (error) {
    throw new UsageError(`--history ${(error as Error).message}`)
  }
}

async function trace(plan: Plan, filter: TraceFilter): Promise<RunResult> {
  const output = new Output()
  const print = (text: string): void => void output.add(Buffer.from(`${text}\n`))
  print(traceHeading)
  const result = runPlan(plan, (ms, event, fields) => {
    const line: TraceLine = traceLine(ms, event, fields)
    if (filter(line)) print(traceText(line))
  })
  const { simulatedMs, violations } = result
  for (const violation of violations) print(traceText(checkLine(simulatedMs, violation)))
  if (violations.length === 0) print(traceText(checkLine(simulatedMs, 'nothing violated')))
  await output.flush()
  return result
}

function summaryText(summary: RunSummary, format: 'table' | 'json'): string {
  if (format === 'json') return `${JSON.stringify(summary, null, 2)}\n`
  const totals = new Totals()
  totals.add(summary)
  const violations = summary.violations.map((text) => `violation: ${text}`)
  return `${[`hash: ${summary.hash}`, ...totals.lines(), ...violations].join('\n')}\n`
}
