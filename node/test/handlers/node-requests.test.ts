import type { ActorRef } from '@quorate/actors'
import { chunksOf, QuorateError } from '@quorate/protocol'
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import type { ApiReply } from '../../src/doors/api.ts'
import type { JsonBody } from '../../src/handlers/json-body.ts'
import { membersAnswer } from '../../src/handlers/members.ts'
import {
  describeAnswer,
  indexAnswer,
  proposalAnswer,
  readAnswer,
  statusAnswer,
} from '../../src/handlers/node-answers.ts'
import { answerNode } from '../../src/handlers/node-requests.ts'
import type { MetadataMessage } from '../../src/metadata/metadata-message.ts'
import { FakeBroker, jsonBytes } from './fake-broker.ts'

let broker: FakeBroker
let inbox: MetadataMessage[]
let full: boolean
let metadata: ActorRef<MetadataMessage>

beforeEach(() => {
  broker = new FakeBroker()
  inbox = []
  full = false
  const take = (message: MetadataMessage) => {
    if (!full) inbox.push(message)
    return !full
  }
  metadata = { path: 'metadata', send: take, reply: take }
})

function ask(question: string, body: JsonBody = {}): ApiReply[] {
  const replies: ApiReply[] = []
  answerNode(broker, metadata, question, body, (reply) => replies.push(reply))
  return replies
}

describe('questions between nodes', () => {
  const request = { kind: 'delete-topic', requestId: 'n2/1', name: 'a' }

  test('a proposal and its answer cross unchanged', () => {
    const replies = ask('metadata.propose', { request })
    const message = inbox[0] as Extract<MetadataMessage, { type: 'peer-propose' }>
    expect(message.request).toEqual(request)
    const error = { code: 'QUORATE_UNKNOWN_TOPIC', detail: 'a' } as const
    const result = { index: 7, reply: { error, topicId: 3, firstId: 4, count: 5 } }
    message.respond({ value: result })
    expect(readAnswer(replies[0]!, proposalAnswer)).toEqual({ value: result })
  })

  test('an error crosses with its outcome', () => {
    const replies = ask('metadata.read')
    const message = inbox[0] as Extract<MetadataMessage, { type: 'peer-read' }>
    message.respond({ error: new QuorateError('QUORATE_TIMEOUT', 'x', { outcome: 'not-applied' }) })
    expect(readAnswer(replies[0]!, indexAnswer)).toMatchObject({
      error: { code: 'QUORATE_TIMEOUT', outcome: 'not-applied', detail: 'x' },
    })
  })

  test('who is in the cluster is told with the index it stands for', () => {
    const outcome = readAnswer(ask('members')[0]!, membersAnswer)
    expect(outcome).toMatchObject({ value: { index: 0, nodes: [{ nodeId: 'n1' }, {}, {}] } })
  })

  test('a full mailbox is answered as overload', () => {
    full = true
    expect(readAnswer(ask('metadata.read')[0]!, indexAnswer)).toMatchObject({
      error: { code: 'QUORATE_OVERLOADED' },
    })
    expect(readAnswer(ask('metadata.propose', { request })[0]!, proposalAnswer)).toMatchObject({
      error: { code: 'QUORATE_OVERLOADED', outcome: 'not-applied' },
    })
  })

  test('what a peer of another version asks is refused, and costs nothing', () => {
    const bad: [string, JsonBody][] = [
      ['what', {}],
      ['metadata.propose', {}],
      ['metadata.propose', { request: { ...request, kind: 'burn' } }],
      ['metadata.propose', { request: { ...request, more: 1 } }],
      ['describe', { topicId: 1 }],
      ['describe', { topicId: -1, partitions: 1 }],
    ]
    for (const [question, body] of bad) {
      expect(() => ask(question, body), question).toThrow(QuorateError)
    }
    // However many partitions are asked for, no more than exist are looked at.
    expect(ask('describe', { topicId: 1, partitions: 2 ** 50 })).toHaveLength(1)
  })
})

describe('answers of peers', () => {
  const readers = [indexAnswer, proposalAnswer, statusAnswer('n2'), describeAnswer('n2')]

  test('whatever bytes come back, the outcome is unknown at worst', () => {
    const bytes = fc.oneof(
      fc.uint8Array().map((each) => chunksOf(each)),
      fc.jsonValue().map((answer) => jsonBytes({ answer } as object)),
      fc.jsonValue().map((error) => jsonBytes({ error } as object)),
    )
    fc.assert(
      fc.property(bytes, fc.constantFrom(...readers), (payload, reader) => {
        const outcome = readAnswer<unknown>({ payload }, reader)
        if ('error' in outcome) expect(outcome.error).toBeInstanceOf(QuorateError)
        else expect(outcome.value).toBeDefined()
      }),
      { numRuns: 400 },
    )
  })

  test('nothing that is half an answer is taken for one', () => {
    const bad = [
      [indexAnswer, -1],
      [indexAnswer, '7'],
      [proposalAnswer, { index: 1 }],
      [proposalAnswer, { index: 1, reply: { error: 'x' } }],
      [proposalAnswer, { index: null, reply: {} }],
      [statusAnswer('n2'), { node: 'n3' }],
      [describeAnswer('n2'), {}],
    ] as const
    for (const [reader, answer] of bad) {
      const outcome = readAnswer<unknown>({ payload: jsonBytes({ answer } as object) }, reader)
      expect(outcome).toMatchObject({ error: { code: 'QUORATE_UNKNOWN_OUTCOME' } })
    }
  })
})
