import { decodeWriteRequest, joinChunks, readBatchHeader } from '@quorate/protocol'
import { describe, expect, test } from 'vitest'
import type { FakeTopic } from './support/fake-cluster.ts'
import type { FakeRequest } from './support/fake-node.ts'
import { refusal } from './support/refusal.ts'
import { bytesOf, Sender, textOf, World } from './support/world.ts'

const texts = (topic: FakeTopic, partition = 0) =>
  topic.partitions[partition]!.records.map(({ record }) => textOf(record.value))

const batchesOf = (request: FakeRequest) =>
  decodeWriteRequest(request.payload).map(({ batch }) => joinChunks(batch))

const range = (count: number) => Array.from({ length: count }, (_, index) => `r${index}`)

function setUp(options: { partitions?: number; nodes?: number } = {}) {
  const world = new World(options.nodes === undefined ? {} : { nodes: options.nodes })
  const topic = world.cluster.createTopic('orders', options.partitions ?? 1)
  const client = world.core()
  return { world, topic, client, cluster: world.cluster }
}

describe('batching', () => {
  test('records sent in one turn travel in one request, one batch per partition', () => {
    const { world, cluster, client } = setUp({ partitions: 2, nodes: 1 })
    const sender = new Sender(world, client)
    for (const text of range(10)) sender.send('orders', text, { partition: Number(text[1]) % 2 })
    world.until(() => sender.settled)
    const [request, ...others] = cluster.requestsOf('write')
    expect(others).toEqual([])
    expect(batchesOf(request!).map((batch) => readBatchHeader(batch).recordCount)).toEqual([5, 5])
  })

  test('records gather while a request of their partition is in flight', () => {
    const { world, cluster, client, topic } = setUp()
    const sender = new Sender(world, client)
    sender.send('orders', 'first')
    world.until(() => cluster.requestsOf('write').length === 1)
    for (const text of range(5)) sender.send('orders', text)
    world.until(() => sender.settled)
    const counts = cluster
      .requestsOf('write')
      .flatMap(batchesOf)
      .map((b) => readBatchHeader(b).recordCount)
    expect(counts).toEqual([1, 5])
    expect(texts(topic)).toEqual(['first', ...range(5)])
  })

  test('at most 5 batches of a partition are in flight, full ones side by side', () => {
    const { world, cluster, client, topic } = setUp()
    let mostInFlight = 0
    let inFlight = 0
    cluster.interfere = (request) => {
      if (request.verb !== 'write') return undefined
      const { length } = batchesOf(request)
      inFlight += length
      mostInFlight = Math.max(mostInFlight, inFlight)
      cluster.after(20, () => {
        inFlight -= length
      })
      return { delayMs: 20 }
    }
    const sender = new Sender(world, client, { maxBatchBytes: 1024 })
    const value = new Uint8Array(900)
    for (const text of range(12)) sender.send('orders', text, { value })
    world.until(() => sender.settled)
    expect(cluster.requestsOf('write').flatMap(batchesOf)).toHaveLength(12)
    expect(topic.partitions[0]!.records).toHaveLength(12)
    expect(mostInFlight).toBe(5)
  })

  test('one request stays below the payload bound', () => {
    const { world, cluster, client } = setUp({ partitions: 4, nodes: 1 })
    const sender = new Sender(world, client, { maxBatchBytes: 960 * 1024 })
    for (const text of range(4)) {
      sender.send('orders', text, { partition: Number(text[1]), value: new Uint8Array(600_000) })
    }
    world.until(() => sender.settled)
    const sizes = cluster.requestsOf('write').map(({ payload }) => payload.byteLength)
    expect(sizes).toHaveLength(4)
    expect(Math.max(...sizes)).toBeLessThan(1024 * 1024)
  })

  test('records with a key go to its partition, records without stay together until a batch leaves', () => {
    const { world, cluster, client, topic } = setUp({ partitions: 6 })
    const sender = new Sender(world, client)
    // 'order-17' lies in partition 5 of 6 by murmur2, as in Kafka's clients.
    for (const text of range(20)) sender.send('orders', text, { key: 'order-17' })
    world.until(() => sender.settled)
    const used = topic.partitions.filter(({ records }) => records.length > 0)
    expect(used.map(({ records }) => records.length)).toEqual([20])
    const keyed = new Sender(world, client)
    for (const text of range(20)) keyed.send('orders', text)
    world.until(() => keyed.settled)
    expect(new Set(keyed.sent.map(({ outcome }) => outcome!.partition)).size).toBe(1)
    for (const text of range(60)) {
      const one = keyed.send('orders', text)
      world.until(() => one.outcome !== undefined)
    }
    expect(new Set(keyed.sent.map(({ outcome }) => outcome!.partition)).size).toBe(6)
    expect(cluster.requestsOf('producer')).toHaveLength(2)
  })

  test('a flush does not wait for linger of records that wait for the buffer', () => {
    const { world, client } = setUp()
    const settings = { lingerMs: 1_000, maxBatchBytes: 1024, maxBufferedBytes: 2_000 }
    const sender = new Sender(world, client, settings)
    for (const text of range(5)) sender.send('orders', text, { value: new Uint8Array(700) })
    let flushedMs = 0
    sender.core.flush(() => {
      flushedMs = world.nowMs
    })
    world.until(() => flushedMs > 0)
    expect(flushedMs).toBeLessThan(100)
  })

  test('linger holds a batch that is not full, flush does not wait for it', () => {
    const { world, cluster, client } = setUp()
    const sender = new Sender(world, client, { lingerMs: 500 })
    const first = sender.send('orders', 'first')
    world.until(() => first.outcome !== undefined)
    expect(first.outcome!.atMs).toBeGreaterThan(500)
    const second = sender.send('orders', 'second')
    world.run(400)
    expect(second.outcome).toBeUndefined()
    let flushed = false
    sender.core.flush(() => {
      flushed = true
    })
    world.run(20)
    expect(second.outcome).toMatchObject({ error: undefined, offset: 1 })
    expect(flushed).toBe(true)
    expect(cluster.requestsOf('write')).toHaveLength(2)
  })

  test('a record that fits no batch is refused before anything is sent', () => {
    const { world, cluster, client } = setUp()
    const sender = new Sender(world, client)
    const sent = sender.send('orders', 'large', { value: new Uint8Array(960 * 1024) })
    expect(sent.outcome?.error).toMatchObject({
      code: 'QUORATE_RECORD_TOO_LARGE',
      outcome: 'not-applied',
    })
    world.run(100)
    expect(cluster.requests).toEqual([])
    const fits = sender.send('orders', 'fits', { value: new Uint8Array(950 * 1024) })
    world.until(() => sender.settled)
    expect(fits.outcome).toMatchObject({ error: undefined, offset: 0 })
  })
})

