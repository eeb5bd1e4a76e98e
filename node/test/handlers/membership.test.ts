import { QuorateError } from '@quorate/protocol'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ApiHandler } from '../../src/doors/api.ts'
import { apiHandlers } from '../../src/handlers/api-handlers.ts'
import type { GroupsAnswer, LedGroup } from '../../src/handlers/groups.ts'
import { groupsHere } from '../../src/handlers/groups.ts'
import { type GroupId, metadataGroup } from '../../src/storage/log-entry.ts'
import { FakeBroker, TestRequest } from './fake-broker.ts'

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

/** The metadata group takes what was proposed last, and this node sees it. */
function commit(): void {
  const { request, done } = broker.proposals.pop()!
  let outcome: Parameters<typeof done>[0]
  try {
    const { index, reply } = broker.builder.request(request)
    outcome = { value: { index, reply: reply! } }
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error
    outcome = { error }
  }
  done(outcome)
  caughtUp()
}

function caughtUp(): void {
  broker.reads.shift()?.({ value: 1 })
}

const incarnation = 'c'.repeat(16)

describe('adding and replacing a node', () => {
  test('answers with all members as a plan file needs them', () => {
    const request = ask('node-add', undefined, { node: 'n4', incarnation, address: 'h:4' })
    commit()
    expect(request.json).toEqual({
      node: 'n4',
      members: [
        ...broker.builder.plan.nodes.map(({ id, incarnation: own, address }, at) => ({
          id,
          incarnation: own,
          address,
          metadataReplicaId: at + 1,
          sinceIndex: 0,
        })),
        { id: 'n4', incarnation, address: 'h:4', metadataReplicaId: 1001, sinceIndex: 1 },
      ],
    })
    const again = ask('node-replace', undefined, { node: 'n2', incarnation })
    commit()
    expect(again.json.members[1]).toEqual({
      id: 'n2',
      incarnation,
      address: broker.builder.plan.nodes[1]!.address,
      metadataReplicaId: 1002,
      sinceIndex: 2,
    })
  })

  test.each([
    ['node-add', {}],
    ['node-add', { node: 'n 4', incarnation, address: 'h:4' }],
    ['node-add', { node: 'n4', incarnation: 'x', address: 'h:4' }],
    ['node-add', { node: 'n4', incarnation }],
    ['node-replace', { node: 'n2', incarnation, address: 'nowhere' }],
    ['node-replace', { node: 'n2' }],
    ['node-remove', {}],
    ['can-stop', { node: 7 }],
  ] as const)('%s of %j is an invalid request', (verb, body) => {
    expect(() => ask(verb, undefined, body)).toThrow(
      expect.objectContaining({ code: 'QUORATE_INVALID_REQUEST' }),
    )
  })

  test('is refused by name', () => {
    const request = ask('node-add', undefined, { node: 'n2', incarnation, address: 'h:4' })
    commit()
    expect(request.code).toBe('QUORATE_NODE_EXISTS')
    const unknown = ask('node-replace', undefined, { node: 'n9', incarnation })
    commit()
    expect(unknown.code).toBe('QUORATE_UNKNOWN_NODE')
  })
})

test('removing a node marks it, and status shows what is left on it', () => {
  ask('node-add', undefined, { node: 'n4', incarnation, address: 'h:4' })
  commit()
  broker.create('t', 2)
  const request = ask('node-remove', undefined, { node: 'n1' })
  commit()
  expect(request.json).toEqual({ node: 'n1' })
  broker.builder.move('t', 0, ['n4', 'n2', 'n3'])
  const status = ask('status', undefined)
  for (const { answer } of broker.questions) answer({ error: { code: 'QUORATE_TIMEOUT' } })
  const { leaving, moves, movesCount, rebalancing, metadataVoters } = status.json
  const removing = broker.metadata().desiredOf({ topicId: 2, partition: 0 })!.removing
  const onIt = broker.metadata().assignmentsOf('n1').length
  expect(leaving).toEqual([{ node: 'n1', replicas: onIt }])
  expect(moves).toEqual([
    {
      topic: 't',
      partition: 0,
      replicas: ['n4', 'n2', 'n3'],
      removing: removing.map(({ nodeId }) => nodeId),
    },
  ])
  expect({ movesCount, rebalancing, metadataVoters }).toEqual({
    movesCount: 1,
    rebalancing: false,
    metadataVoters: ['n1', 'n2', 'n3'],
  })
})

