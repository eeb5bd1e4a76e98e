// Bugs of the consensus core that cost what was acknowledged, or a cluster that serves.
import type { Mutant } from './mutant.ts'

export const raftMutants: readonly Mutant[] = [
  {
    name: 'ack-before-sync',
    harm: 'a replica counts, and says, that it has an entry before the entry is on its disk',
    patches: [
      {
        file: 'raft/src/persist.ts',
        find: '  log.append(entries)\n',
        replace: '  log.append(entries)\n  log.stable = log.lastIndex\n',
      },
    ],
    budget: { plans: 200, cpuSeconds: 200 },
    says: /was acked .* on no quorum|is synced on/,
  },
  {
    name: 'vote-before-sync',
    bug: 23,
    harm: 'a vote is answered before it is on disk: after a power loss it is given a second time',
    patches: [
      {
        file: 'raft/src/persist.ts',
        find: '  sendOrHold(raft, to, reply, raft.persists.hardStateId)\n',
        replace: '  sendOrHold(raft, to, reply, 0)\n',
      },
    ],
    budget: { plans: 200, cpuSeconds: 200 },
    says: /both lead term|lead .* in term|which was acked/,
  },
  {
    name: 'earlier-term-counted',
    bug: 1,
    harm: 'a leader counts copies of an entry of an earlier term as committed',
    patches: [
      {
        file: 'raft/src/replication.ts',
        find: 'if (index <= log.commit || log.termAt(index) !== raft.term) return',
        replace: 'if (index <= log.commit) return',
      },
    ],
    budget: { plans: 200, cpuSeconds: 200 },
    says: /which was acked|at committed index|is lost|differ/,
  },
  {
    name: 'learner-counted',
    kind: 'sim-membership',
    harm: 'copies on replicas that only learn count for an acknowledgement',
    patches: [
      {
        file: 'raft/src/quorum.ts',
        find: '    peers: peers.filter(({ id }) => ids.includes(id)),\n',
        replace: '    peers,\n',
      },
    ],
    budget: { plans: 200, cpuSeconds: 200 },
    says: /on no quorum|is synced on|no quorum holds|which was acked/,
  },
]
