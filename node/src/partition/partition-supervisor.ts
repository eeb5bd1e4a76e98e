// Keeps the partition actors of this node equal to what the metadata group has committed: creates a
// replica only when a committed entry assigns it here, starts those whose files were found, drops
// one only by its committed tombstone. A replica that must exist but has no files is amnesiac: it
// is reported and never created anew. Fed by the metadata actor; next stop: partition-actor.ts.
import type { Actor, ActorContext } from '@quorate/actors'
import type { MetadataMachine } from '../metadata/machine.ts'
import type { Assignment, DropOrder } from '../metadata/views.ts'
import { ApplyHistory } from '../replication/apply-history.ts'
import { GroupNodes } from '../replication/group-nodes.ts'
import { type GroupId, type GroupKey, groupKey, metadataGroup } from '../storage/log-entry.ts'
import { PartitionActor } from './partition-actor.ts'
import type { HostedReplica, PartitionDirectory } from './partition-directory.ts'
import type { PartitionActorOptions, PartitionSurroundings } from './partition-options.ts'

export type SupervisorMessage =
  /** Topics are not what they were. */
  | { readonly type: 'reconcile' }
  | {
      readonly type: 'created'
      readonly assignment: Assignment
      readonly error: Error | undefined
    }
  | { readonly type: 'retry' }
  | { readonly type: 'settled'; readonly group: GroupId }
  | { readonly type: 'retired'; readonly order: DropOrder }
  | { readonly type: 'dropped'; readonly order: DropOrder; readonly error: Error | undefined }

export interface SupervisorOptions extends PartitionSurroundings {
  /** Of this node, 16 hex digits. */
  readonly incarnation: string
  readonly metadata: () => MetadataMachine
  /** Replica ids of the groups whose files are on disk: those found at start, kept up to date. */
  readonly files: Map<GroupKey, number>
  /** Found at start without term and vote, whenever it was created: never to run again. */
  isLost(group: GroupId, replicaId: number): boolean
  /** Creations up to this metadata index were carried out in an earlier life. */
  readonly executedIndex: number
  /** The replica here is stopped for good: hints about its group are worthless. */
  dropping(group: GroupId): void
  /**
   * This replica, or without an id every replica of a deleted topic, is gone from this node; to be
   * told to the metadata group.
   */
  removed(topicId: number, replicaId?: number): void
  /** A replica must exist and does not: the metadata group is to replace it. Once for each. */
  lost(group: GroupId, replicaId: number): void
}

/** After this time what failed for want of disk is tried again. */
const retryMs = 1000
const campaignAttempts = 8

export class PartitionSupervisor implements Actor<SupervisorMessage> {
  readonly #options: SupervisorOptions
  readonly #directory: PartitionDirectory
  #context!: ActorContext<SupervisorMessage>
  /** Metadata index up to which orders were looked at. Never acts on an older state. */
  #seenIndex = 0
  /** Orders that are not carried out yet. */
  readonly #creating = new Map<HostedReplica, Assignment>()
  #createdSince = false
  /** What is being removed, or is removed and not confirmed yet, by group and replica. */
  readonly #drops = new Map<string, 'dropping' | 'gone'>()
  #failed: (() => void)[] = []

  constructor(options: SupervisorOptions, directory: PartitionDirectory) {
    this.#options = options
    this.#directory = directory
  }

