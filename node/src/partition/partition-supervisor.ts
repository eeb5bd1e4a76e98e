// Keeps the partition actors of this node equal to what the metadata group has committed: creates a
// replica only when a committed entry assigns it here, starts those whose files were found, drops
// one only by its committed tombstone. A replica that must exist but has no files is amnesiac: it
// is reported and never created anew. Fed by the metadata actor; next stop:
// partition-actor.ts.
import type { Actor, ActorContext, ActorRef } from '@quorate/actors'
import type { MetadataMachine } from '../metadata/machine.ts'
import type { Assignment, DropOrder } from '../metadata/views.ts'
import { type GroupId, type GroupKey, groupKey } from '../storage/log-entry.ts'
import type { Storage } from '../storage/storage.ts'
import { PartitionActor, type PartitionActorOptions } from './partition-actor.ts'
import type { PartitionMessage } from './partition-message.ts'

export type SupervisorMessage =
  | { readonly type: 'reconcile' }
  | {
      readonly type: 'created'
      readonly assignment: Assignment
      readonly error?: Error
    }
  | { readonly type: 'dropped'; readonly order: DropOrder; readonly error?: Error }

export interface SupervisorOptions {
  readonly node: string
  readonly storage: Storage
  readonly metadata: () => MetadataMachine
  /** Groups found on disk at start, with their replica ids. */
  readonly found: ReadonlyMap<GroupKey, number>
  /** Creations up to this metadata index were carried out in an earlier life. */
  readonly executedIndex: number
  readonly partition: (
    assignment: Assignment,
  ) => Omit<
    PartitionActorOptions,
    'group' | 'config' | 'nodes' | 'storage' | 'preferred' | 'history'
  >
  event(name: string, fields: Readonly<Record<string, unknown>>): void
  /** The replica here is stopped for good: hints about its group are worthless. */
  dropping(group: GroupId): void
  /** Every replica of a deleted topic is gone from this node; to be told to the metadata group. */
  removed(topicId: number): void
}

interface Replica {
  readonly group: GroupId
  readonly replicaId: number
  ref: ActorRef<PartitionMessage> | undefined
  state: 'creating' | 'running' | 'dropping' | 'gone' | 'amnesiac'
}

/** Read by handlers and the mesh between turns; written by the supervisor alone. */
export class PartitionDirectory {
  readonly replicas = new Map<GroupKey, Replica>()

  ref(group: GroupId): ActorRef<PartitionMessage> | undefined {
    const replica = this.replicas.get(groupKey(group))
    return replica?.state === 'running' ? replica.ref : undefined
  }

  replicaId(group: GroupId): number | undefined {
    return this.replicas.get(groupKey(group))?.replicaId
  }

  running(): ActorRef<PartitionMessage>[] {
    return [...this.replicas.values()].flatMap(({ state, ref }) =>
      state === 'running' && ref !== undefined ? [ref] : [],
    )
  }

  amnesiac(): GroupKey[] {
    return [...this.replicas].flatMap(([key, { state }]) => (state === 'amnesiac' ? [key] : []))
  }

  /** True when no replica of this node is still being created. */
  get settled(): boolean {
    for (const { state } of this.replicas.values()) if (state === 'creating') return false
    return true
  }
}

export class PartitionSupervisor implements Actor<SupervisorMessage> {
  readonly #options: SupervisorOptions
  readonly #directory: PartitionDirectory
  #context!: ActorContext<SupervisorMessage>

  constructor(options: SupervisorOptions, directory: PartitionDirectory) {
    this.#options = options
    this.#directory = directory
  }

  receive(message: SupervisorMessage, context: ActorContext<SupervisorMessage>): void {
    this.#context = context
    switch (message.type) {
      case 'reconcile':
        this.#reconcile()
        return
      case 'created':
        this.#created(message.assignment, message.error)
        return
      case 'dropped':
        this.#dropped(message.order, message.error)
        return
    }
  }

