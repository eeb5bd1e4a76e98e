// `npm run chaos -- storage [--rounds N] [--seed S]`: rounds of power cuts on real processes, each
// added to the report. It goes on behind the last round of the seed there. A fresh cluster now and
// then keeps reading back short. The first failure ends it and keeps the data.
import { parseArgs } from 'node:util'
import { powerCutProblem } from '../power-cut/library.ts'
import { PowerCutRun, roundOf } from './power-cut-round.ts'
import { ProcessReport } from './process-report.ts'
import { wholeNumber } from './whole-number.ts'

export const storageUsage = `usage: npm run chaos -- storage [--rounds N] [--seed S]
  --rounds N    rounds of power cuts (default 50)
  --seed S      draws the rounds (default 1); goes on behind its last one in the report`

const roundsOfCluster = 10

export async function storageChaos(commandLine: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...commandLine],
    options: { rounds: { type: 'string' }, seed: { type: 'string' } },
  })
  const rounds = wholeNumber('rounds', values.rounds, 50)
  const seed = wholeNumber('seed', values.seed, 1)
  const problem = powerCutProblem()
  if (problem !== undefined) throw new Error(problem)
  const report = new ProcessReport('storage', seed)
  const first = report.nextRound
  const end = first + rounds
  for (let next = first; next < end; next += roundsOfCluster) {
    const failed = await runCluster(report, seed, next, Math.min(end, next + roundsOfCluster))
    if (failed) return 1
  }
  process.stdout.write(`rounds ${first} to ${end - 1} of seed ${seed}: nothing acknowledged lost\n`)
  return 0
}

/** True when a round failed; then the data stay. */
async function runCluster(
  report: ProcessReport,
  seed: number,
  from: number,
  end: number,
): Promise<boolean> {
  const run = await PowerCutRun.start()
  for (let number = from; number < end; number += 1) {
    const plan = roundOf(seed, number)
    const result = await run.round(plan).catch((error: unknown) => ({ problems: [String(error)] }))
    report.add(number, { ...plan, ...result })
    process.stdout.write(`${JSON.stringify({ number, ...result })}\n`)
    if (result.problems.length === 0) continue
    process.stdout.write(`round ${number} failed, its data are in ${await run.keep()}\n`)
    return true
  }
  await run.stop()
  return false
}