describe('back-pressure', () => {
  test('sends wait in order while the buffer is full', () => {
    const { world, client, cluster, topic } = setUp()
    const sender = new Sender(world, client, { maxBatchBytes: 1024, maxBufferedBytes: 4096 })
    cluster.interfere = ({ verb }) => (verb === 'write' ? { delayMs: 50 } : undefined)
    for (const text of range(50))
      sender.send('orders', text, { value: bytesOf(text.padEnd(900, '.')) })
    expect(sender.core.waitingSends).toBe(47)
    expect(sender.core.bufferedBytes).toBeLessThanOrEqual(4096)
    world.until(() => sender.settled)
    expect(sender.core.bufferedBytes).toBe(0)
    expect(texts(topic).map((text) => text.replaceAll('.', ''))).toEqual(range(50))
  })

  test('waiting sends are bounded', () => {
    const world = new World()
    world.cluster.createTopic('orders', 1)
    const client = world.core({ waitingSends: 3 })
    const sender = new Sender(world, client, { maxBatchBytes: 1024, maxBufferedBytes: 1024 })
    for (const text of range(6)) sender.send('orders', text, { value: new Uint8Array(900) })
    expect(sender.errors.map(({ code, outcome }) => [code, outcome])).toEqual([
      ['QUORATE_OVERLOADED', 'not-applied'],
      ['QUORATE_OVERLOADED', 'not-applied'],
    ])
    world.until(() => sender.settled)
  })
})

