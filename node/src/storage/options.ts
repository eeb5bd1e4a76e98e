// The sizes and times of storage, each with unit and default. Defaults are measured ones (see
// docs/explanation); tests and simulations make them small.
import { noProbe, type Random } from '@quorate/actors'
import type { NodeProbe } from '../probes.ts'

export interface StorageOptions {
  /** Salt of WAL files; keyed, so a simulation repeats. */
  readonly random: Random
  /** Default `noProbe`. */
  readonly probe?: NodeProbe
  /** Size of a WAL file in bytes, a multiple of 4096, larger than any entry. Default 64 MiB. */
  readonly walFileBytes?: number
  /** Payload of one WAL batch in bytes; a larger request is cut. Default 4 MiB. */
  readonly walBatchBytesMax?: number
  /** Idle time in milliseconds after which the last batch is sealed. Default 10. */
  readonly sealIdleMs?: number
  /** Milliseconds between looks at the free space, and before a full disk is tried again. Default 1000. */
  readonly diskRetryMs?: number
  /** Free bytes of the volume below which records are refused; 0 for never. Default 256 MiB. */
  readonly diskReserveBytes?: number
  /** Payload bytes of committed entries kept in memory, all groups together. Default 128 MiB. */
  readonly cacheBytesMax?: number
  /** Bytes waiting for the WAL from which on admission is refused. Default 64 MiB. */
  readonly pendingBytesMax?: number
  /** WAL files in use from which on admission is refused until segments catch up. Default 16. */
  readonly walFilesMax?: number
  /**
   * Full WAL files from which on entries that cannot move to a segment (uncommitted ones) are
   * written again into the newest file. Default 3. At least 1.
   */
  readonly copyForwardFiles?: number
  /** Bytes between two rows of a segment's sparse index. Default 128 KiB. */
  readonly indexIntervalBytes?: number
  /** Background reads and writes outstanding, all groups together. Default 2. */
  readonly backgroundIoMax?: number
  /** Segment files kept open for reading. Default 128. */
  readonly openFilesMax?: number
  /** Bytes a second at most that are read again to find damage. Default 4 MiB. */
  readonly scrubBytesPerSecond?: number
  /** Milliseconds from the start of one such cycle to the next, at least. Default one day. */
  readonly scrubCycleMs?: number
}

export type StorageSettings = Required<StorageOptions>

const mebibyte = 1024 * 1024

export function storageSettings(options: StorageOptions): StorageSettings {
  const settings: StorageSettings = {
    random: options.random,
    probe: options.probe ?? noProbe,
    walFileBytes: options.walFileBytes ?? 64 * mebibyte,
    walBatchBytesMax: options.walBatchBytesMax ?? 4 * mebibyte,
    sealIdleMs: options.sealIdleMs ?? 10,
    diskRetryMs: options.diskRetryMs ?? 1000,
    diskReserveBytes: options.diskReserveBytes ?? 256 * mebibyte,
    cacheBytesMax: options.cacheBytesMax ?? 128 * mebibyte,
    pendingBytesMax: options.pendingBytesMax ?? 64 * mebibyte,
    walFilesMax: options.walFilesMax ?? 16,
    copyForwardFiles: options.copyForwardFiles ?? 3,
    indexIntervalBytes: options.indexIntervalBytes ?? 128 * 1024,
    backgroundIoMax: options.backgroundIoMax ?? 2,
    openFilesMax: options.openFilesMax ?? 128,
    scrubBytesPerSecond: options.scrubBytesPerSecond ?? 4 * mebibyte,
    scrubCycleMs: options.scrubCycleMs ?? 24 * 60 * 60 * 1000,
  }
  if (settings.walFileBytes % 4096 !== 0 || settings.walFileBytes < 4 * 4096) {
    throw new RangeError(`walFileBytes ${settings.walFileBytes} is no multiple of 4096`)
  }
  return settings
}
