// The planner against a cluster whose groups change as they are told, in any order: it comes to an
// end, and on the way there nothing that must hold is broken.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { limits } from '../../src/limits.ts'
import type { MetadataMachine } from '../../src/metadata/machine.ts'
import { movesInFlight, nextSteps } from '../../src/metadata/planner.ts'
import { rebalance } from '../../src/metadata/rebalance.ts'
import { type GroupId, metadataGroup } from '../../src/storage/log-entry.ts'
import { bytesOf, MetadataBuilder } from './metadata-builder.ts'

function groupsOf(machine: MetadataMachine): GroupId[] {
  const partitions = machine
    .topics()
    .flatMap((topic) => topic.partitions.map(({ partition }) => ({ topicId: topic.id, partition })))
  return [metadataGroup, ...partitions]
}

/** Everything the planner does until it wants nothing more; `pick` chooses which group is next. */
function runToTheEnd(
  cluster: MetadataBuilder,
  isUp: (nodeId: string) => boolean,
  pick: (bound: number) => number,
  look: () => void,
): number {
  let steps = 0
  for (;;) {
    const planned = nextSteps(cluster.machine.state, isUp)
    expect(nextSteps(cluster.machine.state, isUp)).toEqual(planned)
    const before = bytesOf(cluster.machine)
    for (const step of planned) {
      const { reply } = cluster.request({ ...step, requestId: cluster.requestId() })
      expect(reply?.error).toBeUndefined()
      look()
    }
    if (planned.length > 0) expect(bytesOf(cluster.machine)).not.toBe(before)
    steps += planned.length
    expect(steps).toBeLessThan(2000)
    const changing = groupsOf(cluster.machine).filter(
      (group) => cluster.machine.desiredOf(group)!.removing.length > 0,
    )
    if (changing.length > 0) cluster.settled(changing[pick(changing.length)]!)
    else if (planned.length === 0) return steps
    confirmAll(cluster, isUp)
  }
}

function confirmAll(cluster: MetadataBuilder, isUp: (nodeId: string) => boolean): void {
  for (const { nodeId } of cluster.machine.nodes().filter((node) => isUp(node.nodeId))) {
    for (const { group, replicaId } of cluster.machine.dropOrdersOf(nodeId)) {
      const { topicId } = group
      const requestId = cluster.requestId()
      cluster.request({ kind: 'confirm-drop', requestId, nodeId, topicId, replicaId })
    }
  }
}

function checkPlaces(machine: MetadataMachine, counts: ReadonlyMap<string, number>): void {
  for (const topic of machine.topics()) {
    for (const { replicas } of topic.partitions) {
      expect(replicas).toHaveLength(counts.get(topic.name)!)
      expect(new Set(replicas.map(({ nodeId }) => nodeId)).size).toBe(replicas.length)
    }
  }
}

function spread(counts: Iterable<number>): number {
  const all = [...counts]
  return Math.max(...all) - Math.min(...all)
}

function loads(machine: MetadataMachine, of: 'replicas' | 'leaders'): number[] {
  return machine.nodes().map(
    ({ nodeId }) =>
      machine
        .topics()
        .flatMap(({ partitions }) => partitions)
        .filter(({ replicas }) =>
          of === 'leaders'
            ? replicas[0]!.nodeId === nodeId
            : replicas.some((place) => place.nodeId === nodeId),
        ).length,
  )
}

const topicShapes = fc.array(
  fc.record({
    partitions: fc.integer({ min: 1, max: 9 }),
    replicas: fc.integer({ min: 1, max: 3 }),
  }),
  { minLength: 1, maxLength: 4 },
)
const picks = fc.infiniteStream(fc.nat(1_000_000))

function withTopics(nodes: number, shapes: readonly { partitions: number; replicas: number }[]) {
  const cluster = new MetadataBuilder(nodes)
  const counts = new Map<string, number>()
  for (const [at, { partitions, replicas }] of shapes.entries()) {
    cluster.create(`t${at}`, partitions, replicas)
    counts.set(`t${at}`, replicas)
  }
  return { cluster, counts }
}

function chooser(stream: Iterator<number>) {
  return (bound: number) => (stream.next().value as number) % bound
}

