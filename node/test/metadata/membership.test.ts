import { describe, expect, test } from 'vitest'
import { MachineDisagreement } from '../../src/partition/disagreement.ts'
import { metadataGroup } from '../../src/storage/log-entry.ts'
import { bytesOf, MetadataBuilder, restored } from './metadata-builder.ts'

const fresh = 'bbbbbbbbbbbbbbbb'

function clusterWithTopic(nodes = 4, partitions = 2): MetadataBuilder {
  const cluster = new MetadataBuilder(nodes)
  cluster.create('orders', partitions)
  return cluster
}

function groupOf(cluster: MetadataBuilder, partition: number) {
  return { topicId: cluster.machine.topicByName('orders')!.id, partition }
}

function nodesOf(cluster: MetadataBuilder, partition: number): string[] {
  return cluster.machine.membersOf(groupOf(cluster, partition))!.map(({ nodeId }) => nodeId)
}

function outsider(cluster: MetadataBuilder, partition: number): string {
  const members = nodesOf(cluster, partition)
  return cluster.machine.nodes().find(({ nodeId }) => !members.includes(nodeId))!.nodeId
}

describe('adding a node', () => {
  test('gives it a metadata replica that follows, and replicas of topics created later', () => {
    const cluster = new MetadataBuilder(3)
    cluster.create('orders', 1)
    const added = cluster.addNode('n9')
    expect(added).toMatchObject({ reply: { replicaId: 1004 }, change: { kind: 'node-added' } })
    expect(cluster.machine.desiredOf(metadataGroup)!.learners).toEqual([
      { nodeId: 'n9', replicaId: 1004, sinceIndex: added.index },
    ])
    expect(cluster.machine.nodeById('n9')).toMatchObject({ leaving: false, address: 'n9:4222' })
    cluster.create('bills', 8, 1)
    expect(cluster.machine.assignmentsOf('n9').length).toBeGreaterThan(1)
  })

  test('again under the same incarnation gets the same answer, and under another none', () => {
    const cluster = new MetadataBuilder(3)
    const { reply } = cluster.addNode('n9')
    const before = cluster.machine.state.nextReplicaId
    expect(cluster.addNode('n9').reply).toEqual(reply)
    expect(cluster.addNode('n9', fresh).reply?.error?.code).toBe('QUORATE_NODE_EXISTS')
    expect(cluster.machine.state.nextReplicaId).toBe(before)
  })

  test('again while it leaves is refused, whether or not it still has a metadata replica', () => {
    const cluster = new MetadataBuilder(3)
    cluster.addNode('n9')
    cluster.node('remove-node', 'n9')
    expect(cluster.addNode('n9').reply?.error?.code).toBe('QUORATE_NODE_LEAVING')
    const voters = ['n1', 'n2', 'n3']
    const requestId = cluster.requestId()
    cluster.request({ kind: 'set-metadata-voters', requestId, voters, learners: [] })
    expect(cluster.machine.desiredOf(metadataGroup)!.learners).toEqual([])
    expect(cluster.addNode('n9').reply?.error?.code).toBe('QUORATE_NODE_LEAVING')
  })

  test('with a replica id that is not next halts', () => {
    const cluster = new MetadataBuilder(3)
    const command = { kind: 'add-node', requestId: 'n1/x', nodeId: 'n9', address: 'h:1' } as const
    const before = bytesOf(cluster.machine)
    expect(() =>
      cluster.apply({ ...command, incarnation: fresh, metadataReplicaId: 1002 }),
    ).toThrow(MachineDisagreement)
    expect(bytesOf(cluster.machine)).toBe(before)
  })
})

