// The node as its handlers see it: an implementation of Broker over the actors, the mesh and this
// node's copy of the metadata. Holds no rules.
import type { ActorRef, Clock, Random } from '@quorate/actors'
import { QuorateError } from '@quorate/protocol'
import { type ApiReply, type ApiRequest, jsonReply } from './doors/api.ts'
import type { Broker } from './handlers/broker.ts'
import { jsonBody } from './handlers/json-body.ts'
import { internalPrefix, readAnswer } from './handlers/node-requests.ts'
import type { NodeStatus } from './handlers/status.ts'
import type { Mesh } from './mesh/mesh.ts'
import type { MetadataMachine } from './metadata/machine.ts'
import type { MetadataMessage, Outcome, ProposalResult } from './metadata/metadata-message.ts'
import type { MetadataRequest } from './metadata/metadata-request.ts'
import type { PartitionMessage } from './partition/partition-message.ts'
import type { PartitionDirectory } from './partition/partition-supervisor.ts'
import type { LeaderTable } from './replication/leader-table.ts'
import type { GroupId } from './storage/log-entry.ts'

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
  metadata(): MetadataMachine
  addressOf(node: string): string | undefined
  nodeIds(): readonly string[]
  status(): NodeStatus
  metadataLeader(): { readonly node: string | undefined; readonly term: number }
}

/** Runs closures after a delay, in the turn of one small actor. */
export interface LaterMessage {
  readonly delayMs: number
  readonly run: () => void
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

  propose(
    request: MetadataRequest,
    deadlineMs: number,
    done: (outcome: Outcome<ProposalResult>) => void,
  ): void {
    const sent = this.#parts.metadataActor.send({
      type: 'propose',
      request,
      deadlineMs,
      respond: done,
    })
    if (!sent) done({ error: new QuorateError('QUORATE_OVERLOADED') })
  }

  synchronize(deadlineMs: number, done: (outcome: Outcome<number>) => void): void {
    const sent = this.#parts.metadataActor.send({ type: 'read', deadlineMs, respond: done })
    if (!sent) done({ error: new QuorateError('QUORATE_OVERLOADED') })
  }

  partition(group: GroupId): ActorRef<PartitionMessage> | undefined {
    return this.#parts.directory.ref(group)
  }

  addressOf(node: string): string | undefined {
    return this.#parts.addressOf(node)
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
    this.#parts.mesh.request(node, subject, headers?.entries, payload, timeoutMs, done)
  }

  askNode(
    node: string,
    question: string,
    body: unknown,
    timeoutMs: number,
    done: (error: QuorateError | undefined, answer: unknown) => void,
  ): void {
    const { payload } = jsonReply(body)
    const subject = internalPrefix + question
    this.#parts.mesh.request(node, subject, undefined, payload, timeoutMs, (error, reply) => {
      if (error !== undefined) {
        done(error, undefined)
        return
      }
      const read = readAnswer(jsonBody(reply!.payload))
      if ('error' in read) done(read.error, undefined)
      else done(undefined, read.answer)
    })
  }

  status(): NodeStatus {
    return this.#parts.status()
  }

  metadataLeader(): { readonly node: string | undefined; readonly term: number } {
    return this.#parts.metadataLeader()
  }
}
