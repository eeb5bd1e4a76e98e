import { type ActorRef, ActorSystem, noProbe } from '@quorate/actors'
import { Simulation } from '@quorate/actors/testing'
import type { WriteResult } from '@quorate/protocol'
import { beforeEach, describe, expect, test } from 'vitest'
import { PartitionDirectory } from '../../src/partition/partition-directory.ts'
import {
  PartitionSupervisor,
  type SupervisorMessage,
} from '../../src/partition/partition-supervisor.ts'
import type { Storage } from '../../src/storage/storage.ts'
import { MetadataBuilder } from '../metadata/metadata-builder.ts'
import { FakeStorage } from '../replication/fake-storage.ts'
import { batchOf, headerOf } from './log-builder.ts'

interface Creation {
  readonly key: string
  readonly replicaId: number
  readonly executed: number
  readonly configuration?: unknown
  done(error?: Error): void
}

const unheard = { leaderChanged: () => {}, retentionHeld: () => {} }

/** What the supervisor asks of storage; completions wait for the test. */
class Rig {
  readonly metadata = new MetadataBuilder(3)
  readonly simulation = new Simulation('supervisor')
  readonly host = this.simulation.host('n1')
  readonly system = new ActorSystem({
    name: 'n1',
    host: this.host,
    random: this.simulation.random,
    inspect: (record) => {
      if (record.kind === 'failed') this.failures.push(record.error)
    },
  })
  readonly failures: unknown[] = []
  readonly directory = new PartitionDirectory()
  readonly creations: Creation[] = []
  readonly drops: Creation[] = []
  readonly executed: number[] = []
  readonly events: string[] = []
  readonly removed: (number | string)[] = []
  readonly lost: string[] = []
  readonly files: Map<string, number>
  /** Found without term and vote. */
  readonly lostHere = new Set<number>()
  machine = this.metadata.machine
  ref!: ActorRef<SupervisorMessage>

  constructor(files: ReadonlyMap<string, number> = new Map(), executedIndex = 0) {
    this.files = new Map(files)
    const storage = {
      createReplica: (
        { topicId, partition }: { topicId: number; partition: number },
        replicaId: number,
        configuration: unknown,
        _hardState: unknown,
        executed: number,
        done: (error?: Error) => void,
      ) =>
        this.creations.push({
          key: `${topicId}-${partition}`,
          replicaId,
          executed,
          configuration,
          done,
        }),
      dropReplica: (
        { topicId, partition }: { topicId: number; partition: number },
        replicaId: number,
        executed: number,
        done: (error?: Error) => void,
      ) => this.drops.push({ key: `${topicId}-${partition}`, replicaId, executed, done }),
      setExecuted: (executed: number) => this.executed.push(executed),
      recover: (key: string, done: (error: undefined, recovered: unknown) => void) => {
        const [topicId, partition] = key.split('-').map(Number)
        const group = { topicId: topicId!, partition: partition! }
        const replicaId = this.files.get(key)!
        const fake = new FakeStorage(group, { replicaId, configuration: { voters: [replicaId] } })
        done(undefined, fake.recovered)
      },
      persist: () => {},
      writable: () => undefined,
    } as unknown as Storage
    this.ref = this.system.spawn(
      'partitions',
      () =>
        new PartitionSupervisor(
          {
            node: 'n1',
            incarnation: this.metadata.plan.nodes[0]!.incarnation,
            session: 1,
            timing: { heartbeatMs: 100, electionTimeoutMinMs: 600, electionTimeoutMaxMs: 900 },
            storage,
            probe: noProbe,
            send: () => {},
            admitsSnapshot: () => true,
            fetchEntries: () => {},
            fetchState: () => {},
            isGone: () => false,
            addressOf: () => undefined,
            trustedWallMs: () => undefined,
            events: { ...unheard, event: (name) => this.events.push(name) },
            metadata: () => this.machine,
            files: this.files,
            isLost: (_group, replicaId) => this.lostHere.has(replicaId),
            executedIndex,
            dropping: () => {},
            removed: (topicId, replicaId) =>
              this.removed.push(replicaId === undefined ? topicId : `${topicId}.${replicaId}`),
            lost: ({ topicId, partition }, replicaId) =>
              this.lost.push(`${topicId}-${partition}.${replicaId}`),
            replicasChanged: () => {},
          },
          this.directory,
        ),
    )
    this.turn()
  }

