import { decodeBatch, splitBatches } from '@quorate/protocol'
import { afterEach, describe, expect, test } from 'vitest'
import { type TestClient, writeResults } from './client.ts'
import { TestCluster } from './cluster.ts'

const decoder = new TextDecoder()
let cluster: TestCluster

afterEach(() => {
  expect(cluster.defects).toEqual([])
})

interface Replica {
  readonly node: string
  readonly role: string
  readonly term: number
  readonly logStart: number
  readonly lastIndex: number
  readonly commitIndex: number
  readonly chainAtCommit: string
  readonly startOffset: number
  readonly endOffset: number
  readonly sizeBytes: number
}

function states(client: TestClient, topic: string): Replica[][] {
  const { partitionStates } = client.call('describe', topic)
  return partitionStates.map(({ replicas }: { replicas: Replica[] }) => replicas)
}

/** All replicas have applied and committed the same log to the same end. */
function untilEqual(client: TestClient, topic: string): Replica[][] {
  let found: Replica[][] = []
  cluster.until(`replicas of ${topic} are equal`, () => {
    found = states(client, topic)
    return found.every((replicas) => {
      const ends = replicas.map(
        (each) => `${each.lastIndex} ${each.commitIndex} ${each.chainAtCommit}`,
      )
      return new Set(ends).size === 1 && replicas[0]!.commitIndex === replicas[0]!.lastIndex
    })
  })
  return found
}

function leaderOf(client: TestClient, topicId: number, partition = 0): string | undefined {
  return client.call('leader', undefined, { topicId, partition }).leader?.node
}

function allValues(client: TestClient, topicId: number, partition = 0, from = 0): string[] {
  const values: string[] = []
  for (let offset = from; ; ) {
    const reply = client.fetch(topicId, partition, offset)
    expect(reply.error).toBeUndefined()
    const records = splitBatches(reply.batches).flatMap(({ bytes }) => decodeBatch(bytes))
    if (records.length === 0) return values
    for (const record of records) values.push(decoder.decode(record.value!))
    offset = records.at(-1)!.offset + 1
  }
}

/** A client of the node that leads the partition. */
function clientOfLeader(topicId: number, partition = 0): TestClient {
  let name: string | undefined
  const asked = cluster.client(cluster.names.find((each) => cluster.isReady(each))!)
  cluster.until('somebody leads', () => {
    name = leaderOf(asked, topicId, partition)
    return name !== undefined && cluster.node(name).host !== undefined
  })
  return cluster.client(name!)
}

