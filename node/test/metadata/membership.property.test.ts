// Any sequence of what can be asked of the metadata group about members and places: every replica
// ends in the same state, and what must hold of nodes, places and replica ids holds after each.
import { QuorateError } from '@quorate/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { limits } from '../../src/limits.ts'
import { initialMetadata } from '../../src/metadata/initial.ts'
import type { MetadataMachine } from '../../src/metadata/machine.ts'
import type { MetadataRequest } from '../../src/metadata/metadata-request.ts'
import { isAlive } from '../../src/metadata/state.ts'
import { type GroupId, metadataGroup } from '../../src/storage/log-entry.ts'
import { bytesOf, MetadataBuilder, restored } from './metadata-builder.ts'

const nodeId = fc.constantFrom('n1', 'n2', 'n3', 'n4', 'n5', 'n6')
const incarnation = fc.constantFrom('a'.repeat(16), 'b'.repeat(16), 'c'.repeat(16))
const nodes: fc.Arbitrary<string[]> = fc.uniqueArray(nodeId, { minLength: 1, maxLength: 6 })

/** What is asked, of whatever is there then. */
type Ask = (cluster: MetadataBuilder, requestId: string) => MetadataRequest | undefined

function groupsOf(machine: MetadataMachine): GroupId[] {
  const partitions = machine
    .topics()
    .flatMap((topic) => topic.partitions.map(({ partition }) => ({ topicId: topic.id, partition })))
  return [metadataGroup, ...partitions]
}

function groupAt(cluster: MetadataBuilder, pick: number): GroupId {
  const groups = groupsOf(cluster.machine)
  return groups[pick % groups.length]!
}

const topicAsks: fc.Arbitrary<Ask> = fc.oneof(
  fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 3 })).map(
    ([partitions, replicas]): Ask =>
      (cluster, requestId) => ({
        kind: 'create-topic',
        requestId,
        name: `t${cluster.machine.applied.index}`,
        partitions: partitions + 1,
        replicas,
        config: {},
      }),
  ),
  fc.nat(99).map(
    (pick): Ask =>
      (cluster, requestId) => {
        const { topicId } = groupAt(cluster, pick)
        const name = cluster.machine.topicById(topicId)?.name
        return name === undefined ? undefined : { kind: 'delete-topic', requestId, name }
      },
  ),
)

const nodeAsks: fc.Arbitrary<Ask> = fc.oneof(
  fc.tuple(nodeId, incarnation).map(
    ([node, fresh]): Ask =>
      (_, requestId) => ({
        kind: 'add-node',
        requestId,
        nodeId: node,
        incarnation: fresh,
        address: 'h:1',
      }),
  ),
  fc.tuple(nodeId, incarnation).map(
    ([node, fresh]): Ask =>
      (_, requestId) => ({
        kind: 'replace-node',
        requestId,
        nodeId: node,
        incarnation: fresh,
        address: '',
      }),
  ),
  fc.tuple(nodeId, fc.constantFrom('remove-node' as const, 'forget-node' as const)).map(
    ([node, kind]): Ask =>
      (_, requestId) => ({ kind, requestId, nodeId: node }),
  ),
)

const placeAsks: fc.Arbitrary<Ask> = fc.oneof(
  fc.tuple(fc.nat(99), nodes).map(
    ([pick, wanted]): Ask =>
      (cluster, requestId) => {
        const group = groupAt(cluster, pick)
        const count = cluster.machine.membersOf(group)?.length ?? 1
        return { kind: 'change-replicas', requestId, ...group, nodes: wanted.slice(0, count) }
      },
  ),
  fc.tuple(fc.nat(99), fc.boolean()).map(
    ([pick, isCurrent]): Ask =>
      (cluster, requestId) => {
        const group = groupAt(cluster, pick)
        const { voters, learners, removing, changedIndex = 0 } = cluster.machine.desiredOf(group)!
        const ids = (isCurrent ? voters : [...voters, ...removing]).map(
          ({ replicaId }) => replicaId,
        )
        return {
          kind: 'replicas-changed',
          requestId,
          ...group,
          voters: ids,
          learners: learners.map(({ replicaId }) => replicaId),
          changedIndex,
        }
      },
  ),
  fc.tuple(fc.nat(99), fc.nat(9)).map(
    ([pick, at]): Ask =>
      (cluster, requestId) => {
        const group = groupAt(cluster, pick)
        const { voters, learners, removing } = cluster.machine.desiredOf(group)!
        const places = [...voters, ...learners, ...removing]
        const { nodeId: node, replicaId } = places[at % places.length]!
        return { kind: 'replace-replica', requestId, ...group, nodeId: node, replicaId }
      },
  ),
  fc.tuple(nodes, fc.boolean()).map(
    ([voters, all]): Ask =>
      (cluster, requestId) => {
        const others = cluster.machine
          .nodes()
          .map((node) => node.nodeId)
          .filter((node) => !voters.includes(node))
        const learners = all ? others : others.slice(1)
        return { kind: 'set-metadata-voters', requestId, voters, learners }
      },
  ),
  nodeId.map(
    (node): Ask =>
      (cluster, requestId) => {
        const [order] = cluster.machine.dropOrdersOf(node)
        if (order === undefined) return undefined
        const { group, replicaId } = order
        const { topicId } = group
        return { kind: 'confirm-drop', requestId, nodeId: node, topicId, replicaId }
      },
  ),
)

