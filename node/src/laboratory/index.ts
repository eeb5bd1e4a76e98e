// What quorate's own runs use of the laboratory: plans, simulated clusters, checkers, clusters of real
// processes, and the simulated disk and network below them. It follows the needs of cluster-tests and
// bench and gives no promise of stability; the door for users is testing/index.ts.

export { BrokerNode } from '../node.ts'
export type { NodeEnvironment, NodeOptions } from '../node-environment.ts'
export type { EventLog } from '../observe/log.ts'
export {
  type DecodedConfiguration,
  decodeConfiguration,
} from '../replication/configuration-entry.ts'
export { type CrashPoint, DiskCrash } from '../simulation/crash-points.ts'
export {
  type DamageableFile,
  type DamageableKind,
  damageableFiles,
  damageableKinds,
  pickFile,
} from '../simulation/damageable-files.ts'
export { type EntryPlace, entryPlaces } from '../simulation/entry-places.ts'
export {
  type Copies,
  type DiskImage,
  type IntactCopies,
  type IntactReplica,
  intactCopies,
  syncedImage,
} from '../simulation/intact-copies.ts'
export type { NetworkFault } from '../simulation/network-faults.ts'
export type { DamageDone, DiskDamage } from '../simulation/simulated-damage.ts'
export {
  type DiskFault,
  type DiskOperation,
  SimulatedDisk,
  type SimulatedDiskOptions,
} from '../simulation/simulated-disk.ts'
export type { SimulatedNetworkOptions } from '../simulation/simulated-link.ts'
export { SimulatedNetwork } from '../simulation/simulated-network.ts'
export { SyncedEntries, type SyncedEntry } from '../simulation/synced-entries.ts'
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
export { type JoinedNode, newPlan, type Plan as FormatPlan } from '../storage/plan.ts'
export { OneLeader } from './checkers/one-leader.ts'
export { FaultAtlas } from './cluster/atlas.ts'
export { checkLostEntries } from './cluster/beyond.ts'
export { SimulatedCluster } from './cluster/cluster.ts'
export { bridgeOf, staysAway } from './cluster/healing.ts'
export { runPlan } from './cluster/run-plan.ts'
export type { RunResult } from './cluster/run-result.ts'
export type { SimulatedNode } from './cluster/simulated-node.ts'
export { dataFolder } from './cluster/simulated-node.ts'
export { aim } from './cluster/targets.ts'
export { counts, Totals } from './cluster/totals.ts'
export { makeValue, valueMark, valueMarks } from './cluster/values.ts'
export { topicName, Workload } from './cluster/workload.ts'
export {
  type Anomaly,
  type AnomalyName,
  anomalyTable,
  isFatal,
  type Severity,
  sameNameMax,
} from './history/anomaly.ts'
export { checkHistory } from './history/check-history.ts'
export {
  type History,
  HistoryError,
  type HistoryEvent,
  type HistoryHeader,
  type HistorySetting,
  type ReadRecord,
} from './history/event.ts'
export { readHistory, writeHistory } from './history/file-node.ts'
export {
  type Interval,
  type Linearizability,
  linearizability,
  type SequentialObject,
} from './history/linearize.ts'
export { HistoryRecorder } from './history/recorder.ts'
export { type FaultName, faultTable } from './plan/fault-table.ts'
export { type Plan, parsePlan, type Step } from './plan/plan.ts'
export { type PlanKind, planKinds } from './plan/plan-kinds.ts'
export { limitNames, type PlanLimits, tinyLimits } from './plan/plan-limits.ts'
export { planOfSeed } from './plan/plan-of-seed.ts'
export { firstCursor, simpler } from './plan/plan-shrink.ts'
export {
  type ProbeName,
  type ProvokeSite,
  probeNames,
  probeTable,
  provokeSites,
  sitesOf,
} from './plan/probe-table.ts'
export { type Shrinking, shrinkPlan } from './plan/smallest-plan.ts'
export { parseTarget } from './plan/target-grammar.ts'
export { violationKind } from './plan/violation-kind.ts'
export {
  type FaultWord,
  faultWords,
  inapplicableFaults,
  isProcessFault,
  whyNot,
} from './processes/applicable-faults.ts'
export {
  type CommandOptions,
  type CommandResult,
  quorate,
  quorateScript,
  runCommand,
} from './processes/command.ts'
export { complete } from './processes/complete.ts'
export { stillDamaged } from './processes/damaged-files.ts'
export { drawProcessPlan } from './processes/draw-process-plan.ts'
export {
  type Damage,
  type DamagedRange,
  damageFile,
  type FileKind,
  filesOfKind,
} from './processes/file-damage.ts'
export { LocalCluster, readyTimeoutMs, temporaryFolder } from './processes/local-cluster.ts'
export { LocalNode, type NodePlace } from './processes/local-node.ts'
export { disownProcess, isRunning, ownProcess, signalProcess } from './processes/own-processes.ts'
export { PlannedCluster, type PlannedOptions } from './processes/planned-cluster.ts'
export { RecordedLoad } from './processes/recorded-load.ts'
export { differences, dumpOf } from './processes/replicas.ts'
export { type ProxyMode, TcpProxy } from './processes/tcp-proxy.ts'
export { type WaitOptions, waitUntil } from './processes/wait-until.ts'
export { runSeeds, type SeedResult, type SeedRuns } from './runs/run-seeds.ts'
export { shrinkFailing } from './runs/shrink-failing.ts'
export { traceKinds } from './trace/trace-kinds.ts'
export { checkLine, traceHeading, traceLine, traceText } from './trace/trace-line.ts'
