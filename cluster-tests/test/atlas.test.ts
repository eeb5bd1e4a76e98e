import {
  bridgeOf,
  dataFolder,
  dumpStorage,
  FaultAtlas,
  groupKey,
  type IntactCopies,
  type IntactReplica,
  intactCopies,
  planOfSeed,
  SimulatedCluster,
  type SimulatedDisk,
  staysAway,
  syncedImage,
  topicName,
  Workload,
} from 'quorate/laboratory'
import { describe, expect, test } from 'vitest'

/** Of hard.A and hard.B; before those of replicas stand the header and the pair of the node. */
const slotBytes = 512
const replicaSlotsFrom = 4096 + 2 * slotBytes

const key = '7-0'
const voters = [1, 2, 3]
const twice = (newest: number) => ({ newest, settled: newest, readable: 2 })

/** A node with one replica that holds entries 1 to `last`, all whole. */
function node(replicaId: number, last: number, change: Partial<IntactReplica> = {}): IntactCopies {
  const indexes = Array.from({ length: last }, (_, position) => position + 1)
  const replica: IntactReplica = {
    group: { topicId: 7, partition: 0 },
    key,
    replicaId,
    configuration: { voters },
    configurationIndex: 0,
    hardState: twice(4),
    start: 0,
    startState: true,
    segments: new Set(),
    entries: new Map(indexes.map((index) => [index, `chain ${index}`])),
    known: new Set(indexes),
    ...change,
  }
  return {
    incarnation: 'a',
    identities: 2,
    hasSecret: true,
    manifest: twice(9),
    walFiles: new Set([1]),
    node: twice(2),
    wal: { batches: new Set([1, 2, 3]), whole: true },
    replicas: new Map([[`${key}.${replicaId}`, replica]]),
  }
}

function without(image: IntactCopies, indexes: readonly number[]): IntactCopies {
  const [name, replica] = [...image.replicas][0]!
  const entries = new Map([...replica.entries].filter(([index]) => !indexes.includes(index)))
  return { ...image, replicas: new Map([[name, { ...replica, entries }]]) }
}

/** n1 and n2 hold entries 1 to 5, n3 only 1 to 3. */
function atlas(): FaultAtlas {
  const made = new FaultAtlas()
  made.look(
    new Map([
      ['n1', node(1, 5)],
      ['n2', node(2, 5)],
      ['n3', node(3, 3)],
    ]),
  )
  return made
}

