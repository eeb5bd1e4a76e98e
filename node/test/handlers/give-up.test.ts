import { type Chunks, joinChunks, QuorateError } from '@quorate/protocol'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { errorReply } from '../../src/doors/api.ts'
import { apiHandlers } from '../../src/handlers/api-handlers.ts'
import { giveUpHere } from '../../src/handlers/give-up.ts'
import { FakeBroker, TestRequest } from './fake-broker.ts'

let broker: FakeBroker

/** n3 is gone, and with it a leader of the metadata group. */
beforeEach(() => {
  broker = new FakeBroker()
  broker.leader = undefined
  broker.down.add('n3')
})

afterEach(() => {
  expect(broker.defects).toEqual([])
})

function ask(node: unknown = 'n3'): TestRequest {
  const request = new TestRequest('node-give-up', undefined, { node })
  apiHandlers(broker, () => 1_700_000_000_000)(request)
  return request
}

const { incarnation } = new FakeBroker().members().nodes[2]!
const textOf = (payload: Chunks) => new TextDecoder().decode(joinChunks(payload))
const refusal = new QuorateError('QUORATE_NODE_ALIVE', 'n2 is connected to n3')

describe('giving up a node', () => {
  test('asks everybody first, and then everybody keeps it', () => {
    const request = ask()
    expect(broker.questions).toMatchObject([{ node: 'n2', question: 'give-up' }])
    expect(broker.givenUp).toEqual([])
    broker.questions[0]!.answer({ answer: true })
    expect(broker.givenUp).toEqual([{ nodeId: 'n3', incarnation }])
    expect(request.replies).toEqual([])
    broker.questions[1]!.answer({ answer: true })
    expect(request.json).toEqual({ node: 'n3', incarnation, by: ['n1', 'n2'], unreached: [] })
  })

  test('does nothing while anybody is connected to it', () => {
    const request = ask()
    broker.questions[0]!.answer(JSON.parse(textOf(errorReply(refusal).payload)))
    expect(request.code).toBe('QUORATE_NODE_ALIVE')
    expect(broker.givenUp).toEqual([])
    expect(broker.questions).toHaveLength(1)
    broker.givingUpRefusal = refusal
    expect(() => ask()).toThrow('n2 is connected to n3')
  })

  test('is refused when a leader of the metadata group could replace it, unless it is leaving', () => {
    broker.leader = 'n2'
    expect(() => ask()).toThrow('replace n3 instead')
    broker.builder.node('remove-node', 'n3')
    ask()
    expect(broker.questions).toHaveLength(1)
    // The leader that this node remembers is the one that is gone.
    broker = new FakeBroker()
    broker.down.add('n3')
    broker.leader = 'n3'
    ask()
    expect(broker.questions).toHaveLength(1)
  })

  test('takes more than half of the nodes, and one that is known', () => {
    expect(() => ask('n9')).toThrow('n9')
    expect(() => ask(7)).toThrow('node is missing')
    broker.down.add('n2')
    expect(() => ask()).toThrow('n1 reaches 1 of 3 nodes')
    expect(broker.questions).toEqual([])
  })

  test('names the nodes that do not know of it yet', () => {
    broker.builder.addNode('n4')
    broker.builder.addNode('n5')
    broker.down.add('n4')
    const request = ask()
    for (const each of [0, 1]) broker.questions[each]!.answer({ answer: true })
    for (const each of [2, 3]) broker.questions[each]!.answer({ answer: true })
    expect(request.json).toMatchObject({ by: ['n1', 'n2', 'n5'], unreached: ['n4'] })
  })
})

describe('a node that is asked by another one', () => {
  function here(body: object): unknown[] {
    const outcomes: unknown[] = []
    giveUpHere(broker, { nodeId: 'n3', incarnation, ...body }, (outcome) => outcomes.push(outcome))
    return outcomes
  }

  test('tells whether it could, or does it', () => {
    expect(here({ only: 'ask' })).toEqual([{ value: true }])
    expect(broker.givenUp).toEqual([])
    expect(here({ only: 'keep' })).toEqual([{ value: true }])
    expect(broker.givenUp).toEqual([{ nodeId: 'n3', incarnation }])
    broker.givingUpRefusal = refusal
    expect(here({ only: 'ask' })).toEqual([{ error: refusal }])
  })

  test('refuses what is no such question', () => {
    for (const body of [{ only: 'perhaps' }, { only: 'ask', incarnation: 'x' }]) {
      expect(() => here(body)).toThrow('not valid')
    }
  })
})
