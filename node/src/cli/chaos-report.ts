// `quorate chaos report`: adds up the slices of a laboratory's report, and runs some of their seeds
// again to see that they give the hash that was recorded. Ends with 1 when one does not.
import { randomInt } from 'node:crypto'
import { existsSync } from 'node:fs'
import { commitOfSources } from '../laboratory/runs/commit.ts'
import { runSeeds } from '../laboratory/runs/run-seeds.ts'
import { type Recorded, recordedSeeds, type Slice } from '../laboratory/runs/slice.ts'
import { type SliceSum, seedsWanted, sumSlices } from '../laboratory/runs/slice-sum.ts'
import { optionalWholeNumber } from './arguments.ts'
import { slicesOf } from './chaos-plan.ts'
import { outputFormat, table } from './output.ts'
import { UsageError } from './usage-error.ts'

export interface ReportOptions {
  readonly verify?: string
  readonly output: string
}

/** A seed of the report and what it gives today. */
export interface Verified extends Recorded {
  readonly today: string
}

const verifyMax = 10_000

export async function runReport(file: string, options: ReportOptions): Promise<void> {
  const format = outputFormat(options.output, ['table', 'json'])
  const count = optionalWholeNumber('--verify', options.verify, 1, verifyMax)
  if (!existsSync(file)) throw new UsageError(`there is no file ${file}`)
  const slices = slicesOf(file)
  const sum = sumSlices(slices)
  const verified = count === undefined ? undefined : await verify(slices, count)
  if (verified?.some(differs) === true) process.exitCode = 1
  if (format === 'json') {
    const whole = verified === undefined ? sum : { ...sum, verified }
    process.stdout.write(`${JSON.stringify(whole, null, 2)}\n`)
    return
  }
  const lines = [...sumLines(sum), ...(verified ?? []).map(verifiedLine)]
  process.stdout.write(`${lines.join('\n')}\n`)
}

/** Runs some seeds again, drawn among those of slices of this commit. */
async function verify(slices: readonly Slice[], count: number): Promise<Verified[]> {
  const commit = commitOfSources()
  const recorded = recordedSeeds(slices.filter((slice) => slice.commit === commit))
  if (recorded.length === 0) {
    const others = [...new Set(slices.map((slice) => slice.commit))].join(', ')
    throw new UsageError(`no slice is of ${commit}; check out one of ${others} to verify its seeds`)
  }
  const verified: Verified[] = []
  for (const seed of sample(recorded, count)) verified.push({ ...seed, today: await hashOf(seed) })
  return verified
}

async function hashOf({ kind, seed }: Recorded): Promise<string> {
  let hash = ''
  await runSeeds({
    kind,
    firstSeed: seed,
    count: 1,
    workers: 1,
    onResult: ({ summary, violations }) => {
      hash = summary?.hash ?? violations.join()
    },
  })
  return hash
}

function sample(recorded: readonly Recorded[], count: number): Recorded[] {
  const left = [...recorded]
  const drawn: Recorded[] = []
  while (drawn.length < count && left.length > 0) {
    drawn.push(...left.splice(randomInt(left.length), 1))
  }
  return drawn
}

function differs({ hash, today }: Verified): boolean {
  return hash !== today
}

function verifiedLine(verified: Verified): string {
  const { kind, seed, hash, today } = verified
  const verdict = differs(verified) ? `DIFFERS: ${today}` : 'equal'
  return `${kind} seed ${seed}, recorded ${hash}: ${verdict}`
}

function sumLines(sum: SliceSum): string[] {
  const { plans, counted, zeroAcks, kinds, faults, coverage, seldom, violations } = sum
  const share = plans === 0 ? 0 : (100 * zeroAcks) / plans
  const ofKinds = Object.entries(kinds).map(([kind, number]) => `${number} ${kind}`)
  const met = (name: string, seeds: Readonly<Record<string, number>>) =>
    Object.entries(seeds).map(([key, number]) => ({
      [name]: key,
      seeds: number,
      seldom: seldom.includes(key) ? `below ${seedsWanted}` : '',
    }))
  return [
    `${sum.slices} slices of ${sum.commits.length} commits: ${sum.commits.join(', ')}`,
    `plans: ${plans}, ${counted} of them count (${ofKinds.join(', ')})`,
    `acknowledged nothing: ${zeroAcks} plans, ${share.toFixed(2)} %`,
    `simulated: ${sum.simulatedHours} h in ${sum.wallHours} h`,
    `sends acked: ${sum.acked}, events: ${sum.events}`,
    ...[met('fault', faults), met('probe', coverage)]
      .filter((rows) => rows.length > 0)
      .map((rows) => `\n${table(rows)}`),
    '',
    `below ${seedsWanted} seeds: ${seldom.length === 0 ? 'none' : seldom.length}`,
    ...violations.map(({ kind, seed, commit }) => `VIOLATED: ${kind} seed ${seed} at ${commit}`),
    ...(violations.length === 0 ? ['nothing violated'] : []),
  ]
}
