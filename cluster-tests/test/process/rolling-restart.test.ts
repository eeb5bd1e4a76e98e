// Every node is stopped in good order and started again, one after the other, as for an upgrade,
// while producers send. Before each the cluster is asked whether it can do without that node; a node
// hands its leaderships over before it goes.

import { RecordedLoad } from 'quorate/laboratory'
import { expect, test } from 'vitest'
import { plannedCluster } from './support.ts'

const gapMsMax = 2000

test('a rolling restart by SIGTERM under load, asking can-stop before each node, refuses no write, and no partition stands still for 2 s', async () => {
  const cluster = await plannedCluster()
  const client = await cluster.connect()
  await client.admin.createTopic('orders', { partitions: 3, replicas: 3 })
  const load = new RecordedLoad(client, { topic: 'orders', partitions: 3 })
  load.start()
  await cluster.waitUntil('records flow', () => load.ackedSince(0) >= 50)
  const beganMs = performance.now()
  for (const { id } of cluster.nodes) {
    await cluster.waitUntil(`${id} can be stopped`, () => cluster.canStop(id))
    await cluster.node(id).kill('SIGTERM')
    for (const other of cluster.others(id)) expect(await cluster.canStop(other.id)).toBe(false)
    await cluster.restart(id)
  }
  const restartedMs = performance.now()
  await cluster.waitUntil('records flow', () => load.ackedSince(restartedMs) >= 50)
  await load.stop()
  expect(Math.max(...load.gapsMs(beganMs))).toBeLessThan(gapMsMax)
  expect(load.acked).toBe(load.sent)
  expect(await load.problems()).toEqual([])
})
