import type { StandardSchemaV1 } from '@standard-schema/spec'
import { describe, expect, test } from 'vitest'
import { clientCore } from '../src/connect-with.ts'
import { topic } from '../src/topic.ts'
import { failure } from './support/fake-node.ts'
import { textOf, World } from './support/world.ts'

interface Order {
  id: string
  cents: number
}
const orders = topic<Order>('orders', { key: (order) => order.id })

async function setUp(partitions = 3) {
  const world = new World()
  const model = world.cluster.createTopic('orders', partitions)
  const client = await world.client()
  const stored = () =>
    model.partitions.flatMap(({ records }) => records.map(({ record }) => record))
  return { world, cluster: world.cluster, model, client, stored }
}

describe('connect', () => {
  test('fails with one error that names every server when none can be reached', async () => {
    const world = new World()
    for (const node of world.cluster.nodes) node.down = true
    const servers = world.cluster.nodes.map(({ address }) => `nats://${address}`)
    await expect(world.client({}, servers)).rejects.toMatchObject({
      code: 'QUORATE_CONNECTION_FAILED',
      message: expect.stringMatching(/4222.*refused.*4223.*4224/),
    })
    expect(world.simulation.runUntilTrue(() => false, world.nowMs + 60_000)).toBe(false)
    expect(world.simulation.waiting).toBe(0)
  })

  test('can be tried again on the same core, as a simulated client does', () => {
    const world = new World()
    world.cluster.node('n1').down = true
    const core = clientCore(world.parts(['127.0.0.1:4222']))
    const results: (string | undefined)[] = []
    const start = () => core.start((error) => results.push(error?.code))
    start()
    world.until(() => results.length === 1)
    world.cluster.node('n1').down = false
    start()
    world.until(() => results.length === 2)
    expect(results).toEqual(['QUORATE_CONNECTION_FAILED', undefined])
  })

  test('succeeds with one of several', async () => {
    const world = new World()
    world.cluster.node('n1').down = true
    const client = await world.client(
      {},
      world.cluster.nodes.map(({ address }) => address),
    )
    expect(await world.settle(client.admin.listTopics())).toEqual([])
  })

  test('gives a server that never answers up after the open time-out', async () => {
    const world = new World()
    world.cluster.node('n1').mute = true
    await expect(world.client()).rejects.toMatchObject({ code: 'QUORATE_CONNECTION_FAILED' })
    expect(world.nowMs).toBeLessThan(3_100)
  })

  test('refuses addresses it cannot use', async () => {
    const world = new World()
    for (const server of ['tls://a:1', 'nats://user:pw@a:1', 'nats://', 'nats://a:b']) {
      await expect(world.client({}, [server])).rejects.toMatchObject({
        code: 'QUORATE_INVALID_ARGUMENT',
      })
    }
    await expect(world.client({}, [])).rejects.toMatchObject({ code: 'QUORATE_INVALID_ARGUMENT' })
  })
})

