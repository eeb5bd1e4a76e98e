// What plans are drawn from: short menus of settings that belong together. The first entry of each is
// the tamest: shrinking goes there (plan-shrink.ts). Rare sizes and times, such as one entry per
// append or a cache of nothing, are what brings seldom-used paths into every run.
import type { MessageKind } from '../../simulation/message-faults.ts'
import { type FaultName, type FileKind, fileKinds } from './fault-table.ts'
import type { PlanSettings, Workload } from './plan.ts'

export const durationsMs = [10_000, 11_000, 12_000] as const
/** Times of steps are multiples of this. */
export const stepMs = 100
export const forMenuMs = [50, 20, 100, 200, 400, 800, 1_500, 3_000] as const
export const stepsMax = 24

type Timing = Pick<PlanSettings, 'heartbeatMs' | 'electionTimeoutMinMs' | 'electionTimeoutMaxMs'>

/** The defaults of a node. */
export const usualTiming: Timing = {
  heartbeatMs: 100,
  electionTimeoutMinMs: 600,
  electionTimeoutMaxMs: 900,
}

/** As short as elections can be on such disks and paths: leaders change often, and still lead. */
export function briskTiming({ diskMaxMs, latencyMaxMs }: PlanSettings): Timing {
  // A candidate and a voter sync two files each; each sync may wait for the one before.
  const electionMs = Math.max(60, 8 * diskMaxMs + 2 * latencyMaxMs)
  return {
    heartbeatMs: Math.floor(electionMs / 6),
    electionTimeoutMinMs: electionMs,
    electionTimeoutMaxMs: 2 * electionMs,
  }
}

export const latencies: readonly Pick<PlanSettings, 'latencyMinMs' | 'latencyMaxMs'>[] = [
  { latencyMinMs: 0, latencyMaxMs: 1 },
  { latencyMinMs: 1, latencyMaxMs: 5 },
  { latencyMinMs: 1, latencyMaxMs: 20 },
]

export const disks: readonly Pick<PlanSettings, 'diskMinMs' | 'diskMaxMs'>[] = [
  { diskMinMs: 0, diskMaxMs: 1 },
  { diskMinMs: 1, diskMaxMs: 5 },
  { diskMinMs: 5, diskMaxMs: 30 },
  { diskMinMs: 20, diskMaxMs: 80 },
]

export const appends: readonly Pick<PlanSettings, 'appendBytesMax' | 'inflightMessagesMax'>[] = [
  { appendBytesMax: 512 * 1024, inflightMessagesMax: 64 },
  { appendBytesMax: 1, inflightMessagesMax: 64 },
  { appendBytesMax: 1, inflightMessagesMax: 1 },
]

export const sizes: readonly Pick<
  PlanSettings,
  'walFileBytes' | 'segmentBytes' | 'retentionBytes' | 'cacheBytesMax'
>[] = [
  {
    walFileBytes: 1024 * 1024,
    segmentBytes: 64 * 1024,
    retentionBytes: 0,
    cacheBytesMax: 1024 * 1024,
  },
  {
    walFileBytes: 256 * 1024,
    segmentBytes: 32 * 1024,
    retentionBytes: 0,
    cacheBytesMax: 16 * 1024,
  },
  { walFileBytes: 192 * 1024, segmentBytes: 16 * 1024, retentionBytes: 0, cacheBytesMax: 0 },
  {
    walFileBytes: 192 * 1024,
    segmentBytes: 16 * 1024,
    retentionBytes: 64 * 1024,
    cacheBytesMax: 16 * 1024,
  },
]

export const deliveries: readonly Pick<PlanSettings, 'writeTimeoutMs' | 'deliveryTimeoutMs'>[] = [
  { writeTimeoutMs: 5_000, deliveryTimeoutMs: 30_000 },
  { writeTimeoutMs: 300, deliveryTimeoutMs: 10_000 },
  { writeTimeoutMs: 500, deliveryTimeoutMs: 1_500 },
]

