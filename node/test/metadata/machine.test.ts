import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { limits } from '../../src/limits.ts'
import { encodeCommand } from '../../src/metadata/commands.ts'
import { initialMetadata } from '../../src/metadata/initial.ts'
import { MetadataMachine } from '../../src/metadata/machine.ts'
import { commandFor, type MetadataRequest } from '../../src/metadata/metadata-request.ts'
import { MachineDisagreement } from '../../src/partition/disagreement.ts'
import { metadataGroup } from '../../src/storage/log-entry.ts'
import { bytesOf, MetadataBuilder, planOf, restored } from './metadata-builder.ts'

describe('the initial state', () => {
  test('is the same bytes on every voter, from the plan alone', () => {
    const plan = planOf(3)
    const again = JSON.parse(JSON.stringify({ ...plan, secret: 'x', formatVersion: 1 }))
    expect(bytesOf(initialMetadata(again))).toBe(bytesOf(initialMetadata(plan)))
    expect(initialMetadata(plan).applied).toEqual({ index: 0, term: 0, chain: { high: 0, low: 0 } })
  })

  test('gives the i-th voter of the plan replica id i and knows every incarnation', () => {
    const plan = planOf(5)
    const mixed = {
      ...plan,
      nodes: plan.nodes.map((node, at) => ({ ...node, voter: at !== 1 && at !== 3 })),
    }
    const machine = initialMetadata(mixed)
    expect(machine.desiredOf(metadataGroup)).toEqual({
      voters: [
        { nodeId: 'n1', replicaId: 1 },
        { nodeId: 'n3', replicaId: 2 },
        { nodeId: 'n5', replicaId: 3 },
      ],
      learners: [
        { nodeId: 'n2', replicaId: 4 },
        { nodeId: 'n4', replicaId: 5 },
      ],
      removing: [],
    })
    expect(machine.nodes().map(({ incarnation }) => incarnation)).toEqual(
      plan.nodes.map(({ incarnation }) => incarnation),
    )
  })
})