  turn(): void {
    this.pass(0)
  }
  pass(forMs: number): void {
    this.simulation.runUntil(this.simulation.nowMs + forMs)
  }
  reconcile(): void {
    this.ref.send({ type: 'reconcile' })
    this.turn()
  }
  create(name: string, partitions: number): number {
    const { topicId } = this.metadata.create(name, partitions).reply!
    this.reconcile()
    return topicId!
  }
  remove(name: string): void {
    this.metadata.remove(name)
    this.reconcile()
  }
  created(error?: Error): void {
    this.creations.shift()!.done(error)
    this.turn()
  }
  state(topicId: number, partition = 0): string | undefined {
    return this.directory.get({ topicId, partition })?.state
  }
}

describe('creation', () => {
  let rig: Rig
  beforeEach(() => {
    rig = new Rig()
  })

  test('a replica is made when a committed entry assigns it, and runs when its files are durable', () => {
    const topicId = rig.create('a', 1)
    expect(rig.state(topicId)).toBe('creating')
    expect(rig.directory.settled).toBe(false)
    expect(rig.directory.ref({ topicId, partition: 0 })).toBeUndefined()
    rig.created()
    expect(rig.state(topicId)).toBe('running')
    expect(rig.directory.settled).toBe(true)
    expect(rig.directory.running()).toHaveLength(1)
  })

  test('nothing is made by a node that was replaced, nor by one that is not in the cluster', () => {
    rig.metadata.create('a', 1)
    rig.metadata.replaceNode('n1', 'f'.repeat(16))
    rig.reconcile()
    expect(rig.creations).toEqual([])
    expect([...rig.directory.all()]).toEqual([])
  })

  test('no index counts as executed while an order at or below it is open', () => {
    // Index 1: three partitions. Index 2: one more topic, which is done before the first.
    const first = rig.create('a', 3)
    expect(rig.creations.map(({ executed }) => executed)).toEqual([first - 1, first - 1, first - 1])
    const second = rig.create('b', 1)
    expect(rig.creations.at(-1)!.executed).toBe(first - 1)
    rig.creations.pop()!.done()
    rig.turn()
    expect(rig.state(second)).toBe('running')
    rig.created()
    rig.created()
    expect(rig.executed).toEqual([])
    rig.created()
    expect(rig.executed).toEqual([second])
  })

  test('the last one open may count itself', () => {
    rig.create('a', 1)
    expect(rig.creations[0]!.executed).toBe(1)
  })

  test('what cannot be made is tried again, and holds the executed index back until then', () => {
    rig.create('a', 2)
    rig.created(new Error('no space'))
    rig.created()
    expect(rig.events).toContain('replica.create-failed')
    expect(rig.executed).toEqual([])
    rig.create('b', 1)
    expect(rig.creations.map(({ executed }) => executed)).toEqual([0])
    rig.created()
    rig.pass(1000)
    expect(rig.creations).toHaveLength(1)
    rig.created()
    expect(rig.state(1, 0)).toBe('running')
    expect(rig.executed).toEqual([2])
  })

  test('deleted while it is being made, it never runs, and its files go', () => {
    const topicId = rig.create('a', 1)
    rig.remove('a')
    expect(rig.drops).toEqual([])
    rig.created()
    expect(rig.directory.running()).toEqual([])
    expect(rig.drops.map(({ key }) => key)).toEqual([`${topicId}-0`])
  })
})

