import { describe, expect, test } from 'vitest'
import type { MeshPeer } from '../../src/mesh/peer-book.ts'
import { NodeMembers } from '../../src/node-members.ts'
import { type Members, newPlan } from '../../src/storage/plan.ts'
import { FakeBroker } from '../handlers/fake-broker.ts'

const plan = newPlan(
  [1, 2, 3].map((n) => ({ id: `n${n}`, address: `h:${n}` })),
  (digits) => 'a'.repeat(digits),
)

function members(pinned = new Map<string, string>(), saved?: Members) {
  const failures: string[] = []
  const saves: { readonly members: Members; done(error?: Error): void }[] = []
  const calls: (readonly [string, MeshPeer | 'removed'])[] = []
  const mesh = {
    setPeer: (nodeId: string, peer: MeshPeer) => calls.push([nodeId, peer]),
    removePeer: (nodeId: string) => calls.push([nodeId, 'removed']),
  }
  const known = new NodeMembers({
    self: 'n1',
    plan,
    saved,
    pinned,
    mesh: () => mesh,
    save: (all, done) => saves.push({ members: all, done: (error?: Error) => done(error) }),
    saveFailed: ({ message }) => failures.push(message),
  })
  return { calls, known, saves, failures }
}

const member = (nodeId: string, address: string, incarnation = 'a'.repeat(16)) => ({
  nodeId,
  incarnation,
  address,
})

describe('the members a node knows', () => {
  test('come from the plan at first, and then from whoever names the highest index', () => {
    const { calls, known } = members()
    expect(known.ids()).toEqual(['n1', 'n2', 'n3'])
    const nodes = [member('n1', 'h:1'), member('n3', 'h:9'), member('n4', 'h:4')]
    known.learn({ index: 7, nodes })
    expect(known.ids()).toEqual(['n1', 'n3', 'n4'])
    // The address of n3 is n3's business.
    expect(calls).toEqual([
      ['n2', 'removed'],
      ['n4', { address: 'h:4', incarnation: 'a'.repeat(16), pinned: false }],
    ])
    known.learn({ index: 7, nodes: [] })
    known.learn({ index: 3, nodes: [member('n2', 'h:2')] })
    expect(known.ids()).toEqual(['n1', 'n3', 'n4'])
    expect(known.get('n2')).toBeUndefined()
    expect(known.all()).toEqual({ index: 7, nodes })
  })

  test('change incarnation and address together, unless an operator gave the address', () => {
    const fresh = 'b'.repeat(16)
    const { calls, known } = members(new Map([['n3', 'proxy:1']]))
    const nodes = [member('n2', 'h:22', fresh), member('n3', 'h:33', fresh), member('n1', 'x:1')]
    known.learn({ index: 1, nodes })
    expect(calls).toEqual([
      ['n2', { address: 'h:22', incarnation: fresh, pinned: false }],
      ['n3', { address: 'proxy:1', incarnation: fresh, pinned: true }],
    ])
  })

  test('are asked of a peer that comes up; an answer that is none changes nothing', () => {
    const broker = new FakeBroker()
    const { known } = members()
    known.ask(broker, 'n2')
    expect(broker.questions).toMatchObject([{ node: 'n2', question: 'members' }])
    broker.questions[0]!.answer({ answer: { index: 4, nodes: [{ nodeId: 'n1' }] } })
    broker.questions[0]!.answer({ answer: { index: 4, nodes: [] } })
    broker.questions[0]!.answer({ answer: null })
    expect(known.all().index).toBe(0)
    broker.questions[0]!.answer({ answer: { index: 4, nodes: [member('n1', 'h:1')] } })
    expect(known.all()).toEqual({ index: 4, nodes: [member('n1', 'h:1')] })
  })

  test('are saved whenever they change, one write at a time, and read by the next life', () => {
    const { known, saves, failures } = members()
    const nodes = [member('n1', 'h:1')]
    known.learn({ index: 1, nodes: [...nodes, member('n4', 'h:4')] })
    known.learn({ index: 2, nodes: [...nodes, member('n5', 'h:5')] })
    known.learn({ index: 3, nodes: [...nodes, member('n6', 'h:6')] })
    expect(saves.map(({ members: { index } }) => index)).toEqual([1])
    saves[0]!.done()
    expect(saves.map(({ members: { index } }) => index)).toEqual([1, 3])
    saves[1]!.done(new Error('no space'))
    expect(failures).toEqual(['no space'])
    known.learn({ index: 4, nodes })
    saves[2]!.done()
    // The metadata went on, and nobody came or went.
    known.learn({ index: 9, nodes })
    expect(saves).toHaveLength(3)
    expect(known.all().index).toBe(9)
    expect(saves.at(-1)!.members).toEqual({ index: 4, nodes })
    const next = members(new Map(), saves.at(-1)!.members)
    expect(next.known.all()).toEqual({ index: 4, nodes })
    expect(members(new Map(), { index: 0, nodes }).known.ids()).toEqual(['n1', 'n2', 'n3'])
  })
})
