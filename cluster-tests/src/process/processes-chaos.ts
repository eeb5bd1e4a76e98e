// `npm run chaos -- processes [--minutes M] [--rate N] [--seed S]`: one run of `quorate chaos run`, whose
// report is added to ours.
import { parseArgs } from 'node:util'
import { quorate } from 'quorate/laboratory'
import { ProcessReport } from './process-report.ts'
import { wholeNumber } from './whole-number.ts'

export const processesUsage = `usage: npm run chaos -- processes [--minutes M] [--rate N] [--seed S]
  --minutes M   how long load and faults last (default 10)
  --rate N      records a second (default 1000)
  --seed S      draws the faults (default 1)`

/** Beside load and faults: start, healing, reading and judging. */
const besideMs = 10 * 60_000

export async function processesChaos(commandLine: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...commandLine],
    options: { minutes: { type: 'string' }, rate: { type: 'string' }, seed: { type: 'string' } },
  })
  const minutes = wholeNumber('minutes', values.minutes, 10)
  const rate = wholeNumber('rate', values.rate, 1000)
  const seed = wholeNumber('seed', values.seed, 1)
  const words = ['--minutes', minutes, '--rate', rate, '--seed', seed, '-o', 'json'].map(String)
  const { exitCode, stdout, stderr } = await quorate(['chaos', 'run', ...words], {
    timeoutMs: minutes * 60_000 + besideMs,
  })
  process.stderr.write(stderr)
  if (stdout === '') return exitCode ?? 1
  const report = new ProcessReport('processes', seed)
  report.add(report.nextRound, JSON.parse(stdout))
  process.stdout.write(stdout)
  return exitCode ?? 1
}