describe('leaving nodes', () => {
  test('are drained, replaced as voters and forgotten, whoever else is down', () => {
    fc.assert(
      fc.property(topicShapes, fc.integer({ min: 1, max: 2 }), fc.boolean(), picks, (...given) => {
        const [shapes, leaving, isLeaverUp, stream] = given
        const { cluster, counts } = withTopics(6, shapes)
        const leavers = cluster.plan.nodes.slice(0, leaving).map(({ id }) => id)
        const isUp = (nodeId: string) => nodeId !== 'n6' && (isLeaverUp || nodeId !== 'n1')
        for (const nodeId of leavers) {
          expect(cluster.node('remove-node', nodeId).reply).toEqual({})
        }
        const down = new Set(cluster.machine.assignmentsOf('n6').map(({ replicaId }) => replicaId))
        runToTheEnd(cluster, isUp, chooser(stream[Symbol.iterator]()), () => {
          expect(movesInFlight(cluster.machine.state)).toBeLessThanOrEqual(limits.movesInFlightMax)
          checkPlaces(cluster.machine, counts)
          // Nothing comes to a node that is down.
          for (const { replicaId } of cluster.machine.assignmentsOf('n6')) {
            expect(down.has(replicaId)).toBe(true)
          }
        })
        const ids = cluster.machine.nodes().map(({ nodeId }) => nodeId)
        expect(ids).toEqual(cluster.plan.nodes.map(({ id }) => id).slice(leaving))
        const { voters, learners } = cluster.machine.desiredOf(metadataGroup)!
        // The fifth of five nodes is down.
        expect(voters).toHaveLength(3)
        expect([...voters, ...learners].map(({ nodeId }) => nodeId).sort()).toEqual(ids)
      }),
      { numRuns: 60 },
    )
  })

  test('stay until there is somewhere to go', () => {
    const cluster = new MetadataBuilder(4)
    cluster.create('orders', 4, 3)
    cluster.node('remove-node', 'n1')
    const isUp = (nodeId: string) => nodeId !== 'n4' && nodeId !== 'n1'
    const moved = nextSteps(cluster.machine.state, isUp).filter(
      (step) => step.kind === 'change-replicas',
    )
    for (const { topicId, partition, nodes } of moved) {
      const before = cluster.machine.membersOf({ topicId, partition })!
      if (nodes.includes('n4')) expect(before.map(({ nodeId }) => nodeId)).toContain('n4')
    }
    runToTheEnd(
      cluster,
      isUp,
      () => 0,
      () => {},
    )
    expect(cluster.machine.assignmentsOf('n1').length).toBeGreaterThan(0)
    runToTheEnd(
      cluster,
      (nodeId) => nodeId !== 'n1',
      () => 0,
      () => {},
    )
    expect(cluster.machine.nodeById('n1')).toBeUndefined()
  })
})

describe('rebalance', () => {
  test('evens out replicas and preferred leaders after nodes came, and then stops', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 3 }),
        picks,
        (partitions, replicas, joining, stream) => {
          const shapes = partitions.map((count) => ({ partitions: count, replicas }))
          const { cluster, counts } = withTopics(3, shapes)
          for (let at = 0; at < joining; at++) cluster.addNode(`x${at}`)
          const surplus = surplusOf(loads(cluster.machine, 'replicas'))
          expect(rebalance(cluster.machine.state, () => true).moves.length).toBeLessThanOrEqual(
            surplus,
          )
          cluster.request({ kind: 'set-rebalancing', requestId: cluster.requestId(), on: true })
          runToTheEnd(
            cluster,
            () => true,
            chooser(stream[Symbol.iterator]()),
            () => {
              const inFlight = movesInFlight(cluster.machine.state)
              expect(inFlight).toBeLessThanOrEqual(limits.movesInFlightMax)
              checkPlaces(cluster.machine, counts)
            },
          )
          expect(cluster.machine.state.rebalancing).toBe(false)
          expect(spread(loads(cluster.machine, 'replicas'))).toBeLessThanOrEqual(1)
          expect(spread(loads(cluster.machine, 'leaders'))).toBeLessThanOrEqual(1)
          expect(rebalance(cluster.machine.state, () => true)).toEqual({ moves: [], leaders: [] })
        },
      ),
      { numRuns: 60 },
    )
  })

  test('moves no more replicas than the nodes with too many have too many', () => {
    const cluster = new MetadataBuilder(3)
    cluster.create('orders', 8, 3)
    cluster.addNode('n4')
    const { moves, leaders } = rebalance(cluster.machine.state, () => true)
    expect(moves).toHaveLength(6)
    expect(leaders).toEqual([])
    for (const { from, to } of moves) {
      expect(to.filter((nodeId) => !from.includes(nodeId))).toEqual(['n4'])
    }
  })

  test('puts nothing on a node that is down or leaving', () => {
    const cluster = new MetadataBuilder(3)
    cluster.create('orders', 8, 2)
    cluster.addNode('n4')
    cluster.addNode('n5')
    cluster.node('remove-node', 'n5')
    const { moves } = rebalance(cluster.machine.state, (nodeId) => nodeId !== 'n4')
    expect(moves.flatMap(({ to }) => to)).not.toContain('n4')
    expect(moves.flatMap(({ to }) => to)).not.toContain('n5')
  })
})

