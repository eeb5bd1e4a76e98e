// Storage of one node while it runs: the face that the replication host and the node's supervisor
// use. Takes persist requests into the hard-state and WAL actors in the right order, keeps each
// group's log, creates and drops replicas. Decides nothing about terms or commits. Previous stop of
// a write: replication/raft-host.ts; next stops: hard-state.ts, wal.ts, segment-writer.ts.
import type { Actor, ActorRef, SpawnOptions } from '@quorate/actors'
import type { ErrorCode } from '@quorate/protocol'
import type { Configuration, HardState } from '@quorate/raft'
import type { Checkpoint } from './checkpoint.ts'
import { damageOf } from './damage-reports.ts'
import type { Disk } from './disk.ts'
import type { Identity } from './identity.ts'
import type { GroupId, GroupKey, LogEntry } from './log-entry.ts'
import { groupKey } from './log-entry.ts'
import type { DamageReport, LogHole } from './log-hole.ts'
import type { GroupLog } from './log-view.ts'
import { NodeStorage } from './node-storage.ts'
import { openStoreSync } from './open.ts'
import { type StorageOptions, storageSettings } from './options.ts'
import type { ScrubMetrics } from './scrubber.ts'
import type { LogMark } from './tail.ts'
import type { StorageEvent } from './wal-recovery.ts'

export type { Checkpoint } from './checkpoint.ts'
export type { Identity } from './identity.ts'
export type { DamageReport, DamageState, HoleEvidence, LogHole } from './log-hole.ts'
export type { GroupLog, ReadFrom, ReadLimit, SegmentSummary, TimedOffset } from './log-view.ts'
export type { StorageOptions } from './options.ts'
export type { LogMark } from './tail.ts'
export type { StorageEvent } from './wal-recovery.ts'

export interface RecoveredGroup {
  readonly group: GroupId
  readonly replicaId: number
  readonly hardState: HardState
  /** In force at `log.base`; configuration entries after it change it. */
  readonly configuration: Configuration
  /** `unknown-tail`: entries that were promised may be missing at the end of the log. */
  readonly condition: 'clean' | 'unknown-tail'
  /** The newest good one. Without it the machine begins empty at index 0. */
  readonly checkpoint?: Checkpoint
  readonly log: GroupLog
}

/** A replica that may not run: its term and vote, or all of it, are lost. */
export interface AmnesiacReplica {
  readonly group: GroupId
  readonly replicaId: number
  readonly reason: string
}

/** The state of a group's machine that a leader sent, and what holds there. */
export interface InstalledSnapshot {
  readonly mark: LogMark
  readonly configuration: Configuration
  readonly state: Uint8Array
}

export interface PersistRequest {
  readonly hardState?: HardState
  /** The log begins anew after its mark; `entries` follow it. */
  readonly snapshot?: InstalledSnapshot
  readonly truncateAfter?: number
  readonly entries: readonly LogEntry[]
}

export type Done = (error?: Error) => void

export interface StorageMetrics {
  /** Monotonic time since when a WAL write is outstanding; undefined while there is none. */
  readonly walOutstandingSinceMs: number | undefined
  readonly walBatches: number
  readonly walSeals: number
  readonly walBytes: number
  readonly walEntries: number
  readonly walFiles: number
  readonly pendingBytes: number
  readonly cachedBytes: number
  readonly segmentBytes: number
  readonly segmentEntries: number
  readonly copiedForwardEntries: number
  readonly diskFull: boolean
  /** Of the volume, as of the last look; undefined before the first. */
  readonly diskFreeBytes: number | undefined
  readonly scrub: Readonly<ScrubMetrics>
}

