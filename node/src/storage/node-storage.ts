// Storage of a running node behind the interface in storage.ts. Each request becomes messages to the
// actors that own the files (storage-parts.ts), in the right order; what is in memory changes at
// once. Previous stop: replication/raft-host.ts; next stops: hard-state.ts, wal.ts.
import { QuorateError } from '@quorate/protocol'
import type { Configuration, HardState } from '@quorate/raft'
import type { Checkpoint } from './checkpoint.ts'
import { CheckpointStore } from './checkpoint-store.ts'
import { DamageBook } from './damage-reports.ts'
import { type Disk, DiskError } from './disk.ts'
import { EntryCache } from './entry-cache.ts'
import type { GroupLogState } from './group-log.ts'
import type { Identity } from './identity.ts'
import type { GroupId, GroupKey, LogEntry } from './log-entry.ts'
import { groupKey } from './log-entry.ts'
import type { DamageReport, LogHole } from './log-hole.ts'
import type { OpenedStore } from './open.ts'
import type { StorageSettings } from './options.ts'
import { PersistOrder, PersistStep } from './persist-order.ts'
import { type Replica, recoveredOf, unknownReplica } from './replica.ts'
import { ReplicaLifecycle } from './replica-lifecycle.ts'
import { repairHole, rereadHole } from './replica-repair.ts'
import type { ScrubFinding } from './scrub-items.ts'
import type { MovedConfiguration } from './segment-move.ts'
import { installSnapshot } from './snapshot-install.ts'
import type {
  Done,
  InstalledSnapshot,
  PersistRequest,
  RecoveredGroup,
  Spawner,
  Storage,
  StorageHandlers,
  StorageMetrics,
} from './storage.ts'
import { closeParts, metricsOf, type StorageParts, startParts } from './storage-parts.ts'
import type { TailRecord } from './tail.ts'
import { copyForward, feedWal } from './wal-feed.ts'

export class NodeStorage implements Storage {
  readonly identity: Identity
  readonly #handlers: StorageHandlers
  readonly #settings: StorageSettings
  readonly #replicas = new Map<GroupKey, Replica>()
  readonly #parts: StorageParts
  readonly #cache: EntryCache
  readonly #checkpoints: CheckpointStore
  readonly #lifecycle: ReplicaLifecycle
  /** Which parts found the disk full. */
  readonly #full = new Set<string>()
  readonly #damage: DamageBook
  #failure: QuorateError | undefined

