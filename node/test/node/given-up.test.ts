import { describe, expect, test } from 'vitest'
import { GivenUpNodes } from '../../src/node-given-up.ts'
import type { GivenUpNode } from '../../src/storage/given-up-file.ts'

const old = 'a'.repeat(16)
const fresh = 'b'.repeat(16)
const lost = { nodeId: 'n3', incarnation: old }

function setUp(found: readonly GivenUpNode[] = []) {
  const incarnations = new Map([
    ['n1', old],
    ['n2', old],
    ['n3', old],
  ])
  const linked = new Set<string>()
  const removed: string[] = []
  const events: unknown[] = []
  const saves: { readonly nodes: readonly GivenUpNode[]; done(error?: Error): void }[] = []
  const answers: (string | undefined)[] = []
  const nodes = new GivenUpNodes({
    self: 'n1',
    found,
    members: {
      get: (nodeId) => {
        const incarnation = incarnations.get(nodeId)
        return incarnation === undefined ? undefined : { nodeId, incarnation, address: 'h:1' }
      },
    },
    mesh: () => ({
      isLinked: (node) => linked.has(node),
      removePeer: (node) => void removed.push(node),
    }),
    save: (all, done) => saves.push({ nodes: all, done: (error?: Error) => done(error) }),
    event: (name, fields) => events.push([name, fields]),
  })
  const giveUp = (node: GivenUpNode) => nodes.giveUp(node, (error) => answers.push(error?.code))
  return { nodes, incarnations, linked, removed, events, saves, answers, giveUp }
}

describe('a node that is given up', () => {
  test('is on disk before anybody is told, and refused from then on', () => {
    const { nodes, removed, events, saves, answers, giveUp } = setUp()
    giveUp(lost)
    expect([nodes.has('n3'), removed, answers]).toEqual([false, [], []])
    expect(saves.map((save) => save.nodes)).toEqual([[lost]])
    saves[0]!.done()
    expect([nodes.has('n3'), removed, answers]).toEqual([true, ['n3'], [undefined]])
    expect(events).toEqual([['node.given-up', { peer: 'n3', incarnation: old }]])
    giveUp(lost)
    expect(answers).toEqual([undefined, undefined])
    expect(saves).toHaveLength(1)
  })

  test('is given up in its next life of this node too, until another incarnation takes its place', () => {
    const { nodes, incarnations } = setUp([lost])
    expect(nodes.has('n3')).toBe(true)
    incarnations.set('n3', fresh)
    expect(nodes.has('n3')).toBe(false)
    incarnations.delete('n3')
    expect(nodes.has('n3')).toBe(false)
  })

  test('is not given up when that cannot be kept, and can be again', () => {
    const { nodes, saves, answers, removed, giveUp } = setUp()
    giveUp(lost)
    giveUp({ nodeId: 'n2', incarnation: old })
    saves[0]!.done(new Error('no space'))
    expect(answers).toEqual(['QUORATE_OVERLOADED', 'QUORATE_STORAGE_FAILED'])
    expect([nodes.has('n3'), removed]).toEqual([false, []])
    giveUp(lost)
    saves[1]!.done()
    expect(nodes.has('n3')).toBe(true)
  })

  test.each<[string, GivenUpNode, string]>([
    ['is this one', { nodeId: 'n1', incarnation: old }, 'QUORATE_NODE_ALIVE'],
    ['has a link', { nodeId: 'n2', incarnation: old }, 'QUORATE_NODE_ALIVE'],
    ['is not known', { nodeId: 'n9', incarnation: old }, 'QUORATE_UNKNOWN_NODE'],
    ['has another incarnation', { nodeId: 'n3', incarnation: fresh }, 'QUORATE_WRONG_NODE'],
  ])('cannot be one that %s', (_, node, code) => {
    const { saves, answers, linked, giveUp } = setUp()
    linked.add('n2')
    giveUp(node)
    expect(answers).toEqual([code])
    expect(saves).toEqual([])
  })
})