  #reconcile(): void {
    const { metadata, node } = this.#options
    for (const assignment of metadata().assignmentsOf(node)) {
      const key = groupKey(assignment.group)
      if (!this.#directory.replicas.has(key)) this.#begin(key, assignment)
    }
    for (const order of metadata().dropOrdersOf(node)) this.#drop(order)
  }

  #begin(key: GroupKey, assignment: Assignment): void {
    const { found, executedIndex, storage } = this.#options
    const { group, replicaId } = assignment
    const replica: Replica = { group, replicaId, ref: undefined, state: 'creating' }
    this.#directory.replicas.set(key, replica)
    if (found.get(key) === assignment.replicaId) {
      this.#run(replica, assignment, false)
    } else if (assignment.createdIndex <= executedIndex) {
      replica.state = 'amnesiac'
      this.#options.event('replica.amnesiac', { group: key, replica: replicaId })
    } else {
      const { self } = this.#context
      storage.createReplica(
        assignment.group,
        assignment.replicaId,
        assignment.configuration,
        { term: 0, votedFor: 0 },
        assignment.createdIndex,
        (error) =>
          self.reply({ type: 'created', assignment, ...(error === undefined ? {} : { error }) }),
      )
    }
  }

  #created(assignment: Assignment, error: Error | undefined): void {
    const key = groupKey(assignment.group)
    const replica = this.#directory.replicas.get(key)
    if (replica === undefined) return
    if (error !== undefined) {
      this.#options.event('replica.create_failed', { group: key, reason: error.message })
      this.#directory.replicas.delete(key)
      return
    }
    this.#run(replica, assignment, true)
    // The topic may have been deleted while its files were being made.
    this.#reconcile()
  }

  #run(replica: Replica, assignment: Assignment, isNew: boolean): void {
    const { members } = assignment
    const options: PartitionActorOptions = {
      ...this.#options.partition(assignment),
      group: assignment.group,
      config: assignment.config,
      nodes: new Map(members.map(({ nodeId, replicaId }) => [replicaId, nodeId])),
      preferred: members[0]!.replicaId,
      history: { applying: 0, failedIndex: 0, failures: 0 },
      storage: this.#options.storage,
    }
    replica.ref = this.#context.spawn(
      `partition-${groupKey(assignment.group)}`,
      () => new PartitionActor(options),
    )
    replica.state = 'running'
    if (isNew && members[0]!.replicaId === assignment.replicaId)
      replica.ref.reply({ type: 'campaign', attemptsLeft: 8 })
  }

  /** Also reaches files of a replica whose topic was deleted while this node was away. */
  #drop(order: DropOrder): void {
    const { group, replicaId, deletedIndex } = order
    const key = groupKey(group)
    const replica = this.#directory.replicas.get(key)
    if (replica?.state === 'creating' || replica?.state === 'dropping') return
    if (replica?.state === 'gone') return
    if (replica?.ref !== undefined) this.#context.stop(replica.ref as ActorRef<never>)
    this.#directory.replicas.set(key, { group, replicaId, ref: undefined, state: 'dropping' })
    this.#options.dropping(group)
    const { self } = this.#context
    const dropped = (error?: Error) =>
      self.reply({ type: 'dropped', order, ...(error === undefined ? {} : { error }) })
    if (replica?.ref === undefined && this.#options.found.get(key) !== replicaId) dropped()
    else this.#options.storage.dropReplica(group, replicaId, deletedIndex, dropped)
  }

  #dropped(order: DropOrder, error: Error | undefined): void {
    const { topicId } = order.group
    if (error !== undefined) {
      this.#options.event('replica.drop_failed', {
        group: groupKey(order.group),
        reason: error.message,
      })
      return
    }
    // Kept as gone: the id of a group never comes back.
    this.#directory.replicas.get(groupKey(order.group))!.state = 'gone'
    const open = this.#options
      .metadata()
      .dropOrdersOf(this.#options.node)
      .some(
        (each) =>
          each.group.topicId === topicId &&
          this.#directory.replicas.get(groupKey(each.group))?.state !== 'gone',
      )
    if (!open) this.#options.removed(topicId)
  }
}
