// Rare branches of the client that a simulation counts, and choices it may make for it, each of which
// is always allowed.
import type { ProbeOf } from '@quorate/actors'

export const clientProbes = {
  reached: {
    'client.redirected': 'a node names another leader than the one that was asked',
    'client.write-unanswered': 'a write ends without an answer, so its outcome is uncertain',
    'client.late-answer-settles': 'a batch is settled by the answer to an earlier attempt',
    'client.epoch-raised': 'what is left of a lane is sent again under the next epoch',
    'client.outcome-unknown':
      'batches end with an unknown outcome, so that the next epoch can begin',
  },
  provoke: {
    'client.batch-early': 'a batch that is not full leaves at once, beside others in flight',
    'client.retry-at-once': 'a refused write is sent again without a pause',
    'client.write-timeout-early': 'a write is given up and sent again after the time of silence',
    'client.route-needless': 'a route is read although nothing is wrong with it',
    'client.fetch-wait-short': 'a fetch asks the node to wait for 10 ms only',
  },
} as const

export type ClientProbe = ProbeOf<typeof clientProbes>