describe('producer', () => {
  test('send stores the encoded value under the key of the topic and tells where', async () => {
    const { world, client, model, stored } = await setUp()
    const producer = client.producer()
    const result = await world.settle(producer.send(orders, { id: 'a1', cents: 5 }))
    expect(result).toEqual({ partition: result.partition, offset: 0, duplicate: false })
    expect(model.partitions[result.partition]!.records).toHaveLength(1)
    const [record] = stored()
    expect([textOf(record!.key), textOf(record!.value)]).toEqual(['a1', '{"id":"a1","cents":5}'])
    expect(record!.timestampMs).toBeGreaterThan(world.host.wallMs() - 1_000)
  })

  test('key and partition of the call override those of the topic', async () => {
    const { world, client, stored } = await setUp()
    const producer = client.producer()
    const value = { id: 'a1', cents: 5 }
    const keyed = await world.settle(producer.send(orders, value, { key: new Uint8Array([1, 2]) }))
    expect(stored()[0]!.key).toEqual(new Uint8Array([1, 2]))
    const other = (keyed.partition + 1) % 3
    const placed = await world.settle(producer.send(orders, value, { partition: other }))
    expect(placed.partition).toBe(other)
  })

  test('the value is taken when send is called', async () => {
    const { world, client, stored } = await setUp()
    const order = { id: 'a1', cents: 5 }
    const sending = client.producer().send(orders, order)
    order.cents = 6
    await world.settle(sending)
    expect(textOf(stored()[0]!.value)).toContain('"cents":5')
  })

  test('a value the codec or the schema refuses is not sent', async () => {
    const { world, client, cluster } = await setUp()
    const producer = client.producer()
    const schema = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value: unknown) =>
          typeof value === 'string' ? { value } : { issues: [{ message: 'no string' }] },
      },
    } satisfies StandardSchemaV1<string, string>
    const checked = topic('orders', { schema })
    const sends = [
      producer.send(topic('orders'), undefined),
      producer.send(checked, 5 as unknown as string),
      producer.send(orders, { id: 'a', cents: 1 }, { timestamp: Number.NaN }),
    ]
    const results = await Promise.allSettled(sends)
    expect(results.map((result) => result.status === 'rejected' && result.reason)).toMatchObject([
      { code: 'QUORATE_INVALID_ARGUMENT', outcome: 'not-applied' },
      { code: 'QUORATE_SCHEMA_INVALID', outcome: 'not-applied' },
      { code: 'QUORATE_INVALID_ARGUMENT', outcome: 'not-applied' },
    ])
    world.run(100)
    expect(cluster.requests).toEqual([])
  })

  test('order is that of the calls, also when the schema answers later', async () => {
    const { world, client, stored } = await setUp(1)
    const schema = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value: unknown) =>
          value === 'slow' ? Promise.resolve().then(() => ({ value })) : { value },
      },
    } satisfies StandardSchemaV1<unknown, unknown>
    const producer = client.producer()
    const checked = topic('orders', { schema })
    const sends = ['slow', 'fast', 'slow', 'last'].map((value) => producer.send(checked, value))
    await world.settle(Promise.all(sends))
    expect(stored().map(({ value }) => textOf(value))).toEqual([
      '"slow"',
      '"fast"',
      '"slow"',
      '"last"',
    ])
  })

  test('an aborted signal takes a record back that has not left, and leaves one alone that has', async () => {
    const { world, client, cluster, stored } = await setUp(1)
    const producer = client.producer()
    const aborted = AbortSignal.abort(new Error('never'))
    await expect(producer.send(orders, { id: 'x', cents: 0 }, { signal: aborted })).rejects.toThrow(
      'never',
    )
    const before = new AbortController()
    const gathering = producer.send(
      orders,
      { id: 'gathering', cents: 1 },
      { signal: before.signal },
    )
    const kept = producer.send(orders, { id: 'kept', cents: 1 })
    before.abort(new Error('taken back'))
    await expect(gathering).rejects.toThrow('taken back')
    await world.settle(kept)
    const during = new AbortController()
    const flying = producer.send(orders, { id: 'flying', cents: 1 }, { signal: during.signal })
    const written = cluster.requestsOf('write').length
    world.until(() => cluster.requestsOf('write').length > written)
    during.abort(new Error('given up'))
    await expect(flying).rejects.toThrow('given up')
    world.run(100)
    expect(stored().map(({ key }) => textOf(key))).toEqual(['kept', 'flying'])
  })

  test('flush waits for what was sent before it and for nothing else', async () => {
    const { world, client, stored } = await setUp()
    const producer = client.producer({ linger: '1s' })
    const sends = Array.from({ length: 10 }, (_, n) =>
      producer.send(orders, { id: `${n}`, cents: n }),
    )
    await world.settle(producer.flush())
    expect(stored()).toHaveLength(10)
    await Promise.all(sends)
    await producer.flush()
  })

  test('close settles everything; then it is closed, twice is fine', async () => {
    const { world, client, stored } = await setUp()
    const producer = client.producer({ linger: '5s' })
    const sending = producer.send(orders, { id: 'a', cents: 1 })
    await world.settle(producer.close())
    await sending
    await world.settle(producer.close())
    expect(stored()).toHaveLength(1)
    await expect(producer.send(orders, { id: 'b', cents: 1 })).rejects.toMatchObject({
      code: 'QUORATE_CLOSED',
    })
  })

  test('close with an aborted signal ends at once', async () => {
    const { world, client, cluster } = await setUp()
    cluster.interfere = ({ verb }) => (verb === 'write' ? 'drop-request' : undefined)
    const producer = client.producer()
    const sending = producer.send(orders, { id: 'a', cents: 1 })
    world.run(100)
    const settled = expect(sending).rejects.toMatchObject({
      code: 'QUORATE_CLOSED',
      outcome: 'unknown',
    })
    await expect(producer.close({ signal: AbortSignal.abort(new Error('now')) })).rejects.toThrow(
      'now',
    )
    await settled
  })

  test('options out of range are refused', async () => {
    const { client } = await setUp()
    for (const options of [
      { maxBatchBytes: 10 },
      { maxBatchBytes: 2_000_000 },
      { maxBufferedBytes: 1_000 },
      { deliveryTimeout: 0 },
      { deliveryTimeout: '1 year' as '1s' },
      { linger: '31s' },
      { compression: 'lz4' as 'gzip' },
    ] as const) {
      expect(() => client.producer(options)).toThrow('an argument is not valid')
    }
  })

  test.each(['gzip', 'zstd'] as const)(
    'batches compressed with %s are read as they were',
    async (compression) => {
      const { world, client } = await setUp(1)
      const producer = client.producer({ compression })
      const sends = Array.from({ length: 50 }, (_, n) =>
        producer.send(orders, { id: `${n}`, cents: n }),
      )
      await world.settle(Promise.all(sends))
      const read: number[] = []
      const loop = async () => {
        for await (const { value } of client.stream(orders, { until: 'end' }))
          read.push(value.cents)
      }
      await world.settle(loop())
      expect(read).toEqual(Array.from({ length: 50 }, (_, n) => n))
    },
  )
})

