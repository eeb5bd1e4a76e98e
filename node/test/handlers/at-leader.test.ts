import { QuorateError } from '@quorate/protocol'
import { beforeEach, describe, expect, test } from 'vitest'
import { errorReply, jsonReply } from '../../src/doors/api.ts'
import { atLeader, type LocalOutcome } from '../../src/handlers/at-leader.ts'
import { limits } from '../../src/limits.ts'
import { FakeBroker, TestRequest } from './fake-broker.ts'

describe('at the leader', () => {
  let broker: FakeBroker
  let group: { topicId: number; partition: number }
  let seen: string[]
  let local: ((outcome: LocalOutcome<string>) => void)[]

  beforeEach(() => {
    broker = new FakeBroker()
    group = { topicId: broker.create('t'), partition: 0 }
    seen = []
    local = []
  })

  function go(origin: 'client' | 'peer' = 'client', deadlineMs?: number): TestRequest {
    const request = new TestRequest('produce', 't', {}, { origin })
    if (deadlineMs !== undefined) Object.assign(request, { deadlineMs })
    atLeader<string>(broker, {
      group,
      request,
      repeatable: false,
      local: (_partition, done) => local.push(done),
      answered: (answer) => seen.push(`answered ${answer}`),
      forwarded: () => seen.push('forwarded'),
      failed: ({ code, outcome }) => seen.push(`failed ${code} ${outcome}`),
    })
    return request
  }

  test('a request is served here when this node leads', () => {
    broker.host(group)
    broker.leads(group, 'n1')
    go()
    local[0]!({ answer: 'yes' })
    expect(seen).toEqual(['answered yes'])
  })

  test('a refusal here is tried again until the leader is found', () => {
    broker.host(group)
    broker.leads(group, 'n1')
    go()
    local[0]!({ retry: 'QUORATE_NOT_LEADER' })
    broker.leads(group, 'n2', 2)
    broker.pass(50)
    broker.forwards[0]!.done(undefined, jsonReply({}))
    expect(seen).toEqual(['forwarded'])
  })

  test('what failed here for another reason is not tried again', () => {
    broker.host(group)
    broker.leads(group, 'n1')
    go()
    local[0]!({ failed: new QuorateError('QUORATE_STORAGE_FAILED') })
    broker.pass(10_000)
    expect(seen).toEqual(['failed QUORATE_STORAGE_FAILED unknown'])
  })

  test('without a leader it waits, and fails for certain when its time is over', () => {
    go()
    broker.pass(limits.plainRequestTimeoutMs)
    expect(seen).toEqual(['failed QUORATE_NO_LEADER not-applied'])
    expect(broker.later).toEqual([])
  })

  test('a deadline of the asker is kept', () => {
    go('client', 200)
    broker.pass(200)
    expect(seen).toEqual(['failed QUORATE_NO_LEADER not-applied'])
    broker.leads(group, 'n2')
    go('client', broker.nowMs + 321)
    expect(broker.forwards[0]!.timeoutMs).toBe(321)
  })

  test('only refusals that are certain not to have applied are tried again elsewhere', () => {
    broker.leads(group, 'n2')
    const again: [QuorateError | undefined, ReturnType<typeof jsonReply> | undefined][] = [
      [new QuorateError('QUORATE_CONNECTION_FAILED'), undefined],
      [new QuorateError('QUORATE_OVERLOADED'), undefined],
      [undefined, errorReply(new QuorateError('QUORATE_NOT_LEADER'))],
      [undefined, errorReply(new QuorateError('QUORATE_NO_LEADER'))],
      [undefined, errorReply(new QuorateError('QUORATE_SHUTTING_DOWN'))],
    ]
    go()
    for (const [error, reply] of again) {
      broker.forwards.at(-1)!.done(error, reply)
      broker.pass(50)
    }
    expect(broker.forwards).toHaveLength(6)
    expect(seen).toEqual([])
    broker.forwards.at(-1)!.done(new QuorateError('QUORATE_UNKNOWN_OUTCOME'), undefined)
    broker.pass(10_000)
    expect(seen).toEqual(['failed QUORATE_UNKNOWN_OUTCOME unknown'])
    expect(broker.forwards).toHaveLength(6)
  })

  test('what can never succeed is not tried again', () => {
    broker.leads(group, 'n2')
    go()
    broker.forwards[0]!.done(new QuorateError('QUORATE_PAYLOAD_TOO_LARGE'), undefined)
    expect(seen).toEqual(['failed QUORATE_PAYLOAD_TOO_LARGE not-applied'])
  })

  test('any other answer of the leader is passed on as it is', () => {
    broker.leads(group, 'n2')
    go()
    broker.forwards[0]!.done(undefined, errorReply(new QuorateError('QUORATE_UNKNOWN_OUTCOME')))
    expect(seen).toEqual(['forwarded'])
  })

  test('a request of a peer is never forwarded again, nor kept', () => {
    broker.leads(group, 'n2')
    go('peer')
    expect(seen).toEqual(['failed QUORATE_NOT_LEADER not-applied'])
    expect(broker.forwards).toEqual([])
    broker.leads(group, 'n1', 2)
    broker.host(group)
    go('peer')
    local[0]!({ retry: 'QUORATE_NOT_LEADER' })
    expect(seen).toHaveLength(2)
  })

  test('a topic that is deleted while a request waits ends it', () => {
    go()
    broker.builder.remove('t')
    broker.pass(50)
    expect(seen).toEqual(['failed QUORATE_UNKNOWN_TOPIC not-applied'])
  })
})
