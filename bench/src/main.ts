// `npm run bench -- WHAT [options]`: runs one benchmark on a cluster of its own, prints its tables
// and writes them with every single run below bench/results/.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { failover } from './failover.ts'
import { latency } from './latency.ts'
import { limit } from './limit.ts'
import { defaultFile, newReport, type Outcome, tableText, writeReport } from './report.ts'
import { simulation } from './simulation.ts'
import { steady } from './steady.ts'
import { throughput } from './throughput.ts'

const usage = `npm run bench -- [limit|throughput|latency|failover|steady|simulation|all] [options]
  --seconds N   of each single run (default 5)
  --rounds N    of throughput, latency and simulation (default 3)
  --minutes N   of steady (default 10)
  --profile     throughput: print where the time of a leader goes
  --out FILE    report, without ending (default bench/results/DATE-WHAT)
`

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: 'string', default: '5' },
      rounds: { type: 'string', default: '3' },
      minutes: { type: 'string', default: '10' },
      profile: { type: 'boolean', default: false },
      out: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  const [what = 'all', ...more] = positionals
  const numbers = [values.seconds, values.rounds, values.minutes].map(Number)
  if (values.help || more.length > 0 || numbers.some((number) => !(number > 0))) {
    process.stderr.write(usage)
    return values.help ? 0 : 2
  }
  const [seconds = 5, rounds = 3, minutes = 10] = numbers
  const startedAt = new Date()
  const file = values.out ?? defaultFile(what, startedAt)
  const dataFolder = mkdtempSync(join(tmpdir(), 'quorate-bench-'))
  const save = (outcome: Outcome) => writeReport(newReport(what, startedAt, outcome), file)
  const options = { seconds, rounds, dataFolder }
  const benchmarks: Readonly<Record<string, () => Promise<Outcome>>> = {
    limit: () => limit(seconds, dataFolder),
    throughput: () => throughput({ ...options, profile: values.profile }),
    latency: () => latency(options),
    failover,
    simulation: () => simulation(rounds),
    steady: () => steady({ minutes, reportFile: `${file.replace(/\.json$/, '')}.json`, save }),
    all: async () =>
      joined([
        ['throughput', await throughput({ ...options, profile: values.profile })],
        ['latency', await latency(options)],
        ['failover', await failover()],
      ]),
  }
  const run = Object.hasOwn(benchmarks, what) ? benchmarks[what] : undefined
  if (run === undefined) {
    process.stderr.write(usage)
    return 2
  }
  try {
    const outcome = await run()
    const { json, markdown } = save(outcome)
    process.stdout.write(outcome.tables.map(tableText).join('\n'))
    process.stdout.write(`\n${markdown}\n${json}\n`)
    return 0
  } finally {
    rmSync(dataFolder, { recursive: true, force: true })
  }
}

function joined(parts: readonly (readonly [name: string, outcome: Outcome])[]): Outcome {
  return {
    tables: parts.flatMap(([, { tables }]) => tables),
    raw: Object.fromEntries(parts.map(([name, { raw }]) => [name, raw])),
  }
}

process.exitCode = await main()
