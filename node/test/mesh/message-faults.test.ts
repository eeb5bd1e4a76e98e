import { chunksOf, emptyChunks } from '@quorate/protocol'
import { describe, expect, test } from 'vitest'
import type { MessageFault, MessageKind } from '../../src/simulation/message-faults.ts'
import { episode } from '../../src/simulation/network-faults.ts'
import type { GroupId } from '../../src/storage/log-entry.ts'
import { heartbeat, type Message } from './entries.ts'
import { type MeshWorld, pair, TestNode } from './mesh-harness.ts'

const partition: GroupId = { topicId: 9, partition: 2 }
const rounds = 60
const vote: Message = { type: 'vote-reply', pre: false, term: 1, granted: true, session: 4 }

function begin(world: MeshWorld, fault: MessageFault, kind: MessageKind) {
  const rule = {
    fault,
    kind,
    concerns: (from: string, to: string) => from === 'n1' && to === 'n2',
    episode: episode(fault),
  }
  world.network.messages.begin(rule)
  return rule
}

/** Numbered heartbeats, one each 5 ms. */
function send(world: MeshWorld, from: TestNode, to: string, first: number): void {
  for (let term = first; term < first + rounds; term += 1) {
    from.mesh.sendRaft(to, partition, 1, 2, { ...heartbeat, term })
    world.run(5)
  }
}

const terms = (node: TestNode) => node.raft.map(({ message }) => message.term)
const numbered = (first: number) => Array.from({ length: rounds }, (_, step) => first + step)

describe('faults of single messages', () => {
  const faults: readonly [
    MessageFault,
    (got: readonly number[], sent: readonly number[]) => void,
  ][] = [
    [
      'message-lost',
      (got, sent) => {
        expect(got.length).toBeGreaterThan(0)
        expect(got.length).toBeLessThan(sent.length / 2)
      },
    ],
    [
      'message-late',
      (got, sent) => {
        expect(got).not.toEqual(sent)
        expect(got.toSorted((a, b) => a - b)).toEqual(sent)
      },
    ],
    [
      'message-reordered',
      (got, sent) => {
        expect(got).not.toEqual(sent)
        expect(got.toSorted((a, b) => a - b)).toEqual(sent)
      },
    ],
    [
      'message-twice',
      (got, sent) => {
        expect(new Set(got)).toEqual(new Set(sent))
        expect(got.length).toBeGreaterThan(sent.length * 1.2)
      },
    ],
    [
      'message-replayed',
      (got, sent) => {
        expect(got.filter((term, at) => got.indexOf(term) === at)).toEqual(sent)
        expect(got.length).toBeGreaterThan(sent.length)
      },
    ],
    [
      'message-replayed-old',
      (got, sent) => {
        expect(got.slice(0, sent.length)).toEqual(sent)
        expect(got.length).toBeGreaterThan(sent.length)
      },
    ],
  ]

  test.each(faults)('%s: only there, only of its kind, and over when healed', (fault, judge) => {
    const { world, n1, n2 } = pair(fault)
    const other = begin(world, fault, 'votes')
    send(world, n1, 'n2', 1)
    expect(terms(n2)).toEqual(numbered(1))
    expect(other.episode.effective).toBe(false)
    world.network.messages.end(other)

    const { episode: met } = begin(world, fault, 'heartbeats')
    n2.raft.length = 0
    send(world, n1, 'n2', 101)
    world.run(70_000)
    judge(terms(n2), numbered(101))
    expect(met.effective).toBe(true)
    expect(world.network.counters[fault]).toBe(1)
    send(world, n2, 'n1', 201)
    expect(terms(n1)).toEqual(numbered(201))

    send(world, n1, 'n2', 301)
    world.network.healAll()
    world.run(70_000)
    n2.raft.length = 0
    send(world, n1, 'n2', 401)
    world.run(70_000)
    expect(terms(n2)).toEqual(numbered(401))
  })

  test('what was to arrive again does not after healing', () => {
    const { world, n1, n2 } = pair('again')
    begin(world, 'message-replayed', 'any')
    send(world, n1, 'n2', 1)
    world.network.healAll()
    const arrived = n2.raft.length
    world.run(70_000)
    expect(n2.raft).toHaveLength(arrived)
  })

  test('a message of one life of a node arrives again in its next', () => {
    const { world, n1, n2 } = pair('lives')
    const rule = begin(world, 'message-replayed', 'votes')
    for (let count = 0; count < 30; count += 1) n1.mesh.sendRaft('n2', partition, 1, 2, vote)
    world.run(50)
    world.network.messages.end(rule)
    world.kill(n2)
    const later = new TestNode(world, 'n2', 33)
    world.run(200)
    n1.mesh.sendRaft('n2', partition, 1, 2, heartbeat)
    world.run(70_000)
    expect(
      later.raft.filter(({ message }) => message.type === 'vote-reply').length,
    ).toBeGreaterThan(0)
  })

  test('a request is never doubled, and the order of messages is kept', () => {
    const { world, n1, n2 } = pair('calls')
    const all = ['lost', 'late', 'reordered', 'twice', 'replayed', 'replayed-old'] as const
    for (const each of all) begin(world, `message-${each}`, 'any')
    const served = new Map<string, number>()
    n2.serve = (request) => {
      served.set(request.subject, (served.get(request.subject) ?? 0) + 1)
      request.respond({ payload: emptyChunks })
    }
    let answered = 0
    for (let count = 0; count < rounds; count += 1) {
      n1.mesh.send('n2', 'core', chunksOf(Uint8Array.of(count)))
      n1.mesh.request('n2', `r${count}`, [], emptyChunks, 1_000, () => {
        answered += 1
      })
      world.run(5)
    }
    world.run(70_000)
    expect(answered).toBe(rounds)
    expect(n2.messages.map(({ bytes }) => bytes)).toEqual(
      Array.from({ length: rounds }, (_, count) => [count]),
    )
    expect(served.size).toBeGreaterThan(0)
    expect(served.size).toBeLessThan(rounds)
    expect(new Set(served.values())).toEqual(new Set([1]))
  })
})
