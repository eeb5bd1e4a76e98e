// Topics and cluster: small requests that any node answers. Each call is one request of
// core/calls.ts; what comes back is given as the node sent it.
import type {
  CanStopReply,
  ClusterStatus,
  CreateRequest,
  DeleteReply,
  GiveUpReply,
  ListReply,
  MoveReply,
  MoveRequest,
  NodeAddReply,
  NodeAddRequest,
  NodeRequest,
  OffsetsReply,
  RebalanceReply,
  RebalanceRequest,
  TopicDescription,
  TopicSummary,
  Verb,
} from '@quorate/protocol'
import { apiSubject } from '@quorate/protocol'
import { abortable } from './abort.ts'
import type { ClientCore } from './core/client-core.ts'
import type { Duration } from './duration.ts'
import { durationMs } from './duration.ts'
import { topicName } from './topic.ts'

export interface CallSettings {
  /** Time for the call with all its attempts. Default `'10s'`. */
  readonly timeout?: Duration
  readonly signal?: AbortSignal
}

export interface CreateTopicOptions extends CallSettings {
  /** Default: the cluster's. */
  readonly partitions?: number
  /** Copies of each partition: 1, 3 or 5. Default: 3, or 1 on a single node. */
  readonly replicas?: number
  /** Records may be deleted when they are older. Default `'7d'`. */
  readonly retention?: Duration | 'unlimited'
  /** A partition's oldest records may be deleted above it. Default `'unlimited'`. */
  readonly retentionBytes?: number | 'unlimited'
  /** Size at which a partition begins a new file; retention deletes whole files. */
  readonly segmentBytes?: number
  /** Age at which a partition begins a new file. */
  readonly segmentTime?: Duration
}

export interface OffsetsOptions extends CallSettings {
  /** `time`: the first record whose batch was stored then or later, else the end. */
  readonly at: 'earliest' | 'latest' | { readonly time: Date }
  /** Default all. */
  readonly partitions?: readonly number[]
}

export interface AddNodeOptions extends CallSettings {
  /** Node id. */
  readonly node: string
  /** 16 hex digits, drawn anew for each node that is added or replaced. */
  readonly incarnation: string
  /** `host:port`. */
  readonly address: string
}

export interface ReplaceNodeOptions extends Omit<AddNodeOptions, 'address'> {
  /** Default: as it was. */
  readonly address?: string
}

export interface RebalanceOptions extends CallSettings {
  /** Only tell what would be done. */
  readonly dryRun?: boolean
}

export interface PartitionOffset {
  readonly partition: number
  readonly offset: number
}

/** In requests. */
const unlimited = -1

function retentionMs(retention: Duration | 'unlimited'): number {
  return retention === 'unlimited' ? unlimited : durationMs('retention', retention)
}

type TopicName = string | { readonly name: string }

/** Whether the same request may be done again; `gathering`: yes, and its node asks all others. */
type Repeat = 'repeatable' | 'gathering' | 'once'

export class Admin {
  readonly #core: ClientCore

  constructor(core: ClientCore) {
    this.#core = core
  }

  /**
   * Resolves when the topic is committed. A lost connection rejects with outcome `unknown`: look
   * with `listTopics` before trying again.
   */
  async createTopic(topic: TopicName, options: CreateTopicOptions = {}): Promise<TopicSummary> {
    const name = topicName(topic)
    const { partitions, replicas, retention, retentionBytes, segmentBytes, segmentTime } = options
    const request: CreateRequest = {
      ...(partitions === undefined ? {} : { partitions }),
      ...(replicas === undefined ? {} : { replicas }),
      ...(retention === undefined ? {} : { retentionMs: retentionMs(retention) }),
      ...(retentionBytes === undefined
        ? {}
        : { retentionBytes: retentionBytes === 'unlimited' ? unlimited : retentionBytes }),
      ...(segmentBytes === undefined ? {} : { segmentBytes }),
      ...(segmentTime === undefined ? {} : { segmentMs: durationMs('segmentTime', segmentTime) }),
    }
    const reply = await this.#call<TopicSummary>('create', name, request, 'once', options)
    this.#core.topicCreated(name)
    return reply
  }

  /** Deletes the topic with all its records. */
  async deleteTopic(topic: TopicName, options: CallSettings = {}): Promise<DeleteReply> {
    const name = topicName(topic)
    const reply = await this.#call<DeleteReply>('delete', name, undefined, 'once', options)
    this.#core.topicDeleted(name)
    return reply
  }

  async listTopics(options: CallSettings = {}): Promise<readonly TopicSummary[]> {
    const reply = this.#call<ListReply>('list', undefined, undefined, 'repeatable', options)
    return (await reply).topics
  }

