// Which partition replicas this node has and what is happening to each. Written by the supervisor
// alone; read by handlers and the mesh between turns, once for every message: a look-up makes no
// garbage. Decides nothing.
import type { ActorRef } from '@quorate/actors'
import type { PartitionPlaces } from '../metadata/places.ts'
import { type GroupId, type GroupKey, groupKey } from '../storage/log-entry.ts'
import type { PartitionMessage } from './partition-message.ts'

/**
 * creating: files are being made. running: its actor lives. dropping: its topic is deleted or it is
 * no more of its group, files are being removed. gone: they are removed. amnesiac: must exist, but its files are not there.
 */
export type ReplicaState = 'creating' | 'running' | 'dropping' | 'gone' | 'amnesiac'

export interface HostedReplica {
  readonly group: GroupId
  readonly replicaId: number
  /** Metadata index of the entry that ordered it; 0 when only its removal is known. */
  readonly createdIndex: number
  state: ReplicaState
  /** Present while running. */
  ref: ActorRef<PartitionMessage> | undefined
  /** Of its partition, as last looked at. */
  places: PartitionPlaces | undefined
  /** Running: it has been read back from disk, or has halted. */
  settled: boolean
}

export class PartitionDirectory {
  /** By topic id, then by partition. */
  readonly #topics = new Map<number, (HostedReplica | undefined)[]>()

  get({ topicId, partition }: GroupId): HostedReplica | undefined {
    return this.#topics.get(topicId)?.[partition]
  }

  /** Where to send what is meant for this group; undefined while it is not running here. */
  ref(group: GroupId): ActorRef<PartitionMessage> | undefined {
    return this.get(group)?.ref
  }

  put(replica: HostedReplica): void {
    const { topicId, partition } = replica.group
    const partitions = this.#topics.get(topicId)
    if (partitions !== undefined) partitions[partition] = replica
    else {
      const added: (HostedReplica | undefined)[] = []
      added[partition] = replica
      this.#topics.set(topicId, added)
    }
  }

  remove({ topicId, partition }: GroupId): void {
    const partitions = this.#topics.get(topicId)
    if (partitions === undefined) return
    delete partitions[partition]
    if (!partitions.some((replica) => replica !== undefined)) this.#topics.delete(topicId)
  }

  *all(): IterableIterator<HostedReplica> {
    for (const partitions of this.#topics.values()) {
      for (const replica of partitions) if (replica !== undefined) yield replica
    }
  }

  running(): ActorRef<PartitionMessage>[] {
    const refs: ActorRef<PartitionMessage>[] = []
    for (const { ref } of this.all()) if (ref !== undefined) refs.push(ref)
    return refs
  }

  count(state: ReplicaState): number {
    let count = 0
    for (const replica of this.all()) if (replica.state === state) count += 1
    return count
  }

  amnesiac(): GroupKey[] {
    const keys: GroupKey[] = []
    for (const { state, group } of this.all()) if (state === 'amnesiac') keys.push(groupKey(group))
    return keys
  }

  /** No replica of this node is still being created or read back. */
  get settled(): boolean {
    for (const { state, settled } of this.all()) {
      if (state === 'creating' || (state === 'running' && !settled)) return false
    }
    return true
  }
}
