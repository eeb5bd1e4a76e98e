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
    budget: { plans: 30, cpuSeconds: 60 },
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
    budget: { plans: 30, cpuSeconds: 60 },
    says: /lead .* in term|which was acked/,
  },
  {
    name: 'stale-completion',
    bug: 17,
    kind: 'sim-shaped',
    harm: 'the end of an old write makes entries count that are not on the disk yet',
    patches: [
      {
        file: 'raft/src/persist.ts',
        find:
          '  for (const earlier of persists.outstanding) {\n' +
          '    earlier.lastIndex = Math.min(earlier.lastIndex, index)\n' +
          '  }\n',
        replace: '',
      },
    ],
    budget: { plans: 60, cpuSeconds: 120 },
    says: /was acked .* on no quorum|is synced on/,
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
    budget: { plans: 30, cpuSeconds: 60 },
    says: /which was acked|at committed index/,
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
    budget: { plans: 60, cpuSeconds: 150 },
    says: /on no quorum|is synced on|while no quorum holds/,
  },
  {
    name: 'half-is-a-majority',
    bug: 27,
    harm: 'two halves of a group decide without each other',
    patches: [
      {
        file: 'raft/src/quorum.ts',
        find: 'return Math.floor(voters / 2) + 1',
        replace: 'return Math.max(Math.floor(voters / 2), 1)',
      },
    ],
    budget: { plans: 30, cpuSeconds: 60 },
    says: /is synced on|which was acked|lead .* in term/,
  },
  {
    name: 'reads-without-quorum',
    harm: 'a leader answers reads without asking whether it still leads',
    patches: [
      {
        file: 'raft/src/read-index.ts',
        find: '  const index = leadership.serving ? raft.log.commit : -1\n',
        replace:
          '  const index = leadership.serving ? raft.log.commit : -1\n' +
          "  if (index >= 0) raft.effects.push({ type: 'read-ready', readId, index })\n" +
          '  if (index >= 0) return\n',
      },
    ],
    budget: { plans: 100, cpuSeconds: 200 },
    says: /^(stale-end|end-went-back)/,
  },
  {
    name: 'late-answer-confirms-reads',
    bug: 7,
    harm: 'a late answer to an old heartbeat confirms reads that were asked after it: they are stale',
    patches: [
      {
        file: 'raft/src/leader.ts',
        find: '  if (message.read > progress.read) {\n    progress.read = message.read\n',
        replace:
          '  if (leadership.reads.position > progress.read) {\n' +
          '    progress.read = leadership.reads.position\n',
      },
    ],
    budget: { plans: 150, cpuSeconds: 300 },
    says: /^(stale-end|end-went-back)/,
  },
  {
    name: 'older-log-elected',
    harm: 'a replica with an older log is elected over those that have what was acked',
    patches: [
      {
        file: 'raft/src/vote.ts',
        find: '  if (!raft.log.isUpToDate(request.lastIndex, request.lastTerm)) return false\n  raft.votedFor = from\n',
        replace: '  raft.votedFor = from\n',
      },
      {
        file: 'raft/src/vote.ts',
        find: 'if (isInContact(raft) || !raft.log.isUpToDate(request.lastIndex, request.lastTerm)) return false',
        replace: 'if (isInContact(raft)) return false',
      },
    ],
    budget: { plans: 30, cpuSeconds: 60 },
    says: /which was acked|at committed index/,
  },
  {
    name: 'no-check-quorum',
    bug: 14,
    harm: 'a leader without a majority goes on, and holds the one node it reaches from electing another',
    patches: [
      {
        file: 'raft/src/leader.ts',
        find: '  const heardMs = quorumOver(leadership.quorums, nowMs, heardOf, leadership.scratch)\n',
        replace: '  const heardMs = nowMs\n',
      },
    ],
    budget: { plans: 150, cpuSeconds: 300 },
    says: /take no writes after healing/,
  },
]
