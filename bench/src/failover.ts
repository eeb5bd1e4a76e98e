// The write gap of a leader's loss: time between the last acknowledgement before and the first one
// after, as one producer with default settings sees it that sends every few milliseconds. Each
// fault is made five times; after each, everything acknowledged is read back.

import type { Client } from '@quorate/client'
import {
  compareWithPartition,
  differences,
  type LocalCluster,
  type LocalNode,
  PlannedCluster,
  SteadyProducer,
} from '@quorate/cluster-tests'
import type { Outcome, Table } from './report.ts'
import { median, thousands } from './statistics.ts'

interface Fault {
  readonly name: string
  readonly goalMs: number
  readonly proxies: boolean
  make(cluster: PlannedCluster, leader: LocalNode): Promise<void>
  undo(cluster: PlannedCluster, leader: LocalNode): Promise<void>
}

interface Run {
  readonly fault: string
  readonly gapMs: number
  readonly sent: number
  readonly problems: readonly string[]
}

const repeats = 5
const recordsBefore = 100
const recordsAfter = 200

const faults: readonly Fault[] = [
  {
    name: 'SIGKILL of the leader',
    goalMs: 500,
    proxies: false,
    make: (_cluster, leader) => leader.kill('SIGKILL'),
    undo: (cluster, leader) => cluster.restart(leader.id),
  },
  {
    name: 'SIGSTOP of the leader',
    goalMs: 2000,
    proxies: false,
    make: async (_cluster, leader) => leader.signal('SIGSTOP'),
    undo: async (_cluster, leader) => leader.signal('SIGCONT'),
  },
  {
    name: 'leader cut off from its peers',
    goalMs: 2000,
    proxies: true,
    make: (cluster, leader) => cluster.links(leader.id, 'drop'),
    undo: (cluster, leader) => cluster.links(leader.id, 'pass'),
  },
  {
    name: 'leader cut off from peers and clients',
    goalMs: 2000,
    proxies: true,
    make: async (cluster, leader) => {
      await Promise.all([cluster.links(leader.id, 'drop'), cluster.door(leader.id, 'drop')])
    },
    undo: async (cluster, leader) => {
      await Promise.all([cluster.links(leader.id, 'pass'), cluster.door(leader.id, 'pass')])
    },
  },
]

export async function failover(): Promise<Outcome> {
  const runs: Run[] = []
  for (const proxies of [false, true]) {
    const cluster = await PlannedCluster.start({ proxies })
    try {
      for (const fault of faults.filter((each) => each.proxies === proxies)) {
        for (let repeat = 1; repeat <= repeats; repeat++) runs.push(await once(cluster, fault))
      }
    } finally {
      await cluster.stop()
    }
  }
  return { tables: [summary(runs)], raw: { runs } }
}

async function once(cluster: PlannedCluster, fault: Fault): Promise<Run> {
  const client = await cluster.connect()
  const topic = `failover-${Date.now()}`
  await client.admin.createTopic(topic, { partitions: 6, replicas: 3 })
  const leader = await cluster.leaderOf(client, topic, 0)
  const producer = new SteadyProducer(client, topic, 0)
  await cluster.waitUntil('records flow', () => producer.acknowledged.length >= recordsBefore)
  const madeAtMs = performance.now()
  await fault.make(cluster, leader)
  await cluster.waitUntil(
    'records flow again',
    () => producer.acknowledgedSince(madeAtMs) >= recordsAfter,
    { timeoutMs: 30_000 },
  )
  const gapMs = Math.round(producer.longestGapMs(madeAtMs))
  await fault.undo(cluster, leader)
  await cluster.ready(leader)
  await producer.stop()
  const problems = await compareWithPartition(client, producer)
  if (producer.refused.length > 0) problems.push(`${producer.refused.length} records refused`)
  await settle(cluster, client, topic)
  await client.admin.deleteTopic(topic)
  await client.close()
  const found = problems.length === 0 ? '' : `  ${problems.join('; ')}`
  process.stderr.write(`${fault.name}: ${gapMs} ms${found}\n`)
  return { fault: fault.name, gapMs, sent: producer.sent, problems }
}

/** The next fault starts from a whole cluster. */
async function settle(cluster: LocalCluster, client: Client, topic: string): Promise<void> {
  await cluster.waitUntil(
    'all replicas are equal',
    async () => differences(await cluster.describe(client, topic), 3).length === 0,
    { timeoutMs: 30_000 },
  )
}

function summary(runs: readonly Run[]): Table {
  return {
    title: 'Write gap',
    columns: ['fault', 'median', 'goal', 'each', 'acknowledged records lost'],
    rows: faults.map(({ name, goalMs }) => {
      const own = runs.filter(({ fault }) => fault === name)
      const problems = own.flatMap((run) => run.problems)
      return [
        name,
        `${thousands(median(own.map(({ gapMs }) => gapMs)))} ms`,
        `${thousands(goalMs)} ms`,
        own.map(({ gapMs }) => gapMs).join(' '),
        problems.length === 0 ? 'none' : problems.join('; '),
      ]
    }),
    note: 'Default settings; heartbeat 100 ms, election timeout 600 to 900 ms.',
  }
}
