import { QuorateError } from '@quorate/protocol'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  doorNonceOf,
  judgeAnswer,
  judgeHello,
  type MeshHello,
  type MeshSelf,
  makeAnswer,
  makeHello,
} from '../../src/mesh/handshake.ts'

const n1: MeshSelf = {
  clusterId: '00112233aabbccdd',
  secret: 'ab'.repeat(32),
  nodeId: 'n1',
  incarnation: '1111111111111111',
  session: 7,
  address: '127.0.0.1:4222',
}
const n2: MeshSelf = {
  ...n1,
  nodeId: 'n2',
  incarnation: '2222222222222222',
  session: 0xffff_ffff,
  address: '[::1]:4223',
}
const doorNonce = 'd0'.repeat(16)
const otherNonce = 'd1'.repeat(16)
const nonce = 'c0'.repeat(16)
const registered = (node: string): string | undefined =>
  ({ n1: n1.incarnation, n2: n2.incarnation })[node]

const hello = makeHello(n1, 'n2', 'bulk', nonce, doorNonce)
const judged = (claimed: unknown, at = doorNonce): MeshHello | QuorateError =>
  judgeHello(n2, registered, claimed, at)

function codeOf(judgement: object): string {
  return judgement instanceof QuorateError ? judgement.code : 'accepted'
}

describe('the accepting node', () => {
  test('accepts a peer that proves the secret, and takes over what it claims', () => {
    expect(judged(hello)).toEqual(hello)
  })

  test.each<[string, unknown, string]>([
    [
      'another secret',
      makeHello({ ...n1, secret: 'cd'.repeat(32) }, 'n2', 'bulk', nonce, doorNonce),
      'QUORATE_PERMISSION',
    ],
    [
      'another cluster',
      makeHello({ ...n1, clusterId: 'ffff' }, 'n2', 'bulk', nonce, doorNonce),
      'QUORATE_WRONG_CLUSTER',
    ],
    [
      'another incarnation',
      makeHello({ ...n1, incarnation: '3333333333333333' }, 'n2', 'bulk', nonce, doorNonce),
      'QUORATE_WRONG_NODE',
    ],
    [
      'a node that is not registered',
      makeHello({ ...n1, nodeId: 'n9' }, 'n2', 'bulk', nonce, doorNonce),
      'QUORATE_WRONG_NODE',
    ],
    [
      'a node that pretends to be this one',
      makeHello({ ...n2, session: 9 }, 'n2', 'bulk', nonce, doorNonce),
      'QUORATE_WRONG_NODE',
    ],
    [
      'a peer that meant somebody else',
      makeHello(n1, 'n3', 'bulk', nonce, doorNonce),
      'QUORATE_WRONG_NODE',
    ],
    ['another version', { ...hello, version: 2 }, 'QUORATE_UNSUPPORTED'],
    ['no version', { ...hello, version: undefined }, 'QUORATE_UNSUPPORTED'],
    [
      'a replay of a proof made for another connection',
      makeHello(n1, 'n2', 'bulk', nonce, otherNonce),
      'QUORATE_PERMISSION',
    ],
    [
      'the other channel under the same proof',
      { ...hello, channel: 'control' },
      'QUORATE_PERMISSION',
    ],
    [
      'another address under the same proof',
      { ...hello, address: '10.0.0.1:1' },
      'QUORATE_PERMISSION',
    ],
    ['another session under the same proof', { ...hello, session: 8 }, 'QUORATE_PERMISSION'],
    [
      'another incarnation under the same proof',
      { ...hello, incarnation: n2.incarnation },
      'QUORATE_PERMISSION',
    ],
    ['a proof of another length', { ...hello, proof: hello.proof.slice(2) }, 'QUORATE_PERMISSION'],
    ['an unknown channel', { ...hello, channel: 'side' }, 'QUORATE_INVALID_REQUEST'],
    ['a session that is no boot session', { ...hello, session: 0 }, 'QUORATE_INVALID_REQUEST'],
    ['a line break in a claim', { ...hello, nodeId: "n1'\r\nPUB x 0" }, 'QUORATE_INVALID_REQUEST'],
    ['a short nonce', { ...hello, nonce: 'short' }, 'QUORATE_INVALID_REQUEST'],
    ['no object', 'hello', 'QUORATE_UNSUPPORTED'],
    ['nothing', undefined, 'QUORATE_UNSUPPORTED'],
  ])('refuses %s', (_what, claimed, code) => {
    expect(codeOf(judged(claimed))).toBe(code)
  })

  test('refuses everything when its own door gave no real nonce', () => {
    const weak = makeHello(n1, 'n2', 'bulk', nonce, '')
    expect(codeOf(judged(weak, ''))).toBe('QUORATE_PERMISSION')
  })

  test('answers anything at all with an error or a proven peer', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.anything(),
          fc.object().map((o) => ({ ...hello, ...o })),
        ),
        (any) => {
          const judgement = judged(any)
          if (!(judgement instanceof QuorateError)) expect(judgement).toEqual(hello)
          else expect(judgement.code).toMatch(/^QUORATE_/)
        },
      ),
      { numRuns: 200 },
    )
  })
})

