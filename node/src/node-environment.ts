// What a broker node needs from the world around it. main.ts gives it the real disk, network, clock
// and randomness; the simulator gives its own. Options are what differs between nodes.
import type { Host, Probe, Random } from '@quorate/actors'
import type { MeshLimits } from './mesh/limits.ts'
import type { Network } from './mesh/network.ts'
import type { MeshTap } from './mesh/tap.ts'
import type { EventLog } from './observe/log.ts'
import type { RaftTiming } from './replication/raft-owner.ts'
import type { Disk } from './storage/disk.ts'
import type { StorageOptions } from './storage/storage.ts'

export interface NodeEnvironment {
  readonly disk: Disk
  readonly network: Network
  readonly host: Host
  readonly random: Random
  readonly log: EventLog
  /** Default `noProbe`. */
  readonly probe?: Probe
  /** 32 hex digits nobody can guess, for proofs between nodes. */
  nonce(): string
  /** The node cannot go on (its disk or its metadata failed): end the process, crash-safe. */
  failed(reason: string): void
  /** Random number above zero, new for each start of the process. */
  readonly session: number
  /** Stands between the mesh and what arrives through it; for simulations. Default: nothing does. */
  readonly tap?: MeshTap
}

export interface NodeOptions {
  /** Data folder, formatted before. */
  readonly folder: string
  /**
   * Where the NATS door and the mesh listen (port 0 takes a free one) and what others are told, by
   * default the bound address. The plan's address of this node goes in.
   */
  bind(planAddress: string): { readonly listen: string; readonly advertise: string | undefined }
  /** Address of the HTTP door, for `cluster status`; the door itself is opened by main.ts. */
  readonly httpAddress?: string
  /** Addresses of peers that replace what is known of them (`--peer ID=host:port`). */
  readonly peers: ReadonlyMap<string, string>
  readonly autoCreateTopics: boolean
  readonly version: string
  readonly timing: RaftTiming
  readonly storage?: Omit<StorageOptions, 'random'>
  readonly mesh?: Partial<MeshLimits>
}