/** Replicas that some node has above what every node must have. */
function surplusOf(counts: readonly number[]): number {
  const total = counts.reduce((sum, count) => sum + count, 0)
  const low = Math.floor(total / counts.length)
  return counts.reduce((sum, count) => sum + Math.max(0, count - low), 0)
}

describe('the metadata group', () => {
  const votersOf = (cluster: MetadataBuilder) =>
    cluster.machine.desiredOf(metadataGroup)!.voters.map(({ nodeId }) => nodeId)

  test('has five voters as soon as five nodes are up, and three before', () => {
    const cluster = new MetadataBuilder(3)
    cluster.addNode('n4')
    expect(nextSteps(cluster.machine.state, () => true)).toEqual([])
    cluster.addNode('n5')
    expect(nextSteps(cluster.machine.state, (nodeId) => nodeId !== 'n5')).toEqual([])
    runToTheEnd(
      cluster,
      () => true,
      () => 0,
      () => {},
    )
    expect(votersOf(cluster)).toEqual(['n1', 'n2', 'n3', 'n4', 'n5'])
    cluster.node('remove-node', 'n2')
    runToTheEnd(
      cluster,
      (nodeId) => nodeId !== 'n1',
      () => 0,
      () => {},
    )
    expect(votersOf(cluster)).toEqual(['n3', 'n4', 'n5'])
  })

  test('takes another node in the place of a voter that leaves', () => {
    const cluster = new MetadataBuilder(3)
    cluster.addNode('n4')
    cluster.node('remove-node', 'n2')
    const [first] = nextSteps(cluster.machine.state, () => true)
    expect(first).toEqual({
      kind: 'set-metadata-voters',
      voters: ['n1', 'n3', 'n4'],
      learners: [],
    })
    expect(nextSteps(cluster.machine.state, (nodeId) => nodeId !== 'n4')).toEqual([])
  })

  /** A node with a replica is told to leave, and another one is free. */
  function withLeaver() {
    const cluster = new MetadataBuilder(3)
    cluster.addNode('n4')
    cluster.create('orders', 1, 3)
    const leaver = cluster.machine.membersOf({ topicId: 2, partition: 0 })![0]!.nodeId
    cluster.node('remove-node', leaver)
    return { cluster, leaver }
  }

  test('lets a leaving node follow until its replicas are elsewhere', () => {
    const { cluster, leaver } = withLeaver()
    const [first] = nextSteps(cluster.machine.state, () => true)
    const { voters } = cluster.machine.desiredOf(metadataGroup)!
    if (voters.some(({ nodeId }) => nodeId === leaver)) {
      expect(first).toMatchObject({ kind: 'set-metadata-voters', learners: [leaver] })
    }
    runToTheEnd(
      cluster,
      () => true,
      () => 0,
      () => {},
    )
    expect(cluster.machine.nodeById(leaver)).toBeUndefined()
  })

  test('forgets a leaving node that was down when it stopped following, and is up again', () => {
    const { cluster, leaver } = withLeaver()
    const plan = (isUp: (nodeId: string) => boolean) => {
      for (const step of nextSteps(cluster.machine.state, isUp)) {
        cluster.request({ ...step, requestId: cluster.requestId() })
      }
    }
    const others = (nodeId: string) => nodeId !== leaver
    plan(() => true)
    for (const group of groupsOf(cluster.machine)) cluster.settled(group)
    expect(cluster.machine.dropOrdersOf(leaver)).toHaveLength(1)
    plan(others)
    cluster.settled(metadataGroup)
    plan(() => true)
    expect(cluster.machine.nodeById(leaver)).toBeUndefined()
  })
})
