import { type ActorRef, ActorSystem, noProbe } from '@quorate/actors'
import { Simulation } from '@quorate/actors/testing'
import type { RaftMessage } from '@quorate/raft'
import { describe, expect, test } from 'vitest'
import { limits } from '../../src/limits.ts'
import { initialMetadata } from '../../src/metadata/initial.ts'
import type { MetadataMachine } from '../../src/metadata/machine.ts'
import { MetadataActor } from '../../src/metadata/metadata-actor.ts'
import type {
  MetadataMessage,
  Outcome,
  ProposalResult,
} from '../../src/metadata/metadata-message.ts'
import type { MetadataRequest } from '../../src/metadata/metadata-request.ts'
import { ApplyHistory } from '../../src/replication/apply-history.ts'
import { EntryType, type LogEntry, metadataGroup } from '../../src/storage/log-entry.ts'
import { LogBuilder } from '../partition/log-builder.ts'
import { FakeStorage } from '../replication/fake-storage.ts'
import { nodesOf } from '../replication/places.ts'
import { planOf } from './metadata-builder.ts'

class Rig {
  readonly simulation = new Simulation('metadata-actor')
  readonly host = this.simulation.host('n1')
  readonly failures: unknown[] = []
  readonly system = new ActorSystem({
    name: 'n1',
    host: this.host,
    random: this.simulation.random,
    inspect: (record) => {
      if (record.kind === 'failed') this.failures.push(record.error)
    },
  })
  readonly fake: FakeStorage
  readonly halts: string[] = []
  readonly applied: [number, boolean][] = []
  readonly ref: ActorRef<MetadataMessage>
  machine: MetadataMachine | undefined
  leader: string | undefined
  readonly reads: number[] = []
  lost: number | undefined
  #requests = 0

  constructor(voters: readonly number[] = [1]) {
    this.fake = new FakeStorage(metadataGroup, { replicaId: 1, configuration: { voters } })
    const plan = planOf(voters.length)
    const history = new ApplyHistory()
    this.ref = this.system.spawn(
      'metadata',
      () =>
        new MetadataActor({
          node: 'n1',
          nodes: nodesOf(1, 2, 3),
          admitsSnapshot: () => true,
          fetchEntries: () => {},
          fetchState: () => {},
          isGone: () => false,
          session: 1,
          history,
          storage: this.fake.storage,
          probe: noProbe,
          timing: { heartbeatMs: 100, electionTimeoutMinMs: 600, electionTimeoutMaxMs: 900 },
          initial: () => initialMetadata(plan),
          send: (_to, _group, _from, _replica, message) => {
            if (message.type === 'heartbeat') this.reads.push(message.read)
          },
          isUp: () => true,
          lost: () => this.lost,
          replaced: () => {
            this.lost = undefined
          },
          peers: () => ['n2', 'n3'],
          forwarder: { propose: () => {}, read: () => {} },
          events: {
            applied: (machine, topicsChanged) => {
              this.machine = machine
              this.applied.push([machine.applied.index, topicsChanged])
            },
            leaderChanged: (node) => {
              this.leader = node
            },
            retentionHeld: () => {},
            event: () => {},
            halted: (reason) => this.halts.push(reason),
          },
        }),
    )
  }

  pass(forMs: number): void {
    this.simulation.runUntil(this.simulation.nowMs + forMs)
  }
  settle(): void {
    this.pass(0)
    while (this.fake.waiting.length > 0) {
      this.fake.sync()
      this.pass(0)
    }
  }
  begin(): this {
    this.pass(0)
    this.fake.recoveries.shift()!()
    this.pass(1)
    this.settle()
    return this
  }

  propose(request: Omit<MetadataRequest, 'requestId'>): Outcome<ProposalResult>[] {
    this.#requests += 1
    const answers: Outcome<ProposalResult>[] = []
    this.ref.send({
      type: 'propose',
      request: { ...request, requestId: `n1/${this.#requests}` } as MetadataRequest,
      deadlineMs: this.host.monotonicMs() + 10_000,
      respond: (outcome) => answers.push(outcome),
    })
    this.pass(0)
    return answers
  }