describe('topics', () => {
  test('get the index of their entry as id and replica ids that are never given twice', () => {
    const cluster = new MetadataBuilder()
    cluster.machine.apply(cluster.log.termStart())
    expect(cluster.create('orders', 2)).toMatchObject({
      index: 2,
      reply: { topicId: 2 },
      change: { kind: 'topic-created', topic: { id: 2, name: 'orders' } },
    })
    cluster.create('bills', 1)
    const ids = cluster.machine
      .topics()
      .flatMap(({ partitions }) => partitions.flatMap(({ replicas }) => replicas))
      .map(({ replicaId }) => replicaId)
    expect(ids.sort()).toEqual([1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009])
    cluster.remove('orders')
    cluster.create('orders', 1)
    expect(cluster.machine.topicByName('orders')).toMatchObject({ id: 5 })
    expect(cluster.machine.topicByName('orders')?.partitions[0]?.replicas[0]?.replicaId).toBe(1010)
  })

  test('have case-sensitive names, one topic each', () => {
    const cluster = new MetadataBuilder()
    cluster.create('orders')
    const before = bytesOf(cluster.machine)
    expect(cluster.create('orders').reply?.error?.code).toBe('QUORATE_TOPIC_EXISTS')
    expect(bytesOf(cluster.machine)).not.toBe(before)
    expect(cluster.create('Orders').reply?.error).toBeUndefined()
    expect(cluster.machine.topics().map(({ name }) => name)).toEqual(['Orders', 'orders'])
  })

  test('that are refused take no replica ids', () => {
    const cluster = new MetadataBuilder()
    cluster.create('orders', 1)
    cluster.create('orders', 4)
    cluster.create('bills', 1)
    expect(cluster.machine.topicByName('bills')?.partitions[0]?.replicas[0]?.replicaId).toBe(1004)
  })

  test('are deleted by name, or by name and id when it must be that one', () => {
    const cluster = new MetadataBuilder()
    cluster.create('orders', 1)
    expect(cluster.remove('Orders').reply?.error?.code).toBe('QUORATE_UNKNOWN_TOPIC')
    expect(cluster.remove('orders', 99).reply?.error?.code).toBe('QUORATE_UNKNOWN_TOPIC')
    expect(cluster.remove('orders', 1)).toMatchObject({
      reply: { topicId: 1 },
      change: { kind: 'topic-deleted', tombstone: { topicId: 1 } },
    })
    expect(cluster.machine.topicById(1)).toBeUndefined()
    expect(cluster.remove('orders').reply?.error?.code).toBe('QUORATE_UNKNOWN_TOPIC')
  })

  test('leave a tombstone for each replica until its node has confirmed', () => {
    const cluster = new MetadataBuilder()
    cluster.create('orders', 2)
    const places = cluster.machine.assignmentsOf('n2')
    cluster.remove('orders')
    expect(cluster.machine.assignmentsOf('n2')).toEqual([])
    expect(cluster.machine.dropOrdersOf('n2')).toEqual(
      places.map(({ group, replicaId }) => ({ group, replicaId, deletedIndex: 2, scope: 'topic' })),
    )
    for (const nodeId of ['n1', 'n2', 'n2', 'n3']) {
      cluster.request({ kind: 'confirm-drop', requestId: cluster.requestId(), nodeId, topicId: 1 })
      expect(cluster.machine.dropOrdersOf(nodeId)).toEqual([])
      expect(cluster.machine.state.tombstones.size).toBe(nodeId === 'n3' ? 0 : 1)
    }
  })

  test('are refused when they are larger than a cluster may hold', () => {
    const cluster = new MetadataBuilder()
    const config = { retentionMs: -1, retentionBytes: -1, segmentBytes: 65_536, segmentMs: 1000 }
    const command = { kind: 'create-topic', name: 'big', config } as const
    const placement = Array.from({ length: limits.partitionsPerTopicMax + 1 }, () => [
      { nodeId: 'n1', replicaId: 1 },
    ])
    const wide = { ...command, replicas: 1, placement, requestId: 'n1/1' }
    expect(cluster.apply(wide).reply?.error?.code).toBe('QUORATE_INVALID_ARGUMENT')
    const many = { ...command, replicas: 4, placement: [[]], requestId: 'n1/2' }
    expect(cluster.apply(many).reply?.error?.code).toBe('QUORATE_NOT_ENOUGH_NODES')
    const named = { ...many, name: '.x', requestId: 'n1/3' }
    expect(cluster.apply(named).reply?.error?.code).toBe('QUORATE_INVALID_TOPIC')
    const odd = { ...many, replicas: 1, config: { ...config, segmentMs: 1 }, requestId: 'n1/4' }
    expect(cluster.apply(odd).reply?.error?.code).toBe('QUORATE_INVALID_ARGUMENT')
    expect(cluster.machine.topics()).toEqual([])
  })
})

describe('assignments', () => {
  test('name every replica of the partition and the first configuration', () => {
    const cluster = new MetadataBuilder()
    cluster.create('orders', 3)
    for (const nodeId of ['n1', 'n2', 'n3']) {
      const assigned = cluster.machine.assignmentsOf(nodeId)
      expect(assigned.map(({ group }) => group.partition)).toEqual([0, 1, 2])
      for (const { group, members, configuration, replicaId, createdIndex } of assigned) {
        expect(createdIndex).toBe(1)
        expect(members).toEqual(cluster.machine.membersOf(group))
        expect(configuration.voters).toEqual(members.map((member) => member.replicaId))
        expect(members.find((member) => member.nodeId === nodeId)?.replicaId).toBe(replicaId)
      }
    }
    expect(cluster.machine.assignmentsOf('n4')).toEqual([])
  })
})

