import { describe, expect, test } from 'vitest'
import { EntryRun } from '../../src/replication/entry-run.ts'
import { GroupNodes } from '../../src/replication/group-nodes.ts'
import { logBegin } from '../../src/storage/chain.ts'

describe('the nodes of a group', () => {
  test('are those of the places as they are now, of configurations and of senders', () => {
    const places = [{ replicaId: 1, nodeId: 'n1' }]
    const nodes = new GroupNodes(() => places)
    expect(nodes.nodeOf(1)).toBe('n1')
    expect(nodes.nodeOf(2)).toBeUndefined()
    places.push({ replicaId: 2, nodeId: 'n2' })
    expect(nodes.nodeOf(2)).toBe('n2')

    const run = new EntryRun(logBegin, 1, 1000)
    nodes.learnFrom(run.addConfiguration({ voters: [1], learners: [7] }, (id) => `m${id}`))
    expect(nodes.nodeOf(7)).toBe('m7')

    nodes.learn(9, 'n9')
    expect(nodes.nodeOf(9)).toBe('n9')
  })

  test('stay known when the places forget them, and never change', () => {
    let places = [{ replicaId: 1, nodeId: 'n1' }]
    const nodes = new GroupNodes(() => places)
    expect(nodes.nodeOf(1)).toBe('n1')
    places = [{ replicaId: 3, nodeId: 'n3' }]
    nodes.learn(1, 'other')
    expect(nodes.nodeOf(1)).toBe('n1')
    expect(nodes.nodeOf(3)).toBe('n3')
  })
})
