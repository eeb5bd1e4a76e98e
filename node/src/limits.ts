// Every bound inside a node, in one table: what it bounds, its unit, its value and the error that
// is given when it is hit. Bounds of one message stand in protocol's limits.ts, options that an
// operator may change in config.ts. docs/reference/limits.md holds the same table; a test compares
// them. A bound marked `replicated` decides what a state machine does: all replicas must have the
// same one, so it changes only together with a new kind of log entry.
import { type ErrorCode, maxPayloadBytes } from '@quorate/protocol'

export interface Limit {
  readonly value: number
  readonly unit: 'bytes' | 'ms' | 'messages' | 'entries' | 'requests' | 'count'
  /** What the one who hits it sees; `none`: work waits or is cut, nobody gets an error. */
  readonly error: ErrorCode | 'none'
  readonly about: string
  readonly replicated?: true
}

const kib = 1024
const mib = 1024 * kib
const dayMs = 86_400_000

export const limitTable = {
  // Writing
  gatheredWriteBytesMax: {
    value: 32 * mib,
    unit: 'bytes',
    error: 'QUORATE_OVERLOADED',
    about: 'record batches that wait in one partition for the next run of log entries',
  },
  uncommittedBytesMax: {
    value: 64 * mib,
    unit: 'bytes',
    error: 'QUORATE_OVERLOADED',
    about: 'record batches in the log of one leader that wait for a quorum to have them on disk',
  },
  earlyMessagesMax: {
    value: 1024,
    unit: 'messages',
    error: 'QUORATE_NOT_LEADER',
    about: 'messages to a replica that is still being read back from disk',
  },

  // Reading
  fetchReplyBytesMax: {
    value: maxPayloadBytes - 4 * kib,
    unit: 'bytes',
    error: 'none',
    about: 'record batches in one fetch reply; the rest of a payload is left to its headers',
  },
  fetchWaitMsMax: {
    value: 30_000,
    unit: 'ms',
    error: 'none',
    about: 'longest wait of a fetch at the end of a partition; a longer one is cut to this',
  },
  waitingFetchesMax: {
    value: 4096,
    unit: 'requests',
    error: 'QUORATE_OVERLOADED',
    about: 'fetches that wait in one partition; those above it are answered empty at once',
  },
  waitingReadsMax: {
    value: 4096,
    unit: 'requests',
    error: 'QUORATE_NOT_LEADER',
    about: 'linearizable reads that wait in one partition for the leader to be confirmed',
  },

  // Producers
  producersMax: {
    value: 100_000,
    unit: 'count',
    error: 'QUORATE_PRODUCER_TABLE_FULL',
    about: 'producers one partition remembers; a full table refuses newcomers and evicts nobody',
    replicated: true,
  },
  producerExpiryMs: {
    value: 7 * dayMs,
    unit: 'ms',
    error: 'QUORATE_UNKNOWN_PRODUCER',
    about: 'log time after which a silent producer is forgotten',
    replicated: true,
  },
  producerWindowBatches: {
    value: 5,
    unit: 'count',
    error: 'none',
    about: 'latest batches of a producer whose offsets are remembered; older duplicates get −1',
    replicated: true,
  },
  producerPurgeEveryEntries: {
    value: 64,
    unit: 'entries',
    error: 'none',
    about: 'log entries between two rounds that free expired producers',
    replicated: true,
  },
  producerPurgeMax: {
    value: 512,
    unit: 'count',
    error: 'none',
    about: 'expired producers freed in one round',
    replicated: true,
  },

  // Log and retention
  checkpointEntries: {
    value: 100_000,
    unit: 'entries',
    error: 'none',
    about: 'entries a replica applies at most between two checkpoints of its own',
  },
  maintainIntervalMs: {
    value: 5000,
    unit: 'ms',
    error: 'none',
    about: 'time between two looks of a leader at retention and at the preferred leader',
  },
  membershipIntervalMs: {
    value: 250,
    unit: 'ms',
    error: 'none',
    about: 'time between two looks of a leader at a change of its replicas that is under way',
  },
  catchUpHoldMs: {
    value: 300_000,
    unit: 'ms',
    error: 'none',
    about: 'time retention waits at most for replicas that are catching up',
  },
  snapshotBytesPerSecond: {
    value: 32 * mib,
    unit: 'bytes',
    error: 'none',
    about: 'bytes of snapshots and repairs a node sends in one second, to all peers together',
  },
  repairBytesMax: {
    value: mib,
    unit: 'bytes',
    error: 'none',
    about: 'entries in one answer to a replica that fills a hole; one entry is given however large',
  },
  repairTimeoutMs: {
    value: 5000,
    unit: 'ms',
    error: 'none',
    about: 'time a peer has to give such an answer; after it the next peer is asked',
  },
  repairRetryMs: {
    value: 1000,
    unit: 'ms',
    error: 'none',
    about:
      'time after which a replica with holes that no peer could fill reads its disk and asks again',
  },
  statePieceBytes: {
    value: 256 * 1024,
    unit: 'bytes',
    error: 'none',
    about: 'bytes of a state in one answer to a replica that has lost its own',
  },
  stateBytesMax: {
    value: 64 * mib,
    unit: 'bytes',
    error: 'none',
    about: 'bytes of a state that is taken over from another replica',
  },
  rollPointsMax: {
    value: 65_536,
    unit: 'count',
    error: 'none',
    about: 'segment ends a machine remembers; above it retention takes the next later one',
    replicated: true,
  },
  retentionClockSkewMsMax: {
    value: 10_000,
    unit: 'ms',
    error: 'none',
    about: 'distance of a leader from the median wall clock above which it retires nothing by time',
  },

  // Requests
  listedGroupsMax: {
    value: 500,
    unit: 'count',
    error: 'none',
    about:
      'groups or moves named one by one in an answer about the cluster; of more only the count',
  },
  adminTimeoutMs: {
    value: 10_000,
    unit: 'ms',
    error: 'QUORATE_TIMEOUT',
    about: 'time a node gives a change or a linearizable read of the metadata group',
  },
  peerQuestionTimeoutMs: {
    value: 2000,
    unit: 'ms',
    error: 'none',
    about: 'time a peer has to describe itself; after it the peer is listed as unreachable',
  },
  plainRequestTimeoutMs: {
    value: 5000,
    unit: 'ms',
    error: 'QUORATE_TIMEOUT',
    about: 'time a node gives a plain request it serves for a client, retries included',
  },
  campaignRetryMs: {
    value: 250,
    unit: 'ms',
    error: 'none',
    about: 'time after which the preferred leader of a new partition campaigns once more',
  },

  // Start and stop
  handOverMs: {
    value: 5000,
    unit: 'ms',
    error: 'none',
    about: 'time a stopping node gives its leaderships to go elsewhere',
  },
  handOverRetryMs: {
    value: 100,
    unit: 'ms',
    error: 'none',
    about: 'time after which a stopping node tries again to hand over what it still leads',
  },
  registerRetryMs: {
    value: 500,
    unit: 'ms',
    error: 'none',
    about: 'time after which a node tells the metadata group again what was not committed',
  },
  replicaFailuresMax: {
    value: 3,
    unit: 'count',
    error: 'none',
    about: 'failures at the same log index after which a replica halts there instead of restarting',
  },

  // Metadata
  metadataRequestsMax: {
    value: 1024,
    unit: 'requests',
    error: 'QUORATE_OVERLOADED',
    about: 'requests to the metadata group that wait on one node',
  },
  metadataSegmentBytes: {
    value: mib,
    unit: 'bytes',
    error: 'none',
    about: 'payload after which a segment of the metadata log ends',
    replicated: true,
  },
  rememberedRequestsMax: {
    value: 128,
    unit: 'requests',
    error: 'none',
    about: 'latest metadata requests of one node whose answer is kept for a repeated proposal',
    replicated: true,
  },
  nodesMax: {
    value: 64,
    unit: 'count',
    error: 'QUORATE_INVALID_ARGUMENT',
    about: 'nodes of a cluster',
    replicated: true,
  },
  topicsMax: {
    value: 10_000,
    unit: 'count',
    error: 'QUORATE_INVALID_ARGUMENT',
    about: 'topics of a cluster',
    replicated: true,
  },
  partitionsPerTopicMax: {
    value: 1024,
    unit: 'count',
    error: 'QUORATE_INVALID_ARGUMENT',
    about: 'partitions of one topic',
    replicated: true,
  },
  partitionsMax: {
    value: 20_000,
    unit: 'count',
    error: 'QUORATE_INVALID_ARGUMENT',
    about: 'partitions of a cluster',
    replicated: true,
  },
  replicasMax: {
    value: 5,
    unit: 'count',
    error: 'QUORATE_INVALID_ARGUMENT',
    about: 'replicas of one partition',
    replicated: true,
  },
  replicasPerPartitionMax: {
    value: 12,
    unit: 'count',
    error: 'QUORATE_MOVE_IN_FLIGHT',
    about:
      'replicas of one partition, those of unfinished moves included, above which it is not moved',
    replicated: true,
  },
  movesInFlightMax: {
    value: 4,
    unit: 'count',
    error: 'none',
    about: 'partitions whose replicas are on the move by the cluster itself at the same time',
  },
  tombstonesMax: {
    value: 10_000,
    unit: 'count',
    error: 'QUORATE_INVALID_ARGUMENT',
    about: 'deleted topics whose files some node has not yet reported as removed',
    replicated: true,
  },
  producerIdBlock: {
    value: 1000,
    unit: 'count',
    error: 'none',
    about: 'producer ids a node takes out of the metadata group at once',
  },
  autoCreatePartitions: {
    value: 6,
    unit: 'count',
    error: 'none',
    about: 'partitions of a topic created without a number',
  },
  producerIdBlockMax: {
    value: 100_000,
    unit: 'count',
    error: 'QUORATE_INVALID_ARGUMENT',
    about: 'producer ids one node takes at once',
    replicated: true,
  },
} as const satisfies Readonly<Record<string, Limit>>

export type LimitName = keyof typeof limitTable

/** The values alone. */
export const limits: { readonly [Name in LimitName]: number } = Object.fromEntries(
  Object.entries(limitTable).map(([name, { value }]) => [name, value]),
) as { readonly [Name in LimitName]: number }
