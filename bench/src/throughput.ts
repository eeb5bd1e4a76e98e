// Throughput at 3 replicas and 6 partitions, each round beside the limit program: absolute figures
// move by up to two between minutes on a shared machine, the ratio of one round does not.

import type { Client } from '@quorate/client'
import { type LocalCluster, PlannedCluster } from '@quorate/cluster-tests'
import { LimitCluster } from './limit/limit-cluster.ts'
import { ProfiledCluster } from './profile.ts'
import type { Outcome, Table } from './report.ts'
import { sendAsFastAsPossible, streamAsFastAsPossible } from './send-load.ts'
import { median, rounded, thousands } from './statistics.ts'
import { batchOf, WriteLoad } from './write-load.ts'

export interface ThroughputOptions {
  readonly seconds: number
  readonly rounds: number
  readonly dataFolder: string
  readonly profile: boolean
}

interface Run {
  readonly name: string
  readonly round: number
  readonly limit: number
  readonly quorate: number
  readonly unit: 'MB/s' | 'calls/s'
  readonly errors?: Readonly<Record<string, number>>
}

interface Sides {
  readonly limit: LimitCluster
  readonly client: Client
  readonly load: WriteLoad
  readonly seconds: number
}

type Case = (sides: Sides) => Promise<Omit<Run, 'name' | 'round'>>

const batchBytes = 128 * 1024
const topicName = 'bench'
/** Until V8 has compiled what is hot: the first seconds cost several times the CPU. */
const warmUpSeconds = 10

const cases: Readonly<Record<string, Case>> = {
  '128 KiB batches, 16 in flight': (sides) => batches(sides, 16),
  '128 KiB batches, 64 in flight': (sides) => batches(sides, 64),
  'send() of 1 KiB': async ({ limit, client, seconds }) => {
    const bare = await limit.throughput(1024, 2000, seconds)
    const { sends, seconds: took } = await sendAsFastAsPossible(client, topicName, seconds)
    return { limit: bare.frames / bare.seconds, quorate: sends / took, unit: 'calls/s' }
  },
  'send() of 1 KiB and a stream that reads it': async ({ limit, client, seconds }) => {
    const bare = await limit.throughput(1024, 2000, seconds)
    const { sends, seconds: took } = await streamAsFastAsPossible(client, topicName, seconds)
    return { limit: bare.frames / bare.seconds, quorate: sends / took, unit: 'calls/s' }
  },
}

export async function throughput(options: ThroughputOptions): Promise<Outcome> {
  const runs: Run[] = []
  const profiled = options.profile ? await ProfiledCluster.start() : undefined
  const cluster: LocalCluster = profiled?.cluster ?? (await PlannedCluster.start())
  const limit = await LimitCluster.start(options.dataFolder)
  try {
    const client = await cluster.connect()
    await client.admin.createTopic(topicName, { partitions: 6, replicas: 3, ...smallRetention })
    const load = await WriteLoad.open(cluster, client, topicName)
    process.stderr.write('warming up\n')
    await limit.throughput(batchBytes, 64, 2)
    await load.run(batchOf(batchBytes), 64, warmUpSeconds)
    await sendAsFastAsPossible(client, topicName, warmUpSeconds / 2)
    for (let round = 1; round <= options.rounds; round++) {
      for (const [name, measure] of Object.entries(cases)) {
        const run = await measure({ limit, client, load, seconds: options.seconds })
        runs.push({ name, round, ...run })
        print(runs.at(-1)!)
      }
    }
    load.close()
    await profiled?.finish(client, topicName)
  } finally {
    limit.stop()
    await cluster.stop()
  }
  return { tables: [summary(runs)], raw: { runs } }
}

/** Keeps a long run from filling the disk. */
export const smallRetention = { retentionBytes: 256 * 1024 * 1024 } as const

async function batches({ limit, load, seconds }: Sides, window: number) {
  const bare = await limit.throughput(batchBytes, window, seconds)
  const own = await load.run(batchOf(batchBytes), window, seconds)
  return {
    limit: megabytes(bare),
    quorate: megabytes(own),
    unit: 'MB/s' as const,
    ...(Object.keys(own.errors).length === 0 ? {} : { errors: own.errors }),
  }
}

function megabytes({ bytes, seconds }: { bytes: number; seconds: number }): number {
  return bytes / 1e6 / seconds
}

function print({ name, round, limit, quorate, unit, errors }: Run): void {
  const ratio = rounded(quorate / limit)
  const refused = errors === undefined ? '' : `, refused ${JSON.stringify(errors)}`
  process.stderr.write(
    `${round}. ${name}: limit ${thousands(limit)}, quorate ${thousands(quorate)} ${unit}, ratio ${ratio}${refused}\n`,
  )
}

function summary(runs: readonly Run[]): Table {
  const rows = Object.keys(cases).map((name) => {
    const own = runs.filter((run) => run.name === name)
    const ratios = own.map(({ limit, quorate }) => quorate / limit)
    return [
      name,
      own[0]?.unit ?? '',
      thousands(median(own.map(({ limit }) => limit))),
      thousands(median(own.map(({ quorate }) => quorate))),
      rounded(median(ratios)),
      ratios.map((ratio) => rounded(ratio)).join(' '),
    ]
  })
  return {
    title: 'Throughput, 3 replicas, 6 partitions',
    columns: ['', 'unit', 'limit', 'quorate', 'ratio', 'ratio of each round'],
    rows,
    note: 'Medians over the rounds. The limit of the last two rows is the limit program with 2,000\nsingle frames of 1 KiB in flight.',
  }
}
