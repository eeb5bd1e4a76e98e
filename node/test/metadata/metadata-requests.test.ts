import { QuorateError } from '@quorate/protocol'
import { beforeEach, describe, expect, test } from 'vitest'
import { limits } from '../../src/limits.ts'
import type { Outcome, ProposalResult, Respond } from '../../src/metadata/metadata-message.ts'
import type { MetadataRequest } from '../../src/metadata/metadata-request.ts'
import { MetadataRequests } from '../../src/metadata/metadata-requests.ts'

const request: MetadataRequest = { kind: 'delete-topic', requestId: 'n1/1', name: 't' }
const done: Outcome<ProposalResult> = { value: { index: 7, reply: { topicId: 3 } } }

describe('requests to the metadata group', () => {
  let requests: MetadataRequests
  let leader: string | undefined
  let nowMs: number
  let applied: number
  let retries: number
  let proposals: {
    readonly to: string
    readonly request: MetadataRequest
    readonly answer: Respond<ProposalResult>
  }[]
  let reads: { readonly to: string; readonly answer: Respond<number> }[]
  let answers: (Outcome<ProposalResult> | Outcome<number>)[]

  beforeEach(() => {
    leader = undefined
    nowMs = 0
    applied = 5
    retries = 0
    proposals = []
    reads = []
    answers = []
    requests = new MetadataRequests({
      node: 'n1',
      forwarder: {
        propose: (to, each, answer) => proposals.push({ to, request: each, answer }),
        read: (to, answer) => reads.push({ to, answer }),
      },
      leaderNode: () => leader,
      applied: () => applied,
      nowMs: () => nowMs,
      retryLater: () => {
        retries += 1
      },
      inTurn: (run) => run(),
      proposeHere: (each, answer) => proposals.push({ to: 'here', request: each, answer }),
      readHere: (answer) => reads.push({ to: 'here', answer }),
    })
  })

  const propose = (deadlineMs = 1000) =>
    requests.propose(request, deadlineMs, (outcome) => answers.push(outcome))
  const read = (deadlineMs = 1000) => requests.read(deadlineMs, (outcome) => answers.push(outcome))
  const refused = (
    code: 'QUORATE_NOT_LEADER' | 'QUORATE_UNKNOWN_OUTCOME' | 'QUORATE_INVALID_ARGUMENT',
  ) => ({
    error: new QuorateError(code),
  })
  const errors = () =>
    answers.map((outcome) =>
      'error' in outcome ? [outcome.error.code, outcome.error.outcome] : 'ok',
    )

  test('wait for a leader, go to it wherever it is, and are answered once', () => {
    propose()
    expect(proposals).toEqual([])
    leader = 'n2'
    requests.retry()
    expect(proposals.map(({ to }) => to)).toEqual(['n2'])
    // Nothing is sent twice while an attempt is out.
    requests.retry()
    expect(proposals).toHaveLength(1)
    proposals[0]!.answer(done)
    expect(answers).toEqual([done])
    requests.retry()
    expect(proposals).toHaveLength(1)
  })

  test('are served here when this replica leads', () => {
    leader = 'n1'
    propose()
    read()
    expect([proposals[0]!.to, reads[0]!.to]).toEqual(['here', 'here'])
  })

  test('are tried again under the same id after a refusal, and after an unknown outcome', () => {
    leader = 'n2'
    propose()
    proposals[0]!.answer(refused('QUORATE_NOT_LEADER'))
    leader = 'n3'
    requests.retryDue()
    proposals[1]!.answer(refused('QUORATE_UNKNOWN_OUTCOME'))
    requests.retryDue()
    expect(proposals.map(({ to, request: { requestId } }) => `${to} ${requestId}`)).toEqual([
      'n2 n1/1',
      'n3 n1/1',
      'n3 n1/1',
    ])
    proposals[2]!.answer(done)
    expect(answers).toEqual([done])
  })

  test('a final refusal is certain, unless an attempt before it was not', () => {
    leader = 'n2'
    propose()
    proposals[0]!.answer(refused('QUORATE_INVALID_ARGUMENT'))
    propose()
    proposals[1]!.answer(refused('QUORATE_UNKNOWN_OUTCOME'))
    requests.retry()
    proposals[2]!.answer(refused('QUORATE_INVALID_ARGUMENT'))
    expect(errors()).toEqual([
      ['QUORATE_INVALID_ARGUMENT', 'not-applied'],
      ['QUORATE_INVALID_ARGUMENT', 'unknown'],
    ])
  })

  test('at the deadline a request that never got anywhere is certain, any other is not', () => {
    propose(100)
    nowMs = 100
    requests.retryDue()
    leader = 'n2'
    propose(200)
    nowMs = 200
    requests.retryDue()
    proposals[0]!.answer(done)
    propose(300)
    proposals[1]!.answer(refused('QUORATE_NOT_LEADER'))
    leader = undefined
    nowMs = 300
    requests.retryDue()
    expect(errors()).toEqual([
      ['QUORATE_NO_LEADER', 'not-applied'],
      ['QUORATE_TIMEOUT', 'unknown'],
      ['QUORATE_NO_LEADER', 'not-applied'],
    ])
  })

  test('a read is answered when this node has applied what the leader confirmed', () => {
    leader = 'n2'
    read()
    reads[0]!.answer({ value: 8 })
    expect(answers).toEqual([])
    applied = 7
    requests.retry()
    expect(answers).toEqual([])
    applied = 9
    requests.retry()
    expect(answers).toEqual([{ value: 9 }])
  })

  test('a read is asked again after any error', () => {
    leader = 'n2'
    read()
    reads[0]!.answer(refused('QUORATE_INVALID_ARGUMENT'))
    requests.retry()
    reads[1]!.answer({ value: 5 })
    expect(answers).toEqual([{ value: 5 }])
  })

  test('no more attempts are out than the group remembers answers for', () => {
    leader = 'n2'
    for (let at = 0; at < 200; at++) propose()
    expect(proposals).toHaveLength(limits.rememberedRequestsMax / 2)
    for (const { answer } of proposals.splice(0)) answer(done)
    requests.retry()
    expect(proposals).toHaveLength(limits.rememberedRequestsMax / 2)
  })

  test('there is a bound on what waits, and one timer for all of it', () => {
    for (let at = 0; at <= limits.metadataRequestsMax; at++) propose()
    expect(errors()).toEqual([['QUORATE_OVERLOADED', 'not-applied']])
    expect(retries).toBe(1)
    requests.retryDue()
    expect(retries).toBe(2)
  })

  test('at the end everybody is answered, those in doubt as unknown', () => {
    propose()
    leader = 'n2'
    requests.retry()
    leader = undefined
    propose()
    read()
    requests.close()
    expect(errors()).toEqual([
      ['QUORATE_UNKNOWN_OUTCOME', 'unknown'],
      ['QUORATE_SHUTTING_DOWN', 'not-applied'],
      ['QUORATE_SHUTTING_DOWN', 'not-applied'],
    ])
    proposals[0]!.answer(done)
    expect(answers).toHaveLength(3)
  })
})
