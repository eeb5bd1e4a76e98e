// The node as its handlers see it: an implementation of Broker over the actors, the mesh and this
// node's copy of the metadata. Holds no rules.
import type { ActorRef, Clock, Random } from '@quorate/actors'
import { QuorateError } from '@quorate/protocol'
import { type ApiReply, type ApiRequest, jsonReply } from './doors/api.ts'
import type { Broker } from './handlers/broker.ts'
import type { LedGroup } from './handlers/groups.ts'
import { type AnswerReader, readAnswer } from './handlers/node-answers.ts'
import { internalPrefix } from './handlers/node-requests.ts'
import type { NodeStatus } from './handlers/status.ts'
import type { LaterMessage } from './later.ts'
import { limits } from './limits.ts'
import type { Mesh } from './mesh/mesh.ts'
import type { MetadataMachine } from './metadata/machine.ts'
import type {
  MetadataMessage,
  Outcome,
  ProposalResult,
  Respond,
} from './metadata/metadata-message.ts'
import type { MetadataRequest } from './metadata/metadata-request.ts'
import type { GivenUpNodes } from './node-given-up.ts'
import type { PartitionDirectory } from './partition/partition-directory.ts'
import type { PartitionMessage } from './partition/partition-message.ts'
import type { GroupHealth, HealthMessage } from './replication/group-health.ts'
import type { LeaderTable } from './replication/leader-table.ts'
import type { GivenUpNode } from './storage/given-up-file.ts'
import { type GroupId, metadataGroup } from './storage/log-entry.ts'
import type { Members } from './storage/plan.ts'

export interface BrokerParts {
  readonly node: string
  readonly session: number
  readonly clock: Clock
  readonly random: Random
  readonly autoCreateTopics: boolean
  readonly leaders: LeaderTable
  readonly directory: PartitionDirectory
  readonly mesh: Mesh
  readonly metadataActor: ActorRef<MetadataMessage>
  readonly later: ActorRef<LaterMessage>
  readonly givenUp: GivenUpNodes
  metadata(): MetadataMachine
  addressOf(node: string): string | undefined
  members(): Members
  nodeIds(): readonly string[]
  status(): NodeStatus
  metadataLeader(): { readonly node: string | undefined; readonly term: number }
  defect(subject: string, error: unknown): void
}

export class NodeBroker implements Broker {
  readonly #parts: BrokerParts
  #ids = 0

  constructor(parts: BrokerParts) {
    this.#parts = parts
  }

  get node(): string {
    return this.#parts.node
  }
  get autoCreateTopics(): boolean {
    return this.#parts.autoCreateTopics
  }
  get leaders(): LeaderTable {
    return this.#parts.leaders
  }

  monotonicMs(): number {
    return this.#parts.clock.monotonicMs()
  }

  requestId(): string {
    this.#ids += 1
    return `${this.node}/${this.#parts.session}-${this.#ids}`
  }

  draw(purpose: string, bound: number): number {
    return this.#parts.random.integer(purpose, bound)
  }

  after(delayMs: number, run: () => void): void {
    this.#parts.later.reply({ delayMs, run })
  }

  metadata(): MetadataMachine {
    return this.#parts.metadata()
  }

  propose(request: MetadataRequest, deadlineMs: number, done: Respond<ProposalResult>): void {
    const respond = this.#guarded(request.kind, done)
    const sent = this.#parts.metadataActor.send({ type: 'propose', request, deadlineMs, respond })
    if (!sent) respond({ error: new QuorateError('QUORATE_OVERLOADED') })
  }

  synchronize(deadlineMs: number, done: Respond<number>): void {
    const respond = this.#guarded('synchronize', done)
    const sent = this.#parts.metadataActor.send({ type: 'read', deadlineMs, respond })
    if (!sent) respond({ error: new QuorateError('QUORATE_OVERLOADED') })
  }

  partition(group: GroupId): ActorRef<PartitionMessage> | undefined {
    return this.#parts.directory.ref(group)
  }

  addressOf(node: string): string | undefined {
    return this.#parts.addressOf(node)
  }

  members(): Members {
    return this.#parts.members()
  }

  nodeIds(): readonly string[] {
    return this.#parts.nodeIds()
  }

  forward(
    node: string,
    request: Pick<ApiRequest, 'subject' | 'headers' | 'payload'>,
    timeoutMs: number,
    done: (error: QuorateError | undefined, reply: ApiReply | undefined) => void,
  ): void {
    const { subject, headers, payload } = request
    const guarded = this.#guarded(subject, done)
    this.#parts.mesh.request(node, subject, headers?.entries, payload, timeoutMs, guarded)
  }

  askNode<Answer>(
    node: string,
    question: string,
    body: unknown,
    read: AnswerReader<Answer>,
    done: (outcome: Outcome<Answer>) => void,
  ): void {
    const { payload } = jsonReply(body)
    const subject = internalPrefix + question
    const timeoutMs = limits.peerQuestionTimeoutMs
    const answered = this.#guarded(
      subject,
      (error: QuorateError | undefined, reply: ApiReply | undefined) =>
        done(reply === undefined ? { error: error! } : readAnswer(reply, read)),
    )
    this.#parts.mesh.request(node, subject, undefined, payload, timeoutMs, answered)
  }

  defect(subject: string, error: unknown): void {
    this.#parts.defect(subject, error)
  }

  /** Whose turn a callback runs in has nothing to do with what it does: it must not fail for it. */
  #guarded<Args extends readonly unknown[]>(
    subject: string,
    call: (...args: Args) => void,
  ): (...args: Args) => void {
    return (...args) => {
      try {
        call(...args)
      } catch (error) {
        this.#parts.defect(subject, error)
      }
    }
  }

  isUp(node: string): boolean {
    return node === this.node || this.#parts.mesh.peerState(node) === 'up'
  }

  givingUpProblem(node: GivenUpNode): QuorateError | undefined {
    return this.#parts.givenUp.problem(node)
  }

  giveUp(node: GivenUpNode, done: (error: QuorateError | undefined) => void): void {
    this.#parts.givenUp.giveUp(node, this.#guarded('give-up', done))
  }

  ledGroups(done: (groups: readonly LedGroup[]) => void): void {
    const { directory, metadataActor } = this.#parts
    const found: LedGroup[] = []
    const guarded = this.#guarded('groups', done)
    let open = 1
    const settle = () => {
      open -= 1
      if (open === 0) guarded(found)
    }
    const ask = (group: GroupId, ref: Pick<ActorRef<HealthMessage>, 'send'>) => {
      open += 1
      const respond = (health: GroupHealth | undefined) => {
        if (health !== undefined) found.push({ group, health })
        settle()
      }
      if (!ref.send({ type: 'health', respond })) settle()
    }
    ask(metadataGroup, metadataActor)
    for (const { group, ref } of directory.all()) if (ref !== undefined) ask(group, ref)
    settle()
  }

  status(): NodeStatus {
    return this.#parts.status()
  }

  metadataLeader(): { readonly node: string | undefined; readonly term: number } {
    return this.#parts.metadataLeader()
  }
}
