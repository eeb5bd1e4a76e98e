// The state machine of the metadata group: topics, desired placement, nodes, producer ids. Pure;
// run over committed entries by metadata-actor.ts on every node that follows the group. Leader
// information is not in here: a partition's own Raft group is the only authority on it. What a
// command does is in execute.ts, what is computed from the state in views.ts.
import { joinChunks } from '@quorate/protocol'
import type { LogPoint } from '@quorate/raft'
import { limits } from '../limits.ts'
import { MachineDisagreement } from '../partition/disagreement.ts'
import { LogProgress, type RollPoint, type SegmentRule } from '../partition/log-progress.ts'
import { decodeLogStart, type LogStart } from '../partition/log-start.ts'
import { EntryType, type GroupId, type LogEntry, metadataGroup } from '../storage/log-entry.ts'
import { decodeCommand } from './commands.ts'
import { execute } from './execute.ts'
import type { MetadataChange } from './execution.ts'
import { decodeMetadata, encodeMetadata } from './machine-codec.ts'
import type { DesiredConfiguration, ReplicaPlace } from './places.ts'
import type { CommandReply, MetadataState, NodeRecord, RememberedRequest, Topic } from './state.ts'
import {
  type Assignment,
  assignmentsOf,
  type DropOrder,
  desiredOf,
  dropOrdersOf,
  isBuried,
  placesOf,
  sortedNodes,
  sortedTopics,
} from './views.ts'

export type { MetadataChange } from './execution.ts'
export type { CommandReply, NodeRecord, Tombstone, Topic, TopicPartition } from './state.ts'
export type { Assignment, DropOrder } from './views.ts'

export interface MetadataResult {
  readonly index: number
  /** A segment of the metadata log ends with this entry. */
  readonly roll: boolean
  /** Present when the log now begins later. */
  readonly logStart?: LogStart
  /** Present for commands. */
  readonly reply?: CommandReply
  /** The command was answered before under the same request id and did nothing now. */
  readonly repeated?: boolean
  /** Present when topics or nodes are not what they were. */
  readonly change?: MetadataChange
}

const segmentRule: SegmentRule = {
  segmentBytes: limits.metadataSegmentBytes,
  segmentMs: Number.MAX_SAFE_INTEGER,
}

export class MetadataMachine {
  readonly #log: LogProgress
  /** To be read only: nobody but `apply` changes it. */
  readonly state: MetadataState

  constructor(state: MetadataState, log: LogProgress = new LogProgress(segmentRule)) {
    this.state = state
    this.#log = log
  }

  /** Throws QUORATE_STORAGE_DAMAGED or QUORATE_FORMAT_VERSION for bytes that are no snapshot. */
  static restore(bytes: Uint8Array): MetadataMachine {
    const { state, log } = decodeMetadata(bytes)
    return new MetadataMachine(state, new LogProgress(segmentRule, log))
  }