  started(context: ActorContext<SupervisorMessage>): void {
    this.#context = context
    // A restart of this actor has stopped all its partitions: they are started again.
    for (const replica of [...this.#directory.all()]) {
      if (replica.state !== 'amnesiac') this.#directory.remove(replica.group)
    }
    this.#reconcile()
  }

  receive(message: SupervisorMessage): void {
    switch (message.type) {
      case 'reconcile':
        this.#reconcile()
        return
      case 'created':
        this.#created(message.assignment, message.error)
        return
      case 'retry': {
        const failed = this.#failed
        this.#failed = []
        for (const again of failed) again()
        return
      }
      case 'settled': {
        const replica = this.#directory.get(message.group)
        if (replica !== undefined) replica.settled = true
        return
      }
      case 'retired':
        this.#removeFiles(message.order)
        return
      case 'dropped':
        this.#dropped(message.order, message.error)
        return
    }
  }

  #reconcile(): void {
    const { metadata, node, incarnation } = this.#options
    const machine = metadata()
    // The metadata actor may have gone back to its checkpoint.
    if (machine.applied.index < this.#seenIndex) return
    this.#seenIndex = machine.applied.index
    // What an earlier life of this node id was told is not for this one to carry out.
    if (machine.nodeById(node)?.incarnation !== incarnation) return
    const assignments = machine.assignmentsOf(node)
    const ordered = assignments
      .filter((assignment) => this.#isNew(assignment))
      .map((assignment) => [this.#enter(assignment), assignment] as const)
    for (const [replica, assignment] of ordered) this.#begin(replica, assignment)
    const orders = machine.dropOrdersOf(node)
    for (const order of orders) this.#drop(order)
    this.#forget([...assignments, ...orders])
    this.#tellPlaces(machine)
  }

  /** Not here yet, and nothing of the group lives here in its place. */
  #isNew({ group, replicaId }: Assignment): boolean {
    const present = this.#directory.get(group)
    if (present === undefined) return true
    const isDead = present.state === 'amnesiac' || present.state === 'gone'
    return isDead && present.replicaId !== replicaId
  }

  /** Leaders act on places that are not what they were. */
  #tellPlaces(machine: MetadataMachine): void {
    for (const replica of this.#directory.all()) {
      const { topicId, partition } = replica.group
      const places = machine.topicById(topicId)?.partitions[partition]
      if (places === undefined || places === replica.places) continue
      const isFirst = replica.places === undefined
      replica.places = places
      if (!isFirst) replica.ref?.reply({ type: 'members' })
    }
  }

  /** All orders are known before the first is carried out: none is counted as executed too early. */
  #enter(assignment: Assignment): HostedReplica {
    const { files, executedIndex, isLost } = this.#options
    const { group, replicaId, createdIndex } = assignment
    const hasFiles = files.get(groupKey(group)) === replicaId
    const mustHaveFiles = createdIndex <= executedIndex || isLost(group, replicaId)
    const state = hasFiles ? 'running' : mustHaveFiles ? 'amnesiac' : 'creating'
    const replica: HostedReplica = {
      group,
      replicaId,
      createdIndex,
      state,
      ref: undefined,
      settled: false,
      places: undefined,
    }
    this.#directory.put(replica)
    if (state === 'creating') this.#creating.set(replica, assignment)
    return replica
  }

  #begin(replica: HostedReplica, assignment: Assignment): void {
    if (replica.state === 'running') this.#run(replica, assignment, false)
    else if (replica.state === 'creating') this.#create(replica, assignment)
    else {
      this.#options.probe.reached('replicas.amnesiac')
      this.#event('replica.amnesiac', replica.group, { replica: replica.replicaId })
      this.#options.lost(replica.group, replica.replicaId)
    }
  }