describe('three nodes', () => {
  test('any node serves plain requests: what it does not lead is forwarded to who does', () => {
    cluster = TestCluster.ready('forward', 3)
    const clients = cluster.names.map((name) => cluster.client(name))
    const topicId = clients[0]!.create('orders', { partitions: 3 })
    for (const client of clients) {
      for (const partition of [0, 1, 2]) {
        const header = { 'q-partition': String(partition), 'x-kept': 'yes' }
        const answer = client.produce('orders', `p${partition}`, header)
        expect(answer).toMatchObject({ partition, duplicate: false })
      }
      const latest = client.call('offsets', 'orders', { partition: 1, at: 'latest' })
      expect(latest).toEqual({ partition: 1, offset: clients.indexOf(client) + 1 })
    }
    const replicas = untilEqual(clients[2]!, 'orders')
    expect(replicas.flat().map(({ endOffset }) => endOffset)).toEqual(new Array(9).fill(3))
    const leader = clientOfLeader(topicId, 2)
    expect(allValues(leader, topicId, 2)).toEqual(['p2', 'p2', 'p2'])
    const records = splitBatches(leader.fetch(topicId, 2, 0).batches).flatMap(({ bytes }) =>
      decodeBatch(bytes),
    )
    expect(records.map(({ headers }) => headers.map(({ key }) => key))).toEqual([
      ['x-kept'],
      ['x-kept'],
      ['x-kept'],
    ])
  })

  test('leaders are spread over the nodes, and write and fetch name them where they are not', () => {
    cluster = TestCluster.ready('hints', 3)
    const clients = cluster.names.map((name) => cluster.client(name))
    const topicId = clients[0]!.create('orders', { partitions: 3 })
    cluster.pass(3000)
    const leaders = [0, 1, 2].map((partition) => leaderOf(clients[1]!, topicId, partition))
    expect([...leaders].sort()).toEqual(['n1', 'n2', 'n3'])
    const elsewhere = clients[cluster.names.findIndex((name) => name !== leaders[0])]!
    const hint = { node: leaders[0], address: cluster.node(leaders[0]!).address }
    const batch = { topicId, partition: 0, values: ['v'] }
    expect(elsewhere.write(batch)).toMatchObject([{ error: 'QUORATE_NOT_LEADER', leader: hint }])
    expect(elsewhere.fetch(topicId, 0, 0)).toMatchObject({
      error: 'QUORATE_NOT_LEADER',
      leader: hint,
    })
  })

  test('a new leader is pushed to clients of every node', () => {
    cluster = TestCluster.ready('push', 3)
    const client = cluster.client('n1')
    const topicId = client.create('orders')
    cluster.pass(2000)
    const before = leaderOf(client, topicId)!
    const watcher = cluster.client(cluster.names.find((name) => name !== before)!)
    watcher.subscribe('$Q.1.event.leaders')
    cluster.pass(50)
    cluster.crash(before)
    cluster.until('the event', () => watcher.heard.length > 0)
    const event = JSON.parse(watcher.heard[0]!.text)
    expect(event).toMatchObject({ topicId, partition: 0, address: expect.any(String) })
    expect(event.node).not.toBe(before)
    expect(event.term).toBeGreaterThan(1)
  })

  test('the leader is killed: another one takes over soon, and nothing acknowledged is lost', () => {
    cluster = TestCluster.ready('kill', 3)
    const topicId = cluster.client('n1').create('orders')
    let client = clientOfLeader(topicId)
    const acked: string[] = []
    const send = (value: string) => {
      const [result] = client.write({ topicId, partition: 0, values: [value] })
      if (result!.error === undefined) acked.push(value)
    }
    for (let at = 0; at < 20; at++) send(`a${at}`)
    const leader = leaderOf(client, topicId)!
    const open = client.askWrite([{ topicId, partition: 0, values: ['open'] }])
    cluster.pass(0.2)
    cluster.crash(leader)
    const atMs = cluster.simulation.nowMs
    client = cluster.client(cluster.names.find((name) => name !== leader)!)
    expect(client.produce('orders', 'after').error).toBeUndefined()
    expect(cluster.simulation.nowMs - atMs).toBeLessThan(1500)
    client = clientOfLeader(topicId)
    const values = allValues(client, topicId)
    expect(values.filter((value) => value.startsWith('a') && value !== 'after')).toEqual(acked)
    expect(values.at(-1)).toBe('after')
    expect(open.answer).toBeUndefined()
    cluster.start(leader)
    cluster.untilReady()
    const [replicas] = untilEqual(client, 'orders')
    expect(replicas).toHaveLength(3)
  })

  test('a write in flight when its leader loses its followers is answered as unknown', () => {
    cluster = TestCluster.ready('unknown', 3)
    const topicId = cluster.client('n1').create('orders')
    const client = clientOfLeader(topicId)
    client.write({ topicId, partition: 0, values: ['first'] })
    const leader = leaderOf(client, topicId)!
    for (const other of cluster.names) if (other !== leader) cluster.network.cut(leader, other)
    const open = client.askWrite([{ topicId, partition: 0, values: ['open'] }])
    const poll = client.askFetch(topicId, 0, 1, { waitMs: 10_000 })
    const position = client.askJson('offsets', 'orders', { partition: 0, at: 'latest' })
    expect(writeResults(client.wait(open))[0]).toMatchObject({ error: 'QUORATE_UNKNOWN_OUTCOME' })
    expect(client.wait(poll).error).toBeUndefined()
    expect(JSON.parse(client.wait(position).text).error).toMatchObject({ retriable: true })
    cluster.network.healAll()
    const after = clientOfLeader(topicId)
    after.write({ topicId, partition: 0, values: ['second'] })
    expect(allValues(after, topicId).filter((value) => value !== 'open')).toEqual([
      'first',
      'second',
    ])
    untilEqual(after, 'orders')
  })

  test('all nodes lose power at once: everything acknowledged is there again', () => {
    cluster = TestCluster.ready('power', 3)
    const topicId = cluster.client('n1').create('orders', { partitions: 2 })
    for (const partition of [0, 1]) {
      const client = clientOfLeader(topicId, partition)
      for (let at = 0; at < 10; at++) {
        const batch = {
          topicId,
          partition,
          values: [`${at}`],
          producerId: 5,
          epoch: 0,
          sequence: at,
        }
        expect(client.write(batch)[0]).toMatchObject({ offset: at })
      }
    }
    for (const name of cluster.names) cluster.crash(name, 'power')
    for (const name of cluster.names) cluster.start(name)
    cluster.untilReady()
    for (const partition of [0, 1]) {
      const client = clientOfLeader(topicId, partition)
      const again = { topicId, partition, values: ['3'], producerId: 5, epoch: 0 }
      expect(client.write({ ...again, sequence: 6 }, { ...again, sequence: 10 })).toMatchObject([
        { offset: 6 },
        { offset: 10 },
      ])
      expect(allValues(client, topicId, partition)).toHaveLength(11)
    }
  })

  test('a node that stops hands its leaderships over first: writes hardly wait', () => {
    cluster = TestCluster.ready('hand-over', 3)
    const client = cluster.client('n1')
    const topicId = client.create('orders', { partitions: 6 })
    cluster.pass(3000)
    const leader = leaderOf(client, topicId, 1)!
    const other = cluster.client(cluster.names.find((name) => name !== leader)!)
    const startMs = cluster.simulation.nowMs
    let stopped = false
    cluster.node(leader).broker!.stop(() => {
      stopped = true
    })
    expect(other.produce('orders', 'v', { 'q-partition': '1' }).error).toBeUndefined()
    expect(cluster.simulation.nowMs - startMs).toBeLessThan(400)
    cluster.until('it has stopped', () => stopped)
    expect(cluster.simulation.nowMs - startMs).toBeLessThan(2000)
    expect(cluster.isReady(leader)).toBe(false)
    const term = states(other, 'orders')[1]!.find(({ role }) => role === 'leader')!.term
    expect(term).toBe(2)
    cluster.crash(leader)
    cluster.start(leader)
    cluster.untilReady()
    untilEqual(other, 'orders')
    // Preferred leaders get their partitions back, without anybody being asked.
    cluster.until('it leads again', () => leaderOf(other, topicId, 1) === leader, 40_000)
  })

  test('status and describe show a node that is down, and answer in time', () => {
    cluster = TestCluster.ready('down', 3)
    const client = cluster.client('n1')
    client.create('orders')
    cluster.crash('n3')
    cluster.pass(2000)
    const startMs = cluster.simulation.nowMs
    const { nodes, metadataLeader } = client.call('status', undefined)
    expect(nodes.map(({ node, up }: { node: string; up: boolean }) => [node, up])).toEqual([
      ['n1', true],
      ['n2', true],
      ['n3', false],
    ])
    expect(metadataLeader).not.toBe('n3')
    const [replicas] = states(client, 'orders')
    expect(replicas!.filter(({ role }) => role === 'unreachable').map(({ node }) => node)).toEqual([
      'n3',
    ])
    expect(cluster.simulation.nowMs - startMs).toBeLessThan(4500)
  })

  test('a paused node answers nothing, and is listed as down after the time a peer has', () => {
    cluster = TestCluster.ready('paused', 3)
    const client = cluster.client('n1')
    cluster.node('n3').host!.pause()
    const { nodes } = client.call('status', undefined)
    expect(nodes[2]).toEqual({ node: 'n3', up: false })
    cluster.node('n3').host!.resume()
    cluster.until('it is up again', () => client.call('status', undefined).nodes[2].up)
  })

  test('changes go to the metadata leader from any node, and every node sees them', () => {
    cluster = TestCluster.ready('changes', 3)
    const clients = cluster.names.map((name) => cluster.client(name))
    clients.forEach((client, at) => {
      expect(client.call('create', `t${at}`, { partitions: 1 }).topic).toBe(`t${at}`)
      for (const other of clients) {
        const { topics } = other.call('list', undefined)
        expect(topics.map(({ topic }: { topic: string }) => topic)).toContain(`t${at}`)
        expect(other.call('route', `t${at}`).nodes).toHaveLength(3)
      }
    })
    const leader = clients[0]!.call('status', undefined).metadataLeader
    cluster.crash(leader)
    const left = clients[cluster.names.findIndex((name) => name !== leader)]!
    expect(left.call('create', 'after', { replicas: 2 })).toMatchObject({ topic: 'after' })
    expect(left.call('delete', 't0')).toMatchObject({ topic: 't0' })
  })

  test('without a quorum of metadata a change is refused in time, never half done', () => {
    cluster = TestCluster.ready('no-quorum', 3)
    const client = cluster.client('n1')
    cluster.crash('n2')
    cluster.crash('n3')
    cluster.pass(2000)
    const { error } = client.call('create', 'orders')
    expect(error.retriable).toBe(true)
    expect(['QUORATE_NO_LEADER', 'QUORATE_TIMEOUT']).toContain(error.code)
    cluster.start('n2')
    cluster.start('n3')
    cluster.untilReady()
    expect(client.call('list', undefined).topics).toEqual([])
  })

  test('core messaging: a subject reaches subscribers of every node, a queue group one of them', () => {
    cluster = TestCluster.ready('core', 3)
    const [one, two, three] = cluster.names.map((name) => cluster.client(name))
    two!.subscribe('news.*')
    three!.subscribe('news.>')
    one!.subscribe('work', 'crew')
    two!.subscribe('work', 'crew')
    three!.subscribe('work', 'crew')
    cluster.pass(100)
    one!.publish('news.today', 'hi')
    for (let at = 0; at < 30; at++) three!.publish('work', `${at}`)
    cluster.pass(100)
    const count = (client: TestClient, subject: string) =>
      client.heard.filter((each) => each.subject === subject).length
    expect([one, two, three].map((client) => count(client!, 'news.today'))).toEqual([0, 1, 1])
    expect([one, two, three].map((client) => count(client!, 'work'))).toEqual([0, 0, 30])
    const nobody = one!.ask('nobody.here', { pieces: [], byteLength: 0 })
    expect(one!.wait(nobody).error).toBe('503')
  })
})
