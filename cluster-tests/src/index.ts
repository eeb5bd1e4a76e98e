// What other packages use of this one: the harness that drives clusters of real processes, for the
// benchmarks. Simulation and tests import their files directly.

export type {
  CommandOptions,
  CommandResult,
  NodePlace,
  PlannedOptions,
  ProxyMode,
  WaitOptions,
} from 'quorate/laboratory'
export {
  differences,
  LocalCluster,
  LocalNode,
  PlannedCluster,
  quorate,
  quorateScript,
  runCommand,
  TcpProxy,
  temporaryFolder,
  waitUntil,
} from 'quorate/laboratory'
export type { DevOptions } from './process/dev-cluster.ts'
export { DevCluster } from './process/dev-cluster.ts'
export { RawConnection } from './process/raw-connection.ts'
export type { Acknowledged, Refused } from './process/steady-producer.ts'
export { compareWithPartition, SteadyProducer } from './process/steady-producer.ts'