describe('nodes', () => {
  const register = (cluster: MetadataBuilder, nodeId: string, incarnation: string, port = 9) =>
    cluster.request({
      kind: 'register-node',
      requestId: cluster.requestId(nodeId),
      nodeId,
      incarnation,
      address: `127.0.0.1:${port}`,
      httpAddress: '127.0.0.1:8222',
    })

  test('may tell a new address under their incarnation, and no other incarnation may', () => {
    const cluster = new MetadataBuilder()
    const own = cluster.plan.nodes[1]!.incarnation
    expect(register(cluster, 'n2', own)).toMatchObject({
      reply: {},
      change: { kind: 'node-changed' },
    })
    expect(cluster.machine.nodeById('n2')).toMatchObject({ address: '127.0.0.1:9' })
    expect(register(cluster, 'n2', own).change).toBeUndefined()
    expect(register(cluster, 'n2', 'ffffffffffffffff').reply?.error?.code).toBe(
      'QUORATE_WRONG_NODE',
    )
    expect(cluster.machine.nodeById('n2')?.incarnation).toBe(own)
  })

  test('that were never added cannot register', () => {
    const cluster = new MetadataBuilder(3)
    expect(register(cluster, 'n9', '00000000000000ff').reply?.error?.code).toBe(
      'QUORATE_WRONG_NODE',
    )
    expect(cluster.machine.nodeById('n9')).toBeUndefined()
  })

  test('change their address only when they are registered', () => {
    const cluster = new MetadataBuilder()
    const set = (nodeId: string) =>
      cluster.request({
        kind: 'set-address',
        requestId: cluster.requestId(),
        nodeId,
        address: 'host:1',
        httpAddress: '',
      })
    expect(set('n1').change).toMatchObject({ node: { address: 'host:1', httpAddress: '' } })
    expect(set('n7').reply?.error?.code).toBe('QUORATE_WRONG_NODE')
  })

  test('are bounded', () => {
    const cluster = new MetadataBuilder(3)
    for (let at = 3; at < limits.nodesMax; at++) cluster.addNode(`x${at}`)
    expect(cluster.machine.nodes()).toHaveLength(limits.nodesMax)
    expect(cluster.addNode('more').reply?.error?.code).toBe('QUORATE_INVALID_ARGUMENT')
  })
})

describe('producer ids', () => {
  test('come in blocks that never overlap', () => {
    const cluster = new MetadataBuilder()
    const take = (count: number, nodeId = 'n1') =>
      cluster.request({
        kind: 'allocate-producer-ids',
        requestId: cluster.requestId(),
        nodeId,
        count,
      }).reply
    expect(take(1000)).toEqual({ firstId: 1, count: 1000 })
    expect(take(5, 'n2')).toEqual({ firstId: 1001, count: 5 })
    expect(take(1)).toEqual({ firstId: 1006, count: 1 })
    expect(take(0)?.error?.code).toBe('QUORATE_INVALID_ARGUMENT')
    expect(take(limits.producerIdBlockMax + 1)?.error?.code).toBe('QUORATE_INVALID_ARGUMENT')
    expect(take(1, 'n9')?.error?.code).toBe('QUORATE_WRONG_NODE')
  })
})

describe('a request proposed again', () => {
  test('gets its first answer and does nothing', () => {
    const cluster = new MetadataBuilder()
    const first = cluster.create('orders', 1, 3, 'n2/a')
    const again = cluster.create('orders', 1, 3, 'n2/a')
    expect(again).toMatchObject({ reply: { topicId: first.index }, repeated: true })
    expect(again.change).toBeUndefined()
    const refused = cluster.create('orders', 1, 3, 'n2/b').reply
    cluster.remove('orders')
    expect(cluster.create('orders', 1, 3, 'n2/b').reply).toEqual(refused)
    expect(
      restored(cluster.machine).apply(
        cluster.log.metadata(
          encodeCommand({ kind: 'confirm-drop', requestId: 'n2/a', nodeId: 'n1', topicId: 1 }),
        ),
      ).reply,
    ).toEqual(first.reply)
  })

  test('is remembered among the last requests of its node, whatever other nodes do', () => {
    const cluster = new MetadataBuilder()
    const allocate = (requestId: string) =>
      cluster.request({ kind: 'allocate-producer-ids', requestId, nodeId: 'n1', count: 1 })
    const first = allocate('n1/first')
    for (let at = 0; at < 2 * limits.rememberedRequestsMax; at++) allocate(`n2/${at}`)
    for (let at = 1; at < limits.rememberedRequestsMax; at++) allocate(`n1/${at}`)
    expect(allocate('n1/first')).toMatchObject({ reply: first.reply, repeated: true })
    allocate('n1/one-more')
    expect(allocate('n1/first').repeated).toBeUndefined()
    const remembered = [...cluster.machine.state.requests.values()].map((each) => each.length)
    expect(Math.max(...remembered)).toBe(limits.rememberedRequestsMax)
  })

  test('of nobody in particular is remembered too, in one bounded place', () => {
    const cluster = new MetadataBuilder()
    for (let at = 0; at < 300; at++) {
      const requestId = `who${at}/x`
      cluster.request({ kind: 'allocate-producer-ids', requestId, nodeId: 'n1', count: 1 })
    }
    expect(cluster.machine.state.requests.size).toBe(1)
    expect(cluster.machine.state.requests.get('')).toHaveLength(limits.rememberedRequestsMax)
  })
})

