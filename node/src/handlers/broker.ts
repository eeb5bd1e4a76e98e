// What the handlers may ask of their node. One interface, so that a handler can be read and tested
// without the node around it; node.ts implements it. Knows nothing of NATS or of any door.
import type { ActorRef } from '@quorate/actors'
import type { QuorateError } from '@quorate/protocol'
import type { ApiReply, ApiRequest } from '../doors/api.ts'
import type { MetadataMachine, Topic } from '../metadata/machine.ts'
import type { Outcome, ProposalResult } from '../metadata/metadata-message.ts'
import type { MetadataRequest } from '../metadata/metadata-request.ts'
import type { PartitionMessage } from '../partition/partition-message.ts'
import type { LeaderTable } from '../replication/leader-table.ts'
import type { GivenUpNode } from '../storage/given-up-file.ts'
import type { GroupId } from '../storage/log-entry.ts'
import type { Members } from '../storage/plan.ts'
import type { LedGroup } from './groups.ts'
import type { AnswerReader } from './node-answers.ts'
import type { NodeStatus } from './status.ts'

export interface Broker {
  readonly node: string
  /** True when unknown topics are created on produce. */
  readonly autoCreateTopics: boolean
  readonly leaders: LeaderTable
  monotonicMs(): number
  /** Names one request of this node to the metadata group for ever. */
  requestId(): string
  /** Uniform in [0, bound). */
  draw(purpose: string, bound: number): number
  /** Runs later, in a turn of the node. */
  after(delayMs: number, run: () => void): void
  /** This node's copy of the cluster metadata; may lag behind the group's leader. */
  metadata(): MetadataMachine
  propose(
    request: MetadataRequest,
    deadlineMs: number,
    done: (outcome: Outcome<ProposalResult>) => void,
  ): void
  /** After this, `metadata()` shows everything committed before the call. */
  synchronize(deadlineMs: number, done: (outcome: Outcome<number>) => void): void
  /** The replica of this group on this node, if there is one. */
  partition(group: GroupId): ActorRef<PartitionMessage> | undefined
  addressOf(node: string): string | undefined
  /** Who is in the cluster, as far as this node knows. */
  members(): Members
  /** Of the members, in order. */
  nodeIds(): readonly string[]
  /** Sends a request to another node unchanged and returns its answer. */
  forward(
    node: string,
    request: Pick<ApiRequest, 'subject' | 'headers' | 'payload'>,
    timeoutMs: number,
    done: (error: QuorateError | undefined, reply: ApiReply | undefined) => void,
  ): void
  /**
   * A question between nodes, JSON in and out; the peer answers from node-requests.ts, and
   * node-answers.ts has the readers. `done` is called once, on a later turn.
   */
  askNode<Answer>(
    node: string,
    question: string,
    body: unknown,
    read: AnswerReader<Answer>,
    done: (outcome: Outcome<Answer>) => void,
  ): void
  /** False when a node is known to be unreachable. */
  isUp(node: string): boolean
  /** Why this node cannot give up a node whose disk is gone; undefined when it can. */
  givingUpProblem(node: GivenUpNode): QuorateError | undefined
  /** Keeps on disk that it is gone for good; see node-given-up.ts. */
  giveUp(node: GivenUpNode, done: (error: QuorateError | undefined) => void): void
  /** How the groups stand that this node leads; `done` is called once, on a later turn. */
  ledGroups(done: (groups: readonly LedGroup[]) => void): void
  status(): NodeStatus
  /** A mistake in quorate itself showed up while `subject` was served. */
  defect(subject: string, error: unknown): void
  /** Metadata leader as known here. */
  metadataLeader(): { readonly node: string | undefined; readonly term: number }
}

export type TopicResolution = { readonly topic: Topic } | { readonly error: QuorateError }
