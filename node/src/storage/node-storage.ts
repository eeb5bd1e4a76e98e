// Wires the parts of a running node's storage together: logs, hard state, WAL, manifest, segments,
// checkpoints, cache. Each request becomes messages to the actors that own the files; what is in
// memory changes at once. The interface and its promises stand in storage.ts.
import type { ActorRef } from '@quorate/actors'
import { QuorateError } from '@quorate/protocol'
import type { Configuration, HardState } from '@quorate/raft'
import type { Checkpoint } from './checkpoint.ts'
import { CheckpointStore } from './checkpoint-store.ts'
import type { Disk, DiskError } from './disk.ts'
import { EntryCache } from './entry-cache.ts'
import type { GroupLogState } from './group-log.ts'
import { HardStateActor, type HardStateMessage } from './hard-state.ts'
import type { HardStateRecord } from './hard-state-format.ts'
import type { Identity } from './identity.ts'
import { IoGate } from './io-gate.ts'
import type { GroupId, GroupKey } from './log-entry.ts'
import { groupKey } from './log-entry.ts'
import { LogReader } from './log-reader.ts'
import { ManifestActor, type ManifestMessage } from './manifest-store.ts'
import type { OpenedStore } from './open.ts'
import { OpenFiles } from './open-files.ts'
import type { StorageSettings } from './options.ts'
import { Pending } from './pending.ts'
import { PersistOrder, PersistStep } from './persist-order.ts'
import { Remover } from './remover.ts'
import { ReplicaLifecycle } from './replica-lifecycle.ts'
import { SegmentActor, type SegmentMessage } from './segment-writer.ts'
import type {
  Done,
  PersistRequest,
  RecoveredGroup,
  Spawner,
  Storage,
  StorageHandlers,
  StorageMetrics,
} from './storage.ts'
import { splitEntries, WalActor, type WalMessage } from './wal.ts'

/** A replica while the node runs. */
export interface Replica {
  readonly pair: number
  readonly log: GroupLogState
  readonly order: PersistOrder
  record: HardStateRecord
}

/** The actors of storage and what they share. */
export interface StorageParts {
  readonly disk: Disk
  readonly folder: string
  readonly identity: Identity
  readonly settings: StorageSettings
  readonly wal: ActorRef<WalMessage>
  readonly hardState: ActorRef<HardStateMessage>
  readonly manifest: ActorRef<ManifestMessage>
  readonly segments: ActorRef<SegmentMessage>
  readonly openFiles: OpenFiles
  readonly remover: Remover
  /** Work that nobody waits for but `close`. */
  readonly pending: Pending
}

const unbounded = { capacity: 1_000_000, onFailure: 'escalate' } as const

export class NodeStorage implements Storage {
  readonly identity: Identity
  readonly #handlers: StorageHandlers
  readonly #settings: StorageSettings
  readonly #replicas = new Map<GroupKey, Replica>()
  readonly #parts: StorageParts
  readonly #cache: EntryCache
  readonly #gate: IoGate
  readonly #reader: LogReader
  readonly #checkpoints: CheckpointStore
  readonly #lifecycle: ReplicaLifecycle
  readonly #walActor: WalActor
  readonly #segmentActor: SegmentActor
  /** Which parts found the disk full. */
  readonly #full = new Set<string>()
  #failure: QuorateError | undefined