describe('the fault atlas', () => {
  test('allows damage that leaves a whole copy of every committed entry', () => {
    expect(atlas().judge('n1', without(node(1, 5), [2, 5])).kind).toBe('within')
  })

  test('allows damage to two nodes in ranges that do not overlap, and not in ones that do', () => {
    const two = atlas()
    two.accept('n1', without(node(1, 5), [1, 2]))
    expect(two.judge('n2', without(node(2, 5), [3])).kind).toBe('within')
    expect(two.judge('n2', without(node(2, 5), [2])).kind).toBe('beyond')
  })

  test('an unreadable file of the WAL costs its replicas their extent, also an empty one, until they have it again', () => {
    const unreadable = (replicaId: number, last: number) => ({
      ...node(replicaId, last),
      wal: { batches: new Set([1, 2, 3]), whole: false },
    })
    const two = atlas()
    two.accept('n1', unreadable(1, 5))
    expect(two.judge('n2', unreadable(2, 5)).kind).toBe('beyond')
    two.recovered('n3', key)
    expect(two.judge('n2', unreadable(2, 5)).kind).toBe('beyond')
    two.recovered('n1', key)
    expect(two.judge('n2', unreadable(2, 5)).kind).toBe('within')
  })

  test('allows a voter less for each that has lost its term', () => {
    const lost = { ...node(1, 5), replicas: new Map() }
    const two = atlas()
    expect(two.judge('n1', lost).kind).toBe('within')
    two.accept('n1', lost)
    expect(two.judge('n2', { ...node(2, 5), replicas: new Map() }).kind).toBe('beyond')
    expect(two.judge('n2', without(node(2, 5), [1])).kind).toBe('beyond')
  })

  test('refuses damage that a start would take for a torn write of what a quorum needs', () => {
    const torn = { ...node(1, 4), wal: { batches: new Set([1, 2]), whole: true } }
    // n3 never had entry 5: with a forgetful n1 it could elect without it.
    expect(atlas().judge('n1', torn)).toMatchObject({ kind: 'unnoticeable' })
    const seen = { ...node(1, 4), wal: { batches: new Set([1, 2]), whole: false } }
    expect(atlas().judge('n1', seen).kind).toBe('within')
  })

  test('refuses an old state that a copy has had since an earlier damage', () => {
    const half = node(1, 5, { hardState: { newest: 4, settled: 3, readable: 2 } })
    const one = atlas()
    expect(one.judge('n1', half).kind).toBe('within')
    one.accept('n1', half)
    one.look(new Map([['n1', half]]))
    expect(one.judge('n1', node(1, 5, { hardState: twice(3) })).kind).toBe('unnoticeable')
  })

  test('refuses an old state of what is written twice', () => {
    const old = node(1, 5, { hardState: twice(3) })
    expect(atlas().judge('n1', old)).toMatchObject({ kind: 'unnoticeable' })
    expect(atlas().judge('n1', { ...node(1, 5), manifest: twice(8) }).kind).toBe('unnoticeable')
    const one = node(1, 5, { hardState: { newest: 4, settled: 4, readable: 1 } })
    expect(atlas().judge('n1', one).kind).toBe('within')
  })

  test('a repaired copy counts again', () => {
    const two = atlas()
    two.accept('n1', without(node(1, 5), [2]))
    two.look(new Map([['n1', node(1, 5)]]))
    expect(two.judge('n2', without(node(2, 5), [2])).kind).toBe('within')
  })

  test('counts the state at the log start as an entry', () => {
    const retired = (id: number) => without(node(id, 5, { start: 2 }), [1, 2])
    const made = new FaultAtlas()
    made.look(new Map([1, 2, 3].map((id) => [`n${id}`, retired(id)])))
    const damaged = (id: number) => without(node(id, 5, { start: 2, startState: false }), [1, 2])
    expect(made.judge('n1', damaged(1)).kind).toBe('within')
    made.accept('n1', damaged(1))
    expect(made.judge('n2', damaged(2)).kind).toBe('beyond')
  })

  test('counts a damaged copy of what others have retired: it may be filled by nobody', () => {
    const retired = (replicaId: number) =>
      node(replicaId, 5, { start: 2, entries: new Map([3, 4, 5].map((at) => [at, `chain ${at}`])) })
    const two = atlas()
    two.look(new Map([['n2', retired(2)]]))
    expect(two.judge('n1', without(node(1, 5), [1])).kind).toBe('within')
    const lost = { ...node(3, 3), replicas: new Map() }
    two.accept('n3', lost)
    expect(two.judge('n1', without(node(1, 5), [1]))).toMatchObject({ kind: 'beyond' })
    two.look(new Map([['n1', retired(1)]]))
    expect(two.judge('n1', retired(1)).kind).toBe('within')
  })

  test('knows which nodes the others can do without', () => {
    const two = atlas()
    expect(two.canMiss(['n1'])).toBe(true)
    expect(two.canMiss(['n1', 'n2'])).toBe(false)
    two.accept('n1', without(node(1, 5), [2]))
    expect(two.canMiss(['n2'])).toBe(false)
    expect(two.canMiss(['n3'])).toBe(false)
  })

  test('a majority comes back: with one node out already, of three nobody else stays away', () => {
    const two = atlas()
    two.accept('n1', { ...node(1, 5), identities: 0 })
    const random = { integer: () => 1 }
    const world = { nodes: ['n1', 'n2', 'n3'], random, returns: () => false }
    expect([...staysAway({ ...world, heal: 'majority', atlas: two })]).toEqual(['n1'])
    expect([...staysAway({ ...world, heal: 'majority', atlas: atlas() })]).toEqual(['n2'])
    expect([...staysAway({ ...world, heal: 'all', atlas: atlas() })]).toEqual([])
    const returns = (node: string) => node === 'n1'
    expect([...staysAway({ ...world, returns, heal: 'all', atlas: two })]).toEqual([])
  })

  test('a bridge: of five nodes the leader stays up without a majority, another is away', () => {
    const nodes = ['n1', 'n2', 'n3', 'n4', 'n5']
    const random = { integer: () => 1 }
    const whole = { out: new Set<string>(), canMiss: () => true }
    const world = { nodes, random, returns: () => false, leader: 'n4' }
    const away = staysAway({ ...world, heal: 'bridge', atlas: whole })
    expect([...away]).toEqual(['n4', 'n2'])
    expect(bridgeOf(world, away, () => true)).toEqual({ node: 'n4', peer: 'n1' })
    expect(bridgeOf(world, away, (node) => node !== 'n4')).toEqual({ node: 'n2', peer: 'n1' })
    expect(bridgeOf(world, new Set(['n4']), () => true)).toBeUndefined()
    expect(bridgeOf({ ...world, nodes: nodes.slice(2) }, away, () => true)).toBeUndefined()
  })
})

