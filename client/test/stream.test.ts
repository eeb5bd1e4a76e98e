import type { StandardSchemaV1 } from '@standard-schema/spec'
import { describe, expect, test } from 'vitest'
import type { Client } from '../src/client.ts'
import type { StreamOptions, StreamRecord } from '../src/stream.ts'
import { topic } from '../src/topic.ts'
import type { FakeTopic } from './support/fake-cluster.ts'
import { Sender, textOf, World } from './support/world.ts'

const lines = topic('lines', { codec: 'text' })

async function setUp(options: { partitions?: number; records?: number; limits?: object } = {}) {
  const world = new World()
  const model = world.cluster.createTopic('lines', options.partitions ?? 1)
  const sender = new Sender(world, world.core())
  append(world, sender, options.records ?? 0, options.partitions ?? 1)
  const client = await world.client(options.limits)
  return { world, model, sender, client, cluster: world.cluster }
}

/** `l0`, `l1`, … round the partitions, each in a batch of its own. */
function append(world: World, sender: Sender, count: number, partitions = 1): void {
  const from = sender.sent.length
  for (let index = from; index < from + count; index += 1) {
    sender.send('lines', `l${index}`, { partition: index % partitions })
    world.until(() => sender.settled)
  }
}

/** Reads records until there are `count`, or the stream ends. */
async function take<Value>(
  world: World,
  stream: AsyncIterator<StreamRecord<Value>>,
  count = Number.POSITIVE_INFINITY,
): Promise<StreamRecord<Value>[]> {
  const records: StreamRecord<Value>[] = []
  while (records.length < count) {
    const result = await world.settle(stream.next())
    if (result.done) break
    records.push(result.value)
  }
  return records
}

const values = <Value>(records: readonly StreamRecord<Value>[]) => records.map(({ value }) => value)

async function readAll(world: World, client: Client, options: StreamOptions = {}) {
  return values(await take(world, client.stream(lines, { until: 'end', ...options })))
}

describe('where a stream starts and ends', () => {
  test('from the earliest record by default, to the end as it was at the start', async () => {
    const { world, client, sender } = await setUp({ records: 10 })
    const stream = client.stream(lines, { until: 'end' })
    const first = await take(world, stream, 1)
    append(world, sender, 5)
    const rest = await take(world, stream)
    expect(values([...first, ...rest])).toEqual(Array.from({ length: 10 }, (_, i) => `l${i}`))
  })

  test('an empty topic ends at once', async () => {
    const { world, client } = await setUp({ partitions: 3 })
    expect(await readAll(world, client)).toEqual([])
  })

  test('from an offset, in one partition', async () => {
    const { world, client } = await setUp({ records: 12, partitions: 3 })
    expect(await readAll(world, client, { from: { partition: 1, offset: 2 } })).toEqual([
      'l7',
      'l10',
    ])
  })

  test('from offsets by partition, the others from the earliest', async () => {
    const { world, client } = await setUp({ records: 6, partitions: 3 })
    const read = await readAll(world, client, { from: { offsets: { 0: 1, 1: 2 } } })
    expect(read.sort()).toEqual(['l2', 'l3', 'l5'])
  })

  test('from an offset inside a batch, without the records before it', async () => {
    const { world, client, sender } = await setUp()
    for (let index = 0; index < 5; index += 1) sender.send('lines', `b${index}`)
    world.until(() => sender.settled)
    expect(await readAll(world, client, { from: { partition: 0, offset: 3 } })).toEqual([
      'b3',
      'b4',
    ])
  })

  test('from a time, by when batches were stored', async () => {
    const { world, client, sender, model } = await setUp({ records: 3 })
    world.run(5_000)
    append(world, sender, 2)
    const time = new Date(Math.floor(model.partitions[0]!.batches[3]!.atMs))
    expect(await readAll(world, client, { from: { time } })).toEqual(['l3', 'l4'])
  })

  test('from the latest: what is sent after ready()', async () => {
    const { world, client, sender } = await setUp({ records: 3 })
    const stream = client.stream(lines, { from: 'latest' })
    await world.settle(stream.ready())
    append(world, sender, 2)
    expect(values(await take(world, stream, 2))).toEqual(['l3', 'l4'])
  })

  test('some partitions only', async () => {
    const { world, client } = await setUp({ records: 9, partitions: 3 })
    expect((await readAll(world, client, { partitions: [0, 2] })).sort()).toEqual([
      'l0',
      'l2',
      'l3',
      'l5',
      'l6',
      'l8',
    ])
  })

  test('a partition that does not exist is an error', async () => {
    const { world, client } = await setUp()
    await expect(readAll(world, client, { partitions: [3] })).rejects.toMatchObject({
      code: 'QUORATE_INVALID_ARGUMENT',
    })
  })

  test('a start that is not found within 30 s is an error, however the time was spent', async () => {
    const { world, client, cluster } = await setUp({ records: 1 })
    const startMs = world.nowMs
    cluster.interfere = ({ verb }) => {
      if (verb === 'route') return world.nowMs - startMs < 20_000 ? 'drop-request' : undefined
      return verb === 'offsets' ? 'drop-request' : undefined
    }
    await expect(world.settle(client.stream(lines).next())).rejects.toMatchObject({
      code: 'QUORATE_TIMEOUT',
    })
    expect(world.nowMs - startMs).toBeGreaterThanOrEqual(30_000)
    expect(world.nowMs - startMs).toBeLessThan(30_100)
  })

  test('once started, a stream waits for a leader for as long as it takes', async () => {
    const { world, client, cluster, sender, model } = await setUp({ records: 1 })
    const stream = client.stream(lines)
    await take(world, stream, 1)
    cluster.moveLeader(model, 0, undefined)
    const next = world.settle(stream.next(), 400_000)
    world.run(300_000)
    cluster.moveLeader(model, 0, 'n2')
    append(world, sender, 1)
    expect((await next).value?.value).toBe('l1')
  })

  test('an unknown topic is an error', async () => {
    const { world, client } = await setUp()
    const stream = client.stream(topic('nothing'))
    await expect(world.settle(stream.next())).rejects.toMatchObject({
      code: 'QUORATE_UNKNOWN_TOPIC',
    })
    expect(await world.settle(stream.next())).toEqual({ done: true, value: undefined })
  })
})

