import { decodeBatch, splitBatches } from '@quorate/protocol'
import { afterEach, describe, expect, test } from 'vitest'
import { pairBytes } from '../../src/storage/hard-state-format.ts'
import type { TestClient } from './client.ts'
import { TestCluster } from './cluster.ts'

const decoder = new TextDecoder()
let cluster: TestCluster

afterEach(() => {
  expect(cluster.defects).toEqual([])
})

interface Replica {
  readonly node: string
  readonly replicaId: number
  readonly role: string
  readonly learner?: true
}

function replicas(client: TestClient, topic: string, partition = 0): Replica[] {
  return client.call('describe', topic).partitionStates[partition].replicas
}

function nodesOf(client: TestClient, topic: string): string {
  return replicas(client, topic)
    .map(({ node }) => node)
    .sort()
    .join()
}

/** Nothing is on its way any more, and exactly these nodes hold the partition. */
function untilOn(client: TestClient, topic: string, nodes: string): void {
  cluster.until(
    `${topic} is on ${nodes}`,
    () => {
      const [state] = client.call('describe', topic).partitionStates
      return nodesOf(client, topic) === nodes && (state.removing ?? []).length === 0
    },
    60_000,
  )
}

function leaderOf(client: TestClient, topicId: number): string {
  let node: string | undefined
  cluster.until('somebody leads', () => {
    node = client.call('leader', undefined, { topicId, partition: 0 }).leader?.node
    return node !== undefined && cluster.node(node).host !== undefined
  })
  return node!
}

function values(by: TestClient, topicId: number): string[] {
  const client = cluster.client(leaderOf(by, topicId))
  const found: string[] = []
  for (let offset = 0; ; ) {
    const reply = client.fetch(topicId, 0, offset)
    expect(reply.error).toBeUndefined()
    const records = splitBatches(reply.batches).flatMap(({ bytes }) => decodeBatch(bytes))
    if (records.length === 0) return found
    for (const record of records) found.push(decoder.decode(record.value!))
    offset = records.at(-1)!.offset + 1
  }
}

/** Produces plainly, through any node, one record after the other; all must be taken. */
class Producer {
  readonly sent: string[] = []
  readonly #client: TestClient
  readonly #topic: string

  constructor(client: TestClient, topic: string) {
    this.#client = client
    this.#topic = topic
  }

  send(count = 1): void {
    for (let at = 0; at < count; at += 1) {
      const value = `v${this.sent.length}`
      const { error } = this.#client.produce(this.#topic, value)
      expect(error).toBeUndefined()
      this.sent.push(value)
    }
  }
}