describe('admin', () => {
  test('topics are created, listed and deleted; a new one can be used at once', async () => {
    const { world, client, cluster } = await setUp()
    const created = await world.settle(
      client.admin.createTopic('events', { partitions: 2, retention: '7d' }),
    )
    expect(created).toMatchObject({ topic: 'events', partitions: 2, retentionMs: 604_800_000 })
    const result = client.producer().send(topic('events'), { n: 1 })
    expect(await world.settle(result)).toMatchObject({ offset: 0 })
    expect(await world.settle(client.admin.listTopics())).toEqual([
      { topic: 'orders' },
      { topic: 'events' },
    ])
    await world.settle(client.admin.deleteTopic('events'))
    expect(cluster.topics.has('events')).toBe(false)
  })

  test('a topic this client has created is not unknown because one node is behind', async () => {
    const { world, client, cluster } = await setUp()
    await world.settle(client.admin.createTopic('events'))
    let behind = 5
    cluster.interfere = ({ verb }) =>
      verb === 'route' && behind-- > 0
        ? { reply: failure('QUORATE_UNKNOWN_TOPIC', 'events') }
        : undefined
    expect(await world.settle(client.producer().send(topic('events'), 1))).toMatchObject({
      offset: 0,
    })
  })

  test('errors carry the code of the node', async () => {
    const { world, client } = await setUp()
    const refused = client.admin.createTopic('orders')
    await expect(world.settle(refused)).rejects.toMatchObject({ code: 'QUORATE_TOPIC_EXISTS' })
    await expect(client.admin.createTopic('..')).rejects.toMatchObject({
      code: 'QUORATE_INVALID_TOPIC',
    })
  })

  test('offsets of all partitions, earliest, latest or at a time', async () => {
    const { world, client } = await setUp(2)
    const producer = client.producer()
    for (const partition of [0, 0, 1]) {
      await world.settle(producer.send(orders, { id: 'a', cents: 1 }, { partition }))
    }
    expect(await world.settle(client.admin.offsets('orders', { at: 'latest' }))).toEqual([
      { partition: 0, offset: 2 },
      { partition: 1, offset: 1 },
    ])
    const some = client.admin.offsets(orders, { at: { time: new Date(0) }, partitions: [1] })
    expect(await world.settle(some)).toEqual([{ partition: 1, offset: 0 }])
  })

  test('a read without answer is tried at another node, a creation is not repeated', async () => {
    const { world, client, cluster } = await setUp()
    await world.settle(client.producer().send(orders, { id: 'a', cents: 1 }))
    world.run(100)
    let dropped = 0
    cluster.interfere = ({ verb }) =>
      (verb === 'list' || verb === 'create') && dropped++ === 0 ? 'drop-reply' : undefined
    expect(await world.settle(client.admin.listTopics())).toHaveLength(1)
    expect(cluster.requestsOf('list')).toHaveLength(2)
    dropped = 0
    await expect(world.settle(client.admin.createTopic('events'))).rejects.toMatchObject({
      code: 'QUORATE_TIMEOUT',
      outcome: 'unknown',
    })
    expect(cluster.requestsOf('create')).toHaveLength(1)
  })

  test.each([3_500, 5_000])(
    'a description that takes %i ms because a node is silent is waited for',
    async (delayMs) => {
      const { world, client, cluster } = await setUp()
      cluster.interfere = ({ verb }) => (verb === 'describe' ? { delayMs } : undefined)
      const description = await world.settle(client.admin.describeTopic('orders'))
      expect(description).toMatchObject({ topic: 'orders' })
    },
  )

  test('a topic can be kept without bounds', async () => {
    const { world, client } = await setUp()
    const options = {
      retention: 'unlimited',
      retentionBytes: 'unlimited',
      segmentTime: '1h',
    } as const
    const created = await world.settle(client.admin.createTopic('events', options))
    expect(created).toMatchObject({ retentionMs: -1, retentionBytes: -1, segmentMs: 3_600_000 })
  })

  test('a retriable refusal is tried again inside the time-out', async () => {
    const { world, client, cluster } = await setUp()
    let refusals = 3
    cluster.interfere = ({ verb }) =>
      verb === 'create' && refusals-- > 0 ? { reply: failure('QUORATE_NO_LEADER') } : undefined
    expect(await world.settle(client.admin.createTopic('events'))).toMatchObject({
      topic: 'events',
    })
    refusals = 1_000
    const never = client.admin.createTopic('more', { timeout: '1s' })
    await expect(world.settle(never)).rejects.toMatchObject({ code: 'QUORATE_NO_LEADER' })
  })

  test('orders about nodes and places are sent as asked, and again when an answer is lost', async () => {
    const { world, client, cluster } = await setUp()
    const sent: string[] = []
    cluster.interfere = ({ verb, topic: name, payload }) => {
      sent.push(`${verb} ${name ?? ''} ${new TextDecoder().decode(payload)}`)
      const reply = { payload: new TextEncoder().encode('{"moves":[]}') }
      return sent.length === 1 ? 'drop-request' : { reply }
    }
    const { admin } = client
    const incarnation = 'a'.repeat(16)
    await world.settle(admin.addNode({ node: 'n4', incarnation, address: 'h:4' }))
    await world.settle(admin.replaceNode({ node: 'n4', incarnation, timeout: '5s' }))
    expect(await world.settle(admin.removeNode('n4'))).toBeUndefined()
    await world.settle(admin.movePartition('orders', 2, ['n1', 'n2', 'n3']))
    expect(await world.settle(admin.rebalance({ dryRun: true }))).toEqual({ moves: [] })
    await world.settle(admin.rebalance())
    await world.settle(admin.canStop('n2'))
    await world.settle(admin.giveUpNode('n2'))
    const added = `node-add  {"node":"n4","incarnation":"${incarnation}","address":"h:4"}`
    expect(sent).toEqual([
      added,
      added,
      `node-replace  {"node":"n4","incarnation":"${incarnation}"}`,
      'node-remove  {"node":"n4"}',
      'move orders {"partition":2,"replicas":["n1","n2","n3"]}',
      'rebalance  {"dryRun":true}',
      'rebalance  {"dryRun":false}',
      'can-stop  {"node":"n2"}',
      'node-give-up  {"node":"n2"}',
    ])
  })

  test('a server that is not quorate is named', async () => {
    const { world, client, cluster } = await setUp()
    cluster.interfere = () => 'no-responders'
    await expect(world.settle(client.admin.listTopics())).rejects.toMatchObject({
      code: 'QUORATE_CONNECTION_FAILED',
      message: expect.stringContaining('is it a quorate node?'),
    })
  })

  test('a signal ends the call', async () => {
    const { client, cluster } = await setUp()
    cluster.interfere = () => 'drop-request'
    const controller = new AbortController()
    const call = client.admin.clusterStatus({ signal: controller.signal })
    controller.abort(new Error('stop'))
    await expect(call).rejects.toThrow('stop')
  })
})