describe('what a stream gives', () => {
  test('value, key, headers, partition, offset and timestamp', async () => {
    const { world, client } = await setUp()
    const producer = client.producer()
    const timestamp = new Date(1_700_000_000_000)
    const headers = { trace: 'a1', raw: new Uint8Array([0xff]) }
    await world.settle(producer.send(lines, 'hello', { key: 'k', timestamp, headers }))
    await world.settle(producer.send(lines, 'bare'))
    const [first, second] = await take(world, client.stream(lines), 2)
    expect(first).toMatchObject({ value: 'hello', key: 'k', partition: 0, offset: 0, timestamp })
    expect(first!.headers).toMatchObject({ trace: 'a1' })
    expect(first!.rawHeaders[1]).toEqual({ key: 'raw', value: new Uint8Array([0xff]) })
    expect(second).toMatchObject({ value: 'bare', key: null, keyBytes: null, headers: {} })
  })

  test('partitions are merged, each in order, gaps in offsets are passed over', async () => {
    const { world, client, sender, model } = await setUp({ partitions: 3 })
    append(world, sender, 30, 3)
    for (const partition of model.partitions) partition.skipOffsets(7)
    append(world, sender, 30, 3)
    const records = await take(world, client.stream(lines, { until: 'end' }))
    expect(records).toHaveLength(60)
    for (const partition of [0, 1, 2]) {
      const mine = records.filter((record) => record.partition === partition)
      expect(values(mine)).toEqual(Array.from({ length: 20 }, (_, i) => `l${i * 3 + partition}`))
      expect(mine.map(({ offset }) => offset)).toEqual(
        Array.from({ length: 20 }, (_, i) => (i < 10 ? i : i + 7)),
      )
    }
  })

  test('a stream waits for further records without asking all the time', async () => {
    const { world, client, cluster, sender } = await setUp({ records: 1 })
    const stream = client.stream(lines)
    await take(world, stream, 1)
    const next = world.settle(stream.next())
    world.run(20_000)
    expect(cluster.requestsOf('fetch').length).toBeLessThan(8)
    const startMs = world.nowMs
    append(world, sender, 1)
    expect((await next).value?.value).toBe('l1')
    expect(world.nowMs - startMs).toBeLessThan(20)
  })

  test('what is fetched ahead of the loop is bounded', async () => {
    const { world, client, sender, cluster } = await setUp({ limits: { fetchBytes: 10_000 } })
    for (let index = 0; index < 200; index += 1) {
      sender.send('lines', 'x', { value: new Uint8Array(4_000).fill(97) })
      world.until(() => sender.settled)
    }
    const stream = client.stream(lines, { maxBufferedBytes: 64 * 1024 })
    await take(world, stream, 1)
    world.run(1_000)
    const before = cluster.requestsOf('fetch').length
    expect(before).toBeLessThan(10)
    expect(await take(world, stream, 199)).toHaveLength(199)
  })

  test('values go through the schema, also when it answers later', async () => {
    const schema = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: async (value: unknown) => ({ value: `${value}!` }),
      },
    } satisfies StandardSchemaV1<unknown, string>
    const { world, client } = await setUp({ records: 3 })
    const checked = topic('lines', {
      schema,
      codec: { encode: () => new Uint8Array(), decode: (b) => textOf(b) },
    })
    const stream = client.stream(checked, { until: 'end' })
    const reads = [stream.next(), stream.next(), stream.next(), stream.next()]
    const results = await world.settle(Promise.all(reads))
    expect(results.map(({ value }) => value?.value)).toEqual(['l0!', 'l1!', 'l2!', undefined])
  })
})

