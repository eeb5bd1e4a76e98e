// What must hold of a billing program, whatever happens to it and to the cluster: each order that was
// sent is charged once.
import type { Fault, ProcessFunction, TestCluster } from 'quorate/testing'
import { type Order, orders } from './handlers.ts'

const tenOrders: readonly Order[] = Array.from({ length: 10 }, (_, number) => ({
  id: `order-${number}`,
  amount: 10 + number,
}))

export function chargesOnce(billing: ProcessFunction) {
  return async (c: TestCluster, faults: readonly Fault[]): Promise<void> => {
    const client = await c.connect()
    await client.admin.createTopic(orders, { partitions: 1 })
    const producer = client.producer()
    // A program that cannot reach the cluster ends, and somebody starts it again.
    const program = c.process('billing', billing, { restartAfter: '1s' })

    await c.underFaults(faults, async () => {
      for (const order of tenOrders) {
        await producer.send(orders, order)
        c.note(`${order.id} is sent`)
        await c.sleep('200ms')
      }
    })

    // Everything is healed now. The program gets through all orders …
    await c.until(() => program.stored('next')[0]?.[1] === tenOrders.length, { within: '1m' })
    // … and has charged each of them once.
    const charged = program.stored('charge/').map(([key]) => key.split('/')[1])
    for (const { id } of tenOrders) {
      const times = charged.filter((each) => each === id).length
      if (times !== 1) throw new Error(`${id} was charged ${times} times`)
    }
  }
}
