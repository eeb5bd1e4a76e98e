import type { BatchHeader } from '@quorate/protocol'
import { decodeWriteRequest, leaderEventSubject } from '@quorate/protocol'
import { describe, expect, test } from 'vitest'
import { Backoff } from '../src/core/backoff.ts'
import { PartitionReader } from '../src/core/partition-reader.ts'
import { topic } from '../src/topic.ts'
import type { FakeRequest } from './support/fake-node.ts'
import { refusal } from './support/refusal.ts'
import { bytesOf, Sender, textOf, World } from './support/world.ts'

// What arrives late, twice, or from somebody who is behind must change nothing.

function setUp(options: { partitions?: number; nodes?: number } = {}) {
  const world = new World(options.nodes === undefined ? {} : { nodes: options.nodes })
  const model = world.cluster.createTopic('t', options.partitions ?? 1)
  const client = world.core()
  const sender = new Sender(world, client)
  for (const { partition } of model.partitions) sender.send('t', 'first', { partition })
  const kept = Math.min(world.cluster.nodes.length, 2)
  world.until(() => sender.settled && client.openLinks.length >= kept)
  return { world, model, client, sender, cluster: world.cluster }
}

const writesOf = (requests: readonly FakeRequest[], text: string) =>
  requests.filter(({ verb, payload }) => verb === 'write' && textOf(payload).includes(text))

describe('leaders', () => {
  test('a pushed leader of an older term is ignored', () => {
    const { world, model, cluster, sender } = setUp()
    cluster.moveLeader(model, 0, 'n2')
    world.run(10)
    const stale = {
      topicId: model.topicId,
      partition: 0,
      node: 'n1',
      address: '127.0.0.1:4222',
      term: 1,
    }
    for (const node of cluster.nodes)
      cluster.publish(node, leaderEventSubject, bytesOf(JSON.stringify(stale)))
    world.run(10)
    sender.send('t', 'second')
    world.until(() => sender.settled)
    expect(writesOf(cluster.requests, 'second').map(({ node }) => node.id)).toEqual(['n2'])
  })

  test.each(['no JSON', '{}', '{"topicId":7,"partition":0,"node":"n2","address":5,"term":9}'])(
    'a pushed event that is none is ignored: %s',
    (text) => {
      const { world, cluster, sender } = setUp()
      for (const node of cluster.nodes) cluster.publish(node, leaderEventSubject, bytesOf(text))
      world.run(10)
      sender.send('t', 'second')
      world.until(() => sender.settled)
      expect(writesOf(cluster.requests, 'second').map(({ node }) => node.id)).toEqual(['n1'])
    },
  )

  test('the late refusal of an old leader does not send a batch a third time', () => {
    const { world, model, cluster, sender } = setUp()
    cluster.interfere = ({ verb, node, payload }) => {
      if (verb !== 'write') return undefined
      if (node.id === 'n2') return { delayMs: 200 }
      const reply = refusal(cluster, node.id, payload, 'QUORATE_OVERLOADED')
      return { reply, delayMs: 100 }
    }
    const sent = sender.send('t', 'second')
    world.run(20)
    cluster.moveLeader(model, 0, 'n2')
    world.until(() => sender.settled)
    world.run(500)
    expect(sent.outcome?.error).toBeUndefined()
    expect(writesOf(cluster.requests, 'second').map(({ node }) => node.id)).toEqual(['n1', 'n2'])
  })

  test('the route of a node that still knows the deleted topic is not believed', () => {
    const { world, model, cluster, sender } = setUp()
    cluster.topics.delete('t')
    const again = cluster.createTopic('t', 1)
    const oldRoute = {
      topic: 't',
      topicId: model.topicId,
      partitions: [{ partition: 0, leader: 'n1', term: 99, replicas: ['n1'] }],
      nodes: cluster.nodes.map(({ id, address }) => ({ id, address })),
    }
    sender.send('t', 'second')
    world.until(() => sender.settled)
    cluster.moveLeader(again, 0, undefined)
    let stale = 2
    cluster.interfere = ({ verb }) =>
      verb === 'route' && stale-- > 0
        ? { reply: { payload: bytesOf(JSON.stringify(oldRoute)) } }
        : undefined
    sender.send('t', 'third')
    world.run(300)
    cluster.moveLeader(again, 0, 'n2')
    world.until(() => sender.settled)
    const topicIds = writesOf(cluster.requests, 'third').flatMap(({ payload }) =>
      decodeWriteRequest(payload).map(({ topicId }) => topicId),
    )
    expect(new Set(topicIds)).toEqual(new Set([again.topicId]))
    expect(stale).toBeLessThanOrEqual(0)
  })
})

describe('batches', () => {
  test('batches behind one without an answer stay within what the broker remembers', () => {
    const world = new World({ nodes: 1 })
    world.cluster.createTopic('t', 1)
    const sender = new Sender(world, world.core(), { maxBatchBytes: 1024 })
    let dropped = false
    world.cluster.interfere = ({ verb }) => {
      if (verb !== 'write' || dropped) return undefined
      dropped = true
      return 'drop-reply'
    }
    sender.send('t', 'head', { value: new Uint8Array(900) })
    world.until(() => dropped)
    for (let index = 0; index < 12; index += 1) {
      sender.send('t', `r${index}`, { value: new Uint8Array(900) })
    }
    world.until(() => sender.settled)
    // An offset of -1 would mean that the broker had forgotten the batch before it was asked again.
    expect(sender.sent.map(({ outcome }) => outcome!.offset)).toEqual(
      Array.from({ length: 13 }, (_, i) => i),
    )
  })
})

describe('fetches', () => {
  test('the late answer of a fetch that was given up starts no second one', async () => {
    const { world, model, cluster, sender } = setUp()
    const client = await world.client()
    cluster.interfere = ({ verb, node }) =>
      verb === 'fetch' && node.id === 'n1' ? { delayMs: 400 } : undefined
    const stream = client.stream(topic('t', { codec: 'text' }))
    await world.settle(stream.ready())
    world.until(() => cluster.requestsOf('fetch').length === 1)
    cluster.moveLeader(model, 0, 'n2')
    const read = [(await world.settle(stream.next())).value?.value]
    world.run(50)
    const asked = cluster.requestsOf('fetch').length
    world.run(600)
    expect(cluster.requestsOf('fetch').length).toBe(asked)
    sender.send('t', 'second')
    world.until(() => sender.settled)
    read.push((await world.settle(stream.next())).value?.value)
    expect(read).toEqual(['first', 'second'])
  })

  test('a reader passes over batches that it has already, and its position never falls', () => {
    const world = new World()
    const backoff = new Backoff(world.simulation.random, 'test', [1, 2])
    const reader = new PartitionReader(1, 0, backoff)
    reader.position = 10
    reader.endOffset = 30
    const batch = (baseOffset: number, count: number) =>
      reader.accept({ baseOffset, lastOffsetDelta: count - 1 } as BatchHeader, {
        pieces: [],
        byteLength: 0,
      })
    expect(batch(0, 10)).toBeUndefined()
    expect(reader.position).toBe(10)
    expect(batch(8, 5)).toMatchObject({ fromOffset: 10, endOffset: 30 })
    expect(batch(8, 5)).toBeUndefined()
    expect(batch(20, 5)).toMatchObject({ fromOffset: 13 })
    expect(batch(30, 5)).toBeUndefined()
    expect([reader.position, reader.done]).toEqual([35, true])
  })
})
