// One partition actor over a storage that moves when the test says so; peers are what the test sends
// in their name.
import { type ActorRef, ActorSystem, noProbe } from '@quorate/actors'
import { Simulation } from '@quorate/actors/testing'
import type { FetchReply, WriteResult } from '@quorate/protocol'
import type { RaftMessage } from '@quorate/raft'
import type { DesiredConfiguration } from '../../src/metadata/places.ts'
import { topicConfig } from '../../src/metadata/topic-config.ts'
import { PartitionActor } from '../../src/partition/partition-actor.ts'
import type { OffsetsAnswer, PartitionMessage } from '../../src/partition/partition-message.ts'
import type { PartitionActorOptions } from '../../src/partition/partition-options.ts'
import type { ReplicaDescription } from '../../src/partition/replica-description.ts'
import { ApplyHistory } from '../../src/replication/apply-history.ts'
import type { LeaderHint } from '../../src/replication/leader-table.ts'
import type { LogEntry } from '../../src/storage/log-entry.ts'
import { FakeStorage } from '../replication/fake-storage.ts'
import { nodesOf } from '../replication/places.ts'
import { type BatchShape, batchOf, headerOf } from './log-builder.ts'

export const group = { topicId: 9, partition: 0 }
const timing = { heartbeatMs: 100, electionTimeoutMinMs: 600, electionTimeoutMaxMs: 900 }

export class Rig {
  readonly simulation = new Simulation('partition-actor')
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
  readonly hints: LeaderHint[] = []
  readonly events: string[] = []
  readonly held: (string | undefined)[] = []
  readonly sent: { readonly to: string; readonly message: RaftMessage<LogEntry> }[] = []
  settled = 0
  /** Replicas that are gone for good. */
  readonly gone = new Set<number>()
  desired: DesiredConfiguration | undefined
  readonly changes: { readonly voters: readonly number[] }[] = []
  readonly ref: ActorRef<PartitionMessage>

  constructor(voters: readonly number[] = [1], config: Parameters<typeof topicConfig>[0] = {}) {
    this.fake = new FakeStorage(group, { replicaId: 1, configuration: { voters } })
    const options: PartitionActorOptions = {
      group,
      node: 'n1',
      config: topicConfig(config),
      preferred: () => 1,
      desired: () => this.desired,
      replicasChanged: (_group, now, done) => {
        this.changes.push(now)
        done()
      },
      session: 5,
      nodes: nodesOf(1, 2, 3, 4, 5),
      admitsSnapshot: () => true,
      probe: noProbe,
      fetchEntries: () => {},
      fetchState: () => {},
      isGone: (_group, replica) => this.gone.has(replica),
      storage: this.fake.storage,
      timing,
      history: new ApplyHistory(),
      addressOf: (node) => `${node}:4222`,
      trustedWallMs: () => this.host.wallMs(),
      send: (to, _group, _from, _to, message) => this.sent.push({ to, message }),
      events: {
        settled: () => {
          this.settled += 1
        },
        leaderChanged: (hint) => this.hints.push(hint),
        retentionHeld: (_group, reason) => this.held.push(reason),
        event: (name) => this.events.push(name),
      },
    }
    this.ref = this.system.spawn('partition', () => new PartitionActor(options))
  }

  pass(forMs: number): void {
    this.simulation.runUntil(this.simulation.nowMs + forMs)
  }

  /** Turns run, no time passes. */
  turn(): void {
    this.pass(0)
  }

  begin(): this {
    this.turn()
    this.fake.recoveries.shift()!()
    this.turn()
    return this
  }

  /** All that is written is on disk, and what follows from it too. */
  settle(): void {
    this.turn()
    while (this.fake.waiting.length > 0) {
      this.fake.sync()
      this.turn()
    }
  }

  /** Alone in its group it leads at once. */
  lead(): this {
    this.begin()
    this.pass(1)
    this.settle()
    return this
  }

  write(shape: BatchShape = {}): WriteResult[] {
    const answers: WriteResult[] = []
    const respond = (result: WriteResult) => answers.push(result)
    this.ref.send({ type: 'write', header: headerOf(shape), batch: batchOf(shape), respond })
    this.turn()
    return answers
  }

  fetch(offset: number, waitMs = 0): FetchReply[] {
    const answers: FetchReply[] = []
    const request = { ...group, offset, maxBytes: 100_000, waitMs }
    this.ref.send({ type: 'fetch', request, respond: (reply) => answers.push(reply) })
    this.turn()
    return answers
  }

  offsets(at: 'earliest' | 'latest' | { timeMs: number }): OffsetsAnswer[] {
    const answers: OffsetsAnswer[] = []
    this.ref.send({ type: 'offsets', at, respond: (answer) => answers.push(answer) })
    this.turn()
    return answers
  }

  describe(): ReplicaDescription {
    const found: ReplicaDescription[] = []
    this.ref.send({ type: 'describe', respond: (description) => found.push(description) })
    this.turn()
    return found[0]!
  }

  receive(from: number, message: RaftMessage<LogEntry>): void {
    this.ref.send({ type: 'raft', from, node: `n${from}`, message })
    this.turn()
  }

  /** Makes it the leader of a group of three, with replica 2 following. */
  leadThree(): this {
    this.begin()
    this.ref.send({ type: 'campaign', attemptsLeft: 1 })
    this.turn()
    this.receive(2, { type: 'vote-reply', pre: true, term: 1, granted: true, session: 7 })
    this.settle()
    this.receive(2, { type: 'vote-reply', pre: false, term: 1, granted: true, session: 7 })
    this.settle()
    this.ack()
    return this
  }

  /** A replica has the whole log on disk. */
  ack(from = 2): void {
    const { lastIndex } = this.fake.log
    this.receive(from, {
      type: 'append-reply',
      term: 1,
      success: true,
      match: lastIndex,
      hintTerm: 0,
      rejected: 0,
      extent: { index: lastIndex, term: 1 },
      session: 7,
      reached: lastIndex,
      recovering: false,
    })
  }

  heartbeat(term: number, from = 2): void {
    this.receive(from, { type: 'heartbeat', term, commit: 0, read: 0 })
  }
}
