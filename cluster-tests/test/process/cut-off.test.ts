// A leader that loses the network: proxies on its links swallow everything, no connection closes.
// Cut off from its peers alone it still hears clients and must not tell them anything is stored.

import type { PlannedCluster, ProxyMode } from 'quorate/laboratory'
import { differences } from 'quorate/laboratory'
import { expect, test } from 'vitest'
import { compareWithPartition, SteadyProducer } from '../../src/process/steady-producer.ts'
import { isProbe, StaleLeaderProbe } from './stale-leader.ts'
import { plannedCluster } from './support.ts'

const gapMsMax = 10_000

async function peersOnly(cluster: PlannedCluster, id: string, mode: ProxyMode): Promise<void> {
  await cluster.links(id, mode)
}

async function peersAndClients(
  cluster: PlannedCluster,
  id: string,
  mode: ProxyMode,
): Promise<void> {
  await Promise.all([cluster.links(id, mode), cluster.door(id, mode)])
}

test.for([
  ['its peers', peersOnly],
  ['its peers and clients', peersAndClients],
] as const)(
  'a leader cut off from %s acknowledges nothing, another one takes over within 10 s, and nothing acknowledged is lost',
  async ([_whom, cut]) => {
    const cluster = await plannedCluster({ proxies: true })
    const client = await cluster.connect()
    const { topicId } = await client.admin.createTopic('orders')
    const leader = await cluster.leaderOf(client, 'orders', 0)
    const producer = new SteadyProducer(client, 'orders', 0)
    const probe = await StaleLeaderProbe.open(leader.address, topicId, 0)
    await cluster.waitUntil('records flow', () => producer.acknowledged.length >= 100)

    const cutAtMs = performance.now()
    await cut(cluster, leader.id, 'drop')
    probe.send(50)
    await cluster.waitUntil(
      'records flow again',
      () => producer.acknowledgedSince(cutAtMs) >= 100,
      {
        timeoutMs: 2 * gapMsMax,
      },
    )
    expect(producer.longestGapMs(cutAtMs)).toBeLessThan(gapMsMax)

    await cut(cluster, leader.id, 'pass')
    await cluster.waitUntil('the old leader answered', () => probe.results.length === probe.sent)
    expect(probe.acknowledged).toEqual([])

    await cluster.ready(leader)
    await producer.stop()
    probe.close()
    expect(producer.refused).toEqual([])
    expect(await compareWithPartition(client, producer, isProbe)).toEqual([])
    await cluster.waitUntil('all replicas are equal', async () => {
      return differences(await cluster.describe(client, 'orders'), 3).length === 0
    })
  },
)
