// `quorate chaos sim`: runs drawn plans in worker processes, tells how far it is, makes the first plan
// that fails smaller, writes it down and says how to run it again. Standard output gets the report at
// the end and nothing else. Running: laboratory/runs/run-seeds.ts.
import { availableParallelism } from 'node:os'
import type { PlanKind } from '../laboratory/plan/plan-kinds.ts'
import { planOfSeed } from '../laboratory/plan/plan-of-seed.ts'
import { commitOfSources } from '../laboratory/runs/commit.ts'
import { runSeeds } from '../laboratory/runs/run-seeds.ts'
import { shrinkFailing } from '../laboratory/runs/shrink-failing.ts'
import { appendSlice, nextSeed, sliceOf } from '../laboratory/runs/slice.ts'
import { Tally, type Violation } from '../laboratory/runs/tally.ts'
import { optionalWholeNumber } from './arguments.ts'
import { planKind, seedMax, slicesOf, writePlan } from './chaos-plan.ts'
import { ChaosProgress } from './chaos-progress.ts'
import { chaosInterruption } from './chaos-signal.ts'
import { simReport, simReportLines } from './chaos-sim-report.ts'
import { outputFormat } from './output.ts'
import { UsageError } from './usage-error.ts'

export interface SimOptions {
  readonly kind: string
  readonly seeds?: string
  readonly minutes?: string
  readonly firstSeed?: string
  readonly workers?: string
  readonly report?: string
  readonly keepGoing?: boolean
  readonly output: string
}

const usualSeeds = 100
const workersMax = 256
const minutesMax = 1440
const shrinkLimitMs = 120_000

export async function runSim(options: SimOptions): Promise<void> {
  const format = outputFormat(options.output, ['table', 'json'])
  const sim = simOf(options)
  const signal = chaosInterruption()
  const tally = new Tally(sim.kind, sim.firstSeed)
  const { stderr } = process
  const place = { stream: stderr, isTerminal: stderr.isTTY === true }
  const progress = new ChaosProgress(place, tally, { seeds: sim.count, limitMs: sim.limitMs })
  const startMs = performance.now()
  const untilMs = sim.limitMs === undefined ? undefined : startMs + sim.limitMs
  await runSeeds({
    ...sim,
    untilMs,
    signal,
    onResult: (result) => {
      tally.add(result)
      const { seed, violations } = result
      for (const text of violations) progress.say(`plan ${seed}: ${text}`)
    },
  })
  progress.end()
  const wallSeconds = (performance.now() - startMs) / 1000
  const [first] = tally.violations
  const commit = commitOfSources()
  if (options.report !== undefined && tally.plans > 0) {
    appendSlice(options.report, sliceOf(tally, { commit, wallSeconds }))
  }
  const plan = first === undefined ? undefined : await keepFailing(sim.kind, first, signal)
  const report = simReport(tally, { commit, wallSeconds, plan })
  if (format === 'json') process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
  else process.stdout.write(`${simReportLines(report).join('\n')}\n`)
  if (first !== undefined) process.exitCode = 1
}

function simOf(options: SimOptions) {
  const kind = planKind(options.kind)
  const minutes = optionalWholeNumber('--minutes', options.minutes, 1, minutesMax)
  const seeds = optionalWholeNumber('--seeds', options.seeds, 1, seedMax)
  const workers = optionalWholeNumber('--workers', options.workers, 1, workersMax)
  return {
    kind,
    firstSeed: firstSeedOf(options, kind),
    count: seeds ?? (minutes === undefined ? usualSeeds : undefined),
    limitMs: minutes === undefined ? undefined : minutes * 60_000,
    workers: workers ?? availableParallelism(),
    keepGoing: options.keepGoing === true,
  }
}

/** A report has each seed of a kind once. */
function firstSeedOf({ firstSeed, report }: SimOptions, kind: PlanKind): number {
  const next = report === undefined ? 1 : nextSeed(slicesOf(report), kind)
  const first = optionalWholeNumber('--first-seed', firstSeed, 0, seedMax) ?? next
  if (report !== undefined && first < next) {
    throw new UsageError(`--first-seed ${first}: ${report} has ${kind} seeds up to ${next - 1}`)
  }
  return first
}

/** Writes the plan of the seed, as small as it gets, and returns the name of its file. */
async function keepFailing(
  kind: PlanKind,
  { seed }: Violation,
  signal: AbortSignal,
): Promise<string> {
  const file = `failing-plan-${kind}-${seed}.json`
  const tell = (text: string): void => void process.stderr.write(`${text}\n`)
  tell(
    `making plan ${seed} smaller, for ${shrinkLimitMs / 1000} s at most; Ctrl-C takes the smallest so far`,
  )
  const smallest = await shrinkFailing({
    plan: planOfSeed(seed, kind),
    limitMs: shrinkLimitMs,
    signal,
    onSmaller: ({ plan: { steps }, tries }) => tell(`${steps.length} faults, after ${tries} plans`),
  })
  writePlan(file, smallest.plan)
  return file
}