describe('what ends a stream', () => {
  test('a record that cannot be decoded, with its place; reading goes on behind it', async () => {
    const { world, client, sender } = await setUp()
    const json = topic<{ n: number }>('lines')
    for (const text of ['{"n":1}', '{broken', '{"n":3}']) sender.send('lines', text)
    world.until(() => sender.settled)
    const stream = client.stream(json)
    expect(values(await take(world, stream, 1))).toEqual([{ n: 1 }])
    await expect(world.settle(stream.next())).rejects.toMatchObject({
      code: 'QUORATE_DECODE_FAILED',
      partition: 0,
      offset: 1,
      message: expect.stringContaining('lines/0 offset 1'),
    })
    expect(await world.settle(stream.next())).toEqual({ done: true, value: undefined })
    const behind = client.stream(json, { from: { partition: 0, offset: 2 } })
    expect(values(await take(world, behind, 1))).toEqual([{ n: 3 }])
  })

  test('a value that the schema refuses', async () => {
    const schema = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: () => ({ issues: [{ message: 'too short', path: ['a', { key: 'b' }] }] }),
      },
    } satisfies StandardSchemaV1
    const { world, client, sender } = await setUp()
    sender.send('lines', '"x"')
    world.until(() => sender.settled)
    await expect(
      world.settle(client.stream(topic('lines', { schema })).next()),
    ).rejects.toMatchObject({
      code: 'QUORATE_DECODE_FAILED',
      message: expect.stringContaining('a.b: too short'),
    })
  })

  test('an offset below the log start names the new start', async () => {
    const { world, client, model } = await setUp({ records: 10 })
    model.partitions[0]!.deleteBelow(4)
    const stream = client.stream(lines, { from: { partition: 0, offset: 2 } })
    await expect(world.settle(stream.next())).rejects.toMatchObject({
      code: 'QUORATE_OFFSET_OUT_OF_RANGE',
      offset: 2,
      startOffset: 4,
      endOffset: 10,
      message: expect.stringContaining('it holds 4 to 9'),
    })
  })

  test('an offset beyond the end that the caller gave is an error', async () => {
    const { world, client } = await setUp({ records: 3 })
    const stream = client.stream(lines, { from: { partition: 0, offset: 30 } })
    await expect(world.settle(stream.next())).rejects.toMatchObject({
      code: 'QUORATE_OFFSET_OUT_OF_RANGE',
    })
  })

  test('retention that overtakes a reader is an error, one that moves the earliest offset is not', async () => {
    const { world, client, model, cluster, sender } = await setUp({
      records: 3,
      limits: { fetchBytes: 1 },
    })
    let deleted = false
    cluster.interfere = ({ verb }) => {
      if (verb === 'fetch' && !deleted) {
        deleted = true
        model.partitions[0]!.deleteBelow(2)
      }
      return undefined
    }
    const stream = client.stream(lines, { maxBufferedBytes: 64 * 1024 })
    expect(values(await take(world, stream, 1))).toEqual(['l2'])
    append(world, sender, 1)
    await take(world, stream, 1)
    cluster.node('n1').mute = true
    append2(model)
    cluster.revive('n1')
    await expect(world.settle(stream.next())).rejects.toMatchObject({
      code: 'QUORATE_OFFSET_OUT_OF_RANGE',
    })
  })

  test('a topic deleted under the reader', async () => {
    const { world, client, cluster } = await setUp({ records: 1 })
    const stream = client.stream(lines)
    await take(world, stream, 1)
    cluster.topics.delete('lines')
    await expect(world.settle(stream.next())).rejects.toMatchObject({
      code: 'QUORATE_UNKNOWN_TOPIC',
    })
  })

  test('a topic created again under its name is another topic', async () => {
    const { world, client, cluster } = await setUp({ records: 1 })
    const stream = client.stream(lines)
    await take(world, stream, 1)
    cluster.topics.delete('lines')
    cluster.createTopic('lines', 1)
    await expect(world.settle(stream.next())).rejects.toMatchObject({
      code: 'QUORATE_UNKNOWN_TOPIC',
      message: expect.stringContaining('deleted'),
    })
  })

  test('an aborted signal, with its reason, before and while the loop waits', async () => {
    const { world, client } = await setUp({ records: 1 })
    const controller = new AbortController()
    const stream = client.stream(lines, { signal: controller.signal })
    await take(world, stream, 1)
    const next = stream.next()
    controller.abort(new Error('enough'))
    await expect(world.settle(next)).rejects.toThrow('enough')
    const late = client.stream(lines, { signal: controller.signal })
    await expect(world.settle(late.next())).rejects.toThrow('enough')
  })

  test('leaving the loop, which stops all fetching', async () => {
    const { world, client, cluster } = await setUp({ records: 3 })
    const read: string[] = []
    const loop = async () => {
      for await (const { value } of client.stream(lines)) {
        read.push(value)
        if (read.length === 2) break
      }
    }
    await world.settle(loop())
    expect(read).toEqual(['l0', 'l1'])
    world.run(10)
    const before = cluster.requestsOf('fetch').length
    world.run(60_000)
    expect(cluster.requestsOf('fetch').length).toBe(before)
  })

  test('closing the client: the loop throws QUORATE_CLOSED', async () => {
    const { world, client } = await setUp()
    const next = client.stream(lines).next()
    await Promise.all([
      expect(next).rejects.toMatchObject({ code: 'QUORATE_CLOSED' }),
      world.settle(client.close()),
    ])
    expect(() => client.stream(lines)).toThrow('closed')
  })

  test('options that make no sense', async () => {
    const { client } = await setUp()
    for (const options of [
      { from: { partition: 0, offset: -1 } },
      { from: { partition: 0, offset: 1 }, partitions: [1] },
      { from: { time: new Date('nonsense') } },
      { maxBufferedBytes: 10 },
      { until: 'later' as 'end' },
      { from: 'middle' as 'latest' },
    ]) {
      expect(() => client.stream(lines, options)).toThrow('an argument is not valid')
    }
  })
})

