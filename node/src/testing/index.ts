// The door for users' tests: `quorate/testing`. Clusters in one process under virtual time, faults,
// and what judges a history. The machinery behind it is in laboratory/ and simulation/.
export { type ChaosOptions, type ChaosReport, runChaos, type Scenario } from './chaos.ts'
export { ChaosFailure } from './chaos-failure.ts'
export { type ChaosTestOptions, chaosTest, type TestRunner } from './chaos-test.ts'
export type { TimeMode } from './driver.ts'
export { type Fault, type FaultKind, type FaultPlan, faultKinds, parseFaultPlan } from './fault.ts'
export { type FaultOptions, type FaultPlanOptions, faultPlan, faults } from './fault-arbitrary.ts'
export type { ProcessStore } from './process-store.ts'
export { testCluster } from './start-cluster.ts'
export type { TestCluster } from './test-cluster.ts'
export { TestClusterError, type TestClusterReason } from './test-cluster-error.ts'
export type {
  CorruptOptions,
  CrashOptions,
  FillDiskOptions,
  PauseOptions,
  ProcessHandle,
  TestClusterOptions,
  UntilOptions,
} from './test-cluster-options.ts'
export type { TimelineEntry } from './timeline.ts'
export type { ProcessContext, ProcessFunction, ProcessOptions } from './user-process.ts'