  constructor(
    disk: Disk,
    folder: string,
    settings: StorageSettings,
    opened: OpenedStore,
    spawner: Spawner,
    handlers: StorageHandlers,
  ) {
    const { store, hard, manifest, wal } = opened
    const { identity } = store
    this.identity = identity
    this.#handlers = handlers
    this.#settings = settings
    this.#cache = new EntryCache(settings.cacheBytesMax)
    this.#gate = new IoGate(settings.backgroundIoMax)
    const openFiles = new OpenFiles(disk, settings.openFilesMax)
    const pending = new Pending()
    this.#reader = new LogReader(this.#gate, openFiles, pending)
    const remover = new Remover(disk, pending)
    const failed = (error: DiskError): void => this.#fail(error)

    const hardActor = new HardStateActor(hard, failed)
    const hardState = spawner.spawn('hard-state', () => hardActor, unbounded)
    const manifestActor = new ManifestActor(manifest, {
      disk,
      folder,
      retryMs: settings.diskRetryMs,
      failed,
      diskFull: (full) => this.#diskFull('manifest', full),
    })
    const manifestRef = spawner.spawn('manifest', () => manifestActor, unbounded)
    this.#walActor = new WalActor(wal, {
      disk,
      folder,
      identity,
      fileBytes: settings.walFileBytes,
      batchBytesMax: settings.walBatchBytesMax,
      sealIdleMs: settings.sealIdleMs,
      retryMs: settings.diskRetryMs,
      random: settings.random,
      manifest: manifestRef,
      remover,
      fileFilled: () => segments.reply({ type: 'work' }),
      diskFull: (full) => this.#diskFull('wal', full),
      failed,
    })
    const walRef = spawner.spawn('wal', () => this.#walActor, unbounded)
    this.#segmentActor = new SegmentActor({
      disk,
      identity,
      settings,
      gate: this.#gate,
      openFiles,
      wal: walRef,
      walFiles: this.#walActor.files,
      manifest: manifestRef,
      remover,
      logs: () => [...this.#replicas.values()].map((replica) => replica.log),
      copyForward: (log, from, to) => this.#copyForward(log, from, to),
      diskFull: (full) => this.#diskFull('segments', full),
      failed,
    })
    const segments = spawner.spawn('segments', () => this.#segmentActor, unbounded)
    this.#parts = {
      disk,
      folder,
      identity,
      settings,
      wal: walRef,
      hardState,
      manifest: manifestRef,
      segments,
      openFiles,
      remover,
      pending,
    }
    this.#checkpoints = new CheckpointStore(disk, identity, remover, pending)
    this.#lifecycle = new ReplicaLifecycle(this.#parts, this.#replicas, hard, store.executedIndex)
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
    }
    this.#lifecycle.create(record, executedIndex, (error, replica) => {
      if (replica === undefined) {
        done(error)
        return
      }
      this.#adopt(replica)
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
    const replica = this.#replicas.get(group)
    if (replica === undefined) {
      this.#later(() => done(unknownReplica(group)))
      return
    }
    const { hardState, truncateAfter, entries } = request
    const { log, order } = replica
    const cut = truncateAfter === undefined ? [] : this.#truncate(log, truncateAfter)
    this.#append(log, entries)
    const writes = truncateAfter !== undefined || entries.length > 0
    const step = new PersistStep(
      done,
      () => {
        if (!writes) order.settle(step)
        else this.#enterWal(replica, step, { truncateAfter, cut, entries })
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
        done(undefined, {
          ...recoveredOf(replica),
          ...(checkpoint === undefined ? {} : { checkpoint }),
        })
      })
    })
  }

  saveCheckpoint(group: GroupKey, checkpoint: Checkpoint, done: Done): void {
    const replica = this.#replicas.get(group)
    if (replica === undefined) {
      this.#later(() => done(unknownReplica(group)))
      return
    }
    // Behind everything persisted before: no checkpoint covers what this disk does not hold.
    this.barrier(group, (error) => {
      if (error !== undefined) done(error)
      else this.#checkpoints.save(replica.log, checkpoint, done)
    })
  }

  writable(): undefined | 'QUORATE_DISK_FULL' | 'QUORATE_OVERLOADED' {
    if (this.#full.size > 0) return 'QUORATE_DISK_FULL'
    const { pendingBytesMax, walFilesMax } = this.#settings
    const overloaded =
      this.#walActor.metrics.pendingBytes >= pendingBytesMax ||
      this.#walActor.files.count >= walFilesMax
    return overloaded ? 'QUORATE_OVERLOADED' : undefined
  }

  metrics(): StorageMetrics {
    const { batches, bytes, entries, seals, pendingBytes, outstandingSinceMs } =
      this.#walActor.metrics
    return {
      walOutstandingSinceMs: outstandingSinceMs,
      walBatches: batches,
      walSeals: seals,
      walBytes: bytes,
      walEntries: entries,
      walFiles: this.#walActor.files.count,
      pendingBytes,
      cachedBytes: this.#cache.bytes,
      ...this.#segmentActor.metrics,
      diskFull: this.#full.size > 0,
    }
  }

  close(done: Done): void {
    if (this.#failure !== undefined) {
      // Its actors have stopped writing for good.
      this.#later(() => done(this.#failure))
      return
    }
    this.#lifecycle.whenIdle(() => {
      let open = this.#replicas.size
      if (open === 0) this.#closeParts(done)
      for (const key of this.#replicas.keys()) {
        this.barrier(key, () => {
          open -= 1
          if (open === 0) this.#closeParts(done)
        })
      }
    })
  }

  /** In the order of who feeds whom: segments, WAL, hard state, manifest; then what is left. */
  #closeParts(done: Done): void {
    const { wal, segments, hardState, manifest, openFiles, pending } = this.#parts
    const close = (
      ref: ActorRef<{ readonly type: 'close'; readonly done: () => void }>,
      then: () => void,
    ): void => {
      ref.reply({ type: 'close', done: then })
    }
    const closeManifest = (): void => {
      close(manifest, () => {
        pending.whenIdle(() => {
          openFiles.close()
          done()
        })
      })
    }
    // Reads from WAL files and checkpoints under way end before their files are closed.
    close(segments, () => pending.whenIdle(() => close(wal, () => close(hardState, closeManifest))))
  }

  #adopt(replica: Replica): void {
    const { log } = replica
    this.#replicas.set(log.key, replica)
    this.#cache.added(log, log.cachedBytes)
    log.attach({
      reader: this.#reader,
      committed: () => this.#committed(log),
      dropBelow: (each, index, done) => {
        this.#parts.segments.reply({ type: 'drop-below', log: each, index, done })
      },
    })
  }

  #committed(log: GroupLogState): void {
    this.#cache.trim()
    if (this.#segmentActor.looking) return
    const { files } = this.#walActor
    const due = log.rolls[0]
    const rolls = due !== undefined && due <= Math.min(log.commitIndex, log.durableIndex)
    // An old file waits for entries that were not committed when it was full.
    const isOld = files.count > 1 && log.tail.get(log.settled.index + 1)?.file !== files.current
    if (rolls || isOld) this.#parts.segments.reply({ type: 'work' })
  }

  #truncate(log: GroupLogState, index: number): ReturnType<GroupLogState['truncateAfter']> {
    const before = log.cachedBytes
    const cut = log.truncateAfter(index)
    this.#cache.removed(before - log.cachedBytes)
    return cut
  }

  #append(log: GroupLogState, entries: PersistRequest['entries']): void {
    const before = log.cachedBytes
    log.append(entries)
    const added = log.cachedBytes - before
    this.#walActor.metrics.pendingBytes += added
    this.#cache.added(log, added)
    this.#cache.trim()
  }

  #putHardState(replica: Replica, step: PersistStep, hardState: HardState): void {
    replica.record = { ...replica.record, hardState }
    this.#parts.hardState.reply({
      type: 'put',
      changes: [{ pair: replica.pair, content: { kind: 'replica', record: replica.record } }],
      done: () => replica.order.hardStateWritten(step),
    })
  }

  #enterWal(
    replica: Replica,
    step: PersistStep,
    work: {
      readonly truncateAfter: number | undefined
      readonly cut: ReturnType<GroupLogState['truncateAfter']>
      readonly entries: PersistRequest['entries']
    },
  ): void {
    const { log, order } = replica
    const parts = splitEntries(work.entries, this.#partBytes())
    if (parts.length === 0) parts.push([])
    parts.forEach((entries, number) => {
      const isFirst = number === 0
      const isLast = number === parts.length - 1
      this.#parts.wal.reply({
        type: 'append',
        request: {
          group: log.group,
          replicaId: log.replicaId,
          log,
          drop: false,
          copied: false,
          truncateAfter: isFirst ? work.truncateAfter : undefined,
          cut: isFirst ? work.cut : [],
          entries,
          written: isLast ? () => order.settle(step) : ignore,
        },
      })
    })
  }

  /** A part always fits into a file, beside a directory of ordinary size. */
  #partBytes(): number {
    const { walBatchBytesMax, walFileBytes } = this.#settings
    return Math.min(walBatchBytesMax, walFileBytes / 2)
  }

  /** Entries of an old WAL file that cannot leave it otherwise, once more into the newest file. */
  #copyForward(log: GroupLogState, from: number, to: number): void {
    const entries = []
    for (let index = from; index <= to; index += 1) {
      const entry = log.tail.get(index)?.entry
      if (entry === undefined) return
      entries.push(entry)
      this.#walActor.metrics.pendingBytes += entry.sizeBytes
    }
    for (const part of splitEntries(entries, this.#partBytes())) {
      this.#parts.wal.reply({
        type: 'append',
        request: {
          group: log.group,
          replicaId: log.replicaId,
          log,
          drop: false,
          copied: true,
          truncateAfter: undefined,
          cut: [],
          entries: part,
          written: () => this.#parts.wal.reply({ type: 'release' }),
        },
      })
    }
  }

  #later(run: () => void): void {
    this.#parts.segments.reply({ type: 'continue', run })
  }

  #diskFull(part: string, full: boolean): void {
    if (full === this.#full.has(part)) return
    const before = this.#full.size
    if (full) this.#full.add(part)
    else this.#full.delete(part)
    if (before === 0) this.#handlers.event?.({ event: 'disk.full', part })
    else if (this.#full.size === 0) this.#handlers.event?.({ event: 'disk.writable-again' })
  }

  #fail(error: DiskError): void {
    if (this.#failure !== undefined) return
    this.#failure = new QuorateError('QUORATE_STORAGE_FAILED', error.message, { cause: error })
    this.#handlers.event?.({ event: 'storage.failed', reason: error.message, file: error.path })
    this.#handlers.failed(this.#failure)
  }
}

function recoveredOf({ log, record }: Replica): RecoveredGroup {
  const { group, replicaId, hardState, configuration } = record
  return { group, replicaId, hardState, configuration, log }
}

function unknownReplica(group: GroupKey): QuorateError {
  return new QuorateError('QUORATE_CLOSED', `there is no replica of ${group} on this node`)
}

function ignore(): void {}