  #create(replica: HostedReplica, assignment: Assignment): void {
    const { self } = this.#context
    const { group, replicaId, configuration } = assignment
    this.#options.storage.createReplica(
      group,
      replicaId,
      configuration,
      { term: 0, votedFor: 0 },
      Math.min(replica.createdIndex, this.#executedBut(replica)),
      (error) => self.reply({ type: 'created', assignment, error }),
    )
  }

  /** Metadata index up to which all orders but that of `replica` are carried out on this node. */
  #executedBut(replica: HostedReplica | undefined): number {
    let index = this.#seenIndex
    for (const open of this.#creating.keys()) {
      if (open !== replica) index = Math.min(index, open.createdIndex - 1)
    }
    return index
  }

  #created(assignment: Assignment, error: Error | undefined): void {
    const replica = this.#directory.get(assignment.group)
    if (replica?.state !== 'creating') return
    const { metadata, node } = this.#options
    const isWanted = isAssigned(metadata().assignmentsOf(node), replica)
    if (error !== undefined) {
      this.#event('replica.create-failed', replica.group, { reason: error.message })
      if (isWanted) this.#later(() => this.#create(replica, assignment))
    } else {
      this.#options.files.set(groupKey(replica.group), replica.replicaId)
      this.#createdSince = true
    }
    if (error !== undefined && isWanted) return
    this.#creating.delete(replica)
    if (this.#creating.size === 0 && this.#createdSince) {
      this.#createdSince = false
      this.#options.storage.setExecuted(this.#executedBut(undefined), () => {})
    }
    if (isWanted) this.#run(replica, assignment, true)
    else {
      // Deleted while its files were being made.
      this.#options.probe.reached('replicas.deleted-while-made')
      replica.state = 'running'
      this.#reconcile()
    }
  }

  #run(replica: HostedReplica, assignment: Assignment, isNew: boolean): void {
    const { group, config, replicaId, initial, members } = assignment
    const { node, session, timing, storage, send, addressOf, trustedWallMs } = this.#options
    const { metadata, events, admitsSnapshot, fetchEntries, fetchState, replicasChanged } =
      this.#options
    const { probe, isGone } = this.#options
    const places = () => metadata().replicasOf(group)
    const { self } = this.#context
    const options: PartitionActorOptions = {
      node,
      session,
      timing,
      storage,
      probe,
      send,
      admitsSnapshot,
      fetchEntries,
      fetchState,
      isGone,
      addressOf,
      trustedWallMs,
      group,
      config,
      nodes: new GroupNodes(places),
      preferred: () => places()[0]?.replicaId,
      desired: () => metadata().desiredOf(group),
      replicasChanged,
      history: new ApplyHistory(),
      events: { ...events, settled: (settled) => self.reply({ type: 'settled', group: settled }) },
    }
    // Its predecessor of the same group may still be ending.
    const name = initial
      ? `partition-${groupKey(group)}`
      : `partition-${groupKey(group)}.${replicaId}`
    const ref = this.#context.spawn(name, () => new PartitionActor(options))
    replica.state = 'running'
    replica.ref = ref
    if (isNew && initial && members[0]!.replicaId === replicaId) {
      ref.reply({ type: 'campaign', attemptsLeft: campaignAttempts })
    }
  }

  /** Also reaches files of a replica that was given up while this node was away. */
  #drop(order: DropOrder): void {
    const { group, replicaId } = order
    const present = this.#directory.get(group)
    // Of the metadata group only a replica that was replaced is dropped, and never runs here.
    const isOther = present !== undefined && present.replicaId !== replicaId
    const isPresent = !isOther && group.topicId !== metadataGroup.topicId
    if (this.#drops.has(dropKey(order)) || (isPresent && present?.state === 'creating')) return
    this.#drops.set(dropKey(order), 'dropping')
    if (!isPresent) {
      this.#removeFiles(order)
      return
    }
    const dropping = { group, replicaId, createdIndex: 0, ref: undefined, settled: true }
    this.#directory.put({ ...dropping, places: undefined, state: 'dropping' })
    this.#options.dropping(group)
    // Who has written to it is answered before it ends: nobody can reach it from here on.
    const { self } = this.#context
    const respond = () => self.reply({ type: 'retired', order })
    if (present?.ref?.reply({ type: 'retire', respond }) !== true) this.#removeFiles(order)
  }

  #removeFiles(order: DropOrder): void {
    if (this.#drops.get(dropKey(order)) !== 'dropping') return
    const { self } = this.#context
    const executed = this.#executedBut(undefined)
    this.#options.storage.dropReplica(order.group, order.replicaId, executed, (error) =>
      self.reply({ type: 'dropped', order, error }),
    )
  }

  #dropped(order: DropOrder, error: Error | undefined): void {
    if (this.#drops.get(dropKey(order)) !== 'dropping') return
    const { group, replicaId } = order
    if (error !== undefined) {
      this.#event('replica.drop-failed', group, { reason: error.message })
      this.#later(() => this.#removeFiles(order))
      return
    }
    this.#drops.set(dropKey(order), 'gone')
    this.#options.probe.reached('replicas.tombstone-obeyed')
    const { files, removed } = this.#options
    if (files.get(groupKey(group)) === replicaId) files.delete(groupKey(group))
    const present = this.#directory.get(group)
    if (present?.replicaId === replicaId) present.state = 'gone'
    if (order.scope === 'replica') removed(group.topicId, replicaId)
    else if (!this.#dropsOf(group.topicId)) removed(group.topicId)
    // The next replica of the group may have waited for this.
    this.#reconcile()
  }

  /** Replicas of a deleted topic are still to be removed. */
  #dropsOf(topicId: number): boolean {
    const { metadata, node } = this.#options
    return metadata()
      .dropOrdersOf(node)
      .some(
        (order) => order.group.topicId === topicId && this.#drops.get(dropKey(order)) !== 'gone',
      )
  }

  /** What is gone and confirmed, or was missed only because this node's metadata was old. */
  #forget(known: readonly { readonly group: GroupId; readonly replicaId: number }[]): void {
    const keys = new Set(known.map(dropKey))
    for (const replica of [...this.#directory.all()]) {
      const isDead = replica.state === 'gone' || replica.state === 'amnesiac'
      if (isDead && !keys.has(dropKey(replica))) this.#directory.remove(replica.group)
    }
    for (const [key, state] of this.#drops) {
      if (state === 'gone' && !keys.has(key)) this.#drops.delete(key)
    }
  }

  #later(again: () => void): void {
    this.#failed.push(again)
    this.#context.setTimer('retry', retryMs, { type: 'retry' })
  }

  #event(name: string, group: GroupId, fields: Readonly<Record<string, unknown>>): void {
    this.#options.events.event(name, { group: groupKey(group), ...fields })
  }
}

function dropKey({ group, replicaId }: { group: GroupId; replicaId: number }): string {
  return `${groupKey(group)}.${replicaId}`
}

function isAssigned(
  assignments: readonly Assignment[],
  { group, replicaId }: HostedReplica,
): boolean {
  return assignments.some(
    (each) => each.replicaId === replicaId && groupKey(each.group) === groupKey(group),
  )
}