describe('what is gone for good', () => {
  test('are the replicas of an earlier incarnation, of a partition and of the metadata group', () => {
    const cluster = clusterWithTopic(3, 1)
    const group = groupOf(cluster, 0)
    const placeOn = (places: readonly { nodeId: string; replicaId: number }[] | undefined) =>
      places!.find(({ nodeId }) => nodeId === 'n2')!.replicaId
    const old = placeOn(cluster.machine.membersOf(group))
    const oldMetadata = placeOn(cluster.machine.metadataReplicas())
    expect(cluster.machine.isBuried(group, old)).toBe(false)
    expect(cluster.machine.isBuried(metadataGroup, oldMetadata)).toBe(false)
    cluster.replaceNode('n2', fresh)
    expect(cluster.machine.isBuried(group, old)).toBe(true)
    expect(cluster.machine.isBuried(metadataGroup, oldMetadata)).toBe(true)
    for (const { replicaId } of cluster.machine.membersOf(group)!) {
      expect(cluster.machine.isBuried(group, replicaId)).toBe(false)
    }
    expect(restored(cluster.machine).isBuried(group, old)).toBe(true)
  })

  test('are replicas that lost their term and vote, once another one has their place', () => {
    const cluster = clusterWithTopic(3, 1)
    const group = groupOf(cluster, 0)
    const replace = (of: typeof group, nodeId: string, replicaId: number) =>
      cluster.request({
        kind: 'replace-replica',
        requestId: cluster.requestId(),
        ...of,
        nodeId,
        replicaId,
      })
    const { nodeId, replicaId } = cluster.machine.membersOf(group)![1]!
    replace(group, nodeId, replicaId)
    const [metadataPlace] = cluster.machine.metadataReplicas()
    replace(metadataGroup, metadataPlace!.nodeId, metadataPlace!.replicaId)
    for (const machine of [cluster.machine, restored(cluster.machine)]) {
      expect(machine.isBuried(group, replicaId)).toBe(true)
      expect(machine.isBuried(metadataGroup, metadataPlace!.replicaId)).toBe(true)
      for (const place of machine.membersOf(group)!) {
        expect(machine.isBuried(group, place.replicaId)).toBe(false)
      }
    }
  })

  test('is no replica whose node is only leaving, none that moves, and none that is unknown', () => {
    const cluster = clusterWithTopic(4, 1)
    const group = groupOf(cluster, 0)
    const [leader, kept, moved] = cluster.machine.membersOf(group)!
    cluster.move('orders', 0, [leader!.nodeId, kept!.nodeId, outsider(cluster, 0)])
    cluster.node('remove-node', kept!.nodeId)
    for (const place of [kept, moved]) {
      expect(cluster.machine.isBuried(group, place!.replicaId)).toBe(false)
    }
    expect(cluster.machine.isBuried(group, 999_999)).toBe(false)
  })
})

