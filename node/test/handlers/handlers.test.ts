import {
  chunksOf,
  decodeBatch,
  decodeFetchReply,
  decodeWriteReply,
  encodeFetchRequest,
  encodeWriteRequest,
  QuorateError,
} from '@quorate/protocol'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type ApiHandler, errorReply, jsonReply } from '../../src/doors/api.ts'
import { answering } from '../../src/handlers/answering.ts'
import { apiHandlers } from '../../src/handlers/api-handlers.ts'
import { limits } from '../../src/limits.ts'
import type {
  FetchCommand,
  OffsetsCommand,
  PartitionMessage,
  WriteCommand,
} from '../../src/partition/partition-message.ts'
import { batchOf } from '../partition/log-builder.ts'
import { FakeBroker, jsonBytes, TestRequest } from './fake-broker.ts'

let broker: FakeBroker
let handle: ApiHandler

beforeEach(() => {
  broker = new FakeBroker()
  handle = apiHandlers(broker, () => 1_700_000_000_000)
})

afterEach(() => {
  expect(broker.defects).toEqual([])
})

function ask(...args: ConstructorParameters<typeof TestRequest>): TestRequest {
  const request = new TestRequest(...args)
  handle(request)
  return request
}

function thrown(...args: ConstructorParameters<typeof TestRequest>): string {
  try {
    ask(...args)
  } catch (error) {
    if (error instanceof QuorateError) return error.code
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('produce', () => {
  let topicId: number
  let inbox: PartitionMessage[]

  beforeEach(() => {
    topicId = broker.create('orders', 3)
    inbox = []
    for (const partition of [0, 1, 2]) {
      broker.leads({ topicId, partition }, 'n1')
      broker.inboxes.set(`${topicId}-${partition}`, inbox)
    }
  })

  const text = (value: string) => chunksOf(new TextEncoder().encode(value))
  const produce = (headers: Record<string, string>, value = 'v') =>
    ask('produce', 'orders', {}, { headers, payload: text(value) })
  const written = () => inbox.at(-1) as WriteCommand

  test('makes one record of a request: value, key, and headers that are not ours', () => {
    const request = produce({ 'q-key': 'k', 'Q-Partition': '2', 'X-Trace': 'abc', accept: 'x' })
    const [record] = decodeBatch(written().batch)
    expect(new TextDecoder().decode(record!.value!)).toBe('v')
    expect(new TextDecoder().decode(record!.key!)).toBe('k')
    expect(record!.timestampMs).toBe(1_700_000_000_000)
    expect(record!.headers.map(({ key }) => key)).toEqual(['X-Trace', 'accept'])
    expect(written().header).toMatchObject({ producerId: -1, recordCount: 1 })
    written().respond({ topicId, partition: 2, offset: 41, duplicate: false })
    expect(request.json).toEqual({ topic: 'orders', partition: 2, offset: 41, duplicate: false })
  })

  test('the partition travels with a forwarded request, and nothing else changes', () => {
    broker.inboxes.clear()
    for (const partition of [0, 1, 2]) broker.leads({ topicId, partition }, 'n3', 2)
    const request = produce({ 'q-key': 'k', 'q-partition': '1', other: 'x' })
    const [{ node, request: sent }] = broker.forwards as [(typeof broker.forwards)[number]]
    expect([node, sent.subject, sent.payload]).toEqual(['n3', request.subject, request.payload])
    expect(sent.headers!.entries).toEqual([
      ['q-key', 'k'],
      ['other', 'x'],
      ['q-partition', '1'],
    ])
    expect(sent.headers!.get('Q-PARTITION')).toBe('1')
    broker.forwards[0]!.done(undefined, jsonReply({ offset: 9 }))
    expect(request.json).toEqual({ offset: 9 })
  })

  test('errors of the partition reach the client with their outcome', () => {
    const unknown = produce({})
    written().respond({
      topicId,
      partition: 0,
      offset: -1,
      duplicate: false,
      error: 'QUORATE_UNKNOWN_OUTCOME',
    })
    expect(unknown.json.error).toMatchObject({ outcome: 'unknown', retriable: true })
    expect(unknown.replies[0]!.headers).toEqual({ 'q-error': 'QUORATE_UNKNOWN_OUTCOME' })
    broker.full = true
    expect(produce({}).code).toBe('QUORATE_OVERLOADED')
  })

  test('a record that fits into no batch is refused before anything is sent', () => {
    const request = produce({}, 'x'.repeat(1024 * 1024))
    expect(request.code).toBe('QUORATE_RECORD_TOO_LARGE')
    expect(inbox).toEqual([])
  })
})

describe('an unknown topic', () => {
  test('is looked up after a read of everything committed, then it is unknown', () => {
    const request = ask('route', 'late')
    expect(request.replies).toEqual([])
    broker.create('late')
    broker.reads[0]!({ value: 1 })
    expect(request.json.topic).toBe('late')
    const other = ask('route', 'never')
    broker.reads[1]!({ value: 1 })
    expect(other.json.error.message).toContain('quorate topic create never')
    const unsure = ask('route', 'never')
    broker.reads[2]!({ error: new QuorateError('QUORATE_TIMEOUT') })
    expect(unsure.code).toBe('QUORATE_TIMEOUT')
  })

  test('is made on produce where the node may, and only there', () => {
    broker.autoCreateTopics = true
    ask('route', 'a')
    ask('offsets', 'a', { partition: 0, at: 'latest' })
    ask('describe', 'a')
    const request = ask('route', 'a', { create: true })
    for (const read of broker.reads.splice(0)) read({ value: 1 })
    expect(broker.proposals).toHaveLength(1)
    expect(broker.proposals[0]!.request).toMatchObject({
      kind: 'create-topic',
      name: 'a',
      partitions: limits.autoCreatePartitions,
      replicas: 3,
    })
    // Somebody else was faster: what counts is that it exists.
    broker.create('a')
    broker.proposals[0]!.done({ error: new QuorateError('QUORATE_TIMEOUT') })
    broker.reads[0]!({ value: 1 })
    expect(request.json.topic).toBe('a')
  })

  test('that could not be made is answered with the reason', () => {
    broker.autoCreateTopics = true
    const request = ask('produce', 'a')
    broker.reads.shift()!({ value: 1 })
    broker.proposals[0]!.done({ error: new QuorateError('QUORATE_NO_LEADER', 'metadata group') })
    broker.reads.shift()!({ value: 1 })
    expect(request.code).toBe('QUORATE_NO_LEADER')
  })
})

describe('write and fetch', () => {
  test('results are in the order of the request, whatever order they come in', () => {
    const topicId = broker.create('t', 2)
    const inbox = broker.host({ topicId, partition: 0 })
    const item = (partition: number, id = topicId) => ({ topicId: id, partition, batch: batchOf() })
    const torn = { topicId, partition: 0, batch: chunksOf(new Uint8Array(80)) }
    broker.leads({ topicId, partition: 1 }, 'n2', 4)
    const items = [item(0), item(1), torn, item(0), item(0, 99), item(0, topicId - 1)]
    broker.builder.create('gone')
    const request = ask('write', undefined, {}, { payload: encodeWriteRequest(items) })
    expect(request.replies).toEqual([])
    const [first, second] = inbox as [WriteCommand, WriteCommand]
    const place = { topicId, partition: 0, duplicate: false }
    second.respond({ ...place, offset: 8 })
    second.respond({ ...place, offset: 8 })
    expect(request.replies).toEqual([])
    first.respond({ ...place, offset: 7 })
    first.respond({ ...place, offset: 7 })
    expect(request.replies).toHaveLength(1)
    const results = decodeWriteReply(request.replies[0]!.payload)
    expect(results.map(({ error, offset }) => error ?? offset)).toEqual([
      7,
      'QUORATE_NOT_LEADER',
      'QUORATE_CORRUPT_BATCH',
      8,
      'QUORATE_NOT_LEADER',
      'QUORATE_UNKNOWN_TOPIC',
    ])
    expect(results[1]!.leader).toMatchObject({ node: 'n2', term: 4 })
  })

  test('a full mailbox is told as overload, nothing applied', () => {
    const topicId = broker.create('t')
    broker.host({ topicId, partition: 0 })
    broker.full = true
    const payload = encodeWriteRequest([{ topicId, partition: 0, batch: batchOf() }])
    const [result] = decodeWriteReply(ask('write', undefined, {}, { payload }).replies[0]!.payload)
    expect(result!.error).toBe('QUORATE_OVERLOADED')
    const fetch = { topicId, partition: 0, offset: 0, maxBytes: 1, waitMs: 0 }
    const reply = ask('fetch', undefined, {}, { payload: encodeFetchRequest(fetch) })
    expect(decodeFetchReply(reply.replies[0]!.payload).error).toBe('QUORATE_OVERLOADED')
  })

  test('a fetch goes to the replica here, else it is told who leads', () => {
    const topicId = broker.create('t')
    const group = { topicId, partition: 0 }
    const fetch = (id: number) => {
      const query = { topicId: id, partition: 0, offset: 3, maxBytes: 9, waitMs: 5 }
      return ask('fetch', undefined, {}, { payload: encodeFetchRequest(query) })
    }
    broker.leads(group, 'n2')
    const elsewhere = decodeFetchReply(fetch(topicId).replies[0]!.payload)
    expect(elsewhere).toMatchObject({ error: 'QUORATE_NOT_LEADER', leader: { node: 'n2' } })
    const newer = decodeFetchReply(fetch(topicId + 1).replies[0]!.payload)
    expect(newer.error).toBe('QUORATE_NOT_LEADER')
    const inbox = broker.host(group)
    const here = fetch(topicId)
    const { request, respond } = inbox[0] as FetchCommand
    expect(request).toMatchObject({ offset: 3, maxBytes: 9, waitMs: 5 })
    respond({ highWatermark: 4, logStartOffset: 1, batches: batchOf() })
    const reply = decodeFetchReply(here.replies[0]!.payload)
    expect(reply.batches.byteLength).toBe(batchOf().byteLength)
  })
})

describe('topics', () => {
  test('create carries what was said and answers when this node has it', () => {
    const request = ask('create', 'a', { partitions: 2, replicas: 1, retentionMs: -1 })
    const [{ request: asked, done }] = broker.proposals as [(typeof broker.proposals)[number]]
    expect(asked).toMatchObject({
      name: 'a',
      partitions: 2,
      replicas: 1,
      config: { retentionMs: -1 },
    })
    const { topicId } = broker.builder.create('a', 2, 1).reply!
    done({ value: { index: topicId!, reply: { topicId: topicId! } } })
    expect(request.replies).toEqual([])
    broker.reads[0]!({ value: 1 })
    expect(request.json).toMatchObject({ topic: 'a', topicId, partitions: 2, replicas: 1 })
  })

  test('refusals of the group and of the way there are answered', () => {
    const exists = ask('create', 'a')
    const error = { code: 'QUORATE_TOPIC_EXISTS', detail: 'a' } as const
    broker.proposals[0]!.done({ value: { index: 1, reply: { error } } })
    expect(exists.code).toBe('QUORATE_TOPIC_EXISTS')
    const lost = ask('delete', 'a')
    broker.proposals[1]!.done({ error: new QuorateError('QUORATE_TIMEOUT') })
    expect(lost.json.error).toMatchObject({ code: 'QUORATE_TIMEOUT', outcome: 'unknown' })
    expect(thrown('create', 'a', { partitions: 1.5 })).toBe('QUORATE_INVALID_REQUEST')
    expect(thrown('create', 'a', { retentionMs: -2 })).toBe('QUORATE_INVALID_REQUEST')
    expect(thrown('create', '.a')).toBe('QUORATE_INVALID_TOPIC')
  })
})

describe('producer ids', () => {
  test('come out of one block, fetched once however many ask', () => {
    const asked = Array.from({ length: 3 }, () => ask('producer', undefined))
    expect(broker.proposals).toHaveLength(1)
    broker.proposals[0]!.done({ value: { index: 1, reply: { firstId: 11, count: 2 } } })
    expect(broker.proposals).toHaveLength(2)
    broker.proposals[1]!.done({ value: { index: 2, reply: { firstId: 50, count: 5 } } })
    expect(asked.map(({ json }) => json.producerId)).toEqual([11, 12, 50])
    expect(ask('producer', undefined).json).toEqual({ producerId: 51, epoch: 0 })
  })

  test('a refusal reaches everybody who waits, and the next one tries again', () => {
    const error = { code: 'QUORATE_WRONG_NODE', detail: 'n1' } as const
    const bad = [{ error }, {}, { firstId: 4, count: 0 }]
    for (const reply of bad) {
      const asked = [ask('producer', undefined), ask('producer', undefined)]
      broker.proposals.pop()!.done({ value: { index: 1, reply } })
      for (const { code } of asked) expect(code).toMatch(/WRONG_NODE|INTERNAL/)
    }
    const asked = ask('producer', undefined)
    broker.proposals.pop()!.done({ error: new QuorateError('QUORATE_NO_LEADER') })
    expect(asked.code).toBe('QUORATE_NO_LEADER')
    expect(broker.proposals).toEqual([])
  })
})

describe('describe and status', () => {
  test('ask every node, and list those that do not answer or talk nonsense', () => {
    const topicId = broker.create('t')
    const inbox = broker.host({ topicId, partition: 0 })
    const request = ask('describe', 't')
    const description = { topicId, partition: 0, node: 'n2', role: 'follower', commitIndex: 4 }
    const [two, three] = broker.questions
    two!.answer({ answer: [description, { ...description, node: 'n3' }, null, 7] })
    three!.answer({ answer: 'nonsense' })
    const own = inbox[0] as Extract<PartitionMessage, { type: 'describe' }>
    own.respond({ ...description, node: 'n1', role: 'leader' } as never)
    const roles = request.json.partitionStates[0].replicas.map(
      ({ node, role }: { node: string; role: string }) => `${node} ${role}`,
    )
    expect(roles.sort()).toEqual(['n1 leader', 'n2 follower', 'n3 unreachable'])
  })

  test('a mailbox that takes nothing does not hold the answer up', () => {
    const topicId = broker.create('t')
    broker.host({ topicId, partition: 0 })
    broker.full = true
    const request = ask('describe', 't')
    for (const { answer } of broker.questions) answer({ error: { code: 'QUORATE_TIMEOUT' } })
    expect(request.json.partitionStates[0].replicas).toHaveLength(3)
  })

  test('status shows each node as it sees itself, and who is down', () => {
    const request = ask('status', undefined)
    const [two, three, ...groups] = broker.questions
    two!.answer({ answer: { ...broker.status(), node: 'n2', replicas: 7 } })
    three!.answer({ answer: { ...broker.status(), node: 'n1' } })
    expect(groups.map(({ node, question }) => `${node} ${question}`)).toEqual([
      'n2 groups',
      'n3 groups',
    ])
    for (const { answer } of groups) answer({ answer: 'nonsense' })
    expect(request.json).toMatchObject({
      answeredBy: 'n1',
      metadataLeader: 'n2',
      metadataTerm: 3,
      nodes: [
        { node: 'n1', up: true },
        { node: 'n2', up: true, replicas: 7 },
        { node: 'n3', up: false },
      ],
    })
  })
})

describe('offsets', () => {
  test('asks the leader again when it was none, and tells a failed disk at once', () => {
    const topicId = broker.create('t')
    const group = { topicId, partition: 0 }
    const inbox = broker.host(group)
    broker.leads(group, 'n1')
    const request = ask('offsets', 't', { partition: 0, at: { timeMs: 5 } })
    ;(inbox[0] as OffsetsCommand).respond({ error: 'QUORATE_NOT_LEADER' })
    broker.pass(50)
    expect((inbox[1] as OffsetsCommand).at).toEqual({ timeMs: 5 })
    ;(inbox[1] as OffsetsCommand).respond({ offset: 3, timestampMs: 9 })
    expect(request.json).toEqual({ partition: 0, offset: 3, timestampMs: 9 })
    const failed = ask('offsets', 't', { partition: 0, at: 'latest' })
    ;(inbox[2] as OffsetsCommand).respond({ error: 'QUORATE_STORAGE_FAILED' })
    expect(failed.code).toBe('QUORATE_STORAGE_FAILED')
  })
})

describe('a throw in a later turn', () => {
  test('is answered and told, and goes no further', () => {
    const request = new TestRequest('list', undefined)
    answering(broker, request, () => {
      throw new Error('a defect')
    })()
    expect(request.code).toBe('QUORATE_INTERNAL')
    expect(request.json.error.outcome).toBe('unknown')
    expect(broker.defects.splice(0)).toHaveLength(1)
  })

  test('an error of ours is just the answer', () => {
    const request = new TestRequest('list', undefined)
    answering(broker, request, (code: 'QUORATE_NO_LEADER') => {
      throw new QuorateError(code)
    })('QUORATE_NO_LEADER')
    expect(request.replies).toEqual([errorReply(new QuorateError('QUORATE_NO_LEADER'))])
  })
})

test('a body is an object of the fields that are asked for, or nothing at all', () => {
  expect(ask('leader', undefined, { topicId: 1, partition: 0 }).json).toEqual({ term: 0 })
  for (const body of ['[1]', '"x"', 'null', '{', '\u0000']) {
    expect(thrown('leader', undefined, {}, { payload: jsonBytes(body) })).toBe(
      'QUORATE_INVALID_REQUEST',
    )
  }
  for (const topicId of ['1', 1.5, -1, null, 2 ** 60, undefined]) {
    expect(thrown('leader', undefined, { topicId, partition: 0 })).toBe('QUORATE_INVALID_REQUEST')
  }
})
