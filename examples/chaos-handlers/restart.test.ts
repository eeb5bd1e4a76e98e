// `node --test`: one fault at a chosen moment, without drawing any.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testCluster } from 'quorate/testing'
import { idempotentBilling, orders } from './handlers.ts'

test('billing goes on after its machine and the leader were killed', async () => {
  await using c = await testCluster({ nodes: 3, seed: 42 })
  const client = await c.connect()
  await client.admin.createTopic(orders, { partitions: 1 })
  const billing = c.process('billing', idempotentBilling)
  const producer = client.producer()

  await producer.send(orders, { id: 'first', amount: 10 })
  await c.until(() => billing.stored('charge/').length === 1)

  await c.crash('billing')
  await c.crash(await c.leader(orders), { power: true })
  await producer.send(orders, { id: 'second', amount: 20 })
  await c.advance('10s')
  assert.equal(billing.stored('charge/').length, 1)

  await c.restart('billing')
  await c.until(() => billing.stored('charge/').length === 2)
})
