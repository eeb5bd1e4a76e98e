// What administrators ask for beyond a single move (membership.test.ts), while clients produce:
// rebalance, nodes that leave, folders that are found again, and whether a node can be stopped.
import { decodeBatch, type MoveInFlight, splitBatches } from '@quorate/protocol'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { TestClient } from './client.ts'
import { TestCluster } from './cluster.ts'

const decoder = new TextDecoder()
const partitions = 3
let cluster: TestCluster
let topicId: number
/** Values by partition, in the order of their offsets. */
let produced: string[][]

afterEach(() => {
  expect(cluster.defects).toEqual([])
})

function begin(seed: string, nodes: number, replicas = 3): TestClient {
  cluster = TestCluster.ready(seed, nodes)
  produced = Array.from({ length: partitions }, () => [])
  const client = cluster.client('n1')
  topicId = client.create('orders', { partitions, replicas })
  load(client, 30)
  return client
}

/** Records of which each one is acknowledged. */
function load(client: TestClient, count: number): void {
  for (let at = 0; at < count; at++) {
    const partition = at % partitions
    const value = `${partition}-${produced[partition]!.length}`
    const reply = client.produce('orders', value, { 'q-partition': String(partition) })
    expect(reply.error).toBeUndefined()
    expect(reply.offset).toBe(produced[partition]!.length)
    produced[partition]!.push(value)
  }
}

interface Described {
  readonly removing: readonly string[]
  readonly replicas: readonly {
    readonly node: string
    readonly role: string
    readonly lastIndex: number
    readonly commitIndex: number
    readonly chainAtCommit: string
  }[]
}

function described(client: TestClient): readonly Described[] {
  return client.call('describe', 'orders').partitionStates
}

function nodesOf(state: Described): string[] {
  return state.replicas.map(({ node }) => node).sort()
}

/** Nothing is on the move, and all replicas of each partition hold the same. */
function untilSettled(client: TestClient, forMs = 60_000): void {
  const isSettled = () => {
    const { movesCount, leaving, rebalancing } = client.call('status', undefined)
    if (movesCount > 0 || leaving.length > 0 || rebalancing) return false
    return described(client).every(({ replicas, removing }) => {
      const ends = replicas.map((each) => `${each.lastIndex} ${each.chainAtCommit}`)
      return removing.length === 0 && new Set(ends).size === 1
    })
  }
  cluster.until('the cluster is settled', isSettled, forMs)
}

/** Every record is where it was acknowledged, read at each partition's leader. */
function checkRecords(asked: TestClient): void {
  for (let partition = 0; partition < partitions; partition++) {
    let leader: string | undefined
    cluster.until('somebody leads', () => {
      leader = asked.call('leader', undefined, { topicId, partition }).leader?.node
      return leader !== undefined
    })
    const client = cluster.client(leader!)
    const values: string[] = []
    for (;;) {
      const reply = client.fetch(topicId, partition, values.length)
      expect(reply.error).toBeUndefined()
      const records = splitBatches(reply.batches).flatMap(({ bytes }) => decodeBatch(bytes))
      if (records.length === 0) break
      for (const { value } of records) values.push(decoder.decode(value!))
    }
    expect(values).toEqual(produced[partition])
  }
}

/** The power of a node is cut, and others lead what it led. */
function lose(name: string, asked: TestClient): void {
  cluster.crash(name, 'power')
  cluster.until(`others lead instead of ${name}`, () =>
    Array.from({ length: partitions }, (_, partition) =>
      asked.call('leader', undefined, { topicId, partition }),
    ).every(({ leader }) => leader !== undefined && leader.node !== name),
  )
}

function addNode(client: TestClient, name: string): void {
  cluster.join('node-add', name, client)
  cluster.until(`${name} is ready`, () => cluster.isReady(name))
}

describe('a node that is added under load', () => {
  let client: TestClient
  beforeEach(() => {
    client = begin('add', 3)
    addNode(client, 'n4')
  })

  test('follows the metadata, takes replicas by rebalance, and everything stays where it was', () => {
    const status = client.call('status', undefined)
    expect(
      status.nodes.map(({ node, up }: { node: string; up: boolean }) => `${node} ${up}`),
    ).toEqual(['n1 true', 'n2 true', 'n3 true', 'n4 true'])
    expect(status.metadataVoters).toEqual(['n1', 'n2', 'n3'])
    const { moves } = client.call('rebalance', undefined)
    expect(moves.length).toBeGreaterThan(0)
    for (const { to } of moves as { to: string[] }[]) expect(to).toContain('n4')
    load(client, 30)
    untilSettled(client)
    expect(described(client).filter((state) => nodesOf(state).includes('n4'))).toHaveLength(
      moves.length,
    )
    load(client, 30)
    checkRecords(client)
    checkRecords(cluster.client('n4'))
  })

  test('survives a restart of everybody in the middle of a move', () => {
    const other = nodesOf(described(client)[1]!).slice(1)
    client.call('move', 'orders', { partition: 1, replicas: ['n4', ...other] })
    cluster.pass(5)
    for (const name of ['n1', 'n2', 'n3', 'n4']) cluster.crash(name, 'power')
    for (const name of ['n1', 'n2', 'n3', 'n4']) cluster.start(name)
    cluster.until('all are ready', () => ['n1', 'n2', 'n3', 'n4'].every((n) => cluster.isReady(n)))
    const again = cluster.client('n2')
    untilSettled(again)
    expect(nodesOf(described(again)[1]!)).toEqual(['n4', ...other].sort())
    load(again, 30)
    checkRecords(again)
  })
})