describe('the machine halts', () => {
  const place = (nodeId: string, replicaId: number) => ({ nodeId, replicaId })
  const config = { retentionMs: -1, retentionBytes: -1, segmentBytes: 65_536, segmentMs: 1000 }
  const create = { kind: 'create-topic', requestId: 'n1/1', name: 'orders', config } as const

  test.each([
    ['a replica id that is not next', [[place('n1', 1001), place('n2', 1003)]]],
    ['two replicas on one node', [[place('n1', 1001), place('n1', 1002)]]],
    ['a node that is not known', [[place('n1', 1001), place('n7', 1002)]]],
    ['a partition with a replica too few', [[place('n1', 1001)]]],
  ])('at a placement with %s, and has changed nothing', (_what, placement) => {
    const cluster = new MetadataBuilder()
    const before = bytesOf(cluster.machine)
    expect(() => cluster.apply({ ...create, replicas: 2, placement })).toThrow(MachineDisagreement)
    expect(bytesOf(cluster.machine)).toBe(before)
  })

  test('at a command of a newer version, at records and at an index that does not follow', () => {
    const cluster = new MetadataBuilder()
    const before = bytesOf(cluster.machine)
    const newer = new TextEncoder().encode('{"kind":"merge-topics","requestId":"n1/1"}')
    const extra = new TextEncoder().encode(
      '{"kind":"confirm-drop","requestId":"n1/1","nodeId":"n1","topicId":1,"x":1}',
    )
    const entry = cluster.log.metadata(newer)
    expect(() => cluster.machine.apply(entry)).toThrow(MachineDisagreement)
    expect(() =>
      cluster.machine.apply({ ...entry, payload: { pieces: [extra], byteLength: extra.length } }),
    ).toThrow(MachineDisagreement)
    expect(() => cluster.machine.apply(cluster.log.metadata(newer))).toThrow(/follows/)
    const records = { ...cluster.log.records(), index: 1 }
    expect(() => cluster.machine.apply(records)).toThrow(/no place/)
    expect(bytesOf(cluster.machine)).toBe(before)
  })
})

test('the metadata log rolls and begins where a committed log start says', () => {
  const cluster = new MetadataBuilder(5)
  const rolls: number[] = []
  for (let at = 0; rolls.length < 2; at++) {
    const { roll, index } = cluster.create(`t${at % 6}`, 1000, 5)
    if (roll) rolls.push(index)
    cluster.remove(`t${at % 6}`)
  }
  expect(cluster.machine.rolls.map(({ index }) => index)).toEqual(rolls)
  const { index, chain } = cluster.machine.rolls[0]!
  const result = cluster.machine.apply(cluster.log.logStart({ index, offset: 0, chain }))
  expect(result.logStart?.index).toBe(rolls[0])
  expect(bytesOf(restored(cluster.machine))).toBe(bytesOf(cluster.machine))
})

// ── determinism ─────────────────────────────────────────────────────────────────────────────────

const name = fc.constantFrom('a', 'b', 'c', 'A', 'no good', '')
const nodeId = fc.constantFrom('n1', 'n2', 'n3', 'n4', 'n5')
const requestId = fc.tuple(nodeId, fc.nat(12)).map(([node, id]) => `${node}/${id}`)
const config = fc.constantFrom(
  {},
  { retentionMs: 1000 },
  { retentionBytes: 100_000 },
  { segmentBytes: 1 },
)
const request: fc.Arbitrary<MetadataRequest> = fc.oneof(
  fc.record({
    kind: fc.constant('create-topic' as const),
    requestId,
    name,
    partitions: fc.nat(7),
    replicas: fc.nat(6),
    config,
  }),
  fc.record({
    kind: fc.constant('delete-topic' as const),
    requestId,
    name,
    topicId: fc.constantFrom(undefined, 1, 2),
  }),
  fc.record({
    kind: fc.constant('register-node' as const),
    requestId,
    nodeId,
    incarnation: fc.constantFrom('0000000000000001', '0000000000000004'),
    address: fc.constantFrom('h:1', 'h:2'),
    httpAddress: fc.constant(''),
  }),
  fc.record({
    kind: fc.constant('set-address' as const),
    requestId,
    nodeId,
    address: fc.constantFrom('h:1', 'h:2'),
    httpAddress: fc.constant('h:3'),
  }),
  fc.record({
    kind: fc.constant('allocate-producer-ids' as const),
    requestId,
    nodeId,
    count: fc.nat(9),
  }),
  fc.record({
    kind: fc.constant('confirm-drop' as const),
    requestId,
    nodeId,
    topicId: fc.nat(20),
  }),
)