  create(name: string): Outcome<ProposalResult>[] {
    const shape = { partitions: 1, replicas: 1, config: {} }
    return this.propose({ kind: 'create-topic', name, ...shape } as Omit<
      MetadataRequest,
      'requestId'
    >)
  }

  receive(from: number, message: RaftMessage<LogEntry>): void {
    this.ref.send({ type: 'raft', from, node: `n${from}`, message })
    this.pass(0)
  }
  vote(from: number, pre: boolean): void {
    this.receive(from, { type: 'vote-reply', pre, term: 1, granted: true, session: 7 })
  }
  /** Has the whole log on disk. */
  ack(from: number): void {
    const { lastIndex: match } = this.fake.log
    const extent = { index: match, term: 1 }
    const place = { match, reached: match, hintTerm: 0, rejected: 0, extent }
    const reply = { term: 1, success: true, session: 7, recovering: false, ...place }
    this.receive(from, { type: 'append-reply', ...reply })
  }
  /** These get all there is, again and again, until a joint configuration is in the log. */
  follow(replicas: readonly number[]): void {
    for (let round = 0; round < 8; round += 1) {
      this.settle()
      if (this.fake.log.entries.some(({ configuration }) => configuration?.outgoing)) return
      for (const replica of replicas) this.ack(replica)
      this.pass(250)
    }
  }
  confirm(from: number): void {
    const read = Math.max(0, ...this.reads)
    const extent = { index: this.fake.log.lastIndex, term: 1 }
    const reply = { term: 1, read, extent, session: 7, recovering: false }
    this.receive(from, { type: 'heartbeat-reply', ...reply })
  }

  crash(): void {
    this.ref.reply({
      type: 'forwarded',
      run: () => {
        throw new Error('a defect')
      },
    })
    this.pass(0)
  }
}

