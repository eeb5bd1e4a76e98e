// The raft core's own laboratory, for tests of hosts and of the core: a group in memory and in
// virtual time, its checker, and the language of the golden scripts.
export type { CheckedReplica } from './checker.ts'
export { ClusterChecker } from './checker.ts'
export { RaftCluster } from './cluster.ts'
export { TestDisk } from './disk.ts'
export type { TestEntry } from './entry.ts'
export {
  chainAfter,
  makeConfigurationEntry,
  makeEntry,
  makeLog,
  missingEntry,
  origin,
} from './entry.ts'
export type { ClusterOptions, ReadOutcome, TestReplica } from './host.ts'
export type { NetworkConditions, Packet, Range } from './network.ts'
export { TestNetwork } from './network.ts'
export { keyedDraw } from './random.ts'
export { runScript } from './script.ts'
export { effectText, inputText, messageText } from './trace.ts'
