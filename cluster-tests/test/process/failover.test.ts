// A leader's process is killed under load. Only correctness and a generous bound: how long the gap
// really is, `npm run bench -- failover` measures.

import { differences } from 'quorate/laboratory'
import { expect, test } from 'vitest'
import { compareWithPartition, SteadyProducer } from '../../src/process/steady-producer.ts'
import { devCluster } from './support.ts'

const gapMsMax = 10_000

test('after SIGKILL of a leader another one acknowledges within 10 s, nothing acknowledged is lost, and the killed node catches up', async () => {
  const cluster = await devCluster()
  const client = await cluster.connect()
  await client.admin.createTopic('orders')
  const leader = await cluster.leaderOf(client, 'orders', 0)
  const producer = new SteadyProducer(client, 'orders', 0)
  await cluster.waitUntil('records flow', () => producer.acknowledged.length >= 100)

  const killedAtMs = performance.now()
  await leader.kill('SIGKILL')
  await cluster.waitUntil(
    'records flow again',
    () => producer.acknowledgedSince(killedAtMs) >= 100,
    {
      timeoutMs: 2 * gapMsMax,
    },
  )
  expect(producer.longestGapMs(killedAtMs)).toBeLessThan(gapMsMax)
  expect((await cluster.leaderOf(client, 'orders', 0)).id).not.toBe(leader.id)

  await cluster.restart(leader.id)
  await producer.stop()
  expect(producer.refused).toEqual([])
  expect(await compareWithPartition(client, producer)).toEqual([])
  await cluster.waitUntil('all replicas are equal', async () => {
    return differences(await cluster.describe(client, 'orders'), 3).length === 0
  })
})
