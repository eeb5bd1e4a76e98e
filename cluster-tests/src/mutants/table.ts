// Bugs that the simulator must find, as patches of source text: `find` must occur exactly once in
// `file`, and the patched file must really be loaded, else the test fails. They are put in while a
// child process loads its modules (loader.ts): no product file knows of them and none is changed.

import type { PlanKind } from 'quorate/laboratory'

export interface Mutant {
  readonly name: string
  /** Plans among which it is found; default those without damage. */
  readonly kind?: PlanKind
  /** What a user would lose. */
  readonly harm: string
  /** From the repository's folder. */
  readonly file: string
  readonly find: string
  readonly replace: string
}

export const mutants: readonly Mutant[] = [
  {
    name: 'ack-before-sync',
    harm: 'a replica counts, and says, that it has an entry before the entry is on its disk',
    file: 'raft/src/persist.ts',
    find: '  log.append(entries)\n',
    replace: '  log.append(entries)\n  log.stable = log.lastIndex\n',
  },
  {
    name: 'vote-before-sync',
    harm: 'a vote is answered before it is on disk: after a power loss it is given a second time',
    file: 'raft/src/persist.ts',
    find: '  sendOrHold(raft, to, reply, raft.persists.hardStateId)\n',
    replace: '  sendOrHold(raft, to, reply, 0)\n',
  },
  {
    name: 'early-duplicate',
    harm: 'a batch sent again is acknowledged while its original may still be lost',
    file: 'node/src/partition/partition-leader.ts',
    find: 'decision.index > host.applied',
    replace: 'decision.index < 0',
  },
  {
    name: 'earlier-term-counted',
    harm: 'a leader counts copies of an entry of an earlier term as committed',
    file: 'raft/src/replication.ts',
    find: 'if (index <= log.commit || log.termAt(index) !== raft.term) return',
    replace: 'if (index <= log.commit) return',
  },
  {
    name: 'learner-counted',
    kind: 'sim-membership',
    harm: 'copies on replicas that only learn count for an acknowledgement',
    file: 'raft/src/quorum.ts',
    find: '    peers: peers.filter(({ id }) => ids.includes(id)),\n',
    replace: '    peers,\n',
  },
]