describe('metadata actor', () => {
  test('answers a request when it is applied, and tells that topics changed', () => {
    const rig = new Rig().begin()
    expect(rig.leader).toBe('n1')
    const answers = rig.create('a')
    expect(answers).toEqual([])
    rig.settle()
    expect(answers).toEqual([{ value: { index: 2, reply: { topicId: 2 } } }])
    expect(rig.applied).toEqual([
      [0, true],
      [1, false],
      [2, true],
    ])
  })

  test('has one command in the log at a time, each made from the state after the one before', () => {
    const rig = new Rig().begin()
    const answers = ['a', 'b', 'c'].map((name) => rig.create(name))
    expect(rig.fake.log.lastIndex).toBe(2)
    rig.settle()
    expect(answers.map(([outcome]) => 'value' in outcome! && outcome.value.index)).toEqual([
      2, 3, 4,
    ])
    const ids = rig.machine!.topics().map(({ partitions }) => partitions[0]!.replicas[0]!.replicaId)
    expect(ids).toEqual([1001, 1002, 1003])
  })

  test('a refusal by the rules keeps nobody waiting', () => {
    const rig = new Rig().begin()
    const bad = rig.propose({
      kind: 'create-topic',
      name: 'a',
      partitions: 0,
      replicas: 1,
      config: {},
    } as never)
    const good = rig.create('b')
    rig.settle()
    expect(bad).toMatchObject([{ error: { code: 'QUORATE_INVALID_ARGUMENT' } }])
    expect(good).toHaveLength(1)
  })

  test('what peers ask of a replica that does not lead is refused at once', () => {
    const rig = new Rig([1, 2, 3]).begin()
    const answers: unknown[] = []
    rig.ref.send({ type: 'peer-read', respond: (outcome) => answers.push(outcome) })
    const request = { kind: 'delete-topic', requestId: 'n2/1', name: 'x' } as const
    rig.ref.send({ type: 'peer-propose', request, respond: (outcome) => answers.push(outcome) })
    rig.pass(0)
    expect(answers).toMatchObject([
      { error: { code: 'QUORATE_NOT_LEADER' } },
      { error: { code: 'QUORATE_NOT_LEADER' } },
    ])
  })

  test('a failure of the actor leaves what is in the log unknown, and the next life finds it there', () => {
    const rig = new Rig().begin()
    const answers = rig.create('a')
    rig.crash()
    expect(rig.failures.splice(0)).toHaveLength(1)
    expect(answers).toMatchObject([
      { error: { code: 'QUORATE_UNKNOWN_OUTCOME', outcome: 'unknown' } },
    ])
    rig.fake.sync()
    rig.pass(200)
    rig.begin()
    expect(rig.machine!.topicByName('a')).toBeDefined()
    expect(rig.failures).toEqual([])
  })

  test('a checkpoint that ends before the next life has begun is none of its business', () => {
    const rig = new Rig().begin()
    rig.create('a')
    rig.settle()
    const done: boolean[] = []
    rig.ref.reply({ type: 'checkpoint', respond: () => done.push(true) })
    rig.pass(0)
    rig.crash()
    rig.failures.length = 0
    rig.pass(200)
    rig.fake.saved()
    rig.pass(0)
    expect(rig.failures).toEqual([])
    rig.begin()
    expect(rig.leader).toBe('n1')
  })

  test('segments of its log end with a checkpoint, and old ones are retired', () => {
    const rig = new Rig().begin()
    const name = (at: number) => `${'x'.repeat(150)}${at}`
    const write = (count: number) => {
      for (let at = 0; at < count; at++) {
        rig.propose({
          kind: 'create-topic',
          name: name(at % 7),
          partitions: 900,
          replicas: 1,
          config: {},
        } as never)
        rig.settle()
        rig.propose({ kind: 'delete-topic', name: name(at % 7) } as never)
        rig.settle()
        while (rig.fake.saves.length > 0) rig.fake.saved()
      }
    }
    write(100)
    expect(rig.fake.log.rolls.length).toBeGreaterThan(1)
    expect(rig.fake.log.checkpointList).toEqual(rig.fake.log.rolls)
    rig.pass(limits.maintainIntervalMs)
    rig.settle()
    expect(rig.fake.log.entries.filter(({ type }) => type === EntryType.logStart)).toHaveLength(1)
    expect(rig.fake.log.drops.length).toBeGreaterThan(0)
  })

  test('under a joint configuration a read is answered when both halves confirm the leader', () => {
    const rig = new Rig([1, 2, 3]).begin()
    rig.pass(1000)
    rig.vote(2, true)
    rig.settle()
    rig.vote(2, false)
    rig.settle()
    rig.ack(2)
    for (const name of ['n4', 'n5']) {
      const node = { nodeId: name, incarnation: `${name.slice(1)}`.padStart(16, 'a') }
      rig.propose({ kind: 'add-node', ...node, address: `${name}:1` } as never)
      rig.follow([2])
    }
    // With five nodes all of them are to vote.
    const places = rig.machine!.metadataReplicas()
    const idOn = (name: string) => places.find(({ nodeId }) => nodeId === name)!.replicaId
    rig.follow([2, 3, idOn('n4'), idOn('n5')])
    const joint = rig.fake.log.entries.findLast((entry) => entry.configuration !== undefined)
    expect(joint?.configuration?.outgoing).toEqual([1, 2, 3])
    const answers: Outcome<number>[] = []
    const deadlineMs = rig.host.monotonicMs() + 10_000
    rig.ref.send({ type: 'read', deadlineMs, respond: (outcome) => answers.push(outcome) })
    rig.pass(100)
    rig.confirm(2)
    expect(answers).toEqual([])
    rig.confirm(idOn('n4'))
    expect(answers).toMatchObject([{ value: rig.machine!.applied.index }])
  })

  test('an entry no leader could have made halts it', () => {
    const rig = new Rig([1, 2, 3]).begin()
    const builder = new LogBuilder()
    builder.metadata(new TextEncoder().encode('{"kind":"from-the-future"}'))
    const previous = { index: 0, term: 0, chain: { high: 0, low: 0 } }
    const message = {
      type: 'append',
      term: 1,
      previous,
      entries: builder.entries,
      commit: 1,
    } as const
    rig.ref.send({ type: 'raft', from: 2, node: 'n2', message })
    rig.settle()
    expect(rig.halts).toHaveLength(1)
    expect(rig.machine!.applied.index).toBe(0)
    expect(rig.failures).toEqual([])
  })
})
