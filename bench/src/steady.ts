// Do leaders stay where they are while the cluster works hard? Writes at 80 % of the highest rate
// measured just before, for minutes, and counts elections. It works in slices and appends each to
// its report, so that a run that was cut off goes on where it stopped.
import { existsSync, readFileSync } from 'node:fs'
import { type LocalCluster, PlannedCluster } from '@quorate/cluster-tests'
import type { Outcome, Table } from './report.ts'
import { rounded, thousands } from './statistics.ts'
import { smallRetention } from './throughput.ts'
import { batchOf, type Throughput, WriteLoad } from './write-load.ts'

export interface SteadyOptions {
  readonly minutes: number
  /** Of an earlier run, whose slices count. */
  readonly reportFile: string
  save(outcome: Outcome): void
}

interface Slice {
  /** Slices of one session follow each other on one running cluster. */
  readonly session: string
  readonly seconds: number
  readonly targetMegabytesPerSecond: number
  readonly megabytesPerSecond: number
  readonly elections: number
  readonly longestGapMs: number
  readonly errors: Throughput['errors']
}

const sliceSeconds = 30
const measureSeconds = 10
const windowBatches = 16
const part = 0.8
const topicName = 'bench'

export async function steady({ minutes, reportFile, save }: SteadyOptions): Promise<Outcome> {
  const slices = slicesOf(reportFile)
  const session = new Date().toISOString()
  const batch = batchOf(128 * 1024)
  const cluster = await PlannedCluster.start()
  try {
    const client = await cluster.connect()
    await client.admin.createTopic(topicName, { partitions: 6, replicas: 3, ...smallRetention })
    const load = await WriteLoad.open(cluster, client, topicName)
    await load.run(batch, windowBatches, 2)
    const highest = await load.run(batch, windowBatches, measureSeconds)
    const perSecond = (part * highest.frames) / highest.seconds
    const target = (perSecond * batch.byteLength) / 1e6
    process.stderr.write(
      `highest ${rounded(megabytes(highest), 0)} MB/s, target ${rounded(target, 0)}\n`,
    )
    while (totalSeconds(slices) < minutes * 60) {
      const before = await elections(cluster)
      const result = await load.run(batch, windowBatches, sliceSeconds, perSecond)
      slices.push({
        session,
        seconds: result.seconds,
        targetMegabytesPerSecond: target,
        megabytesPerSecond: megabytes(result),
        elections: (await elections(cluster)) - before,
        longestGapMs: result.longestGapMs,
        errors: result.errors,
      })
      print(slices)
      save(outcomeOf(slices))
    }
    load.close()
  } finally {
    await cluster.stop()
  }
  return outcomeOf(slices)
}

async function elections(cluster: LocalCluster): Promise<number> {
  let sum = 0
  for (const node of cluster.nodes) {
    const won = await node.metric('quorate_raft_elections_won_total')
    if (won === undefined) throw new Error(`${node.id} has no quorate_raft_elections_won_total`)
    sum += won
  }
  return sum
}

function slicesOf(reportFile: string): Slice[] {
  if (!existsSync(reportFile)) return []
  const { raw } = JSON.parse(readFileSync(reportFile, 'utf8')) as Outcome
  return [...((raw['slices'] as Slice[] | undefined) ?? [])]
}

function outcomeOf(slices: readonly Slice[]): Outcome {
  return { tables: [summary(slices)], raw: { slices } }
}

function summary(slices: readonly Slice[]): Table {
  const sessions = [...new Set(slices.map(({ session }) => session))]
  return {
    title: 'Leaders under 80 % of the highest produce rate',
    columns: ['session', 'minutes', 'target', 'produced', 'elections', 'longest gap', 'refused'],
    rows: sessions.map((session) => {
      const own = slices.filter((slice) => slice.session === session)
      const mean =
        own.reduce((sum, slice) => sum + slice.megabytesPerSecond * slice.seconds, 0) /
        totalSeconds(own)
      const refused = own.flatMap(({ errors }) => Object.values(errors))
      return [
        session,
        rounded(totalSeconds(own) / 60, 1),
        `${rounded(own[0]!.targetMegabytesPerSecond, 0)} MB/s`,
        `${rounded(mean, 0)} MB/s`,
        String(own.reduce((sum, slice) => sum + slice.elections, 0)),
        `${thousands(Math.max(...own.map(({ longestGapMs }) => longestGapMs)))} ms`,
        String(refused.reduce((sum, count) => sum + count, 0)),
      ]
    }),
    note: 'Batches of 128 KiB, 3 replicas, 6 partitions, default settings. The gap is the longest time\nwithout any acknowledgement.',
  }
}

function print(slices: readonly Slice[]): void {
  const { megabytesPerSecond, elections: won, longestGapMs } = slices.at(-1)!
  process.stderr.write(
    `${rounded(totalSeconds(slices) / 60, 1)} min: ${rounded(megabytesPerSecond, 0)} MB/s, ` +
      `${won} elections, longest gap ${longestGapMs} ms\n`,
  )
}

function totalSeconds(slices: readonly Slice[]): number {
  return slices.reduce((sum, { seconds }) => sum + seconds, 0)
}

function megabytes({ bytes, seconds }: { bytes: number; seconds: number }): number {
  return bytes / 1e6 / seconds
}
