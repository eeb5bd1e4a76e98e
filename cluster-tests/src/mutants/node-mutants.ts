// Bugs of the broker around the core and of the client: offsets, duplicates, retention, deletion.
import type { Mutant } from './mutant.ts'

export const nodeMutants: readonly Mutant[] = [
  {
    name: 'early-duplicate',
    harm: 'a batch sent again is acknowledged while its original may still be lost',
    patches: [
      {
        file: 'node/src/partition/partition-leader.ts',
        find: 'decision.index > host.applied',
        replace: 'decision.index < 0',
      },
    ],
    budget: { plans: 200, cpuSeconds: 200 },
    says: /was acked/,
  },
]