/** Callbacks run on a later turn. */
export interface Storage {
  readonly identity: Identity
  /** Metadata index up to which creations are executed. */
  readonly executedIndex: number
  readonly groups: ReadonlyMap<GroupKey, RecoveredGroup>
  /** Durable before `done`; also raises `executedIndex`. Repeating it for the same id is harmless. */
  createReplica(
    group: GroupId,
    replicaId: number,
    configuration: Configuration,
    hardState: HardState,
    executedIndex: number,
    done: (error?: Error, log?: GroupLog) => void,
  ): void
  /** Everything of the replica goes; `done` once that is durable. An unknown replica is done with. */
  dropReplica(group: GroupId, replicaId: number, executedIndex: number, done: Done): void
  /** A metadata entry was executed that creates nothing here. */
  setExecuted(executedIndex: number, done: Done): void
  /**
   * Entries appear in the group's log at once. `done` comes in the order of the requests of a
   * group: after hard.A, hard.B and the WAL are synced, in this order.
   */
  persist(group: GroupKey, request: PersistRequest, done: Done): void
  /** After everything persisted before for this group is on disk. */
  barrier(group: GroupKey, done: Done): void
  /** What a rebuilt actor starts from: a barrier, then the group as it is now. */
  recover(group: GroupKey, done: (error?: Error, recovered?: RecoveredGroup) => void): void
  /**
   * Fills a hole of the group's log with exactly its entries, which are verified against it again; one
   * that takes part (log-hole.ts) also with its first entries, and what remains is a hole.
   * Durable, and the hole gone, before `done`. A hole that is gone already is done with.
   */
  repair(group: GroupKey, hole: LogHole, entries: readonly LogEntry[], done: Done): void
  /**
   * Reads the bytes of a hole once more. Gives its entries when they are there after all: the hole is
   * gone then, and nothing had to be written. Nothing when they are not, or the hole is gone already.
   */
  reread(group: GroupKey, hole: LogHole, done: (entries?: readonly LogEntry[]) => void): void
  /** The log is known to hold everything again that was promised. Durable before `done`. */
  setTailKnown(group: GroupKey, done: Done): void
  setTailUnknown(group: GroupKey, reason: string, done: Done): void
  /** What was found since the start, as it stands now. */
  damage(): readonly DamageReport[]
  /** Written once this disk holds the index; see GroupLog.checkpoints. */
  saveCheckpoint(group: GroupKey, checkpoint: Checkpoint, done: Done): void
  /** Undefined when there is none at that index, or none that can be read. */
  readCheckpoint(
    group: GroupKey,
    index: number,
    done: (checkpoint: Checkpoint | undefined) => void,
  ): void
  /** Asked before records are admitted; other entries are never refused. */
  writable(): undefined | Extract<ErrorCode, 'QUORATE_DISK_FULL' | 'QUORATE_OVERLOADED'>
  metrics(): StorageMetrics
  /** Writes what waits, seals the WAL, closes files. Nothing may be asked for afterwards. */
  close(done: Done): void
}

/** An ActorSystem or the context of the actor that owns storage. */
export interface Spawner {
  spawn<Message>(
    name: string,
    create: () => Actor<Message>,
    options?: SpawnOptions,
  ): ActorRef<Message>
}

export interface StorageHandlers {
  /**
   * A write or sync failed: nothing is acknowledged from now on and the node must exit. Called
   * once.
   */
  failed(error: Error): void
  event?(event: StorageEvent): void
  /** A read found damage; the hole is in the group's log by now. */
  holeFound?(group: GroupKey, hole: LogHole): void
}

export interface OpenedStorage {
  readonly identity: Identity
  /** 64 hex digits. */
  readonly secret: string
  readonly executedIndex: number
  readonly groups: ReadonlyMap<GroupKey, RecoveredGroup>
  readonly amnesiac: readonly AmnesiacReplica[]
  readonly damage: readonly DamageReport[]
  /** What recovery found worth telling. */
  readonly events: readonly StorageEvent[]
  start(spawner: Spawner, handlers: StorageHandlers): Storage
}

/**
 * Recovers the folder and leaves it ready for writing; blocks while it does. Throws QuorateError:
 * QUORATE_DATA_NOT_FORMATTED, QUORATE_DATA_FOREIGN, QUORATE_FORMAT_VERSION, QUORATE_STORAGE_DAMAGED
 * (with file and range), QUORATE_DISK_FULL, QUORATE_STORAGE_FAILED. The caller holds the data lock.
 */
export function openStorage(disk: Disk, folder: string, options: StorageOptions): OpenedStorage {
  const settings = storageSettings(options)
  const opened = openStoreSync(disk, folder, settings)
  const { store } = opened
  const groups = new Map<GroupKey, RecoveredGroup>()
  for (const { record, log, checkpoint } of store.replicas) {
    groups.set(groupKey(record.group), {
      group: record.group,
      replicaId: record.replicaId,
      hardState: record.hardState,
      configuration: record.configuration,
      condition: record.tailUnknown ? 'unknown-tail' : 'clean',
      ...(checkpoint === undefined ? {} : { checkpoint }),
      log,
    })
  }
  return {
    identity: store.identity,
    secret: store.secret,
    executedIndex: store.executedIndex,
    groups,
    amnesiac: store.lost.map(({ group, replicaId, reason }) => ({ group, replicaId, reason })),
    damage: damageOf(store),
    events: store.events,
    start: (spawner, handlers) =>
      new NodeStorage(disk, folder, settings, opened, spawner, handlers),
  }
}
