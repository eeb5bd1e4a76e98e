import { afterEach, describe, expect, test } from 'vitest'
import type { TestClient } from './client.ts'
import { TestCluster } from './cluster.ts'

let cluster: TestCluster

afterEach(() => {
  expect(cluster.defects).toEqual([])
})

function groupsOn(name: string): string[] {
  const { disk } = cluster.node(name)
  return disk.process().listSync('/data/groups')
}

function produceAll(client: TestClient, topic: string, partitions: number): void {
  for (let partition = 0; partition < partitions; partition++) {
    const answer = client.produce(topic, 'v', { 'q-partition': String(partition) })
    expect(answer.error).toBeUndefined()
  }
}

describe('replicas of a node', () => {
  test('files of a deleted topic go on every node, and the tombstone is forgotten', () => {
    cluster = TestCluster.ready('delete', 3)
    const client = cluster.client('n1')
    const topicId = client.create('orders', { partitions: 4 })
    produceAll(client, 'orders', 4)
    const poll = cluster
      .client(client.call('leader', undefined, { topicId, partition: 0 }).leader.node)
      .askFetch(topicId, 0, 1, { waitMs: 20_000 })
    for (const name of cluster.names) expect(groupsOn(name)).toHaveLength(5)
    expect(client.call('delete', 'orders').topicId).toBe(topicId)
    cluster.until('all files are gone', () =>
      cluster.names.every((name) => groupsOn(name).length === 1),
    )
    cluster.pass(100)
    expect(poll.answer).toBeDefined()
    const { nodes } = client.call('status', undefined)
    expect(
      nodes.map(({ replicas, leaders }: Record<string, number>) => [replicas, leaders]),
    ).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
    ])
  })

  test('a topic deleted while a node is away is removed there when it is back', () => {
    cluster = TestCluster.ready('away', 3)
    const client = cluster.client('n1')
    client.create('orders', { partitions: 2 })
    produceAll(client, 'orders', 2)
    cluster.pass(500)
    cluster.crash('n3', 'power')
    client.call('delete', 'orders')
    client.create('others', { partitions: 2 })
    produceAll(client, 'others', 2)
    expect(groupsOn('n3')).toHaveLength(3)
    cluster.start('n3')
    cluster.untilReady()
    cluster.until('the old files are gone', () =>
      groupsOn('n3').every((name) => !name.startsWith('5-')),
    )
    cluster.until('n3 has the new topic', () => groupsOn('n3').length === 3)
    expect(client.call('status', undefined).nodes[2]).toMatchObject({ amnesiac: [], replicas: 2 })
  })

  test('a topic deleted while its files are being made leaves nothing behind', () => {
    cluster = TestCluster.ready('hurry', 3)
    const client = cluster.client('n1')
    for (let round = 0; round < 5; round++) {
      const name = `t${round}`
      client.askJson('create', name, { partitions: 3 })
      cluster.until('it is known', () => client.call('delete', name).error === undefined)
    }
    cluster.until('all files are gone', () =>
      cluster.names.every((name) => groupsOn(name).length === 1),
    )
    expect(client.call('list', undefined).topics).toEqual([])
  })

  test('creation goes on where a crash stopped it, for every partition', () => {
    // Whatever moment the node dies at while it makes 6 replicas, all of them exist in the end.
    for (let delayMs = 1; delayMs <= 10; delayMs += 1.5) {
      cluster = TestCluster.ready(`create-${delayMs}`, 1)
      const client = cluster.client('n1')
      client.askJson('create', 'orders', { partitions: 6 })
      cluster.pass(delayMs)
      cluster.crash('n1', 'power')
      cluster.start('n1')
      cluster.untilReady()
      const again = cluster.client('n1')
      const { topics } = again.call('list', undefined)
      if (topics.length === 0) continue
      produceAll(again, 'orders', 6)
      expect(again.call('status', undefined).nodes[0]).toMatchObject({ amnesiac: [], replicas: 6 })
      expect(cluster.defects).toEqual([])
    }
  })

  test('replicas that cannot be made for want of disk are made when there is room', () => {
    cluster = TestCluster.ready('create-full', 1)
    const client = cluster.client('n1')
    cluster.node('n1').disk.fail({ operation: 'name', path: /groups/, code: 'ENOSPC', times: 3 })
    client.call('create', 'orders', { partitions: 2 })
    cluster.pass(100)
    expect(cluster.events('n1', 'replica.create-failed').length).toBeGreaterThan(0)
    cluster.pass(4000)
    produceAll(client, 'orders', 2)
  })

  test('a disk that stalls gives its leaderships away', () => {
    cluster = TestCluster.ready('stall', 3)
    const client = cluster.client('n1')
    const topicId = client.create('orders', { partitions: 3 })
    produceAll(client, 'orders', 3)
    cluster.pass(3000)
    const leader = client.call('leader', undefined, { topicId, partition: 0 }).leader.node
    const other = cluster.client(cluster.names.find((name) => name !== leader)!)
    cluster.node(leader).disk.stall(8000)
    for (let at = 0; at < 60; at++) {
      other.ask('$Q.1.produce.orders', { pieces: [new Uint8Array([65])], byteLength: 1 })
      cluster.pass(100)
    }
    expect(cluster.events(leader, 'disk.stalled')).toHaveLength(1)
    const { partitionStates } = other.call('describe', 'orders')
    const leaders = partitionStates.map((each: { leader: string }) => each.leader)
    expect(leaders).not.toContain(leader)
    cluster.pass(6000)
    expect(cluster.events(leader, 'disk.syncing-again')).toHaveLength(1)
    produceAll(other, 'orders', 3)
  })
})