describe('leaders', () => {
  test('a refusal with a hint is redirected at once, in order', () => {
    const { world, topic, client, cluster } = setUp()
    const sender = new Sender(world, client)
    sender.send('orders', 'before')
    world.until(() => sender.settled)
    cluster.moveLeader(topic, 0, 'n2', { announce: false })
    const startMs = world.nowMs
    for (const text of range(3)) sender.send('orders', text)
    world.until(() => sender.settled)
    expect(world.nowMs - startMs).toBeLessThan(10)
    expect(texts(topic)).toEqual(['before', ...range(3)])
  })

  test('a refusal without a hint is retried with pauses until a route names the leader', () => {
    const { world, topic, client, cluster } = setUp()
    const sender = new Sender(world, client)
    sender.send('orders', 'before')
    world.until(() => sender.settled)
    cluster.moveLeader(topic, 0, undefined)
    const sent = sender.send('orders', 'after')
    world.run(2_000)
    expect(sent.outcome).toBeUndefined()
    const routes = cluster.requestsOf('route').length
    expect(routes).toBeGreaterThan(4)
    expect(routes).toBeLessThan(20)
    cluster.moveLeader(topic, 0, 'n3', { announce: false })
    world.until(() => sender.settled, 1_000)
    expect(texts(topic)).toEqual(['before', 'after'])
  })

  test('a pushed higher term resends identical bytes to the new leader at once', () => {
    const { world, topic, client, cluster } = setUp()
    const sender = new Sender(world, client)
    sender.send('orders', 'before')
    world.until(() => sender.settled && client.openLinks.length >= 2)
    cluster.node('n1').mute = true
    const sent = sender.send('orders', 'after')
    world.run(50)
    cluster.moveLeader(topic, 0, 'n2')
    const movedMs = world.nowMs
    world.until(() => sender.settled)
    expect(sent.outcome!.atMs - movedMs).toBeLessThan(10)
    const writes = cluster
      .requestsOf('write')
      .filter(({ payload }) => textOf(payload).includes('after'))
    expect(writes.map(({ node }) => node.id)).toEqual(['n1', 'n2'])
    expect(writes[0]!.payload).toEqual(writes[1]!.payload)
  })

  test('300 ms of silence make the client ask another node, which costs no more than that', () => {
    const { world, topic, client, cluster } = setUp()
    const sender = new Sender(world, client)
    sender.send('orders', 'before')
    world.until(() => sender.settled && client.openLinks.length >= 2)
    cluster.node('n1').mute = true
    cluster.moveLeader(topic, 0, 'n2', { announce: false })
    const startMs = world.nowMs
    const sent = sender.send('orders', 'after')
    world.until(() => sender.settled)
    expect(sent.outcome!.atMs - startMs).toBeGreaterThanOrEqual(300)
    expect(sent.outcome!.atMs - startMs).toBeLessThan(320)
    const probes = cluster.requestsOf('leader')
    expect(probes.map(({ node }) => node.id)).not.toContain('n1')
    expect(texts(topic)).toEqual(['before', 'after'])
  })

  test('many silent partitions are asked about with one route', () => {
    const { world, topic, client, cluster } = setUp({ partitions: 30 })
    const sender = new Sender(world, client)
    for (let partition = 0; partition < 30; partition += 1)
      sender.send('orders', 'x', { partition })
    world.until(() => sender.settled && client.openLinks.length >= 2)
    cluster.node('n1').mute = true
    for (let partition = 0; partition < 30; partition += 3) {
      cluster.moveLeader(topic, partition, 'n2', { announce: false })
    }
    const startMs = world.nowMs
    for (let partition = 0; partition < 30; partition += 1)
      sender.send('orders', 'y', { partition })
    world.until(() => sender.settled)
    expect(world.nowMs - startMs).toBeLessThan(350)
    expect(cluster.requestsOf('leader')).toEqual([])
  })

  test('a killed leader is replaced as soon as another node pushes the new one', () => {
    const { world, topic, client, cluster } = setUp()
    const sender = new Sender(world, client)
    sender.send('orders', 'before')
    world.until(() => sender.settled && client.openLinks.length >= 2)
    const sent = sender.send('orders', 'after')
    world.run(1)
    cluster.kill('n1')
    world.run(200)
    expect(sent.outcome).toBeUndefined()
    cluster.moveLeader(topic, 0, 'n3')
    world.until(() => sender.settled, 20)
    expect(texts(topic)).toEqual(['before', 'after'])
  })

  test('links to two nodes are kept, and made again', () => {
    const { world, client, cluster } = setUp()
    const sender = new Sender(world, client)
    sender.send('orders', 'x')
    world.until(() => sender.settled && client.openLinks.length === 2)
    const second = client.openLinks.find((address) => address !== cluster.node('n1').address)!
    cluster.kill(cluster.nodes.find(({ address }) => address === second)!.id)
    world.until(() => client.openLinks.length === 2 && !client.openLinks.includes(second), 2_000)
    expect(client.openLinks).toHaveLength(2)
  })

  test('a link that brings nothing for seconds is closed and opened again', () => {
    const { world, topic, client, cluster } = setUp({ nodes: 1 })
    const sender = new Sender(world, client)
    cluster.node('n1').mute = true
    const sent = sender.send('orders', 'x')
    world.run(9_000)
    expect(cluster.node('n1').links.size).toBe(0)
    cluster.node('n1').mute = false
    world.until(() => sent.outcome !== undefined, 5_000)
    expect(texts(topic)).toEqual(['x'])
  })
})