/** Records the reader has not seen are appended and deleted at once. */
function append2(model: FakeTopic): void {
  const partition = model.partitions[0]!
  partition.skipOffsets(5)
  partition.deleteBelow(partition.nextOffset)
}

describe('leaders', () => {
  test('a stream follows its partition to another leader, nothing twice and nothing left out', async () => {
    const { world, client, cluster, sender, model } = await setUp({ records: 5 })
    const stream = client.stream(lines)
    const records = await take(world, stream, 5)
    for (const [leader, announce] of [
      ['n2', true],
      ['n3', false],
      ['n1', true],
    ] as const) {
      cluster.moveLeader(model, 0, leader, { announce })
      append(world, sender, 4)
      records.push(...(await take(world, stream, 4)))
    }
    expect(values(records)).toEqual(Array.from({ length: 17 }, (_, index) => `l${index}`))
  })

  test('a killed leader: the stream goes on with the next one', async () => {
    const { world, client, cluster, sender, model } = await setUp({ records: 2 })
    const stream = client.stream(lines)
    const records = await take(world, stream, 2)
    cluster.kill('n1')
    world.run(300)
    cluster.moveLeader(model, 0, 'n2')
    append(world, sender, 2)
    records.push(...(await take(world, stream, 2)))
    expect(values(records)).toEqual(['l0', 'l1', 'l2', 'l3'])
  })

  test('a stopped leader: its long poll is given up when another one is pushed', async () => {
    const { world, client, cluster, sender, model } = await setUp({ records: 2 })
    const stream = client.stream(lines)
    const records = await take(world, stream, 2)
    cluster.pause('n1')
    world.run(500)
    cluster.moveLeader(model, 0, 'n3')
    append(world, sender, 2)
    records.push(...(await take(world, stream, 2)))
    cluster.revive('n1')
    world.run(10_000)
    append(world, sender, 1)
    records.push(...(await take(world, stream, 1)))
    expect(values(records)).toEqual(['l0', 'l1', 'l2', 'l3', 'l4'])
  })

  test('a leader that is behind what was read already is asked again', async () => {
    const { world, client, cluster, sender, model } = await setUp({ records: 3 })
    const stream = client.stream(lines)
    const records = await take(world, stream, 3)
    const partition = model.partitions[0]!
    const end = partition.nextOffset
    cluster.moveLeader(model, 0, undefined)
    world.run(20)
    partition.nextOffset = 1
    cluster.moveLeader(model, 0, 'n2')
    world.run(1_000)
    partition.nextOffset = end
    append(world, sender, 1)
    records.push(...(await take(world, stream, 1)))
    expect(values(records)).toEqual(['l0', 'l1', 'l2', 'l3'])
  })
})
