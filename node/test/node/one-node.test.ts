import { decodeBatch, splitBatches } from '@quorate/protocol'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fetchReply, type TestClient, writeResults } from './client.ts'
import { TestCluster } from './cluster.ts'

const decoder = new TextDecoder()

describe('one node', () => {
  let cluster: TestCluster
  let client: TestClient

  beforeEach(() => {
    cluster = TestCluster.ready('one-node', 1)
    client = cluster.client('n1')
  })

  afterEach(() => {
    expect(cluster.defects).toEqual([])
  })

  function values(reply: ReturnType<TestClient['fetch']>): string[] {
    return splitBatches(reply.batches).flatMap(({ bytes }) =>
      decodeBatch(bytes).map(({ value, offset }) => `${offset}=${decoder.decode(value!)}`),
    )
  }

  test('a plain request is answered with partition and offset, and can be fetched', () => {
    const topicId = client.create('orders')
    const first = client.produce('orders', 'hello')
    const second = client.produce('orders', 'world', { 'x-trace': '7' })
    expect(first).toEqual({ topic: 'orders', partition: 0, offset: 0, duplicate: false })
    expect(second.offset).toBe(1)
    const reply = client.fetch(topicId, 0, 0)
    expect(values(reply)).toEqual(['0=hello', '1=world'])
    const records = splitBatches(reply.batches).flatMap(({ bytes }) => decodeBatch(bytes))
    expect(records[1]!.headers.map(({ key }) => key)).toEqual(['x-trace'])
    expect(reply).toMatchObject({ highWatermark: 2, logStartOffset: 0 })
  })

  test('keys choose the partition, a header overrides it, and a wrong one is refused', () => {
    client.create('keyed', { partitions: 4 })
    const byKey = new Set(
      ['a', 'a', 'a'].map((key) => client.produce('keyed', 'v', { 'q-key': key }).partition),
    )
    expect(byKey.size).toBe(1)
    expect(client.produce('keyed', 'v', { 'q-partition': '3' }).partition).toBe(3)
    for (const wrong of ['4', '-1', '1.5', '']) {
      const { error } = client.produce('keyed', 'v', { 'q-partition': wrong })
      expect(error, wrong).toMatchObject({ code: 'QUORATE_INVALID_ARGUMENT', retriable: false })
    }
  })

  test('a batch sent again is answered with its first offset, also across a restart', () => {
    const topicId = client.create('orders')
    const batch = {
      topicId,
      partition: 0,
      values: ['a', 'b'],
      producerId: 7,
      epoch: 0,
      sequence: 0,
    }
    const next = { ...batch, values: ['c'], sequence: 2 }
    expect(client.write(batch, next).map(({ offset }) => offset)).toEqual([0, 2])
    expect(client.write(batch)).toMatchObject([{ offset: 0, duplicate: false }])
    cluster.crash('n1', 'power')
    cluster.start('n1')
    cluster.untilReady()
    client = cluster.client('n1')
    expect(client.write(batch, next).map(({ offset }) => offset)).toEqual([0, 2])
    expect(client.write({ ...batch, sequence: 9 })).toMatchObject([
      { error: 'QUORATE_OUT_OF_ORDER_SEQUENCE' },
    ])
    expect(values(client.fetch(topicId, 0, 0))).toEqual(['0=a', '1=b', '2=c'])
  })

  test('every batch of a request has its own result, in order', () => {
    const topicId = client.create('orders', { partitions: 2 })
    const at = (partition: number, id = topicId) => ({ topicId: id, partition, values: ['v'] })
    const results = client.write(at(0), at(1), at(0), at(0, 9999), at(7))
    expect(results.map(({ offset, error }) => error ?? offset)).toEqual([
      0,
      0,
      1,
      'QUORATE_NOT_LEADER',
      'QUORATE_NOT_LEADER',
    ])
    expect(client.write()).toEqual([])
  })

  test('a fetch at the end waits for the next record, and no longer than it says', () => {
    const topicId = client.create('orders')
    const late = client.askFetch(topicId, 0, 0, { waitMs: 5000 })
    const short = client.askFetch(topicId, 0, 0, { waitMs: 300 })
    const longer = client.askFetch(topicId, 0, 0, { waitMs: 20_000 })
    cluster.pass(280)
    expect([late.answer, short.answer, longer.answer]).toEqual([undefined, undefined, undefined])
    cluster.pass(60)
    expect(fetchReply(short.answer!)).toMatchObject({ highWatermark: 0 })
    expect(late.answer).toBeUndefined()
    client.produce('orders', 'now')
    expect(values(fetchReply(client.wait(late)))).toEqual(['0=now'])
    expect(values(fetchReply(client.wait(longer)))).toEqual(['0=now'])
  })

  test('a fetch outside of the log is told so, one inside of a batch starts with that batch', () => {
    const topicId = client.create('orders')
    client.write({ topicId, partition: 0, values: ['a', 'b', 'c'] })
    expect(client.fetch(topicId, 0, 4).error).toBe('QUORATE_OFFSET_OUT_OF_RANGE')
    expect(values(client.fetch(topicId, 0, 1))[0]).toBe('0=a')
    expect(client.fetch(topicId, 9, 0).error).toBe('QUORATE_NOT_LEADER')
  })

  test('offsets answers the ends and the first record at or after a time', () => {
    const topicId = client.create('orders')
    client.produce('orders', 'a')
    cluster.pass(1000)
    const betweenMs = cluster.node('n1').host!.wallMs()
    cluster.pass(1000)
    client.produce('orders', 'b')
    const at = (position: unknown, more = {}) =>
      client.call('offsets', 'orders', { partition: 0, at: position, ...more })
    expect(at('earliest')).toEqual({ partition: 0, offset: 0 })
    expect(at('latest', { topicId })).toEqual({ partition: 0, offset: 2 })
    expect(at({ timeMs: betweenMs })).toMatchObject({ offset: 1 })
    expect(at({ timeMs: betweenMs + 60_000 })).toEqual({ partition: 0, offset: 2 })
    expect(at({ timeMs: 0 })).toMatchObject({ offset: 0 })
    expect(at('latest', { topicId: topicId + 1 }).error.code).toBe('QUORATE_UNKNOWN_TOPIC')
    expect(at('middle').error.code).toBe('QUORATE_INVALID_REQUEST')
  })

  test('topics are created, listed, described and deleted; a name made again is another topic', () => {
    const first = client.create('orders', {
      partitions: 3,
      retentionMs: -1,
      segmentBytes: 1_048_576,
    })
    expect(client.call('create', 'orders').error.code).toBe('QUORATE_TOPIC_EXISTS')
    expect(client.call('list', undefined).topics).toMatchObject([
      { topic: 'orders', topicId: first, partitions: 3, replicas: 1, retentionMs: -1 },
    ])
    cluster.pass(2000)
    const { partitionStates } = client.call('describe', 'orders')
    expect(partitionStates).toMatchObject(
      [0, 1, 2].map((partition) => ({
        partition,
        leader: 'n1',
        replicas: [{ node: 'n1', role: 'leader', commitIndex: 1 }],
      })),
    )
    expect(client.call('delete', 'orders')).toEqual({ topic: 'orders', topicId: first })
    expect(client.call('delete', 'orders').error).toMatchObject({
      code: 'QUORATE_UNKNOWN_TOPIC',
      message: expect.stringContaining('quorate topic create orders'),
    })
    expect(client.write({ topicId: first, partition: 0, values: ['v'] })).toMatchObject([
      { error: 'QUORATE_UNKNOWN_TOPIC' },
    ])
    const again = client.create('orders')
    expect(again).toBeGreaterThan(first)
    expect(client.fetch(again, 0, 0).highWatermark).toBe(0)
    expect(client.fetch(first, 0, 0).error).toBe('QUORATE_UNKNOWN_TOPIC')
  })

  test('an unknown topic is named in the answer, and made on produce only where that is allowed', () => {
    const { error } = client.produce('nowhere', 'v')
    expect(error).toMatchObject({ code: 'QUORATE_UNKNOWN_TOPIC', outcome: 'not-applied' })
    expect(client.call('route', 'nowhere').error.code).toBe('QUORATE_UNKNOWN_TOPIC')
    expect(client.call('describe', 'nowhere').error.code).toBe('QUORATE_UNKNOWN_TOPIC')

    const easy = TestCluster.ready('auto-create', 1, { autoCreateTopics: true })
    const other = easy.client('n1')
    expect(other.call('route', 'somewhere').error.code).toBe('QUORATE_UNKNOWN_TOPIC')
    const both = [
      other.askJson('route', 'made', { create: true }),
      other.askJson('produce', 'made'),
    ]
    for (const pending of both) expect(JSON.parse(other.wait(pending).text).error).toBeUndefined()
    expect(other.call('list', undefined).topics).toMatchObject([{ topic: 'made', partitions: 6 }])
    expect(easy.defects).toEqual([])
  })

  test('what cannot be understood is answered with a code, and the node goes on', () => {
    const topicId = client.create('orders')
    const codeOf = (text: string) => JSON.parse(text).error.code
    const bytes = (text: string) => ({
      pieces: [new TextEncoder().encode(text)],
      byteLength: text.length,
    })
    const odd: [string, string, string][] = [
      ['$Q.1.offsets.orders', '{', 'QUORATE_INVALID_REQUEST'],
      ['$Q.1.offsets.orders', '[]', 'QUORATE_INVALID_REQUEST'],
      ['$Q.1.offsets.orders', '{"partition":-1,"at":"latest"}', 'QUORATE_INVALID_REQUEST'],
      ['$Q.1.offsets.orders', '{"partition":5,"at":"latest"}', 'QUORATE_INVALID_ARGUMENT'],
      ['$Q.1.leader', '{"topicId":"x"}', 'QUORATE_INVALID_REQUEST'],
      ['$Q.1.create.more', '{"partitions":0}', 'QUORATE_INVALID_ARGUMENT'],
      ['$Q.1.create.more', '{"replicas":3}', 'QUORATE_NOT_ENOUGH_NODES'],
      ['$Q.1.create.a%b', '{}', 'QUORATE_INVALID_TOPIC'],
      ['$Q.1.write', 'garbage', 'QUORATE_INVALID_REQUEST'],
      ['$Q.1.fetch', 'garbage', 'QUORATE_INVALID_REQUEST'],
      ['$Q.1.what', '', 'QUORATE_UNKNOWN_SUBJECT'],
      ['$Q.internal.status', '{}', 'QUORATE_UNKNOWN_SUBJECT'],
    ]
    for (const [subject, text, code] of odd) {
      const answer = client.wait(client.ask(subject, bytes(text)))
      expect(codeOf(answer.text), subject).toBe(code)
      expect(answer.error, subject).toBe(code)
    }
    expect(client.write({ topicId, partition: 0, values: ['still here'] })[0]!.offset).toBe(0)
  })

  test('producer ids are given once each, whoever asks and after a restart too', () => {
    const asked = Array.from({ length: 1100 }, () => client.askJson('producer', undefined))
    const given = asked.map((pending) => JSON.parse(client.wait(pending).text).producerId)
    cluster.crash('n1')
    cluster.start('n1')
    cluster.untilReady()
    given.push(cluster.client('n1').call('producer', undefined).producerId)
    expect(new Set(given).size).toBe(given.length)
    expect(given.every((id) => Number.isSafeInteger(id) && id >= 1)).toBe(true)
  })

  test('answers what it still can while it stops, and everything is there after the next start', () => {
    const topicId = client.create('orders')
    for (let at = 0; at < 20; at++) client.produce('orders', `v${at}`)
    cluster.node('n1').broker!.stop(() => {})
    const late = client.ask('$Q.1.produce.orders', { pieces: [], byteLength: 0 })
    cluster.pass(100)
    if (late.answer !== undefined) expect(late.answer.error).toBe('QUORATE_SHUTTING_DOWN')
    cluster.pass(2000)
    expect(client.closed).toBe(true)
    cluster.crash('n1', 'power')
    cluster.start('n1')
    cluster.untilReady()
    const reply = cluster.client('n1').fetch(topicId, 0, 0)
    expect(values(reply)).toHaveLength(20)
  })

  test('a full disk refuses writes with a certain answer, and takes them again when there is room', () => {
    const topicId = client.create('orders')
    const { disk } = cluster.node('n1')
    client.write({ topicId, partition: 0, values: ['first'] })
    disk.capacityBytes = disk.usedBytes()
    const value = 'x'.repeat(100_000)
    let refused: string | undefined
    for (let at = 0; at < 40 && refused === undefined; at++) {
      refused = client.write({ topicId, partition: 0, values: [value] })[0]!.error
    }
    expect(refused).toBe('QUORATE_DISK_FULL')
    expect(client.call('status', undefined).nodes[0].refusing).toBe('QUORATE_DISK_FULL')
    expect(values(client.fetch(topicId, 0, 0))[0]).toBe('0=first')
    disk.capacityBytes = Number.POSITIVE_INFINITY
    cluster.pass(3000)
    expect(client.write({ topicId, partition: 0, values: ['last'] })[0]!.error).toBeUndefined()
  })

  test('a failed sync ends the node and acknowledges nothing', () => {
    const topicId = client.create('orders')
    cluster.node('n1').disk.fail({ operation: 'write', path: /wal/, code: 'EIO' })
    const pending = client.askWrite([{ topicId, partition: 0, values: ['v'] }])
    cluster.pass(3000)
    expect(cluster.defects.splice(0)).toEqual([expect.stringContaining('n1 failed')])
    if (pending.answer !== undefined) {
      expect(writeResults(pending.answer)[0]!.error).toBe('QUORATE_UNKNOWN_OUTCOME')
    }
  })
})
