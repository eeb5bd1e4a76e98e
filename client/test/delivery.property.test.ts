import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { FakeTopic } from './support/fake-cluster.ts'
import { Sender, textOf, World } from './support/world.ts'

// Random faults against a broker model that enforces sequences and never loses a record. Whatever
// happens on the way: acked once, not-applied never, unknown at most once, and in the order of send.

type Step = { atMs: number } & (
  | { fault: 'drop-replies' | 'drop-requests'; count: number }
  | { fault: 'unreadable'; count: number }
  | { fault: 'mute' | 'kill' | 'pause'; node: number; forMs: number }
  | { fault: 'move'; partition: number; to: number; announce: boolean; knownOnlyTo: number }
  | { fault: 'leaderless'; partition: number }
)

interface Plan {
  readonly steps: Step[]
  readonly sends: { atMs: number; partition: number; producer: number; size: number }[]
  readonly deliveryTimeoutMs: number
}

const nodes = 3
const partitions = 3
const lengthMs = 4_000

const atMs = fc.integer({ min: 0, max: lengthMs })
const node = fc.integer({ min: 1, max: nodes })
const partition = fc.integer({ min: 0, max: partitions - 1 })
const count = fc.integer({ min: 1, max: 4 })
const forMs = fc.integer({ min: 1, max: 1_500 })
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ atMs, fault: fc.constantFrom('drop-replies', 'drop-requests', 'unreadable'), count }),
  fc.record({ atMs, fault: fc.constantFrom('mute', 'kill', 'pause'), node, forMs }),
  fc.record({
    atMs,
    fault: fc.constant('move'),
    partition,
    to: node,
    announce: fc.boolean(),
    knownOnlyTo: fc.integer({ min: 0, max: nodes }),
  }),
  fc.record({ atMs, fault: fc.constant('leaderless'), partition }),
) as fc.Arbitrary<Step>
const plan: fc.Arbitrary<Plan> = fc.record({
  steps: fc.array(step, { maxLength: 14, size: 'max' }),
  sends: fc.array(
    fc.record({
      atMs,
      partition,
      producer: fc.integer({ min: 0, max: 1 }),
      size: fc.integer({ min: 1, max: 900 }),
    }),
    { minLength: 1, maxLength: 120, size: 'max' },
  ),
  deliveryTimeoutMs: fc.constantFrom(400, 2_000, 30_000),
})

function applyStep(world: World, topic: FakeTopic, step: Step, drops: Map<string, number>): void {
  const { cluster } = world
  switch (step.fault) {
    case 'drop-replies':
    case 'drop-requests':
    case 'unreadable':
      drops.set(step.fault, step.count)
      return
    case 'leaderless':
      cluster.moveLeader(topic, step.partition, undefined)
      return
    case 'move': {
      const options =
        step.knownOnlyTo === 0 ? {} : { known: [`n${step.knownOnlyTo}`, `n${step.to}`] }
      cluster.moveLeader(topic, step.partition, `n${step.to}`, {
        announce: step.announce,
        ...options,
      })
      return
    }
    default: {
      const id = `n${step.node}`
      if (step.fault === 'kill') cluster.kill(id)
      else if (step.fault === 'pause') cluster.pause(id)
      else cluster.node(id).mute = true
      cluster.after(step.forMs, () => cluster.revive(id))
    }
  }
}

function runPlan({ steps, sends, deliveryTimeoutMs }: Plan, seed: number) {
  const world = new World({ seed, nodes })
  const { cluster } = world
  const topic = cluster.createTopic('t', partitions)
  const client = world.core()
  const drops = new Map<string, number>()
  cluster.interfere = ({ verb }) => {
    if (verb !== 'write') return undefined
    for (const [fault, left] of drops) {
      if (left === 1) drops.delete(fault)
      else drops.set(fault, left - 1)
      if (fault === 'unreadable') return { reply: { payload: new Uint8Array([9, 9]) } }
      return fault === 'drop-replies' ? 'drop-reply' : 'drop-request'
    }
    return undefined
  }
  const settings = { maxBatchBytes: 1_024, deliveryTimeoutMs, maxBufferedBytes: 20_000 }
  const senders = [new Sender(world, client, settings), new Sender(world, client, settings)]
  const startMs = world.nowMs
  for (const step of steps) {
    cluster.after(startMs + step.atMs - world.nowMs, () => applyStep(world, topic, step, drops))
  }
  for (const [index, send] of sends.entries()) {
    cluster.after(send.atMs, () => {
      const text = `${index}`.padEnd(send.size, '.')
      senders[send.producer]!.send('t', text, { partition: send.partition })
    })
  }
  world.run(lengthMs + 2_000)
  for (const { id } of cluster.nodes) cluster.revive(id)
  for (let index = 0; index < partitions; index += 1)
    cluster.moveLeader(topic, index, `n${index + 1}`)
  const sentAll = () => senders.reduce((sum, { sent }) => sum + sent.length, 0) === sends.length
  world.until(() => sentAll() && senders.every(({ settled }) => settled), 90_000)
  return { topic, senders, client, world }
}

function check({ topic, senders }: ReturnType<typeof runPlan>): void {
  const stored = topic.partitions.map(({ records }) =>
    records.map(({ record, offset }) => ({ text: textOf(record.value), offset })),
  )
  for (const { sent } of senders) {
    const order = new Map(sent.map(({ text }, index) => [text, index]))
    for (const { text, outcome } of sent) {
      const places = stored.flatMap((records, partition) =>
        records.filter((each) => each.text === text).map(({ offset }) => ({ partition, offset })),
      )
      if (outcome!.error === undefined) {
        expect(places).toEqual([{ partition: outcome!.partition, offset: outcome!.offset }])
      } else {
        expect(['unknown', 'not-applied']).toContain(outcome!.error.outcome)
        expect(places.length).toBeLessThanOrEqual(outcome!.error.outcome === 'unknown' ? 1 : 0)
      }
    }
    for (const records of stored) {
      const mine = records.flatMap(({ text }) => order.get(text) ?? [])
      expect(mine).toEqual([...mine].sort((a, b) => a - b))
    }
  }
}

test('under lost replies, redirects and leader changes every acked record is in the log once and in order', () => {
  let acked = 0
  let unknown = 0
  void fc.assert(
    fc.property(plan, fc.integer(), (each, seed) => {
      const result = runPlan(each, seed)
      check(result)
      for (const { sent, errors } of result.senders) {
        acked += sent.length - errors.length
        unknown += errors.filter(({ outcome }) => outcome === 'unknown').length
      }
    }),
    { numRuns: 150 },
  )
  expect(acked).toBeGreaterThan(1_000)
  expect(unknown).toBeGreaterThan(0)
})

test('the same seed and plan give the same events', () => {
  const [sample] = fc.sample(plan, { seed: 42, numRuns: 1 })
  const hashes = [1, 2].map(() => runPlan(sample!, 7).world.simulation.hash)
  expect(hashes[0]).toBe(hashes[1])
})

test('after all faults the client comes to rest with links to at least two nodes', () => {
  const [sample] = fc.sample(plan, { seed: 3, numRuns: 1 })
  const { client, world } = runPlan(sample!, 3)
  world.run(3_000)
  expect(client.openLinks.length).toBeGreaterThanOrEqual(2)
})
