// Every node is stopped in good order and started again, one after the other, as for an upgrade,
// while producers send. A node hands its leaderships over before it goes.
import { expect, test } from 'vitest'
import { RecordedLoad } from '../../src/process/recorded-load.ts'
import { caughtUp } from '../../src/process/replicas.ts'
import { devCluster } from './support.ts'

const gapMsMax = 2000

test('a rolling restart by SIGTERM under load refuses no write, and no partition stands still for 2 s', async () => {
  const cluster = await devCluster()
  const client = await cluster.connect()
  await client.admin.createTopic('orders', { partitions: 3, replicas: 3 })
  const load = new RecordedLoad(client, { topic: 'orders', partitions: 3 })
  load.start()
  await cluster.waitUntil('records flow', () => load.ackedSince(0) >= 50)
  const beganMs = performance.now()
  for (const { id } of cluster.nodes) {
    await cluster.node(id).kill('SIGTERM')
    await cluster.restart(id)
    await caughtUp(cluster, client, 'orders')
  }
  const restartedMs = performance.now()
  await cluster.waitUntil('records flow', () => load.ackedSince(restartedMs) >= 50)
  await load.stop()
  expect(Math.max(...load.gapsMs(beganMs))).toBeLessThan(gapMsMax)
  expect(load.history.sends.filter(({ outcome }) => outcome !== 'acked')).toEqual([])
  expect(await load.problems()).toEqual([])
})
