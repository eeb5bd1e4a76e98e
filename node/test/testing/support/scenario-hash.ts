// Prints the hash of one run that uses everything a user can, as a program of its own: SEED TURNS. With
// TURNS above 0 the process is kept busy meanwhile, so that its real time is another one.
import { topic } from '@quorate/client'
import { testCluster } from 'quorate/testing'

const [seed = '0', turns = '0'] = process.argv.slice(2)
const numbers = topic<number>('numbers')

let busy = Number(turns)
const spin = (): void => {
  if (busy === 0) return
  busy -= 1
  const untilMs = performance.now() + 2
  while (performance.now() < untilMs);
  setTimeout(spin, 1)
}
spin()

await using c = await testCluster({ seed: Number(seed) })
const client = await c.connect()
await client.admin.createTopic(numbers, { partitions: 3 })
for (const name of ['one', 'two']) {
  c.process(name, async ({ connect, store, sleep, random }) => {
    const own = await connect()
    const producer = own.producer()
    for await (const { value, partition, offset } of own.stream(numbers)) {
      await store.write({ [`${partition}/${offset}`]: random(), last: value })
      if (value < 20) producer.send(numbers, value + 20).catch(() => {})
      await sleep(Math.floor(random() * 20))
    }
  })
}
const producer = client.producer()
const faults = [
  { atMs: 100, fault: 'power', target: 'leader:0', forMs: 300 },
  { atMs: 200, fault: 'crash', target: 'one', forMs: 100, afterCalls: 7 },
  { atMs: 300, fault: 'partition', target: 'two', forMs: 500 },
  { atMs: 900, fault: 'corrupt', target: 'node:1', forMs: 0 },
  { atMs: 1_000, fault: 'stop', target: 'leader:metadata', forMs: 500 },
] as const
await c.underFaults(faults, async () => {
  for (let n = 0; n < 20; n += 1) await Promise.all([producer.send(numbers, n), c.sleep('60ms')])
})
let read = 0
for await (const _ of client.stream(numbers, { until: 'end' })) read += 1
console.log(`${read} ${Math.floor(c.now())} ${c.hash}`)