describe('changing replicas', () => {
  test('places a new replica as a learner and lets the old one serve until the group has changed', () => {
    const cluster = clusterWithTopic()
    const [leader, kept, old] = nodesOf(cluster, 0)
    const target = outsider(cluster, 0)
    const before = cluster.machine.membersOf(groupOf(cluster, 0))!
    const { index, change } = cluster.move('orders', 0, [leader!, kept!, target])
    expect(change).toEqual({ kind: 'places-changed', topicId: 1, partition: 0 })
    expect(cluster.machine.desiredOf(groupOf(cluster, 0))).toEqual({
      voters: [before[0], before[1], { nodeId: target, replicaId: 1007, sinceIndex: index }],
      learners: [],
      removing: [before[2]],
      changedIndex: index,
    })
    const assigned = cluster.machine
      .assignmentsOf(target)
      .find(({ replicaId }) => replicaId === 1007)
    expect(assigned).toMatchObject({
      createdIndex: index,
      initial: false,
      configuration: { voters: [] },
    })
    const serving = cluster.machine.assignmentsOf(old!).find(({ group }) => group.partition === 0)
    expect(serving).toMatchObject({ replicaId: before[2]!.replicaId, initial: true })
    // Whoever creates its replica only now begins with the first configuration.
    expect(serving!.configuration.voters).toEqual(before.map(({ replicaId }) => replicaId))
    expect(cluster.machine.dropOrdersOf(old!)).toEqual([])
  })

  test('ends with a tombstone that its node confirms', () => {
    const cluster = clusterWithTopic()
    const [leader, kept, old] = nodesOf(cluster, 0)
    const oldId = cluster.machine.membersOf(groupOf(cluster, 0))![2]!.replicaId
    cluster.move('orders', 0, [leader!, kept!, outsider(cluster, 0)])
    const { index } = cluster.settled(groupOf(cluster, 0))
    const orders = cluster.machine.dropOrdersOf(old!)
    expect(orders).toEqual([
      { group: groupOf(cluster, 0), replicaId: oldId, deletedIndex: index, scope: 'replica' },
    ])
    expect(cluster.machine.assignmentsOf(old!).map(({ group }) => group.partition)).not.toContain(0)
    expect(cluster.settled(groupOf(cluster, 0)).change).toBeUndefined()
    const confirm = (nodeId: string) =>
      cluster.request({
        kind: 'confirm-drop',
        requestId: cluster.requestId(),
        nodeId,
        topicId: 1,
        replicaId: oldId,
      })
    confirm(leader!)
    expect(cluster.machine.dropOrdersOf(old!)).toEqual(orders)
    confirm(old!)
    expect(cluster.machine.dropOrdersOf(old!)).toEqual([])
    expect(confirm(old!).reply).toEqual({})
  })

  test('is settled only by the replicas that are wanted now', () => {
    const cluster = clusterWithTopic()
    const [leader, kept, old] = nodesOf(cluster, 0)
    const target = outsider(cluster, 0)
    const first = cluster.machine.membersOf(groupOf(cluster, 0))!
    cluster.move('orders', 0, [leader!, kept!, target])
    const stale = cluster.request({
      kind: 'replicas-changed',
      requestId: cluster.requestId(),
      topicId: 1,
      partition: 0,
      voters: first.map(({ replicaId }) => replicaId),
      learners: [],
      changedIndex: cluster.machine.desiredOf(groupOf(cluster, 0))!.changedIndex!,
    })
    expect(stale.reply?.error?.code).toBe('QUORATE_INVALID_ARGUMENT')
    expect(cluster.machine.desiredOf(groupOf(cluster, 0))!.removing).toHaveLength(1)
    // Back again: the replica that still serves is wanted once more, the new one leaves.
    cluster.move('orders', 0, [leader!, kept!, old!])
    expect(cluster.machine.membersOf(groupOf(cluster, 0))).toEqual(first)
    cluster.settled(groupOf(cluster, 0))
    expect(cluster.machine.dropOrdersOf(target)).toHaveLength(1)
    expect(cluster.machine.dropOrdersOf(old!)).toEqual([])
  })

  test('is not settled by a late report of an earlier change to the same replicas', () => {
    const cluster = clusterWithTopic()
    const group = groupOf(cluster, 0)
    const [leader, kept, old] = nodesOf(cluster, 0)
    const target = outsider(cluster, 0)
    const moveTo = (last: string) => cluster.move('orders', 0, [leader!, kept!, last])
    moveTo(target)
    const late = cluster.report(group)
    // There and back, and the group is still on its way.
    moveTo(old!)
    moveTo(target)
    const { removing } = cluster.machine.desiredOf(group)!
    expect(removing.map(({ nodeId }) => nodeId)).toEqual([old])
    expect(cluster.request(late).reply?.error?.code).toBe('QUORATE_INVALID_ARGUMENT')
    expect(cluster.machine.desiredOf(group)!.removing).toEqual(removing)
    expect(cluster.machine.dropOrdersOf(old!)).toEqual([])
    cluster.settled(group)
    expect(cluster.machine.dropOrdersOf(old!)).toHaveLength(1)
  })

  test('is not settled for the metadata group by a late report either', () => {
    const cluster = new MetadataBuilder(3)
    cluster.addNode('n9')
    cluster.node('remove-node', 'n9')
    const follow = (learners: string[]) =>
      cluster.request({
        kind: 'set-metadata-voters',
        requestId: cluster.requestId(),
        voters: ['n1', 'n2', 'n3'],
        learners,
      })
    follow([])
    const late = cluster.report(metadataGroup)
    follow(['n9'])
    follow([])
    expect(cluster.request(late).reply?.error?.code).toBe('QUORATE_INVALID_ARGUMENT')
    expect(cluster.machine.desiredOf(metadataGroup)!.removing).toHaveLength(1)
    cluster.settled(metadataGroup)
    expect(cluster.machine.desiredOf(metadataGroup)!.removing).toEqual([])
  })

  test('only reorders when the nodes are the same, and nobody has to move', () => {
    const cluster = clusterWithTopic()
    const before = cluster.machine.membersOf(groupOf(cluster, 0))!
    const turned = [before[1]!, before[0]!, before[2]!]
    cluster.move(
      'orders',
      0,
      turned.map(({ nodeId }) => nodeId),
    )
    expect(cluster.machine.desiredOf(groupOf(cluster, 0))).toEqual({
      voters: turned,
      learners: [],
      removing: [],
    })
    expect(
      cluster.move(
        'orders',
        0,
        turned.map(({ nodeId }) => nodeId),
      ).change,
    ).toBeUndefined()
  })

  test.each([
    ['QUORATE_INVALID_ARGUMENT', ['n1', 'n2']],
    ['QUORATE_INVALID_ARGUMENT', ['n1', 'n2', 'n2']],
    ['QUORATE_UNKNOWN_NODE', ['n1', 'n2', 'n7']],
  ])('is refused with %s for %j', (code, nodes) => {
    const cluster = clusterWithTopic()
    const before = bytesOf(cluster.machine)
    expect(() => cluster.move('orders', 0, nodes)).toThrow(expect.objectContaining({ code }))
    const replicas = nodes.map((nodeId, at) => ({ nodeId, replicaId: 2000 + at }))
    const command = { kind: 'change-replicas', topicId: 1, partition: 0, replicas } as const
    expect(cluster.apply({ ...command, requestId: 'n1/y' }).reply?.error?.code).toBe(code)
    expect(JSON.parse(bytesOf(cluster.machine)).fields.topics).toEqual(
      JSON.parse(before).fields.topics,
    )
  })

  test('halts at ids the leader could not have chosen', () => {
    const cluster = clusterWithTopic()
    const replicas = nodesOf(cluster, 0).map((nodeId, at) => ({ nodeId, replicaId: 2000 + at }))
    const command = { kind: 'change-replicas', topicId: 1, partition: 0, replicas } as const
    expect(() => cluster.apply({ ...command, requestId: 'n1/y' })).toThrow(MachineDisagreement)
  })

  test('is refused while too many earlier ones are unfinished', () => {
    const cluster = clusterWithTopic(5)
    const codes: (string | undefined)[] = []
    for (let at = 0; at < 20; at++) {
      const places = cluster.machine.membersOf(groupOf(cluster, 0))!
      const requestId = cluster.requestId()
      const replicaId = places[0]!.replicaId
      const { nodeId } = places[0]!
      const group = groupOf(cluster, 0)
      cluster.request({ kind: 'replace-replica', requestId, ...group, nodeId, replicaId })
      try {
        cluster.move('orders', 0, places.map((place) => place.nodeId).reverse())
      } catch (error) {
        codes.push((error as { code?: string }).code)
      }
    }
    expect(new Set(codes)).toEqual(new Set(['QUORATE_MOVE_IN_FLIGHT']))
  })

  test('of a deleted topic is refused, and its tombstone covers whoever still served', () => {
    const cluster = clusterWithTopic()
    const [leader, kept, old] = nodesOf(cluster, 0)
    const target = outsider(cluster, 0)
    cluster.move('orders', 0, [leader!, kept!, target])
    cluster.remove('orders')
    for (const nodeId of [leader!, kept!, old!, target]) {
      const orders = cluster.machine.dropOrdersOf(nodeId)
      expect(orders.some(({ group }) => group.partition === 0)).toBe(true)
      for (const { group, replicaId } of orders) {
        const { topicId } = group
        const requestId = cluster.requestId()
        cluster.request({ kind: 'confirm-drop', requestId, nodeId, topicId, replicaId })
      }
    }
    expect(cluster.machine.state.tombstones.size).toBe(0)
    const command = { kind: 'change-replicas', topicId: 1, partition: 0, replicas: [] } as const
    expect(cluster.apply({ ...command, requestId: 'n1/z' }).reply?.error?.code).toBe(
      'QUORATE_UNKNOWN_TOPIC',
    )
  })
})

