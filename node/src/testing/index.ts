// The broker on simulated parts, as product code: whole nodes on a simulated disk and network, for
// quorate's own simulation and for users who run their handlers under faults.

export { BrokerNode } from '../node.ts'
export type { NodeEnvironment, NodeOptions } from '../node-environment.ts'
export type { EventLog } from '../observe/log.ts'
export {
  type DecodedConfiguration,
  decodeConfiguration,
} from '../replication/configuration-entry.ts'
export { chainText } from '../storage/chain.ts'
export type { Disk } from '../storage/disk.ts'
export { createNodeDisk } from '../storage/disk-node.ts'
export { type Dump, dumpStorage } from '../storage/dump.ts'
export { formatNode } from '../storage/format.ts'
export {
  EntryType,
  type GroupId,
  type GroupKey,
  groupKey,
  metadataGroup,
  parseGroupKey,
} from '../storage/log-entry.ts'
export { type JoinedNode, newPlan, type Plan } from '../storage/plan.ts'
export { type CrashPoint, DiskCrash } from './crash-points.ts'
export {
  type DamageableFile,
  type DamageableKind,
  damageableFiles,
  damageableKinds,
  pickFile,
} from './damageable-files.ts'
export { type EntryPlace, entryPlaces } from './entry-places.ts'
export {
  type Copies,
  type DiskImage,
  type IntactCopies,
  type IntactReplica,
  intactCopies,
  syncedImage,
} from './intact-copies.ts'
export type { NetworkFault } from './network-faults.ts'
export type { DamageDone, DiskDamage } from './simulated-damage.ts'
export {
  type DiskFault,
  type DiskOperation,
  SimulatedDisk,
  type SimulatedDiskOptions,
} from './simulated-disk.ts'
export type { SimulatedNetworkOptions } from './simulated-link.ts'
export { SimulatedNetwork } from './simulated-network.ts'
export { SyncedEntries, type SyncedEntry } from './synced-entries.ts'