describe('a node that joins', () => {
  test('follows the metadata, and takes over a replica while records are written', () => {
    cluster = TestCluster.ready('join', 3)
    const client = cluster.client('n2')
    const topicId = client.create('orders')
    const producer = new Producer(client, 'orders')
    producer.send(20)
    cluster.join('node-add', 'n4', client)
    cluster.untilReady()
    const elections = () =>
      cluster.names
        .flatMap((name) => cluster.events(name, 'raft.leader-elected'))
        .filter(({ fields }) => fields['group'] === `${topicId}-0`)
    expect(leaderOf(client, topicId)).toBe('n1')
    const before = elections().length

    client.call('move', 'orders', { partition: 0, replicas: ['n2', 'n3', 'n4'] })
    for (let at = 0; at < 30; at += 1) {
      producer.send()
      cluster.pass(100)
    }
    untilOn(client, 'orders', 'n2,n3,n4')
    expect(values(client, topicId)).toEqual(producer.sent)
    // The leader was to go: it handed over, and nobody else ever campaigned.
    expect(elections()).toHaveLength(before + 1)
    expect(cluster.events('n2', 'raft.leader-elected')).toHaveLength(1)

    // The others lead on without any of the nodes that were there in the beginning but one.
    cluster.crash('n3', 'power')
    cluster.pass(2000)
    producer.send(5)
    expect(values(client, topicId)).toEqual(producer.sent)
  })

  test('gets the state at log start where the log does not begin at its beginning any more', () => {
    cluster = TestCluster.ready('join-snapshot', 3, { cacheBytesMax: 32 * 1024 })
    const client = cluster.client('n2')
    const options = { retentionBytes: 64 * 1024, segmentBytes: 16 * 1024 }
    const topicId = client.create('logs', options)
    const value = 'x'.repeat(8 * 1024)
    for (let at = 0; at < 40; at += 1) expect(client.produce('logs', value).error).toBeUndefined()
    cluster.pass(12_000)
    cluster.join('node-add', 'n4', client)
    cluster.untilReady()
    client.call('move', 'logs', { partition: 0, replicas: ['n2', 'n3', 'n4'] })
    for (let at = 0; at < 20; at += 1) expect(client.produce('logs', value).error).toBeUndefined()
    untilOn(client, 'logs', 'n2,n3,n4')
    expect(cluster.events('n4', 'snapshot.installed')).toHaveLength(1)
    const offsets = () =>
      client.call('describe', 'logs').partitionStates[0].replicas as { endOffset: number }[]
    cluster.until('all are equal', () => offsets().every(({ endOffset }) => endOffset === 60))
    // It serves what it has: from its own start on.
    client.call('move', 'logs', { partition: 0, replicas: ['n4', 'n3', 'n2'] })
    cluster.until('n4 leads', () => leaderOf(client, topicId) === 'n4', 60_000)
    const { offset } = client.call('offsets', 'logs', { partition: 0, at: 'earliest' })
    expect(offset).toBeGreaterThan(20)
    expect(cluster.client('n4').fetch(topicId, 0, offset).error).toBeUndefined()
  })

  test('becomes leader where it is the preferred one', () => {
    cluster = TestCluster.ready('join-lead', 3)
    const client = cluster.client('n2')
    const topicId = client.create('orders')
    cluster.join('node-add', 'n4', client)
    cluster.untilReady()
    client.call('move', 'orders', { partition: 0, replicas: ['n4', 'n3', 'n2'] })
    untilOn(client, 'orders', 'n2,n3,n4')
    cluster.until('n4 leads', () => leaderOf(client, topicId) === 'n4', 60_000)
  })
})

describe('a partition', () => {
  test('moves to three other nodes while it is written to, and loses nothing', () => {
    cluster = TestCluster.ready('move-all', 3)
    const client = cluster.client('n2')
    const topicId = client.create('orders')
    const producer = new Producer(client, 'orders')
    producer.send(20)
    for (const name of ['n4', 'n5', 'n6']) cluster.join('node-add', name, client)
    cluster.untilReady()
    client.call('move', 'orders', { partition: 0, replicas: ['n4', 'n5', 'n6'] })
    for (let at = 0; at < 30; at += 1) {
      producer.send()
      cluster.pass(100)
    }
    untilOn(client, 'orders', 'n4,n5,n6')
    for (const name of ['n1', 'n2', 'n3']) {
      cluster.until(`${name} has removed its replica`, () => {
        const disk = cluster.node(name).disk.process()
        return disk.listSync('/data/groups').every((folder) => !folder.startsWith(`${topicId}-`))
      })
    }
    producer.send(5)
    expect(values(client, topicId)).toEqual(producer.sent)
  })

  test('that is moved away and back before it has gone ends where it is wanted', () => {
    cluster = TestCluster.ready('move-back', 3)
    const client = cluster.client('n2')
    const topicId = client.create('orders')
    const producer = new Producer(client, 'orders')
    producer.send(20)
    cluster.join('node-add', 'n4', client)
    cluster.untilReady()
    const move = (...replicas: string[]) =>
      client.call('move', 'orders', { partition: 0, replicas })
    move('n2', 'n3', 'n4')
    cluster.pass(300)
    move('n1', 'n2', 'n3')
    producer.send(5)
    untilOn(client, 'orders', 'n1,n2,n3')
    cluster.until('n4 holds nothing', () => {
      const disk = cluster.node('n4').disk.process()
      return disk.listSync('/data/groups').every((folder) => !folder.startsWith(`${topicId}-`))
    })
    producer.send(5)
    expect(values(client, topicId)).toEqual(producer.sent)
  })
})