  /** The same bytes on every replica that has applied the same entries. */
  snapshot(): Uint8Array {
    return encodeMetadata(this.state, this.#log.state())
  }

  // ── log ────────────────────────────────────────────────────────────────────────────────────

  get applied(): LogPoint {
    return this.#log.applied
  }
  get logStart(): RollPoint {
    return this.#log.logStart
  }
  /** Segment ends above log start, oldest first. */
  get rolls(): readonly RollPoint[] {
    return this.#log.rolls
  }
  get lastRoll(): RollPoint {
    return this.#log.lastRoll
  }
  /** Payload bytes of all entries from the first one on. */
  get logBytes(): number {
    return this.#log.logBytes
  }
  get lastAppendTimeMs(): number {
    return this.#log.lastAppendTimeMs
  }
  /** The metadata log has no records: 0. */
  get lastRecordsTimeMs(): number {
    return this.#log.lastRecordsTimeMs
  }
  /** The metadata log has no offsets: 0. */
  get nextOffset(): number {
    return this.#log.nextOffset
  }

  // ── views ──────────────────────────────────────────────────────────────────────────────────

  get clusterId(): string {
    return this.state.clusterId
  }
  /** By name. */
  topics(): Topic[] {
    return sortedTopics(this.state)
  }
  topicByName(name: string): Topic | undefined {
    const topicId = this.state.topicIds.get(name)
    return topicId === undefined ? undefined : this.state.topics.get(topicId)
  }
  topicById(topicId: number): Topic | undefined {
    return this.state.topics.get(topicId)
  }
  /** What the configuration of a partition, or of the metadata group, is to become. */
  desiredOf(group: GroupId): DesiredConfiguration | undefined {
    return desiredOf(this.state, group)
  }
  /** Is this replica gone for good: with an earlier incarnation of its node, with the node, or replaced? */
  isBuried(group: GroupId, replicaId: number): boolean {
    return isBuried(this.state, group, replicaId)
  }
  /** Places of all replicas of a group, those that are to go included; the preferred leader first. */
  replicasOf(group: GroupId): readonly ReplicaPlace[] {
    return placesOf(this.state, group)
  }
  /** Places of all replicas of the metadata group, also of those that are leaving it. */
  metadataReplicas(): readonly ReplicaPlace[] {
    return this.replicasOf(metadataGroup)
  }
  /** Desired places of one partition's replicas, the preferred leader first. */
  membersOf({ topicId, partition }: GroupId): readonly ReplicaPlace[] | undefined {
    return this.topicById(topicId)?.partitions[partition]?.replicas
  }
  /** By node id. */
  nodes(): NodeRecord[] {
    return sortedNodes(this.state)
  }
  nodeById(nodeId: string): NodeRecord | undefined {
    return this.state.nodes.get(nodeId)
  }
  /** Replicas the node must host. */
  assignmentsOf(nodeId: string): Assignment[] {
    return assignmentsOf(this.state, nodeId)
  }
  /** Replicas the node must remove and has not yet confirmed. */
  dropOrdersOf(nodeId: string): DropOrder[] {
    return dropOrdersOf(this.state, nodeId)
  }

  // ── apply ──────────────────────────────────────────────────────────────────────────────────

  /** Throws MachineDisagreement, and then has changed nothing. */
  apply(entry: LogEntry): MetadataResult {
    this.#log.check(entry)
    switch (entry.type) {
      case EntryType.termStart:
      case EntryType.configuration:
        return this.#advance(entry)
      case EntryType.metadata:
        return this.#applyCommand(entry)
      case EntryType.logStart:
        return this.#applyLogStart(entry)
      case EntryType.records:
        break
    }
    throw new MachineDisagreement(entry.index, `type ${entry.type} has no place in metadata`)
  }

  #applyCommand(entry: LogEntry): MetadataResult {
    const command = decoded(entry, (each) => decodeCommand(joinChunks(each.payload)))
    const { requestId } = command
    const answered = this.#answerTo(requestId)
    if (answered !== undefined) {
      return { ...this.#advance(entry), reply: answered.reply, repeated: true }
    }
    const { reply, change } = execute(this.state, command, entry)
    this.#remember({ requestId, index: entry.index, reply })
    const result = { ...this.#advance(entry), reply }
    return change === undefined ? result : { ...result, change }
  }

  #applyLogStart(entry: LogEntry): MetadataResult {
    const logStart = decoded(entry, (each) => decodeLogStart(each.payload))
    this.#log.checkLogStart(entry, logStart)
    const moved = this.#log.begin(logStart)
    const result = this.#advance(entry)
    return moved ? { ...result, logStart } : result
  }

  #advance(entry: LogEntry): MetadataResult {
    const roll = this.#log.advance(entry, this.#log.nextOffset, false)
    return { index: entry.index, roll }
  }

  #answerTo(requestId: string): RememberedRequest | undefined {
    const remembered = this.state.requests.get(this.#requester(requestId))
    return remembered?.find((each) => each.requestId === requestId)
  }

  #remember(answer: RememberedRequest): void {
    const { requests } = this.state
    const requester = this.#requester(answer.requestId)
    const earlier = requests.get(requester) ?? []
    requests.set(requester, [...earlier.slice(1 - limits.rememberedRequestsMax), answer])
  }

  /** The node a request id names; all others share one memory, so that it stays bounded. */
  #requester(requestId: string): string {
    const nodeId = requestId.slice(0, Math.max(0, requestId.indexOf('/')))
    return this.state.nodes.has(nodeId) ? nodeId : ''
  }
}

function decoded<Value>(entry: LogEntry, decode: (entry: LogEntry) => Value): Value {
  try {
    return decode(entry)
  } catch (cause) {
    throw new MachineDisagreement(entry.index, 'unreadable payload', cause)
  }
}