describe('replacing a node', () => {
  test('gives every place on it a new replica, and the old incarnation is refused', () => {
    const cluster = clusterWithTopic(3)
    const old = cluster.machine.assignmentsOf('n2')
    const { index, reply } = cluster.replaceNode('n2', fresh)
    expect(reply).toEqual({ replicaId: 1007 })
    expect(cluster.machine.nodeById('n2')).toMatchObject({ incarnation: fresh, sinceIndex: index })
    expect(cluster.machine.desiredOf(metadataGroup)).toEqual({
      voters: [
        { nodeId: 'n1', replicaId: 1 },
        { nodeId: 'n2', replicaId: 1007, sinceIndex: index },
        { nodeId: 'n3', replicaId: 3 },
      ],
      learners: [],
      removing: [{ nodeId: 'n2', replicaId: 2 }],
      changedIndex: index,
    })
    const assigned = cluster.machine.assignmentsOf('n2')
    expect(assigned.map(({ replicaId }) => replicaId)).toEqual([1008, 1009])
    expect(assigned.every(({ initial, createdIndex }) => !initial && createdIndex === index)).toBe(
      true,
    )
    for (const { group, replicaId } of old) {
      expect(cluster.machine.desiredOf(group)!.removing.map((place) => place.replicaId)).toEqual([
        replicaId,
      ])
    }
    const register = {
      kind: 'register-node',
      requestId: cluster.requestId(),
      nodeId: 'n2',
      incarnation: cluster.plan.nodes[1]!.incarnation,
      address: 'h:1',
      httpAddress: '',
    } as const
    expect(cluster.request(register).reply?.error?.code).toBe('QUORATE_WRONG_NODE')
  })

  test('leaves no tombstone behind, neither older ones nor of what it replaces', () => {
    const cluster = clusterWithTopic(4, 3)
    const [leader, kept, old] = nodesOf(cluster, 0)
    cluster.move('orders', 0, [leader!, kept!, outsider(cluster, 0)])
    cluster.settled(groupOf(cluster, 0))
    cluster.create('bills', 4)
    cluster.remove('bills')
    expect(cluster.machine.dropOrdersOf(old!).length).toBeGreaterThan(1)
    cluster.replaceNode(old!, fresh)
    expect(cluster.machine.dropOrdersOf(old!)).toEqual([])
    for (const { group } of cluster.machine.assignmentsOf(old!)) cluster.settled(group)
    cluster.settled(metadataGroup)
    expect(cluster.machine.dropOrdersOf(old!)).toEqual([])
    expect(cluster.machine.state.replicaTombstones.size).toBe(0)
  })

  test('again under the same incarnation is the same, a leaving or unknown one is refused', () => {
    const cluster = clusterWithTopic(4)
    const { reply } = cluster.replaceNode('n2', fresh)
    const next = cluster.machine.state.nextReplicaId
    expect(cluster.replaceNode('n2', fresh).reply).toEqual(reply)
    expect(cluster.machine.state.nextReplicaId).toBe(next)
    expect(cluster.replaceNode('n8', fresh).reply?.error?.code).toBe('QUORATE_UNKNOWN_NODE')
    cluster.node('remove-node', 'n3')
    expect(cluster.replaceNode('n3', fresh).reply?.error?.code).toBe('QUORATE_NODE_LEAVING')
  })

  test('with another number of replicas than it has halts', () => {
    const cluster = clusterWithTopic(3)
    const command = { kind: 'replace-node', requestId: 'n1/x', nodeId: 'n2', address: '' } as const
    const ids = { incarnation: fresh, firstReplicaId: 1007, replicaCount: 2 }
    expect(() => cluster.apply({ ...command, ...ids })).toThrow(MachineDisagreement)
  })
})

