// Starts and closes the parts of a running node's storage: the four actors that own files, the
// scrubber, the watch on free space, and what they share. Knows nothing of replicas; node-storage.ts does and puts these to work.
import type { ActorRef } from '@quorate/actors'
import type { Disk, DiskError } from './disk.ts'
import { DiskSpaceActor, type DiskSpaceMessage } from './disk-space.ts'
import type { GroupLogState } from './group-log.ts'
import { HardStateActor, type HardStateMessage } from './hard-state.ts'
import type { Identity } from './identity.ts'
import { IoGate } from './io-gate.ts'
import { LogReader } from './log-reader.ts'
import { ManifestActor, type ManifestMessage } from './manifest-store.ts'
import type { OpenedStore } from './open.ts'
import { OpenFiles } from './open-files.ts'
import type { StorageSettings } from './options.ts'
import { Pending } from './pending.ts'
import { Remover } from './remover.ts'
import type { ScrubFinding } from './scrub-items.ts'
import { ScrubberActor, type ScrubberMessage } from './scrubber.ts'
import type { MovedConfiguration } from './segment-move.ts'
import { SegmentActor, type SegmentMessage } from './segment-writer.ts'
import type { Spawner, StorageMetrics } from './storage.ts'
import { WalActor, type WalMessage } from './wal.ts'

export interface StorageParts {
  readonly disk: Disk
  readonly folder: string
  readonly identity: Identity
  readonly settings: StorageSettings
  readonly hardState: ActorRef<HardStateMessage>
  readonly manifest: ActorRef<ManifestMessage>
  readonly wal: ActorRef<WalMessage>
  readonly segments: ActorRef<SegmentMessage>
  readonly scrubber: ActorRef<ScrubberMessage>
  readonly space: ActorRef<DiskSpaceMessage>
  /** The actors themselves, for what may be looked at from outside. */
  readonly walActor: WalActor
  readonly segmentActor: SegmentActor
  readonly scrubberActor: ScrubberActor
  readonly spaceActor: DiskSpaceActor
  readonly reader: LogReader
  readonly openFiles: OpenFiles
  readonly remover: Remover
  /** Work that nobody waits for but closing. */
  readonly pending: Pending
}

/** What the parts ask of the storage above them. */
export interface PartsOwner {
  readonly logs: () => readonly GroupLogState[]
  readonly copyForward: (log: GroupLogState, from: number, to: number) => void
  /** Durable before `done`. */
  readonly settleConfiguration: (
    log: GroupLogState,
    moved: MovedConfiguration,
    done: () => void,
  ) => void
  /** A part found the disk full, or found room again. */
  readonly diskFull: (part: string, full: boolean) => void
  readonly failed: (error: DiskError) => void
  /** A segment is whole again. */
  readonly rewritten: (path: string) => void
  readonly scrubFound: (finding: ScrubFinding) => void
}

/** A failure of one of these actors is one of the node; asking for more is bounded by admission. */
const spawnOptions = { capacity: 1_000_000, onFailure: 'escalate' } as const

export function startParts(
  disk: Disk,
  folder: string,
  settings: StorageSettings,
  opened: OpenedStore,
  spawner: Spawner,
  owner: PartsOwner,
): StorageParts {
  const { identity } = opened.store
  const { failed } = owner
  const gate = new IoGate(settings.backgroundIoMax)
  const openFiles = new OpenFiles(disk, settings.openFilesMax)
  const pending = new Pending()
  const remover = new Remover(disk, pending)
  const shared = { disk, folder, identity, settings, remover, openFiles, pending }
  const hardStateActor = new HardStateActor(opened.hard, failed)
  const hardState = spawner.spawn('hard-state', () => hardStateActor, spawnOptions)
  const manifestActor = new ManifestActor(opened.manifest, {
    disk,
    folder,
    failed,
    retryMs: settings.diskRetryMs,
    diskFull: (full) => owner.diskFull('manifest', full),
  })
  const manifest = spawner.spawn('manifest', () => manifestActor, spawnOptions)
  const walActor = new WalActor(opened.wal, {
    ...shared,
    manifest,
    failed,
    fileFilled: () => segments.reply({ type: 'work' }),
    diskFull: (full) => owner.diskFull('wal', full),
  })
  const wal = spawner.spawn('wal', () => walActor, spawnOptions)
  const segmentActor = new SegmentActor({
    ...shared,
    ...owner,
    gate,
    wal,
    walFiles: walActor.files,
    manifest,
    diskFull: (full) => owner.diskFull('segments', full),
  })
  const segments = spawner.spawn('segments', () => segmentActor, spawnOptions)
  const reader = new LogReader(gate, openFiles, pending)
  const scrubberActor = new ScrubberActor({
    identity,
    gate,
    openFiles,
    bytesPerSecond: settings.scrubBytesPerSecond,
    cycleMs: settings.scrubCycleMs,
    logs: owner.logs,
    // More waits for the WAL than its next write takes, or somebody waits for a read.
    busy: () => walActor.metrics.pendingBytes > settings.walBatchBytesMax || gate.waiting > 0,
    found: owner.scrubFound,
  })
  const scrubber = spawner.spawn('scrubber', () => scrubberActor, spawnOptions)
  const spaceActor = new DiskSpaceActor({
    disk,
    folder,
    reserveBytes: settings.diskReserveBytes,
    everyMs: settings.diskRetryMs,
    belowReserve: (below) => owner.diskFull('reserve', below),
  })
  const space = spawner.spawn('disk-space', () => spaceActor, spawnOptions)
  const refs = { hardState, manifest, wal, segments, scrubber, space }
  return { ...shared, ...refs, walActor, segmentActor, scrubberActor, spaceActor, reader }
}

export function metricsOf(
  parts: StorageParts,
  cachedBytes: number,
  diskFull: boolean,
): StorageMetrics {
  const { walActor, segmentActor, scrubberActor, spaceActor } = parts
  const { batches, bytes, entries, seals, pendingBytes, outstandingSinceMs } = walActor.metrics
  return {
    walOutstandingSinceMs: outstandingSinceMs,
    walBatches: batches,
    walSeals: seals,
    walBytes: bytes,
    walEntries: entries,
    walFiles: walActor.files.count,
    pendingBytes,
    cachedBytes,
    ...segmentActor.metrics,
    diskFull,
    diskFreeBytes: spaceActor.freeBytes,
    scrub: scrubberActor.metrics,
  }
}

/** In the order of who feeds whom: scrubber and disk space, which only read, then segments, WAL, hard state, manifest; then what is left. */
export function closeParts(parts: StorageParts, done: () => void): void {
  const { scrubber, space, wal, segments, hardState, manifest, openFiles, pending } = parts
  const closeManifest = (): void => {
    close(manifest, () => {
      pending.whenIdle(() => {
        openFiles.close()
        done()
      })
    })
  }
  // Reads from WAL files and checkpoints under way end before their files are closed.
  const closeFiles = (): void => close(wal, () => close(hardState, closeManifest))
  const closeSegments = (): void => close(segments, () => pending.whenIdle(closeFiles))
  close(scrubber, () => close(space, closeSegments))
}

function close(
  ref: ActorRef<{ readonly type: 'close'; readonly done: () => void }>,
  done: () => void,
): void {
  ref.reply({ type: 'close', done })
}