describe('a node that is removed', () => {
  test('is drained, leaves the metadata voters to another, is forgotten and then refused', () => {
    const client = begin('remove', 3)
    addNode(client, 'n4')
    expect(client.call('node-remove', undefined, { node: 'n3' })).toEqual({ node: 'n3' })
    load(client, 30)
    cluster.until(
      'n3 is forgotten',
      () => {
        const { nodes } = client.call('status', undefined)
        return !nodes.some(({ node }: { node: string }) => node === 'n3')
      },
      60_000,
    )
    untilSettled(client)
    const { metadataVoters, nodes } = client.call('status', undefined)
    expect(metadataVoters.toSorted()).toEqual(['n1', 'n2', 'n4'])
    expect(nodes).toHaveLength(3)
    for (const state of described(client)) expect(nodesOf(state)).toEqual(['n1', 'n2', 'n4'])
    const refused = cluster.node('n1').records.length
    cluster.pass(3000)
    expect(
      cluster
        .node('n3')
        .broker!.ready()
        .every(({ ok }) => ok),
    ).toBe(false)
    expect(cluster.node('n1').records.length).toBeGreaterThanOrEqual(refused)
    load(client, 30)
    checkRecords(client)
  })

  test('may be down from the beginning', () => {
    const client = begin('remove-dead', 3)
    addNode(client, 'n4')
    cluster.crash('n3', 'power')
    cluster.until('n3 is down', () => {
      const { nodes } = client.call('status', undefined)
      return nodes.some(({ node, up }: { node: string; up: boolean }) => node === 'n3' && !up)
    })
    client.call('node-remove', undefined, { node: 'n3' })
    untilSettled(client)
    cluster.until('n3 is forgotten', () => {
      const { nodes } = client.call('status', undefined)
      return nodes.length === 3
    })
    load(client, 30)
    checkRecords(client)
  })
})

describe('a node that lost its folder', () => {
  test('comes back empty as another incarnation; its old folder is refused for ever', () => {
    const client = begin('replace', 3)
    lose('n2', client)
    const old = cluster.node('n2')
    load(client, 30)
    cluster.agree('node-replace', 'n2', client)
    const inFlight: MoveInFlight[] = client.call('status', undefined).moves
    expect(inFlight.map(({ removing }) => removing)).toEqual(
      Array.from({ length: partitions }, () => ['n2']),
    )
    // Somebody finds the old disk first.
    cluster.start('n2')
    cluster.pass(5000)
    expect(cluster.isReady('n2')).toBe(false)
    expect(old.broker).toBeDefined()
    cluster.crash('n2', 'power')
    cluster.form('n2')
    cluster.until('n2 is ready', () => cluster.isReady('n2'))
    untilSettled(client)
    const { metadataVoters } = client.call('status', undefined)
    expect(metadataVoters.toSorted()).toEqual(['n1', 'n2', 'n3'])
    load(client, 30)
    // It votes: the others need it now.
    const via = cluster.client('n2')
    lose('n3', via)
    load(via, 30)
    checkRecords(via)
  })
})

describe('a power cut of everybody', () => {
  test('after nodes came and one was replaced: they find each other, though none has applied it', () => {
    const client = begin('cut', 3)
    addNode(client, 'n4')
    addNode(client, 'n5')
    const five = () => client.call('status', undefined).metadataVoters.length === 5
    cluster.until('five nodes vote', five)
    untilSettled(client)
    lose('n1', cluster.client('n2'))
    const other = cluster.client('n3')
    cluster.join('node-replace', 'n1', other)
    cluster.until('n1 is ready', () => cluster.isReady('n1'))
    untilSettled(other)
    for (const name of cluster.names) cluster.crash(name, 'power')
    for (const name of cluster.names) cluster.start(name)
    cluster.untilReady()
    const again = cluster.client('n2')
    load(again, 30)
    checkRecords(again)
  })
})

describe('a node that was away', () => {
  test('hears who was replaced from a peer it knows, also while no leader reaches it', () => {
    const client = begin('away', 5, 5)
    lose('n5', client)
    lose('n4', client)
    cluster.join('node-replace', 'n4', client)
    cluster.until('n4 is ready', () => cluster.isReady('n4'))
    const { metadataLeader } = client.call('status', undefined)
    const [known] = ['n1', 'n2', 'n3'].filter((name) => name !== metadataLeader)
    for (const name of ['n1', 'n2', 'n3']) {
      if (name !== known) cluster.network.cut('n5', name)
    }
    cluster.start('n5')
    cluster.until('n5 has links to both', () => {
      const check = cluster
        .node('n5')
        .broker?.ready()
        .find(({ name }) => name === 'mesh-up')
      return check?.detail === '2 of 4 peers'
    })
    cluster.network.healAll()
    cluster.until('n5 is ready', () => cluster.isReady('n5'))
    untilSettled(client)
    load(client, 30)
    checkRecords(cluster.client('n5'))
  })
})

describe('can-stop', () => {
  test('says no while a voter is down, and names what would be lost', () => {
    const client = begin('can-stop', 3)
    cluster.until('everything is healthy', () => {
      return client.call('can-stop', undefined, { node: 'n2' }).canStop === true
    })
    cluster.crash('n3', 'power')
    cluster.until('the loss of n3 is noticed', () => {
      const { underReplicated } = client.call('status', undefined)
      return underReplicated.length === partitions + 1
    })
    const reply = client.call('can-stop', undefined, { node: 'n2' })
    expect(reply.canStop).toBe(false)
    expect(reply.groups).toHaveLength(partitions + 1)
    expect(client.call('can-stop', undefined, { node: 'n3' }).canStop).toBe(true)
    cluster.start('n3')
    cluster.until('n3 has caught up', () => {
      return client.call('can-stop', undefined, { node: 'n2' }).canStop === true
    })
  })
})