/** Faults that are drawn together in one run. */
export const swarms: readonly (readonly FaultName[])[] = [
  ['isolate', 'isolate-peers', 'mute', 'deafen'],
  ['power', 'kill'],
  ['power', 'isolate', 'isolate-peers'],
  ['power', 'cut', 'stall-disk'],
  ['cut', 'cut-forward', 'delay', 'reset'],
  ['reset', 'isolate-peers', 'power'],
  ['split', 'isolate-majority', 'bridge', 'ring'],
  ['clog', 'swizzle', 'slow-link'],
  ['swizzle', 'split', 'bridge', 'power'],
  ['lose-messages', 'delay-messages', 'reorder-messages', 'repeat-messages', 'replay-messages'],
  ['lose-messages', 'replay-messages', 'isolate-peers'],
  ['replay-messages', 'repeat-messages', 'power', 'kill'],
  ['pause', 'kill', 'reset', 'stop'],
  ['stop', 'power', 'isolate-peers'],
  ['stall-disk', 'full-disk', 'power', 'jump-clock'],
  ['power', 'isolate', 'cut', 'reset', 'delay', 'pause', 'stall-disk', 'kill', 'mute', 'full-disk'],
]

/** Of messages between nodes: those that are always on their way more often than rare ones. */
export const messageMenu: readonly MessageKind[] = [
  ...(['any', 'any', 'any', 'append-replies', 'append-replies', 'appends', 'appends'] as const),
  ...(['heartbeats', 'heartbeat-replies', 'votes', 'requests', 'replies'] as const),
]

/** Files that hold the log more often than the small ones. */
export const fileMenu: readonly FileKind[] = [
  ...(['wal', 'wal', 'wal', 'segment', 'segment'] as const),
  ...fileKinds.filter((kind) => kind !== 'secret'),
]
/** Numbers of disk operations: one more than what a start with little in the WAL does, and few. */
export const numberMenu: readonly string[] = ['1', '2', '5', '12', '30', '80']

export const splitsPerMille: readonly number[] = [0, 20, 300]

/** Under chains of faults: a new leader needs many turns to bring its followers up to its log. */
export const slowAppends: Partial<PlanSettings> = {
  appendBytesMax: 1,
  inflightMessagesMax: 1,
  latencyMinMs: 0,
  latencyMaxMs: 1,
  diskMinMs: 5,
  diskMaxMs: 20,
  heartbeatMs: 25,
  electionTimeoutMinMs: 160,
  electionTimeoutMaxMs: 320,
}

export const oneBusyPartition: Partial<Workload> = {
  partitions: 1,
  producers: 4,
  everyMs: 25,
  burst: 1,
  // Often enough that some ask a leader that is none any more, and does not know it yet.
  endsEveryMs: 50,
}

/** How long after an election a fault strikes. */
export const lateMenuMs: readonly number[] = [0, 0, 5, 20, 50, 100, 200]

/**
 * Chains of faults on one partition's leaders are made of links of three kinds. A fork: the leader is
 * cut off with what it has not replicated, its successor with what only it has, and the one after
 * that goes while it replicates. A forgotten vote: the leader goes, its successor is cut off at once,
 * and a voter loses its power in the moment after the vote. Late answers: what the leader was told
 * arrives when it is cut off already, and clients have gone to its successor.
 */
export const linkKinds = ['fork', 'fork', 'fork', 'forgotten-vote', 'late-answers'] as const
export type LinkKind = (typeof linkKinds)[number]
export const chainLinksMax = 6
export const chainGapsMs: readonly number[] = [2_000, 2_400]
/** Clients go on sending to a leader that is cut off from its peers only. */
export const forkCuts: readonly FaultName[] = ['isolate-peers', 'isolate-peers', 'isolate']
export const forkNexts: readonly FaultName[] = ['isolate', 'isolate-peers', 'pause']
export const forkEnds: readonly FaultName[] = ['isolate', 'power', 'kill']
/** From the election of the last leader of a fork to its end. */
export const forkEndLateMs: readonly number[] = [30, 50, 70, 90]
/** Of the first leader, until there is another one. */
export const firstAwayMs: readonly number[] = [400, 500, 600]
/** Of its successors, until the one before is back and leads. */
export const laterAwayMs: readonly number[] = [800, 1_000, 1_200]
export const voterAwayMs: readonly number[] = [20, 50, 100]