describe('the dialling node', () => {
  const answer = makeAnswer(n2, hello, doorNonce)
  const judge = (claimed: unknown, sent = hello, at = doorNonce): string =>
    codeOf(judgeAnswer(n1, n2.incarnation, sent, claimed, at))

  test('believes the peer it meant', () => {
    expect(judge(answer)).toBe('accepted')
  })

  test.each<[string, unknown, string]>([
    [
      'another secret',
      makeAnswer({ ...n2, secret: 'cd'.repeat(32) }, hello, doorNonce),
      'QUORATE_PERMISSION',
    ],
    [
      'another cluster',
      makeAnswer({ ...n2, clusterId: 'ffff' }, hello, doorNonce),
      'QUORATE_WRONG_CLUSTER',
    ],
    [
      'another node of the cluster',
      makeAnswer({ ...n2, nodeId: 'n3' }, hello, doorNonce),
      'QUORATE_WRONG_NODE',
    ],
    [
      'another incarnation',
      makeAnswer({ ...n2, incarnation: '3' }, hello, doorNonce),
      'QUORATE_WRONG_NODE',
    ],
    ['another session under the same proof', { ...answer, session: 1 }, 'QUORATE_PERMISSION'],
    ['its own proof sent back', { ...answer, proof: hello.proof }, 'QUORATE_PERMISSION'],
    ['another version', { ...answer, version: 0 }, 'QUORATE_UNSUPPORTED'],
    ['no answer', {}, 'QUORATE_UNSUPPORTED'],
    ['half an answer', { version: 1, clusterId: n2.clusterId }, 'QUORATE_INVALID_REQUEST'],
  ])('refuses %s', (_what, claimed, code) => {
    expect(judge(claimed)).toBe(code)
  })

  test('refuses an answer recorded on an earlier connection', () => {
    const again = makeHello(n1, 'n2', 'bulk', 'c1'.repeat(16), doorNonce)
    expect(judge(answer, again)).toBe('QUORATE_PERMISSION')
    expect(judge(answer, hello, otherNonce)).toBe('QUORATE_PERMISSION')
  })

  test('begins no handshake with a door whose nonce is missing or too short', () => {
    expect(doorNonceOf({})).toBeUndefined()
    expect(doorNonceOf({ nonce: 5 })).toBeUndefined()
    expect(doorNonceOf({ nonce: 'abc' })).toBeUndefined()
    expect(doorNonceOf({ nonce: doorNonce })).toBe(doorNonce)
  })
})

test('the secret is in nothing that is sent', () => {
  const sent = JSON.stringify([hello, makeAnswer(n2, hello, doorNonce)])
  expect(sent).not.toContain(n1.secret)
})