test('two machines with the same entries have the same bytes, also across a restart', () => {
  fc.assert(
    fc.property(fc.array(request, { maxLength: 60, size: 'max' }), fc.nat(60), (requests, cut) => {
      const cluster = new MetadataBuilder(3)
      let other = initialMetadata(cluster.plan)
      const ids = new Set<number>()
      for (const [position, each] of requests.entries()) {
        let command: ReturnType<typeof commandFor>
        try {
          command = commandFor(each, cluster.machine)
        } catch {
          continue
        }
        if (position === cut) other = restored(other)
        const result = cluster.apply(command)
        expect(other.apply(cluster.log.entries.at(-1)!)).toEqual(result)
        expect(bytesOf(other)).toBe(bytesOf(cluster.machine))
        if (result.change?.kind === 'topic-created') {
          for (const { replicas } of result.change.topic.partitions) {
            for (const { replicaId } of replicas) {
              expect(ids.has(replicaId)).toBe(false)
              ids.add(replicaId)
            }
          }
        }
      }
      checkInvariants(cluster.machine)
    }),
    { numRuns: 80 },
  )
})

function checkInvariants(machine: MetadataMachine): void {
  const { state } = machine
  const names = machine.topics().map((topic) => topic.name)
  expect(new Set(names).size).toBe(names.length)
  expect([...state.topicIds.keys()].sort()).toEqual(names.sort())
  expect(state.partitionCount).toBe(
    machine.topics().reduce((sum, topic) => sum + topic.partitions.length, 0),
  )
  for (const { replicas } of state.tombstones.values()) expect(replicas.length).toBeGreaterThan(0)
  expect(MetadataMachine.restore(machine.snapshot()).state.fields()).toEqual(state.fields())
}

describe('bytes that are no snapshot', () => {
  const codeOf = (text: string) => {
    try {
      MetadataMachine.restore(new TextEncoder().encode(text))
      return 'restored'
    } catch (error) {
      return (error as { code?: string }).code
    }
  }

  test('are refused with a code', () => {
    const good = bytesOf(new MetadataBuilder().machine)
    expect(codeOf(good)).toBe('restored')
    expect(codeOf('')).toBe('QUORATE_STORAGE_DAMAGED')
    expect(codeOf('null')).toBe('QUORATE_STORAGE_DAMAGED')
    expect(codeOf(good.slice(0, -2))).toBe('QUORATE_STORAGE_DAMAGED')
    expect(codeOf(good.replace('"nextReplicaId":1001', '"nextReplicaId":null'))).toBe(
      'QUORATE_STORAGE_DAMAGED',
    )
    expect(codeOf(good.replace('"version":2', '"version":3'))).toBe('QUORATE_FORMAT_VERSION')
  })

  test('of version 1 are read as a cluster that never changed its members', () => {
    const cluster = new MetadataBuilder(3)
    cluster.create('orders', 2)
    const now = JSON.parse(bytesOf(cluster.machine))
    const { metadataPlaces, replicaTombstones, rebalancing, ...same } = now.fields
    const before = {
      version: 1,
      log: now.log,
      fields: {
        ...same,
        voters: metadataPlaces.voters,
        nodes: same.nodes.map(({ leaving, sinceIndex, ...node }: Record<string, unknown>) => node),
        topics: [
          {
            ...same.topics[0],
            partitions: same.topics[0].partitions.map(
              ({ removing, ...partition }: Record<string, unknown>) => partition,
            ),
          },
        ],
      },
    }
    expect(Object.keys(before.fields.nodes[0])).toEqual([
      'nodeId',
      'incarnation',
      'address',
      'httpAddress',
    ])
    const bytes = new TextEncoder().encode(JSON.stringify(before))
    expect(bytesOf(MetadataMachine.restore(bytes))).toBe(bytesOf(cluster.machine))
    const bad = new TextEncoder().encode(JSON.stringify({ ...before, fields: { voters: 1 } }))
    expect(() => MetadataMachine.restore(bad)).toThrow(/version/)
  })
})