describe('removing a node', () => {
  test('marks it: it gets nothing new, and is forgotten when it holds nothing', () => {
    const cluster = clusterWithTopic(4, 1)
    expect(cluster.node('remove-node', 'n1').change).toMatchObject({ kind: 'node-leaving' })
    expect(cluster.node('remove-node', 'n1')).toMatchObject({ reply: {} })
    expect(cluster.machine.nodeById('n1')?.leaving).toBe(true)
    cluster.create('bills', 8, 3)
    const onIt = cluster.machine.assignmentsOf('n1').map(({ topic }) => topic)
    expect(onIt).not.toContain('bills')
    expect(cluster.node('forget-node', 'n1').reply?.error?.code).toBe('QUORATE_NODE_IN_USE')
    cluster.move('orders', 0, ['n2', 'n3', 'n4'])
    cluster.settled(groupOf(cluster, 0))
    cluster.request({
      kind: 'set-metadata-voters',
      requestId: cluster.requestId(),
      voters: ['n2', 'n3', 'n4'],
      learners: [],
    })
    expect(cluster.node('forget-node', 'n1').reply?.error?.code).toBe('QUORATE_NODE_IN_USE')
    cluster.settled(metadataGroup)
    expect(cluster.machine.dropOrdersOf('n1')).toHaveLength(1)
    expect(cluster.node('forget-node', 'n1').change).toMatchObject({ kind: 'node-forgotten' })
    expect(cluster.machine.nodes().map(({ nodeId }) => nodeId)).toEqual(['n2', 'n3', 'n4'])
    expect(cluster.machine.state.replicaTombstones.size).toBe(0)
    expect(cluster.node('forget-node', 'n1').reply).toEqual({})
  })

  test('is refused when a topic would have more replicas than nodes', () => {
    const cluster = clusterWithTopic(3)
    expect(cluster.node('remove-node', 'n1').reply?.error?.code).toBe('QUORATE_NOT_ENOUGH_NODES')
    expect(cluster.node('remove-node', 'n7').reply?.error?.code).toBe('QUORATE_UNKNOWN_NODE')
    const single = new MetadataBuilder(1)
    expect(single.node('remove-node', 'n1').reply?.error?.code).toBe('QUORATE_NOT_ENOUGH_NODES')
    expect(cluster.node('forget-node', 'n1').reply?.error?.code).toBe('QUORATE_NODE_IN_USE')
  })

  test('leaves fewer nodes for new topics', () => {
    const cluster = new MetadataBuilder(3)
    cluster.node('remove-node', 'n1')
    expect(() => cluster.create('orders', 1, 3)).toThrow(/2 nodes/)
    const target = new MetadataBuilder(4)
    target.create('orders', 1)
    const gone = outsider(target, 0)
    target.node('remove-node', gone)
    const [leader, kept] = nodesOf(target, 0)
    expect(() => target.move('orders', 0, [leader!, kept!, gone])).toThrow(
      expect.objectContaining({ code: 'QUORATE_NODE_LEAVING' }),
    )
  })
})

