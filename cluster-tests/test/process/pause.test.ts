// A leader's process stands still while time goes on: the others elect a new leader, and when the
// old one wakes up it still believes for a moment that it leads.

import { differences } from 'quorate/laboratory'
import { expect, test } from 'vitest'
import { compareWithPartition, SteadyProducer } from '../../src/process/steady-producer.ts'
import { isProbe, StaleLeaderProbe } from './stale-leader.ts'
import { devCluster } from './support.ts'

const gapMsMax = 10_000

test('a leader that was stopped and continued acknowledges nothing in its old term, and nothing acknowledged is lost', async () => {
  const cluster = await devCluster()
  const client = await cluster.connect()
  const { topicId } = await client.admin.createTopic('orders')
  const leader = await cluster.leaderOf(client, 'orders', 0)
  const probe = await StaleLeaderProbe.open(leader.address, topicId, 0)
  const producer = new SteadyProducer(client, 'orders', 0)
  await cluster.waitUntil('records flow', () => producer.acknowledged.length >= 100)

  const stoppedAtMs = performance.now()
  leader.signal('SIGSTOP')
  await cluster.waitUntil(
    'records flow again',
    () => producer.acknowledgedSince(stoppedAtMs) >= 100,
    {
      timeoutMs: 2 * gapMsMax,
    },
  )
  expect(producer.longestGapMs(stoppedAtMs)).toBeLessThan(gapMsMax)

  probe.send(50)
  leader.signal('SIGCONT')
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
})