describe('start', () => {
  test('replicas found on disk run; those that must be there and are not are never made anew', () => {
    const probe = new MetadataBuilder(3)
    const topicId = probe.create('a', 2).reply!.topicId!
    const own = probe.machine.assignmentsOf('n1')
    const rig = new Rig(new Map([[`${topicId}-0`, own[0]!.replicaId]]), topicId)
    rig.create('a', 2)
    expect(rig.state(topicId, 0)).toBe('running')
    expect(rig.state(topicId, 1)).toBe('amnesiac')
    expect(rig.events).toContain('replica.amnesiac')
    expect(rig.directory.amnesiac()).toEqual([`${topicId}-1`])
    rig.reconcile()
    expect(rig.creations).toEqual([])
  })

  test('a replica that storage found lost is amnesiac, whatever was recorded as executed', () => {
    const probe = new MetadataBuilder(3)
    probe.create('a', 1)
    const rig = new Rig()
    const { replicaId } = probe.machine.assignmentsOf('n1')[0]!
    rig.lostHere.add(replicaId)
    const topicId = rig.create('a', 1)
    expect(rig.state(topicId)).toBe('amnesiac')
    expect(rig.creations).toEqual([])
    expect(rig.lost).toEqual([`${topicId}-0.${replicaId}`])
  })

  test('files under another replica id are not taken for the assigned ones', () => {
    const rig = new Rig(new Map([['1-0', 4711]]), 1)
    rig.create('a', 1)
    expect(rig.state(1)).toBe('amnesiac')
  })

  test('files of a topic deleted meanwhile are removed, and that is told once', () => {
    const probe = new MetadataBuilder(3)
    probe.create('a', 2)
    const files = new Map(
      probe.machine
        .assignmentsOf('n1')
        .map(({ group, replicaId }) => [`${group.topicId}-${group.partition}`, replicaId]),
    )
    const rig = new Rig(files, 1)
    rig.metadata.create('a', 2)
    rig.remove('a')
    expect(rig.drops).toHaveLength(2)
    for (const { done } of rig.drops.splice(0)) done()
    rig.turn()
    expect(rig.removed).toEqual([1])
    rig.reconcile()
    expect(rig.drops).toEqual([])
    expect(rig.removed).toEqual([1])
  })

  test('a deleted topic that never was here is told too', () => {
    const rig = new Rig()
    rig.metadata.create('a', 1)
    rig.remove('a')
    // Storage knows nothing of it, and says so by being done.
    expect(rig.drops).toHaveLength(1)
    rig.drops.shift()!.done()
    rig.turn()
    expect(rig.removed).toEqual([1])
  })

  test('amnesia for want of newer metadata is forgotten when they come', () => {
    const rig = new Rig(new Map(), 5)
    const topicId = rig.create('a', 1)
    expect(rig.directory.amnesiac()).toHaveLength(1)
    rig.metadata.remove('a')
    for (const nodeId of ['n1', 'n2', 'n3']) {
      rig.metadata.apply({
        kind: 'confirm-drop',
        requestId: rig.metadata.requestId(nodeId),
        nodeId,
        topicId,
      })
    }
    rig.reconcile()
    expect(rig.directory.amnesiac()).toEqual([])
  })
})

describe('deletion', () => {
  test('whoever has written is answered before the files go, and nobody can write after', () => {
    const rig = new Rig()
    const topicId = rig.create('a', 1)
    rig.created()
    const answers: WriteResult[] = []
    const group = { topicId, partition: 0 }
    rig.directory.ref(group)!.send({
      type: 'write',
      header: headerOf(),
      batch: batchOf(),
      respond: (result) => answers.push(result),
    })
    rig.metadata.remove('a')
    rig.ref.send({ type: 'reconcile' })
    rig.turn()
    expect(answers).toHaveLength(1)
    expect(rig.directory.ref(group)).toBeUndefined()
    expect(rig.drops).toHaveLength(1)
    expect(rig.state(topicId)).toBe('dropping')
    rig.drops.shift()!.done()
    rig.turn()
    expect(rig.files.size).toBe(0)
    expect(rig.removed).toEqual([topicId])
  })

  test('a failed removal is tried again and told only when it is done', () => {
    const rig = new Rig()
    rig.create('a', 1)
    rig.created()
    rig.remove('a')
    rig.drops.shift()!.done(new Error('EIO'))
    rig.turn()
    expect(rig.events).toContain('replica.drop-failed')
    expect(rig.removed).toEqual([])
    rig.pass(1000)
    rig.drops.shift()!.done()
    rig.turn()
    expect(rig.removed).toHaveLength(1)
  })

  test('an older state of the metadata brings nothing back', () => {
    const rig = new Rig()
    const old = new MetadataBuilder(3)
    old.create('a', 1)
    const topicId = rig.create('a', 1)
    rig.created()
    rig.remove('a')
    rig.drops.shift()!.done()
    rig.turn()
    rig.machine = old.machine
    rig.reconcile()
    expect(rig.creations).toEqual([])
    expect(rig.directory.running()).toEqual([])
    expect(rig.state(topicId)).toBe('gone')
  })
})

