// What handlers ask of their node, played by the test: metadata of a builder, partitions that keep
// what they are sent, peers and time that answer when they are told to.
import type { ActorRef } from '@quorate/actors'
import { type Chunks, chunksOf, joinChunks, type QuorateError, type Verb } from '@quorate/protocol'
import type { ApiReply, ApiRequest } from '../../src/doors/api.ts'
import type { Broker } from '../../src/handlers/broker.ts'
import type { LedGroup } from '../../src/handlers/groups.ts'
import { type AnswerReader, readAnswer } from '../../src/handlers/node-answers.ts'
import type { NodeStatus } from '../../src/handlers/status.ts'
import type { MetadataMachine } from '../../src/metadata/machine.ts'
import type { Outcome, ProposalResult, Respond } from '../../src/metadata/metadata-message.ts'
import type { MetadataRequest } from '../../src/metadata/metadata-request.ts'
import type { PartitionMessage } from '../../src/partition/partition-message.ts'
import { LeaderTable } from '../../src/replication/leader-table.ts'
import type { GivenUpNode } from '../../src/storage/given-up-file.ts'
import { type GroupId, groupKey } from '../../src/storage/log-entry.ts'
import type { Members } from '../../src/storage/plan.ts'
import { MetadataBuilder } from '../metadata/metadata-builder.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export interface Forwarded {
  readonly node: string
  readonly request: Pick<ApiRequest, 'subject' | 'headers' | 'payload'>
  readonly timeoutMs: number
  readonly done: (error: QuorateError | undefined, reply: ApiReply | undefined) => void
}

export class FakeBroker implements Broker {
  readonly node: string = 'n1'
  readonly builder = new MetadataBuilder(3)
  readonly leaders = new LeaderTable()
  autoCreateTopics = false
  nowMs = 0
  readonly defects: unknown[] = []
  readonly inboxes = new Map<string, PartitionMessage[]>()
  readonly proposals: {
    readonly request: MetadataRequest
    readonly done: Respond<ProposalResult>
  }[] = []
  readonly reads: Respond<number>[] = []
  readonly forwards: Forwarded[] = []
  readonly questions: {
    readonly node: string
    readonly question: string
    answer(body: unknown): void
  }[] = []
  readonly later: { readonly atMs: number; readonly run: () => void }[] = []
  /** Groups this node leads. */
  readonly led: LedGroup[] = []
  readonly down = new Set<string>()
  /** Of the metadata group. */
  leader: string | undefined = 'n2'
  readonly givenUp: GivenUpNode[] = []
  givingUpRefusal: QuorateError | undefined
  /** Mailboxes take nothing. */
  full = false
  #ids = 0

  monotonicMs(): number {
    return this.nowMs
  }
  requestId(): string {
    this.#ids += 1
    return `n1/broker-${this.#ids}`
  }
  draw(_purpose: string, bound: number): number {
    return bound - 1
  }
  after(delayMs: number, run: () => void): void {
    this.later.push({ atMs: this.nowMs + delayMs, run })
  }
  metadata(): MetadataMachine {
    return this.builder.machine
  }
  propose(request: MetadataRequest, _deadlineMs: number, done: Respond<ProposalResult>): void {
    this.proposals.push({ request, done })
  }
  synchronize(_deadlineMs: number, done: Respond<number>): void {
    this.reads.push(done)
  }
  addressOf(node: string): string | undefined {
    return this.builder.machine.nodeById(node)?.address
  }
  members(): Members {
    const { applied } = this.builder.machine
    return { index: applied.index, nodes: this.builder.machine.nodes() }
  }
  nodeIds(): readonly string[] {
    return this.builder.machine.nodes().map(({ nodeId }) => nodeId)
  }
  forward(...[node, request, timeoutMs, done]: Parameters<Broker['forward']>): void {
    this.forwards.push({ node, request, timeoutMs, done })
  }
  askNode<Answer>(
    node: string,
    question: string,
    _body: unknown,
    read: AnswerReader<Answer>,
    done: (outcome: Outcome<Answer>) => void,
  ): void {
    const answer = (body: unknown) => done(readAnswer({ payload: jsonBytes(body) }, read))
    this.questions.push({ node, question, answer })
  }
  isUp(node: string): boolean {
    return !this.down.has(node)
  }
  givingUpProblem(): QuorateError | undefined {
    return this.givingUpRefusal
  }
  giveUp(node: GivenUpNode, done: (error: QuorateError | undefined) => void): void {
    this.givenUp.push(node)
    done(undefined)
  }
  ledGroups(done: (groups: readonly LedGroup[]) => void): void {
    done(this.led)
  }
  status(): NodeStatus {
    return {
      node: 'n1',
      incarnation: '0'.repeat(16),
      address: 'h:1',
      http: null,
      version: '0',
      ready: true,
      replicas: 0,
      leaders: 0,
      halted: [],
      amnesiac: [],
      retentionHeld: [],
      damage: [],
      damageCount: 0,
      refusing: null,
      peersUp: [],
    }
  }
  defect(_subject: string, error: unknown): void {
    this.defects.push(error)
  }
  metadataLeader(): { readonly node: string | undefined; readonly term: number } {
    return { node: this.leader, term: 3 }
  }

