// What the calls of a test cluster take and give, with defaults. test-cluster.ts checks and uses it.
import type { Duration } from '@quorate/client'
import type { FileKind } from '../laboratory/plan/fault-table.ts'
import type { TimeMode } from './driver.ts'

/** Options of `testCluster`. */
export interface TestClusterOptions {
  /** Default 3. */
  readonly nodes?: 1 | 3 | 5
  /**
   * Gives every random choice of the run: a safe integer from 0. Default: drawn, and printed to
   * stderr, so that the run can be had again.
   */
  readonly seed?: number
  /**
   * `'virtual'`, the default: as fast as the machine can, and only while the test waits for the
   * cluster. `'real'`: the same simulation at the pace of the real clock, all the time; processes may
   * use real timers and sockets then, and runs are not the same any more.
   */
  readonly time?: TimeMode
}

/** Options of `crash`. */
export interface CrashOptions {
  /** The power fails: a node loses what it had not synced. Default false: only its process dies. */
  readonly power?: boolean
}

/** Options of `pause`. */
export interface PauseOptions {
  /** Resumes by itself after that much virtual time. Default: when `resume` is called. */
  readonly for?: Duration
}

/** Options of `corrupt`. */
export interface CorruptOptions {
  /** Kind of the file, such as `'wal'` or `'segment'`; the error for another one names all. Default `'any'`. */
  readonly file?: FileKind
}

/** Options of `fillDisk`. */
export interface FillDiskOptions {
  /** Has room again by itself after that much virtual time. Default: when `freeDisk` is called. */
  readonly for?: Duration
}

/** Options of `until`. */
export interface UntilOptions {
  /** Virtual time it may take. Default `'30s'`. */
  readonly within?: Duration
}

/** A process as the test sees it. */
export interface ProcessHandle {
  /** As given: for `crash`, `partition` and so on. */
  readonly name: string
  /** Whether its function runs; also while it is paused. */
  readonly running: boolean
  /** What its store holds durably now, sorted by key. Default: all keys. Takes no time. */
  stored<Value = unknown>(prefix?: string): readonly (readonly [string, Value])[]
}