  constructor(
    disk: Disk,
    folder: string,
    settings: StorageSettings,
    opened: OpenedStore,
    spawner: Spawner,
    handlers: StorageHandlers,
  ) {
    const { store, hard } = opened
    this.identity = store.identity
    this.#handlers = handlers
    this.#settings = settings
    this.#cache = new EntryCache(settings.cacheBytesMax, settings.probe)
    this.#parts = startParts(disk, folder, settings, opened, spawner, {
      logs: () => this.#logs(),
      settleConfiguration: (log, moved, done) => this.#settleConfiguration(log, moved, done),
      copyForward: (log, from, to) => copyForward(this.#parts, log, from, to),
      diskFull: (part, full) => this.#diskFull(part, full),
      failed: (error) => this.#fail(error),
      rewritten: (path) => this.#damage.rewritten(path),
      scrubFound: (finding) => this.#damageFound(finding),
    })
    const { remover, pending } = this.#parts
    this.#checkpoints = new CheckpointStore(disk, store.identity, remover, pending, (finding) =>
      this.#damageFound(finding),
    )
    this.#damage = new DamageBook(store, () => this.#logs())
    this.#lifecycle = new ReplicaLifecycle(
      this.#parts,
      this.#replicas,
      hard,
      store.lost,
      store.executedIndex,
    )
    for (const { pair, record, log } of store.replicas) {
      this.#adopt({ pair, record, log, order: new PersistOrder() })
    }
    for (const event of store.events) handlers.event?.(event)
  }

  get executedIndex(): number {
    return this.#lifecycle.executedIndex
  }

  get groups(): ReadonlyMap<GroupKey, RecoveredGroup> {
    const groups = new Map<GroupKey, RecoveredGroup>()
    for (const [key, replica] of this.#replicas) groups.set(key, recoveredOf(replica))
    return groups
  }

  createReplica(
    group: GroupId,
    replicaId: number,
    configuration: Configuration,
    hardState: HardState,
    executedIndex: number,
    done: (error?: Error, log?: GroupLogState) => void,
  ): void {
    const record = {
      group,
      replicaId,
      configuration,
      hardState,
      configurationIndex: 0,
      configurationTerm: 0,
      tailUnknown: false,
    }
    this.#lifecycle.create(record, executedIndex, (error, replica) => {
      if (replica === undefined) {
        done(error)
        return
      }
      if (this.#replicas.get(replica.log.key) !== replica) this.#adopt(replica)
      done(undefined, replica.log)
    })
  }

  dropReplica(group: GroupId, replicaId: number, executedIndex: number, done: Done): void {
    this.#lifecycle.drop(groupKey(group), replicaId, executedIndex, (error, replica) => {
      if (replica !== undefined) this.#cache.removed(replica.log.cachedBytes)
      done(error)
    })
  }

  setExecuted(executedIndex: number, done: Done): void {
    this.#lifecycle.setExecuted(executedIndex, () => done())
  }

  persist(group: GroupKey, request: PersistRequest, done: Done): void {
    const replica = this.#replicaOf(group, done)
    if (replica === undefined) return
    const { hardState, truncateAfter, entries } = request
    const { snapshot } = request
    if (snapshot !== undefined) {
      this.#install(replica, { ...request, snapshot }, done)
      return
    }
    const { log, order } = replica
    log.checkChange(truncateAfter, entries)
    const cut = truncateAfter === undefined ? [] : this.#truncate(log, truncateAfter)
    this.#append(log, entries)
    const writes = truncateAfter !== undefined || entries.length > 0
    const work = { truncateAfter, cut, entries, copied: false }
    const step = new PersistStep(
      done,
      () => {
        if (!writes) order.settle(step)
        else feedWal(this.#parts, log, work, () => order.settle(step))
      },
      // A request that writes nothing still completes on a later turn.
      hardState !== undefined || !writes,
    )
    if (hardState !== undefined) this.#putHardState(replica, step, hardState)
    else if (!writes) this.#later(() => order.hardStateWritten(step))
    order.add(step)
  }

  barrier(group: GroupKey, done: Done): void {
    this.persist(group, { entries: [] }, done)
  }

  recover(group: GroupKey, done: (error?: Error, recovered?: RecoveredGroup) => void): void {
    this.barrier(group, (error) => {
      const replica = this.#replicas.get(group)
      if (error !== undefined || replica === undefined) {
        done(error ?? unknownReplica(group))
        return
      }
      this.#checkpoints.newest(replica.log, (checkpoint) => {
        const recovered = recoveredOf(replica)
        done(undefined, checkpoint === undefined ? recovered : { ...recovered, checkpoint })
      })
    })
  }

  saveCheckpoint(group: GroupKey, checkpoint: Checkpoint, done: Done): void {
    const replica = this.#replicaOf(group, done)
    if (replica === undefined) return
    // Behind everything persisted before: no checkpoint covers what this disk does not hold.
    this.barrier(group, (error) => {
      if (error !== undefined) done(error)
      else this.#checkpoints.save(replica.log, checkpoint, done)
    })
  }

  readCheckpoint(
    group: GroupKey,
    index: number,
    done: (checkpoint: Checkpoint | undefined) => void,
  ): void {
    const replica = this.#replicas.get(group)
    if (replica === undefined) this.#later(() => done(undefined))
    else this.#checkpoints.read(replica.log, index, done)
  }

  #install(
    replica: Replica,
    request: PersistRequest & { readonly snapshot: InstalledSnapshot },
    done: Done,
  ): void {
    const owner = {
      checkpoints: this.#checkpoints,
      uncached: (bytes: number) => this.#cache.removed(bytes),
      append: (log: GroupLogState, entries: readonly LogEntry[]) => this.#append(log, entries),
      putRecord: (each: Replica, written: () => void) => this.#putRecord(each, written),
      failed: (error: Error) =>
        this.#fail(new DiskError('OTHER', replica.log.folder, error.message)),
    }
    installSnapshot(this.#parts, replica, request, owner, done)
  }

  repair(group: GroupKey, hole: LogHole, entries: readonly LogEntry[], done: Done): void {
    const replica = this.#replicaOf(group, done)
    if (replica === undefined) return
    const owner = { cache: this.#cache, damage: this.#damage }
    repairHole(this.#parts, replica, hole, entries, owner, done)
  }

  reread(group: GroupKey, hole: LogHole, done: (entries?: readonly LogEntry[]) => void): void {
    const replica = this.#replicas.get(group)
    if (replica === undefined) this.#later(() => done())
    else rereadHole(this.#parts, replica, hole, this.#damage, done)
  }

  setTailKnown(group: GroupKey, done: Done): void {
    this.#setTail(group, false, (error) => {
      if (error === undefined) this.#damage.tailKnown(group)
      done(error)
    })
  }

  setTailUnknown(group: GroupKey, reason: string, done: Done): void {
    this.#damage.tailUnknown(group, reason)
    this.#setTail(group, true, done)
  }

  damage(): readonly DamageReport[] {
    return this.#damage.reports()
  }

  #setTail(group: GroupKey, tailUnknown: boolean, done: Done): void {
    const replica = this.#replicaOf(group, done)
    if (replica === undefined) return
    replica.record = { ...replica.record, tailUnknown }
    this.#putRecord(replica, () => done())
  }

  writable(): undefined | 'QUORATE_DISK_FULL' | 'QUORATE_OVERLOADED' {
    if (this.#full.size > 0) return 'QUORATE_DISK_FULL'
    const { pendingBytesMax, walFilesMax } = this.#settings
    const { metrics, files } = this.#parts.walActor
    const overloaded = metrics.pendingBytes >= pendingBytesMax || files.count >= walFilesMax
    return overloaded ? 'QUORATE_OVERLOADED' : undefined
  }

  metrics(): StorageMetrics {
    return metricsOf(this.#parts, this.#cache.bytes, this.#full.size > 0)
  }

  close(done: Done): void {
    if (this.#failure !== undefined) {
      // Its actors have stopped writing for good.
      this.#later(() => done(this.#failure))
      return
    }
    this.#lifecycle.whenIdle(() => {
      let open = this.#replicas.size
      if (open === 0) closeParts(this.#parts, done)
      for (const key of this.#replicas.keys()) {
        this.barrier(key, () => {
          open -= 1
          if (open === 0) closeParts(this.#parts, done)
        })
      }
    })
  }

  #adopt(replica: Replica): void {
    const { log } = replica
    this.#replicas.set(log.key, replica)
    this.#cache.added(log, log.cachedBytes)
    log.attach({
      reader: this.#parts.reader,
      holeFound: (_, hole) => this.#handlers.holeFound?.(log.key, hole),
      committed: () => this.#committed(log),
      dropBelow: (each, index, done) => {
        this.#parts.segments.reply({ type: 'drop-below', log: each, index, done })
      },
    })
  }

  #committed(log: GroupLogState): void {
    this.#cache.trim()
    const { segmentActor, segments, walActor } = this.#parts
    if (segmentActor.looking) return
    const movable = Math.min(log.commitIndex, log.durableIndex)
    const due = log.rolls[0]
    const rolls = due !== undefined && due <= movable
    // An old file waits for entries that were not committed when it was full.
    const file = log.tail.get(log.settled.index + 1)?.file
    const isOld = file !== undefined && file !== walActor.files.current
    if (rolls || (isOld && movable > log.settled.index)) segments.reply({ type: 'work' })
  }

  #truncate(log: GroupLogState, index: number): readonly TailRecord[] {
    const before = log.cachedBytes
    const cut = log.truncateAfter(index)
    this.#cache.removed(before - log.cachedBytes)
    return cut
  }

  #append(log: GroupLogState, entries: readonly LogEntry[]): void {
    const before = log.cachedBytes
    log.append(entries)
    const added = log.cachedBytes - before
    this.#parts.walActor.metrics.pendingBytes += added
    this.#cache.added(log, added)
    this.#cache.trim()
  }

  #putHardState(replica: Replica, step: PersistStep, hardState: HardState): void {
    replica.record = { ...replica.record, hardState }
    this.#putRecord(replica, () => replica.order.hardStateWritten(step))
  }

  /** Undefined, and `done` is told so on a later turn, when there is none. */
  #replicaOf(group: GroupKey, done: Done): Replica | undefined {
    const replica = this.#replicas.get(group)
    if (replica === undefined) this.#later(() => done(unknownReplica(group)))
    return replica
  }

  #logs(): GroupLogState[] {
    return [...this.#replicas.values()].map(({ log }) => log)
  }

  #settleConfiguration(log: GroupLogState, moved: MovedConfiguration, done: () => void): void {
    const replica = this.#replicas.get(log.key)
    if (replica?.log !== log || replica.record.configurationIndex >= moved.index) {
      this.#later(done)
      return
    }
    const { index: configurationIndex, term: configurationTerm, configuration } = moved
    replica.record = { ...replica.record, configuration, configurationIndex, configurationTerm }
    this.#putRecord(replica, done)
  }

  #putRecord({ pair, record }: Replica, done: () => void): void {
    const changes = [{ pair, content: { kind: 'replica', record } as const }]
    this.#parts.hardState.reply({ type: 'put', changes, done })
  }

  #later(run: () => void): void {
    this.#parts.segments.reply({ type: 'continue', run })
  }

  #diskFull(part: string, full: boolean): void {
    if (full === this.#full.has(part)) return
    const before = this.#full.size
    if (full) this.#full.add(part)
    else this.#full.delete(part)
    if (before === 0) {
      this.#settings.probe.reached('storage.disk-full')
      this.#handlers.event?.({ event: 'disk.full', part })
    } else if (this.#full.size === 0) {
      this.#settings.probe.reached('storage.writable-again')
      this.#handlers.event?.({ event: 'disk.writable-again' })
    }
  }

  #damageFound({ log, file, range, segment }: ScrubFinding): void {
    this.#handlers.event?.({ event: 'storage.damaged', group: log.key, file, ...range })
    const { firstIndex, lastIndex } = range
    if (firstIndex === undefined || lastIndex === undefined) return
    if (segment === undefined) this.#checkpoints.damaged(log, firstIndex)
    else this.#parts.reader.probe(log, firstIndex, lastIndex)
  }

  #fail(error: DiskError): void {
    if (this.#failure !== undefined) return
    this.#failure = new QuorateError('QUORATE_STORAGE_FAILED', error.message, { cause: error })
    this.#handlers.event?.({ event: 'storage.failed', reason: error.message, file: error.path })
    this.#handlers.failed(this.#failure)
  }
}