describe('replacing one replica', () => {
  test('gives the node another one, learner first, and a tombstone for the old', () => {
    const cluster = clusterWithTopic(3)
    const [own] = cluster.machine.assignmentsOf('n2')
    const { group, replicaId } = own!
    const replace = () =>
      cluster.request({
        kind: 'replace-replica',
        requestId: cluster.requestId(),
        ...group,
        nodeId: 'n2',
        replicaId,
      })
    const { index, reply } = replace()
    expect(reply).toEqual({ replicaId: 1007 })
    expect(replace().reply).toEqual(reply)
    expect(cluster.machine.assignmentsOf('n2')[0]).toMatchObject({
      replicaId: 1007,
      initial: false,
      createdIndex: index,
    })
    cluster.settled(group)
    expect(cluster.machine.dropOrdersOf('n2')).toMatchObject([{ group, replicaId }])
  })

  test('works for the metadata group too, and asks nothing of a node that has none', () => {
    const cluster = clusterWithTopic(3)
    const replace = (topicId: number, nodeId: string, replicaId: number) =>
      cluster.request({
        kind: 'replace-replica',
        requestId: cluster.requestId(),
        topicId,
        partition: 0,
        nodeId,
        replicaId,
      })
    expect(replace(0, 'n3', 3).reply).toEqual({ replicaId: 1007 })
    expect(cluster.machine.desiredOf(metadataGroup)!.voters[2]).toMatchObject({ replicaId: 1007 })
    cluster.settled(metadataGroup)
    expect(cluster.machine.dropOrdersOf('n3')).toMatchObject([
      { group: metadataGroup, replicaId: 3 },
    ])
    expect(replace(1, 'n9', 3).reply).toEqual({})
    const command = {
      kind: 'replace-replica',
      requestId: 'n1/x',
      topicId: 0,
      partition: 0,
    } as const
    expect(() =>
      cluster.apply({ ...command, nodeId: 'n1', replicaId: 1, newReplicaId: 1001 }),
    ).toThrow(MachineDisagreement)
  })
})