const asks = fc.oneof(
  { weight: 1, arbitrary: topicAsks },
  { weight: 3, arbitrary: nodeAsks },
  { weight: 6, arbitrary: placeAsks },
)

interface Home {
  readonly nodeId: string
  /** Metadata index that placed it. */
  readonly placedIndex: number
}

test('keeps nodes, places and replica ids in order, the same on every replica', () => {
  fc.assert(
    fc.property(
      fc.array(asks, { maxLength: 60, size: 'max' }),
      fc.nat(60),
      (sequence, restartAt) => {
        const cluster = new MetadataBuilder(3)
        let other = initialMetadata(cluster.plan)
        const homes = new Map<number, Home>()
        cluster.create('orders', 2, 2)
        other.apply(cluster.log.entries.at(-1)!)
        for (const [at, ask] of sequence.entries()) {
          const request = ask(cluster, cluster.requestId())
          if (request === undefined) continue
          if (at === restartAt) other = restored(other)
          const before = bytesOf(cluster.machine)
          try {
            const result = cluster.request(request)
            expect(other.apply(cluster.log.entries.at(-1)!)).toEqual(result)
          } catch (error) {
            // Refused before it was proposed.
            if (!(error instanceof QuorateError)) throw error
            expect(bytesOf(cluster.machine)).toBe(before)
          }
          expect(bytesOf(other)).toBe(bytesOf(cluster.machine))
          checkState(cluster.machine, homes)
        }
      },
    ),
    { numRuns: 80 },
  )
})

/** `homes`: where and when each replica id was placed. */
function checkState(machine: MetadataMachine, homes: Map<number, Home>): void {
  const { state } = machine
  const live = new Set<number>()
  for (const group of groupsOf(machine)) {
    const { voters, learners, removing } = machine.desiredOf(group)!
    const wanted = [...voters, ...learners]
    expect(new Set(wanted.map((place) => place.nodeId)).size).toBe(wanted.length)
    expect(removing.length + wanted.length).toBeLessThanOrEqual(
      limits.replicasPerPartitionMax + limits.replicasMax + limits.nodesMax,
    )
    for (const place of wanted) {
      // What is wanted is on a node of the cluster, in its present incarnation.
      expect(isAlive(state, place, group.topicId)).toBe(true)
    }
    for (const { replicaId, nodeId: node, sinceIndex } of [...wanted, ...removing]) {
      expect(live.has(replicaId)).toBe(false)
      live.add(replicaId)
      const home = { nodeId: node, placedIndex: sinceIndex ?? group.topicId }
      expect(homes.get(replicaId) ?? home).toEqual(home)
      homes.set(replicaId, home)
      expect(replicaId).toBeLessThan(state.nextReplicaId)
    }
  }
  for (const { replicaId, nodeId: node } of state.replicaTombstones.values()) {
    expect(live.has(replicaId)).toBe(false)
    const home = homes.get(replicaId)!
    expect(home.nodeId).toBe(node)
    // Nobody confirms for a folder that is gone.
    expect(home.placedIndex).toBeGreaterThanOrEqual(state.nodes.get(node)!.sinceIndex)
  }
  checkNodes(machine)
}

function checkNodes(machine: MetadataMachine): void {
  const { voters, learners } = machine.desiredOf(metadataGroup)!
  expect([1, 3, 5]).toContain(voters.length)
  const following = new Set([...voters, ...learners].map((place) => place.nodeId))
  for (const { nodeId: node, leaving } of machine.nodes()) {
    if (!leaving) expect(following.has(node)).toBe(true)
    const keys = machine
      .assignmentsOf(node)
      .map(({ group }) => `${group.topicId}-${group.partition}`)
    expect(new Set(keys).size).toBe(keys.length)
    for (const { initial, configuration, replicaId, members } of machine.assignmentsOf(node)) {
      // Only a replica of the first configuration may begin as a voter, and only in that one.
      expect(configuration.voters.includes(replicaId)).toBe(initial)
      expect(initial || configuration.voters.length === 0).toBe(true)
      const known = members.map((place) => place.replicaId)
      expect(known).toEqual(expect.arrayContaining([replicaId, ...configuration.voters]))
    }
  }
}