test('a restart of the supervisor starts every replica again', () => {
  const rig = new Rig()
  const topicId = rig.create('a', 2)
  rig.created()
  const before = rig.directory.ref({ topicId, partition: 0 })
  const { machine } = rig
  rig.machine = undefined as unknown as typeof machine
  rig.reconcile()
  expect(rig.failures).toHaveLength(1)
  rig.machine = machine
  rig.pass(200)
  expect(rig.state(topicId, 0)).toBe('running')
  const after = rig.directory.ref({ topicId, partition: 0 })
  expect(after).toBeDefined()
  expect(after).not.toBe(before)
  expect(after!.send({ type: 'maintain' })).toBe(true)
  // The creation under way when it failed is asked for once more; either answer will do.
  rig.creations.at(-1)!.done()
  rig.turn()
  expect(rig.state(topicId, 1)).toBe('running')
})

describe('replicas that move', () => {
  const group = (topicId: number) => ({ topicId, partition: 0 })
  const replicaOn = (rig: Rig, topicId: number, node: string) =>
    rig.machine.membersOf(group(topicId))!.find(({ nodeId }) => nodeId === node)!.replicaId

  test('one that comes later begins as a learner of nobody, and does not campaign', () => {
    const rig = new Rig()
    rig.metadata.addNode('n4')
    const topicId = rig.metadata.create('a', 1).reply!.topicId!
    const before = rig.machine.membersOf(group(topicId))!.map(({ nodeId }) => nodeId)
    const away = before.find((node) => node !== 'n1')!
    // Off this node, and back to it under another id.
    rig.metadata.move('a', 0, [away, ...['n2', 'n3', 'n4'].filter((node) => node !== away)])
    rig.metadata.settled(group(topicId))
    rig.metadata.move('a', 0, ['n1', 'n2', 'n3'])
    rig.reconcile()
    const creation = rig.creations[0]!
    expect(creation.replicaId).toBe(replicaOn(rig, topicId, 'n1'))
    expect(creation.configuration).toEqual({ voters: [] })
  })

  test('one that is to go is dropped only by its own tombstone, and that is told of it alone', () => {
    const rig = new Rig()
    rig.metadata.addNode('n4')
    const topicId = rig.create('a', 1)
    rig.created()
    const replicaId = replicaOn(rig, topicId, 'n1')
    rig.metadata.move('a', 0, ['n2', 'n3', 'n4'])
    rig.reconcile()
    expect(rig.state(topicId)).toBe('running')
    rig.metadata.settled(group(topicId))
    rig.reconcile()
    expect(rig.drops).toMatchObject([{ key: `${topicId}-0`, replicaId }])
    rig.reconcile()
    expect(rig.drops).toHaveLength(1)
    rig.drops.shift()!.done()
    rig.turn()
    expect(rig.removed).toEqual([`${topicId}.${replicaId}`])
    expect(rig.state(topicId)).toBe('gone')
  })

  test('the next one of a group waits until the one before is gone', () => {
    const rig = new Rig()
    rig.metadata.addNode('n4')
    const topicId = rig.create('a', 1)
    rig.created()
    rig.metadata.move('a', 0, ['n2', 'n3', 'n4'])
    rig.metadata.settled(group(topicId))
    rig.metadata.move('a', 0, ['n1', 'n2', 'n3'])
    rig.reconcile()
    expect(rig.creations).toEqual([])
    rig.drops.shift()!.done()
    rig.turn()
    expect(rig.creations).toHaveLength(1)
    rig.created()
    expect(rig.directory.get(group(topicId))).toMatchObject({
      state: 'running',
      replicaId: replicaOn(rig, topicId, 'n1'),
    })
  })

  test('a lost one is told of once, and its replacement lives beside it until its files go', () => {
    const rig = new Rig(new Map(), 1)
    const topicId = rig.create('a', 1)
    const lost = replicaOn(rig, topicId, 'n1')
    expect(rig.lost).toEqual([`${topicId}-0.${lost}`])
    rig.reconcile()
    expect(rig.lost).toHaveLength(1)
    const requestId = rig.metadata.requestId()
    const kind = 'replace-replica'
    rig.metadata.request({ kind, requestId, ...group(topicId), nodeId: 'n1', replicaId: lost })
    rig.reconcile()
    expect(rig.creations.map(({ replicaId }) => replicaId)).toEqual([replicaOn(rig, topicId, 'n1')])
    rig.created()
    expect(rig.state(topicId)).toBe('running')
    rig.metadata.settled(group(topicId))
    rig.reconcile()
    expect(rig.drops).toMatchObject([{ replicaId: lost }])
    rig.drops.shift()!.done()
    rig.turn()
    expect(rig.removed).toEqual([`${topicId}.${lost}`])
    expect(rig.state(topicId)).toBe('running')
    expect(rig.directory.amnesiac()).toEqual([])
  })
})
