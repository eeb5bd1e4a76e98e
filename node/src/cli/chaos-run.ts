// `quorate chaos run`: real node processes on loopback under load and faults. It checks the options,
// shows how far it is, and in the end prints the report and writes the history. The run itself:
// laboratory/processes/chaos-run.ts. Where this process may not mount small disks but could in a
// namespace of its own, it starts itself there.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { writeHistory } from '../laboratory/history/file-node.ts'
import type { Plan } from '../laboratory/plan/plan.ts'
import { parsePlan } from '../laboratory/plan/plan.ts'
import {
  type FaultWord,
  faultWords,
  isProcessFault,
  whyNot,
} from '../laboratory/processes/applicable-faults.ts'
import { ChaosRun } from '../laboratory/processes/chaos-run.ts'
import { drawProcessPlan } from '../laboratory/processes/draw-process-plan.ts'
import { mountingPrefix, smallDiskProblem } from '../laboratory/processes/small-disks.ts'
import { wholeNumber } from './arguments.ts'
import { seedMax } from './chaos-plan.ts'
import { RunProgress, reportLines } from './chaos-run-text.ts'
import { chaosInterruption } from './chaos-signal.ts'
import { outputFormat } from './output.ts'
import { UsageError } from './usage-error.ts'

export interface RunOptions {
  readonly nodes: string
  readonly minutes: string
  readonly rate: string
  readonly faults: string
  readonly seed: string
  readonly plan?: string
  readonly history?: string
  readonly keep?: boolean
  readonly output: string
}

const partitions = 6
const minutesMax = 60
const rateMax = 20_000

export async function runChaos(options: RunOptions): Promise<void> {
  const format = outputFormat(options.output, ['table', 'json'])
  const plan = options.plan === undefined ? drawnPlan(options) : planOfFile(options.plan)
  const rate = wholeNumber('--rate', options.rate, 1, rateMax)
  const wantsDisks = plan.steps.some(({ fault }) => fault === 'full-disk')
  const diskProblem = wantsDisks ? smallDiskProblem() : undefined
  if (diskProblem !== undefined && (await runInside())) return
  const signal = chaosInterruption()
  const run = new ChaosRun({
    plan,
    rate,
    disks: wantsDisks && diskProblem === undefined,
    keep: options.keep === true,
    signal,
    told: ({ fault, nodes, forMs }) => progress.say(`${fault} ${nodes.join(',')} for ${forMs} ms`),
  })
  const progress = new RunProgress(process.stderr, run, plan.workload.durationMs)
  const { report, history, folder } = await run.run().finally(() => progress.end())
  const violated = report.violations.length > 0
  const kept = options.history ?? (violated ? `chaos-run-${plan.seed}.history.jsonl` : undefined)
  if (kept !== undefined) writeHistory(kept, history)
  const files = {
    ...(kept === undefined ? {} : { history: kept }),
    ...(folder === undefined ? {} : { folder }),
  }
  if (format === 'json') {
    process.stdout.write(`${JSON.stringify({ ...report, ...files }, null, 2)}\n`)
  } else process.stdout.write(`${reportLines(report, files).join('\n')}\n`)
  if (violated) process.exitCode = 1
}

function drawnPlan(options: RunOptions): Plan {
  const nodes = wholeNumber('--nodes', options.nodes, 3, 5)
  if (nodes === 4) throw new UsageError('--nodes is 3 or 5, not 4')
  return drawProcessPlan({
    seed: wholeNumber('--seed', options.seed, 0, seedMax),
    nodes: nodes as 3 | 5,
    durationMs: 60_000 * wholeNumber('--minutes', options.minutes, 1, minutesMax),
    partitions,
    faults: faultsOf(options.faults),
  })
}

function faultsOf(text: string): FaultWord[] {
  const words = Object.keys(faultWords)
  return text.split(',').map((word) => {
    if (word === 'power') throw new UsageError(`--faults power: ${whyNot('power')}`)
    if (!words.includes(word)) throw new UsageError(`--faults: ${words.join(', ')}, not ${word}`)
    return word as FaultWord
  })
}

function planOfFile(file: string): Plan {
  if (!existsSync(file)) throw new UsageError(`there is no file ${file}`)
  let plan: Plan
  try {
    plan = parsePlan(JSON.parse(readFileSync(file, 'utf8')))
  } catch (error) {
    throw new UsageError(`${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (plan.nodes === 1) throw new UsageError(`${file}: one node survives nothing; 3 or 5`)
  if (!plan.steps.some(({ fault }) => isProcessFault(fault))) {
    throw new UsageError(`${file}: real processes can have none of its faults`)
  }
  return plan
}

/** The same command as root of a namespace, where it may mount. False: not to be had. */
async function runInside(): Promise<boolean> {
  // Root, also that of such a namespace, will not get further in another one.
  if (process.getuid?.() === 0) return false
  const [command, ...prefix] = mountingPrefix() ?? []
  if (command === undefined) return false
  const own = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  const child = spawn(command, [...prefix, ...own], { stdio: 'inherit' })
  // From a terminal it has got the signal already, and takes two of one moment for one.
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => child.kill(name))
  const [code] = (await once(child, 'exit')) as [number | null]
  process.exitCode = code ?? 1
  return true
}