describe('voters of the metadata group', () => {
  const set = (cluster: MetadataBuilder, voters: string[], learners: string[]) =>
    cluster.request({
      kind: 'set-metadata-voters',
      requestId: cluster.requestId(),
      voters,
      learners,
    })

  test('are promoted and demoted under their replica ids', () => {
    const cluster = new MetadataBuilder(5)
    cluster.addNode('n9')
    expect(set(cluster, ['n1', 'n9', 'n3'], ['n2', 'n4', 'n5']).change).toEqual({
      kind: 'places-changed',
      topicId: 0,
      partition: 0,
    })
    const { voters, learners, removing } = cluster.machine.desiredOf(metadataGroup)!
    expect(voters.map(({ replicaId }) => replicaId)).toEqual([1, 1001, 3])
    expect(learners.map(({ replicaId }) => replicaId)).toEqual([2, 4, 5])
    expect(removing).toEqual([])
    expect(set(cluster, ['n3', 'n1', 'n9'], ['n5', 'n4', 'n2']).change).toBeUndefined()
  })

  test.each([
    [
      ['n1', 'n2'],
      ['n3', 'n4', 'n5'],
    ],
    [
      ['n1', 'n2', 'n2'],
      ['n3', 'n4', 'n5'],
    ],
    [
      ['n1', 'n2', 'n7'],
      ['n3', 'n4', 'n5'],
    ],
    [['n1', 'n2', 'n3'], ['n4']],
    [
      ['n1', 'n2', 'n3'],
      ['n3', 'n4', 'n5'],
    ],
  ])('cannot be %j with learners %j', (voters, learners) => {
    const cluster = new MetadataBuilder(5)
    const reply = set(cluster, voters, learners).reply
    expect(reply?.error?.code).toBe('QUORATE_INVALID_ARGUMENT')
  })
})

test('everything about membership survives a checkpoint', () => {
  const cluster = clusterWithTopic(5, 3)
  cluster.addNode('n9')
  const [leader, kept, old] = nodesOf(cluster, 0)
  cluster.move('orders', 0, [leader!, kept!, 'n9'])
  cluster.settled(groupOf(cluster, 0))
  cluster.replaceNode(old!, fresh)
  cluster.node('remove-node', 'n9')
  cluster.request({ kind: 'set-rebalancing', requestId: cluster.requestId(), on: true })
  expect(bytesOf(restored(cluster.machine))).toBe(bytesOf(cluster.machine))
  expect(cluster.machine.state.rebalancing).toBe(true)
})