describe('outcomes', () => {
  test('a lost reply is answered by a duplicate: one record, its original offset', () => {
    const { world, topic, client, cluster } = setUp()
    const sender = new Sender(world, client)
    let dropped = 0
    cluster.interfere = ({ verb }) =>
      verb === 'write' && dropped++ === 0 ? 'drop-reply' : undefined
    const sent = sender.send('orders', 'once')
    world.until(() => sender.settled)
    expect(sent.outcome).toMatchObject({ error: undefined, offset: 0 })
    expect(texts(topic)).toEqual(['once'])
    const [first, second] = cluster.requestsOf('write')
    expect(first!.payload).toEqual(second!.payload)
  })

  test('a deadline with a leader that may have it is unknown; the next send has a new epoch', () => {
    const { world, topic, client, cluster } = setUp()
    const sender = new Sender(world, client, { deliveryTimeoutMs: 1_000 })
    cluster.interfere = ({ verb }) => (verb === 'write' ? 'drop-reply' : undefined)
    const startMs = world.nowMs
    const lost = sender.send('orders', 'lost')
    world.until(() => sender.settled)
    expect(world.nowMs - startMs).toBeLessThan(1_010)
    expect(lost.outcome?.error).toMatchObject({
      code: 'QUORATE_DELIVERY_TIMEOUT',
      outcome: 'unknown',
    })
    cluster.interfere = () => undefined
    const next = sender.send('orders', 'next')
    world.until(() => sender.settled)
    expect(next.outcome?.error).toBeUndefined()
    const identities = topic.partitions[0]!.records.map((r) => [
      r.producerId,
      r.producerEpoch,
      r.sequence,
    ])
    expect(identities).toEqual([
      [1, 0, 0],
      [1, 1, 0],
    ])
  })

  test('a deadline before anything could be sent is not-applied', () => {
    const { world, topic, client, cluster } = setUp()
    cluster.moveLeader(topic, 0, undefined)
    const sender = new Sender(world, client, { deliveryTimeoutMs: 1_000 })
    const sent = sender.send('orders', 'never')
    world.until(() => sender.settled)
    expect(sent.outcome?.error).toMatchObject({
      code: 'QUORATE_DELIVERY_TIMEOUT',
      outcome: 'not-applied',
      retriable: false,
      message: expect.stringContaining('orders/0 after 1000 ms; at last: no leader is known'),
    })
    cluster.moveLeader(topic, 0, 'n1')
    world.run(5_000)
    expect(topic.partitions[0]!.records).toEqual([])
  })

  test('a refusal after a lost attempt does not make it not-applied', () => {
    const { world, client, cluster } = setUp()
    const sender = new Sender(world, client)
    let attempts = 0
    cluster.interfere = ({ verb, payload, node }) => {
      if (verb !== 'write') return undefined
      attempts += 1
      if (attempts === 1) return 'drop-reply'
      return { reply: refusal(cluster, node.id, payload, 'QUORATE_CORRUPT_BATCH') }
    }
    const sent = sender.send('orders', 'x')
    world.until(() => sender.settled)
    expect(sent.outcome?.error).toMatchObject({ code: 'QUORATE_CORRUPT_BATCH', outcome: 'unknown' })
  })

  test('a final refusal of one batch lets the ones behind it pass under a new epoch', () => {
    const { world, topic, client, cluster } = setUp()
    const sender = new Sender(world, client, { maxBatchBytes: 1024 })
    let refused = false
    cluster.interfere = ({ verb, payload, node }) => {
      if (verb !== 'write' || refused) return undefined
      refused = true
      return { reply: refusal(cluster, node.id, payload, 'QUORATE_CORRUPT_BATCH', 1) }
    }
    for (const text of range(4))
      sender.send('orders', text, { value: bytesOf(text.padEnd(900, '.')) })
    world.until(() => sender.settled)
    expect(sender.sent.map(({ outcome }) => outcome!.error?.code)).toEqual([
      'QUORATE_CORRUPT_BATCH',
      undefined,
      undefined,
      undefined,
    ])
    const stored = topic.partitions[0]!.records
    expect(stored.map((r) => [textOf(r.record.value).slice(0, 2), r.producerEpoch])).toEqual([
      ['r1', 1],
      ['r2', 1],
      ['r3', 1],
    ])
  })

  test('retriable refusals are retried with pauses and keep the order', () => {
    const { world, topic, client, cluster } = setUp()
    const sender = new Sender(world, client, { maxBatchBytes: 1024 })
    let refusals = 0
    cluster.interfere = ({ verb, payload, node }) => {
      if (verb !== 'write' || refusals === 6) return undefined
      refusals += 1
      return { reply: refusal(cluster, node.id, payload, 'QUORATE_OVERLOADED', 1) }
    }
    for (const text of range(9))
      sender.send('orders', text, { value: bytesOf(text.padEnd(900, '.')) })
    world.until(() => sender.settled)
    expect(sender.errors).toEqual([])
    expect(texts(topic).map((text) => text.slice(0, 2))).toEqual(range(9))
  })

  test('a partition that has forgotten the producer is written to under a new epoch', () => {
    const { world, topic, client } = setUp()
    const sender = new Sender(world, client)
    sender.send('orders', 'before')
    world.until(() => sender.settled)
    topic.partitions[0]!.forgetProducers()
    sender.send('orders', 'after')
    world.until(() => sender.settled)
    expect(sender.errors).toEqual([])
    expect(topic.partitions[0]!.records.map((r) => [r.producerEpoch, r.sequence])).toEqual([
      [0, 0],
      [1, 0],
    ])
  })

  test('after the last epoch of a producer id the partition gets another id', () => {
    const world = new World()
    const topic = world.cluster.createTopic('orders', 2)
    const sender = new Sender(world, world.core({ lastEpoch: 2 }))
    for (let round = 0; round < 5; round += 1) {
      topic.partitions[0]!.forgetProducers()
      sender.send('orders', 'x', { partition: 0 })
      sender.send('orders', 'y', { partition: 1 })
      world.until(() => sender.settled)
    }
    expect(sender.errors).toEqual([])
    const identities = (partition: number) =>
      topic.partitions[partition]!.records.map((r) => [r.producerId, r.producerEpoch, r.sequence])
    expect(identities(0)).toEqual([
      [1, 0, 0],
      [1, 1, 0],
      [1, 2, 0],
      [2, 0, 0],
      [2, 1, 0],
    ])
    expect(identities(1).map(([id, epoch]) => [id, epoch])).toEqual(
      Array.from({ length: 5 }, () => [1, 0]),
    )
  })

  test('near the end of the sequence numbers a partition starts its next epoch, in order', () => {
    const world = new World()
    const topic = world.cluster.createTopic('orders', 1)
    const sender = new Sender(world, world.core({ lastSequence: 10 }), { maxBatchBytes: 1024 })
    for (const text of range(25)) {
      sender.send('orders', text, { value: bytesOf(text.padEnd(300, '.')) })
    }
    world.until(() => sender.settled)
    expect(sender.errors).toEqual([])
    expect(texts(topic).map((text) => text.replaceAll('.', ''))).toEqual(range(25))
    expect(Math.max(...topic.partitions[0]!.records.map(({ sequence }) => sequence))).toBeLessThan(
      10,
    )
  })

  test('a fenced producer reports it and goes on with a new id', () => {
    const { world, topic, client, cluster } = setUp()
    const sender = new Sender(world, client)
    let fenced = false
    cluster.interfere = ({ verb, payload, node }) => {
      if (verb !== 'write' || fenced) return undefined
      fenced = true
      return { reply: refusal(cluster, node.id, payload, 'QUORATE_PRODUCER_FENCED') }
    }
    const first = sender.send('orders', 'first')
    world.until(() => sender.settled)
    expect(first.outcome?.error).toMatchObject({
      code: 'QUORATE_PRODUCER_FENCED',
      outcome: 'not-applied',
    })
    sender.send('orders', 'second')
    world.until(() => sender.settled)
    expect(topic.partitions[0]!.records.map((r) => [r.producerId, r.producerEpoch])).toEqual([
      [2, 0],
    ])
  })

  test('an unknown topic is an error after one more look, not after the deadline', () => {
    const { world, client, cluster } = setUp()
    const sender = new Sender(world, client)
    const startMs = world.nowMs
    const sent = sender.send('nothing', 'x')
    world.until(() => sender.settled)
    expect(sent.outcome?.error).toMatchObject({
      code: 'QUORATE_UNKNOWN_TOPIC',
      outcome: 'not-applied',
    })
    expect(world.nowMs - startMs).toBeLessThan(100)
    expect(cluster.requestsOf('route')).toHaveLength(2)
  })

  test('a node that creates topics by itself is told that a producer asks', () => {
    const { world, client, cluster } = setUp()
    cluster.autoCreate = true
    const sender = new Sender(world, client)
    const sent = sender.send('fresh', 'x')
    world.until(() => sender.settled)
    expect(sent.outcome?.error).toBeUndefined()
  })

  test('a topic created again under its name is written to like a new one', () => {
    const { world, client, cluster } = setUp()
    const sender = new Sender(world, client)
    sender.send('orders', 'old')
    world.until(() => sender.settled)
    cluster.topics.delete('orders')
    const again = cluster.createTopic('orders', 2)
    const sent = sender.send('orders', 'new')
    world.until(() => sender.settled)
    expect(sent.outcome?.error).toBeUndefined()
    expect(
      again.partitions.flatMap(({ records }) => records.map((r) => textOf(r.record.value))),
    ).toEqual(['new'])
  })

  test('a partition that does not exist is refused', () => {
    const { world, client } = setUp()
    const sender = new Sender(world, client)
    const sent = sender.send('orders', 'x', { partition: 4 })
    world.until(() => sender.settled)
    expect(sent.outcome?.error).toMatchObject({
      code: 'QUORATE_INVALID_ARGUMENT',
      outcome: 'not-applied',
    })
  })

  test('unreadable replies leave the outcome open and the batch is sent again', () => {
    const { world, topic, client, cluster } = setUp()
    const sender = new Sender(world, client)
    let first = true
    cluster.interfere = ({ verb }) => {
      if (verb !== 'write' || !first) return undefined
      first = false
      return { reply: { payload: bytesOf('garbage') } }
    }
    sender.send('orders', 'x')
    world.until(() => sender.settled)
    expect(sender.errors).toEqual([])
    expect(texts(topic)).toEqual(['x'])
  })
})

