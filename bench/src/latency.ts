// Latency at fixed rates: from `send` to its acknowledgement, beside the limit program in the same
// round, and from `send` to the record in a stream.
import { PlannedCluster } from '@quorate/cluster-tests'
import { LimitCluster } from './limit/limit-cluster.ts'
import type { Outcome, Table } from './report.ts'
import { sendAtRate, streamAtRate } from './send-load.ts'
import { median, newHistogram, type Percentiles, percentiles, rounded } from './statistics.ts'

export interface LatencyOptions {
  readonly seconds: number
  readonly rounds: number
  readonly dataFolder: string
}

interface Run {
  readonly name: string
  readonly round: number
  readonly limit: Percentiles
  readonly quorate: Percentiles
}

const rates = [200, 1000]
const bytes = 1024
const topicName = 'bench'

export async function latency(options: LatencyOptions): Promise<Outcome> {
  const { seconds, rounds, dataFolder } = options
  const runs: Run[] = []
  const cluster = await PlannedCluster.start()
  const limit = await LimitCluster.start(dataFolder)
  try {
    const client = await cluster.connect()
    await client.admin.createTopic(topicName, { partitions: 6, replicas: 3 })
    await sendAtRate(client, topicName, 200, 1, newHistogram())
    for (let round = 1; round <= rounds; round++) {
      for (const rate of rates) {
        const bare = newHistogram()
        await limit.latency(bytes, rate, seconds, bare)
        const own = newHistogram()
        await sendAtRate(client, topicName, rate, seconds, own)
        runs.push(run(`send, ${rate}/s`, round, bare, own))
        const read = newHistogram()
        await streamAtRate(client, topicName, rate, seconds, read)
        runs.push(run(`send to stream, ${rate}/s`, round, bare, read))
      }
    }
  } finally {
    limit.stop()
    await cluster.stop()
  }
  return { tables: [summary(runs)], raw: { runs } }
}

type Times = ReturnType<typeof newHistogram>

function run(name: string, round: number, bare: Times, own: Times): Run {
  const result = { name, round, limit: percentiles(bare), quorate: percentiles(own) }
  process.stderr.write(
    `${round}. ${name}: p50 ${result.quorate.p50Ms} ms (limit ${result.limit.p50Ms}), ` +
      `p99 ${result.quorate.p99Ms} ms (limit ${result.limit.p99Ms})\n`,
  )
  return result
}

function summary(runs: readonly Run[]): Table {
  const names = [...new Set(runs.map(({ name }) => name))]
  return {
    title: 'Latency of 1 KiB, 3 replicas, 6 partitions',
    columns: ['', 'limit p50', 'quorate p50', 'ratio', 'limit p99', 'quorate p99', 'ratio'],
    rows: names.map((name) => {
      const own = runs.filter((each) => each.name === name)
      const of = (side: 'limit' | 'quorate', field: 'p50Ms' | 'p99Ms') =>
        median(own.map((each) => each[side][field]))
      const cells = (['p50Ms', 'p99Ms'] as const).flatMap((field) => [
        `${rounded(of('limit', field))} ms`,
        `${rounded(of('quorate', field))} ms`,
        rounded(median(own.map((each) => each.quorate[field] / each.limit[field]))),
      ])
      return [name, ...cells]
    }),
    note: 'Medians over the rounds. The limit has no stream: its figures are those of its send.',
  }
}
