// Two programs that charge orders. Both read the topic from where they stopped; they differ in what a
// crash between two of their writes leaves behind.
import { topic } from '@quorate/client'
import type { ProcessContext } from 'quorate/testing'

export interface Order {
  readonly id: string
  readonly amount: number
}

export const orders = topic<Order>('orders', { key: (order) => order.id })

/** Charges, then remembers how far it is: killed between the two, it charges the order again. */
export async function naiveBilling({ connect, store, random }: ProcessContext): Promise<void> {
  const client = await connect()
  const offset = (await store.get<number>('next')) ?? 0
  for await (const record of client.stream(orders, { from: { partition: 0, offset } })) {
    const { id, amount } = record.value
    await store.set(`charge/${id}/${random()}`, amount)
    await store.set('next', record.offset + 1)
  }
}

/**
 * The order's own id is the key of its charge, as a unique index would make it, and the charge and the
 * position are one transaction: a redelivered order finds itself charged.
 */
export async function idempotentBilling({ connect, store }: ProcessContext): Promise<void> {
  const client = await connect()
  const offset = (await store.get<number>('next')) ?? 0
  for await (const record of client.stream(orders, { from: { partition: 0, offset } })) {
    const { id, amount } = record.value
    const charged = (await store.get(`charge/${id}`)) !== undefined
    const charge = charged ? {} : { [`charge/${id}`]: amount }
    await store.write({ ...charge, next: record.offset + 1 })
  }
}