  /** The topic with the state of every replica. */
  async describeTopic(topic: TopicName, options: CallSettings = {}): Promise<TopicDescription> {
    const name = topicName(topic)
    return this.#call<TopicDescription>('describe', name, undefined, 'gathering', options)
  }

  /** The cluster as one node sees it. */
  async clusterStatus(options: CallSettings = {}): Promise<ClusterStatus> {
    return this.#call<ClusterStatus>('status', undefined, undefined, 'gathering', options)
  }

  /** Takes a node into the cluster. The reply has what its plan file needs. */
  async addNode(request: AddNodeOptions): Promise<NodeAddReply> {
    const { node, incarnation, address } = request
    const body: NodeAddRequest = { node, incarnation, address }
    return this.#call<NodeAddReply>('node-add', undefined, body, 'repeatable', request)
  }

  /** A node that lost its data folder comes back empty, under a new incarnation. */
  async replaceNode(request: ReplaceNodeOptions): Promise<NodeAddReply> {
    const { node, incarnation, address } = request
    const body: NodeAddRequest = {
      node,
      incarnation,
      ...(address === undefined ? {} : { address }),
    }
    return this.#call<NodeAddReply>('node-replace', undefined, body, 'repeatable', request)
  }

  /** Resolves when the cluster begins to move everything off the node; see `clusterStatus`. */
  async removeNode(node: string, options: CallSettings = {}): Promise<void> {
    await this.#call<NodeRequest>('node-remove', undefined, { node }, 'repeatable', options)
  }

  /**
   * The disk of this node is gone for good, and nobody leads the metadata group that could replace it:
   * the nodes that can be reached refuse it from now on, and their groups no longer wait for it. Refused
   * while any of them is connected to it.
   */
  async giveUpNode(node: string, options: CallSettings = {}): Promise<GiveUpReply> {
    return this.#call<GiveUpReply>('node-give-up', undefined, { node }, 'repeatable', options)
  }

  /** Resolves when the cluster begins to move it; done when `describeTopic` shows no `removing`. */
  async movePartition(
    topic: TopicName,
    partition: number,
    replicas: readonly string[],
    options: CallSettings = {},
  ): Promise<MoveReply> {
    const body: MoveRequest = { partition, replicas }
    return this.#call<MoveReply>('move', topicName(topic), body, 'repeatable', options)
  }

  /** Resolves with what is to be done; `clusterStatus` shows when it is. */
  async rebalance(options: RebalanceOptions = {}): Promise<RebalanceReply> {
    const body: RebalanceRequest = { dryRun: options.dryRun === true }
    return this.#call<RebalanceReply>('rebalance', undefined, body, 'repeatable', options)
  }

  /** Whether every group keeps a quorum without the node. */
  async canStop(node: string, options: CallSettings = {}): Promise<CanStopReply> {
    return this.#call<CanStopReply>('can-stop', undefined, { node }, 'gathering', options)
  }

  /** Offsets by partition, in order. `latest` is the offset the next record will get. */
  async offsets(topic: TopicName, options: OffsetsOptions): Promise<readonly PartitionOffset[]> {
    const name = topicName(topic)
    const at = typeof options.at === 'string' ? options.at : { timeMs: options.at.time.getTime() }
    const partitions = options.partitions ?? (await this.#partitions(name, options))
    const replies = partitions.map((partition) =>
      this.#call<OffsetsReply>('offsets', name, { partition, at }, 'repeatable', options),
    )
    return (await Promise.all(replies)).map(({ partition, offset }) => ({ partition, offset }))
  }

  async #partitions(name: string, options: CallSettings): Promise<readonly number[]> {
    const call = this.#call<{ readonly partitions: readonly { readonly partition: number }[] }>(
      'route',
      name,
      undefined,
      'repeatable',
      options,
    )
    return (await call).partitions.map(({ partition }) => partition)
  }

  #call<Reply>(
    verb: Verb,
    topic: string | undefined,
    request: unknown,
    repeat: Repeat,
    options: CallSettings,
  ): Promise<Reply> {
    const { callDeadlineMs, callAttemptMs, gatheringAttemptMs } = this.#core.environment.limits
    const { signal, timeout = callDeadlineMs } = options
    const settings = {
      deadlineMs: durationMs('timeout', timeout),
      repeatable: repeat !== 'once',
      attemptMs: repeat === 'gathering' ? gatheringAttemptMs : callAttemptMs,
    }
    return abortable<Reply>(signal, (resolve, reject) =>
      this.#core.call(apiSubject(verb, topic), request, settings, (error, reply) => {
        if (error === undefined) resolve(reply as Reply)
        else reject(error)
      }),
    )
  }
}
