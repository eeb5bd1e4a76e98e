// Public names of the Raft core. README.md holds the host's duties.
export type { ProgressInspection, RaftInspection, SnapshotInspection } from './inspect.ts'
export { inspectRaft } from './inspect.ts'
export { checkInvariants } from './invariants.ts'
export type { ConfigurationTarget } from './membership.ts'
export { nextConfiguration } from './membership.ts'
export type { RaftTuning } from './options.ts'
export { defaultRaftOptions } from './options.ts'
export type { RaftProbe } from './probes.ts'
export { noRaftProbe, raftProbes } from './probes.ts'
export type { ProgressState } from './progress.ts'
export type { Raft } from './raft.ts'
export { createRaft, pointAt } from './raft.ts'
export type { ConfigurationProblem } from './reconfigure.ts'
export { configurationProblem } from './reconfigure.ts'
export type { Condition } from './recovery.ts'
export { deadlineMs, step } from './step.ts'
export type {
  AppendReply,
  AppendRequest,
  Chain,
  Configuration,
  Draw,
  FencePassed,
  HardState,
  Heartbeat,
  HeartbeatReply,
  Holding,
  HoleReply,
  HoleRequest,
  LogPoint,
  Outgoing,
  Quarantine,
  RaftEffect,
  RaftEntry,
  RaftInput,
  RaftMessage,
  RaftOptions,
  RaftRestore,
  ReplicaId,
  Role,
  SnapshotChunk,
  SnapshotPoint,
  SnapshotReply,
  TimeoutNow,
  VoteReply,
  VoteRequest,
} from './types.ts'
