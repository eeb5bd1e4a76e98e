// `npm run chaos -- membership [--rounds N] [--seed S]`: rounds of 3 → 5 → 3 nodes and of replacing
// every node that is left, under load, kills and a power cut of all nodes, each added to the report. It goes on behind the last
// round of the seed there. The first failure ends it and keeps the data.
import { parseArgs } from 'node:util'
import { keyedRandom } from '@quorate/actors'
import { powerCutProblem } from '../power-cut/library.ts'
import { powerCutModes } from '../power-cut/restore.ts'
import { MembershipRun, type MembershipStep, partitions } from './membership-run.ts'
import { ProcessReport } from './process-report.ts'
import { wholeNumber } from './whole-number.ts'

export const membershipUsage = `usage: npm run chaos -- membership [--rounds N] [--seed S]
  --rounds N    rounds of changes (default 5)
  --seed S      draws the rounds (default 1); goes on behind its last one in the report`

const gapMedianMsMax = 500
const gapMsMax = 2000

export async function membershipChaos(commandLine: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...commandLine],
    options: { rounds: { type: 'string' }, seed: { type: 'string' } },
  })
  const rounds = wholeNumber('rounds', values.rounds, 5)
  const seed = wholeNumber('seed', values.seed, 1)
  const problem = powerCutProblem()
  if (problem !== undefined) throw new Error(problem)
  const report = new ProcessReport('membership', seed)
  const first = report.nextRound
  for (let number = first; number < first + rounds; number += 1) {
    if (await roundFails(report, stepsOf(seed, number), number)) return 1
  }
  return 0
}

/** In even rounds the nodes that were added leave again, in odd ones two of the first three. */
export function stepsOf(seed: number, number: number): MembershipStep[] {
  const random = keyedRandom(`${seed}/${number}`)
  const aLeader = () => ({ partition: random.integer('partition', partitions) })
  const kill = (): MembershipStep => ({ change: 'kill-leader', ...aLeader() })
  const [leaving, staying] =
    number % 2 === 0
      ? [
          ['n4', 'n5'],
          ['n1', 'n2', 'n3'],
        ]
      : [
          ['n1', 'n2'],
          ['n3', 'n4', 'n5'],
        ]
  const changes: MembershipStep[] = [
    { change: 'add', node: 'n4' },
    { change: 'add', node: 'n5' },
    { change: 'rebalance', ...aLeader() },
    ...leaving.map((node) => ({ change: 'remove', node }) as const),
    ...staying.map((node) => ({ change: 'replace', node }) as const),
  ]
  const mode = powerCutModes[random.integer('mode', powerCutModes.length)]!
  const steps = changes.flatMap((step) => [step, kill()])
  return steps.toSpliced(random.integer('cut', steps.length) + 1, 0, { change: 'cut-power', mode })
}

async function roundFails(
  report: ProcessReport,
  steps: readonly MembershipStep[],
  number: number,
): Promise<boolean> {
  const run = await MembershipRun.start(true)
  const beganMs = performance.now()
  const problems: string[] = []
  try {
    for (const step of steps) await run.carryOut(step)
    problems.push(...(await run.finish()), ...(await run.readWithEachStopped()))
  } catch (error) {
    problems.push(String(error))
  }
  const { medianMs, worstMs } = run.gaps()
  if (medianMs > gapMedianMsMax) problems.push(`the median gap was ${medianMs} ms`)
  if (worstMs > gapMsMax) problems.push(`the worst gap was ${worstMs} ms`)
  const { acked, sent } = run.load
  const tookMs = Math.round(performance.now() - beganMs)
  const result = { steps, sent, acked, medianMs, worstMs, tookMs, kills: run.kills, problems }
  report.add(number, result)
  process.stdout.write(`${JSON.stringify({ number, ...result, steps: steps.length })}\n`)
  if (problems.length === 0) {
    await run.stop()
    return false
  }
  process.stdout.write(`round ${number} failed, its data are in ${await run.keep()}\n`)
  return true
}