function replicaOnN3(client: TestClient) {
  return replicas(client, 'orders').find(({ node }) => node === 'n3')
}

/** Another replica than this one votes on n3, and nobody is on the way. */
function untilReplaced(client: TestClient, before: number): void {
  cluster.until(
    'another replica votes on n3',
    () => {
      const found = replicaOnN3(client)
      return found !== undefined && found.replicaId !== before && found.role === 'follower'
    },
    60_000,
  )
  untilOn(client, 'orders', 'n1,n2,n3')
}

describe('a node whose folder is lost', () => {
  test('comes back as another incarnation, and all its replicas are replaced', () => {
    cluster = TestCluster.ready('replace', 3)
    const client = cluster.client('n2')
    const topicId = client.create('orders')
    const producer = new Producer(client, 'orders')
    producer.send(20)
    const before = replicaOnN3(client)!.replicaId
    cluster.crash('n3', 'power')
    cluster.pass(2000)
    producer.send(10)
    cluster.join('node-replace', 'n3', client)
    cluster.untilReady()
    producer.send(10)
    untilReplaced(client, before)
    // It holds everything: the group goes on with it alone beside one other.
    cluster.crash('n1', 'power')
    cluster.pass(2000)
    producer.send(10)
    expect(values(client, topicId)).toEqual(producer.sent)
  })
})

describe('a replica that lost its term and vote', () => {
  test('never runs again, and another one takes its place on the same node by itself', () => {
    cluster = TestCluster.ready('amnesia', 3)
    const client = cluster.client('n2')
    const topicId = client.create('orders')
    const producer = new Producer(client, 'orders')
    producer.send(20)
    const before = replicaOnN3(client)!.replicaId
    cluster.stop('n3')
    damageHardState('n3', 2)
    cluster.start('n3')
    cluster.until('n3 reports it', () => cluster.events('n3', 'replica.amnesiac').length === 1)
    producer.send(5)
    untilReplaced(client, before)
    cluster.until('the files of the lost one are gone', () => {
      const disk = cluster.node('n3').disk.process()
      return !disk.listSync('/data/groups').includes(`${topicId}-0.${before}`)
    })
    cluster.untilReady()
    cluster.crash('n1', 'power')
    cluster.pass(2000)
    producer.send(5)
    expect(values(client, topicId)).toEqual(producer.sent)
  })
})

describe('a node whose metadata replica lost its term and vote', () => {
  test('has it replaced, and goes on with its partitions', () => {
    cluster = TestCluster.ready('metadata-amnesia', 3)
    const client = cluster.client('n2')
    const topicId = client.create('orders')
    const producer = new Producer(client, 'orders')
    producer.send(20)
    cluster.stop('n3')
    damageHardState('n3', 1)
    cluster.start('n3')
    cluster.untilReady()
    client.create('later')
    cluster.until('another metadata replica votes', () => {
      const changes = cluster.events('n3', 'raft.configuration').map(({ fields }) => fields)
      const last = changes.filter(({ group, committed }) => group === '0-0' && committed).at(-1)
      const voters = (last?.['voters'] ?? []) as number[]
      return voters.length === 3 && !voters.includes(3)
    })
    cluster.until('the files of the lost one are gone', () => {
      const disk = cluster.node('n3').disk.process()
      return !disk.listSync('/data/groups').includes('0-0.3')
    })
    producer.send(5)
    cluster.crash('n1', 'power')
    cluster.pass(2000)
    client.create('after')
    producer.send(5)
    expect(values(client, topicId)).toEqual(producer.sent)
    // It is what it was: a restart finds the new one.
    cluster.stop('n3')
    cluster.start('n1')
    cluster.start('n3')
    cluster.untilReady()
  })
})

/** Both copies of both slots of a replica are unreadable. Pair 0 is the node's, 1 the metadata's. */
function damageHardState(name: string, pair: number): void {
  const disk = cluster.node(name).disk.process()
  for (const file of ['hard.A', 'hard.B']) {
    const open = disk.openSync(`/data/${file}`, 'write')
    open.writeSync(new Uint8Array(pairBytes).fill(0x55), 4096 + pair * pairBytes)
    open.syncSync()
    open.close()
  }
}