test('what is intact is what a start would find, entry by entry', () => {
  const plan = { ...planOfSeed(3), steps: [] }
  const cluster = new SimulatedCluster(plan)
  const workload = new Workload(cluster)
  cluster.start()
  workload.connect()
  const connected = () => workload.reader.connected
  expect(cluster.waitUntil(connected, 60_000)).toBe(true)
  let made = false
  const body = { partitions: 2, replicas: plan.nodes, segmentBytes: 16_384 }
  workload.reader.call('create', topicName, body, { deadlineMs: 10_000, repeatable: false }, () => {
    made = true
  })
  expect(cluster.waitUntil(() => made, 60_000)).toBe(true)
  workload.start()
  cluster.waitUntil(() => false, 8_000)
  for (const { disk } of cluster.nodes) {
    const intact = intactCopies(syncedImage(disk), dataFolder)
    const { groups } = dumpStorage(disk.syncedView(), dataFolder)
    expect(groups.length).toBe(3)
    for (const { group, replicaId, rows } of groups) {
      const replica = intact.replicas.get(`${groupKey(group)}.${replicaId}`)!
      const dumped = [...rows].map(({ index, chain }) => [index, chain] as const)
      expect(dumped.length).toBeGreaterThan(2)
      expect(replica.entries).toEqual(new Map(dumped))
      expect(replica.known).toEqual(new Set(dumped.map(([index]) => index)))
      expect(replica.hardState.readable).toBe(2)
    }
    expectEachSlotToCount(disk)
  }
})

/** A slot that no file has may have held a newer state than the one beside it. */
function expectEachSlotToCount(disk: SimulatedDisk): void {
  const image = syncedImage(disk)
  const hard = ['hard.A', 'hard.B'].map((name) => `${dataFolder}/${name}`)
  const replicasWithout = (from: number, files: readonly string[]) =>
    intactCopies(
      {
        bytes: (path) => {
          const bytes = image.bytes(path)
          return files.includes(path) ? bytes?.fill(255, from, from + slotBytes) : bytes
        },
      },
      dataFolder,
    ).replicas.size
  const all = intactCopies(image, dataFolder).replicas.size
  const ofReplicas = image.bytes(hard[0]!)!.subarray(replicaSlotsFrom)
  let lost = 0
  for (let at = 0; at < ofReplicas.byteLength; at += slotBytes) {
    if (ofReplicas.subarray(at, at + slotBytes).every((byte) => byte === 0)) continue
    const from = replicaSlotsFrom + at
    for (const file of hard) expect(replicasWithout(from, [file])).toBe(all)
    expect(replicasWithout(from, hard)).toBe(all - 1)
    lost += 1
  }
  expect(lost).toBeGreaterThan(all)
}
