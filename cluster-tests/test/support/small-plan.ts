// A plan of a few seconds in a small, quick cluster, for tests that ask what one fault or one limit does.
import { type Plan, parsePlan, type Step } from 'quorate/laboratory'

/** Each step on all nodes from the first second on, unless it says otherwise. */
export function smallPlan(steps: readonly Partial<Step>[], more: Partial<Plan> = {}): Plan {
  return parsePlan({
    version: 1,
    seed: 7,
    nodes: 3,
    settings: {
      heartbeatMs: 50,
      electionTimeoutMinMs: 300,
      electionTimeoutMaxMs: 500,
      appendBytesMax: 512 * 1024,
      inflightMessagesMax: 64,
      latencyMinMs: 0,
      latencyMaxMs: 2,
      splitPerMille: 0,
      diskMinMs: 0,
      diskMaxMs: 2,
      walFileBytes: 256 * 1024,
      segmentBytes: 16 * 1024,
      retentionBytes: 0,
      cacheBytesMax: 0,
      writeTimeoutMs: 500,
      deliveryTimeoutMs: 10_000,
    },
    workload: {
      durationMs: 4_000,
      partitions: 2,
      replicas: 3,
      producers: 2,
      everyMs: 25,
      burst: 2,
      valueBytes: 200,
      keys: 0,
      churnEveryMs: 0,
    },
    steps: steps.map((step) => ({ atMs: 1_000, target: 'all', forMs: 1_500, ...step })),
    ...more,
  })
}