describe('closing', () => {
  test('close settles what was sent and refuses what comes later', () => {
    const { world, topic, client } = setUp()
    const sender = new Sender(world, client)
    for (const text of range(5)) sender.send('orders', text)
    let closed = false
    sender.core.close(() => {
      closed = true
    })
    const late = sender.send('orders', 'late')
    expect(late.outcome?.error).toMatchObject({ code: 'QUORATE_CLOSED', outcome: 'not-applied' })
    world.until(() => closed)
    expect(texts(topic)).toEqual(range(5))
  })

  test('destroy settles at once: unknown in flight, not-applied before', () => {
    const { world, client, cluster } = setUp()
    const sender = new Sender(world, client, { maxBatchBytes: 1024, maxBufferedBytes: 2048 })
    cluster.interfere = ({ verb }) => (verb === 'write' ? 'drop-reply' : undefined)
    sender.send('orders', 'flying', { value: new Uint8Array(900) })
    world.until(() => cluster.requestsOf('write').length === 1)
    sender.send('orders', 'gathering', { value: new Uint8Array(900) })
    sender.send('orders', 'waiting', { value: new Uint8Array(900) })
    sender.core.destroy()
    expect(sender.errors.map(({ code, outcome }) => [code, outcome])).toEqual([
      ['QUORATE_CLOSED', 'unknown'],
      ['QUORATE_CLOSED', 'not-applied'],
      ['QUORATE_CLOSED', 'not-applied'],
    ])
  })

  test('a closed client leaves nothing running', () => {
    const { world, client, cluster } = setUp({ partitions: 3 })
    const sender = new Sender(world, client)
    for (const text of range(5)) sender.send('orders', text)
    world.until(() => sender.settled)
    client.close()
    world.run(60_000)
    const { waiting } = world.simulation
    const asked = cluster.requests.length
    world.run(60_000)
    expect([waiting, cluster.requests.length]).toEqual([0, asked])
  })
})