describe('moving a partition', () => {
  beforeEach(() => {
    ask('node-add', undefined, { node: 'n4', incarnation, address: 'h:4' })
    commit()
    broker.create('t', 1)
  })

  test('answers from where to where, and describe names who is still needed', () => {
    const group = { topicId: 2, partition: 0 }
    const from = broker
      .metadata()
      .membersOf(group)!
      .map(({ nodeId }) => nodeId)
    const to = ['n4', 'n2', 'n1', 'n3'].slice(0, 3)
    const request = ask('move', 't', { partition: 0, replicas: to })
    commit()
    expect(request.json).toEqual({ topic: 't', partition: 0, from, to })
    const describe = ask('describe', 't')
    for (const { answer } of broker.questions) answer({ error: { code: 'QUORATE_TIMEOUT' } })
    const [state] = describe.json.partitionStates
    const gone = from.filter((node) => !to.includes(node))
    expect(state.removing).toEqual(gone)
    expect(state.replicas.map(({ node }: { node: string }) => node)).toEqual([...to, ...gone])
  })

  test('is refused by name, for a body that is none and for nodes that cannot', () => {
    const unknown = ask('move', 'nope', { partition: 0, replicas: ['n1'] })
    caughtUp()
    expect(unknown.code).toBe('QUORATE_UNKNOWN_TOPIC')
    expect(() => ask('move', 't', { partition: 0, replicas: 'n1' })).toThrow(/list of node ids/)
    const few = ask('move', 't', { partition: 0, replicas: ['n1'] })
    commit()
    expect(few.code).toBe('QUORATE_INVALID_ARGUMENT')
    const elsewhere = ask('move', 't', { partition: 0, replicas: ['n1', 'n2', 'n9'] })
    commit()
    expect(elsewhere.code).toBe('QUORATE_UNKNOWN_NODE')
    const partition = ask('move', 't', { partition: 7, replicas: ['n1', 'n2', 'n3'] })
    commit()
    expect(partition.code).toBe('QUORATE_INVALID_ARGUMENT')
  })
})

describe('rebalance', () => {
  test('tells what would move, and only then does it', () => {
    broker.create('t', 8)
    ask('node-add', undefined, { node: 'n4', incarnation, address: 'h:4' })
    commit()
    const dry = ask('rebalance', undefined, { dryRun: true })
    caughtUp()
    expect(dry.json.moves).toHaveLength(6)
    expect(broker.proposals).toEqual([])
    broker.down.add('n4')
    const none = ask('rebalance', undefined, { dryRun: true })
    caughtUp()
    expect(none.json.moves).toEqual([])
    broker.down.clear()
    const request = ask('rebalance', undefined)
    caughtUp()
    commit()
    expect(request.json).toEqual(dry.json)
    expect(broker.metadata().state.rebalancing).toBe(true)
  })
})

describe('can-stop', () => {
  const voters = (current: readonly string[]) =>
    ['n1', 'n2', 'n3'].map((nodeId, at) => ({
      replicaId: at + 1,
      nodeId,
      current: current.includes(nodeId),
    }))
  const led = (group: GroupId, current: readonly string[]): LedGroup => ({
    group,
    health: { voters: voters(current), outgoing: [] },
  })
  const all = ['n1', 'n2', 'n3']

  function canStop(node: string, elsewhere: Partial<GroupsAnswer> = {}) {
    const request = ask('can-stop', undefined, { node })
    caughtUp()
    const nothing: GroupsAnswer = { led: [], missing: [], missingCount: 0, critical: [] }
    const [two, three] = broker.questions.splice(0)
    two?.answer({ answer: { ...nothing, ...elsewhere } })
    three?.answer({ error: { code: 'QUORATE_TIMEOUT' } })
    return request
  }

  test('is answered with yes when every group keeps a quorum', () => {
    const topicId = broker.create('t', 2)
    broker.led.push(led(metadataGroup, all), led({ topicId, partition: 0 }, all))
    expect(canStop('n3', { led: [`${topicId}-1`] }).json).toEqual({
      node: 'n3',
      canStop: true,
      checked: 3,
      groups: [],
      count: 0,
    })
  })

  test('names the groups that would lose theirs, and those nobody answers for', () => {
    const topicId = broker.create('t', 3)
    broker.led.push(led(metadataGroup, all), led({ topicId, partition: 0 }, ['n1', 'n3']))
    const elsewhere = { led: [`${topicId}-1`], critical: [`${topicId}-1`] }
    expect(canStop('n3', elsewhere).json).toEqual({
      node: 'n3',
      canStop: false,
      checked: 4,
      groups: [
        { topic: 't', partition: 2, reason: 'no-leader' },
        { topic: 't', partition: 0, reason: 'quorum' },
        { topic: 't', partition: 1, reason: 'quorum' },
      ],
      count: 3,
    })
    // A node that is behind is no loss.
    broker.led.push(led({ topicId, partition: 2 }, all))
    expect(canStop('n2', elsewhere).json.groups).toEqual([
      { topic: 't', partition: 1, reason: 'quorum' },
    ])
  })

  test('does not count on a node that is down, however lately its replicas were heard of', () => {
    const topicId = broker.create('t', 1)
    broker.led.push(led(metadataGroup, all), led({ topicId, partition: 0 }, all))
    broker.down.add('n2')
    expect(canStop('n3').json).toMatchObject({ canStop: false, count: 2 })
    expect(canStop('n2').json).toMatchObject({ canStop: true })
  })

  test('names the metadata group, and refuses a node nobody knows', () => {
    broker.led.push(led(metadataGroup, ['n1', 'n2']))
    expect(canStop('n1').json.groups).toEqual([{ topic: null, partition: 0, reason: 'quorum' }])
    expect(canStop('n9').code).toBe('QUORATE_UNKNOWN_NODE')
  })

  test('of many groups lists some and counts all', () => {
    const answers: GroupsAnswer[] = []
    for (let partition = 0; partition < 600; partition++) {
      broker.led.push(led({ topicId: 9, partition }, ['n1', 'n2']))
    }
    groupsHere(broker, 'n1', (answer) => answers.push(answer))
    expect(answers[0]!.missing).toHaveLength(500)
    expect(answers[0]!.missing[0]).toEqual({ key: '9-0', voters: 3, nodes: ['n3'] })
    expect(answers[0]!.missingCount).toBe(600)
    expect(answers[0]!.critical).toHaveLength(600)
  })
})