  partition(group: GroupId): ActorRef<PartitionMessage> | undefined {
    const inbox = this.inboxes.get(groupKey(group))
    if (inbox === undefined) return undefined
    const take = (message: PartitionMessage): boolean => {
      if (!this.full) inbox.push(message)
      return !this.full
    }
    return { path: groupKey(group), send: take, reply: take }
  }

  /** This node hosts the group; what it is sent is in the list. */
  host(group: GroupId): PartitionMessage[] {
    const inbox: PartitionMessage[] = []
    this.inboxes.set(groupKey(group), inbox)
    return inbox
  }

  leads(group: GroupId, node: string, term = 1): void {
    this.leaders.observe({ topicId: group.topicId, partition: group.partition, node, term })
  }

  create(name: string, partitions = 1): number {
    return this.builder.create(name, partitions).reply!.topicId!
  }

  pass(forMs: number): void {
    const untilMs = this.nowMs + forMs
    for (;;) {
      const next = this.later
        .filter(({ atMs }) => atMs <= untilMs)
        .sort((one, other) => one.atMs - other.atMs)[0]
      if (next === undefined) break
      this.later.splice(this.later.indexOf(next), 1)
      this.nowMs = Math.max(this.nowMs, next.atMs)
      next.run()
    }
    this.nowMs = untilMs
  }
}

export class TestRequest implements ApiRequest {
  readonly subject: string
  readonly verb: Verb
  readonly topic?: string
  readonly headers: ApiRequest['headers']
  readonly payload: Chunks
  readonly origin: 'client' | 'peer'
  readonly replies: ApiReply[] = []

  constructor(
    verb: Verb,
    topic: string | undefined,
    body: unknown = {},
    more: {
      readonly headers?: Readonly<Record<string, string>>
      readonly origin?: 'client' | 'peer'
      readonly payload?: Chunks
    } = {},
  ) {
    this.subject = `$Q.1.${verb}.${topic}`
    this.verb = verb
    if (topic !== undefined) this.topic = topic
    const entries = Object.entries(more.headers ?? {})
    this.headers =
      more.headers === undefined
        ? undefined
        : {
            entries,
            get: (name) => entries.find(([each]) => each.toLowerCase() === name.toLowerCase())?.[1],
          }
    this.payload = more.payload ?? jsonBytes(body)
    this.origin = more.origin ?? 'client'
  }

  respond = (reply: ApiReply): void => {
    this.replies.push(reply)
  }

  // biome-ignore lint/suspicious/noExplicitAny: replies are looked at field by field
  get json(): any {
    if (this.replies.length !== 1) throw new Error(`${this.replies.length} replies`)
    return JSON.parse(decoder.decode(joinChunks(this.replies[0]!.payload)))
  }

  get code(): string | undefined {
    return this.json.error?.code
  }
}

export function jsonBytes(body: unknown): Chunks {
  return chunksOf(encoder.encode(typeof body === 'string' ? body : JSON.stringify(body)))
}