describe('close', () => {
  test('delivers what producers hold, ends the rest, and refuses what comes later', async () => {
    const { world, client, stored } = await setUp()
    const producer = client.producer({ linger: '10s' })
    const sending = producer.send(orders, { id: 'a', cents: 1 })
    await world.settle(client.close())
    await sending
    expect(stored()).toHaveLength(1)
    expect(() => client.producer()).toThrow('this object is closed')
    await expect(world.settle(client.admin.listTopics())).rejects.toMatchObject({
      code: 'QUORATE_CLOSED',
    })
    await client.close()
  })

  test('leaves no timer and no link behind', async () => {
    const { world, client, cluster } = await setUp()
    await world.settle(client.producer().send(orders, { id: 'a', cents: 1 }))
    client.stream(orders)
    world.run(500)
    await world.settle(client.close())
    world.run(60_000)
    expect(cluster.nodes.map(({ links }) => links.size)).toEqual([0, 0, 0])
    expect(world.simulation.waiting).toBe(0)
  })

  test('with an aborted signal ends at once', async () => {
    const { world, client, cluster } = await setUp()
    cluster.interfere = ({ verb }) => (verb === 'write' ? 'drop-request' : undefined)
    const sending = client.producer().send(orders, { id: 'a', cents: 1 })
    const settled = expect(sending).rejects.toMatchObject({ code: 'QUORATE_CLOSED' })
    world.run(100)
    const startMs = world.nowMs
    await world.settle(client.close({ signal: AbortSignal.abort() }))
    await settled
    expect(world.nowMs - startMs).toBeLessThan(10)
  })
})
