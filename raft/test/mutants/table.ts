// Bugs that the tests must find, as patches of source text: `find` must occur exactly once in `file`,
// and the patched file must really be loaded. They are put in while a child process loads its
// modules (loader.ts); no source file knows of them. Numbers are those of ../../DEVIATIONS.md.
import type { BoundsName } from '../explore/bounds.ts'

export interface Mutant {
  readonly name: string
  /** Of the list of known bugs, 0 when it is none of them. */
  readonly bug: number
  /** What would go wrong. */
  readonly harm: string
  /** From raft/src. */
  readonly file: string
  readonly patches: readonly (readonly [find: string, replace: string])[]
  /** Who finds it: random schedules, or the exploration of this name. */
  readonly by: 'schedules' | BoundsName
  /** Schedules that must be enough. */
  readonly budget?: number
}

export const mutants: readonly Mutant[] = [
  {
    name: 'no-term-promise',
    bug: 0,
    harm: 'answers about a missing entry are still counted when a leader has placed it meanwhile',
    file: 'round.ts',
    patches: [['    enterTerm(raft, raft.term + 1, 0)\n', '']],
    by: 'late',
  },
  {
    name: 'answer-without-promise',
    bug: 0,
    harm: 'who lacks an entry says so and takes it from an older leader afterwards',
    file: 'round.ts',
    patches: [
      ['    if (isInContact(raft)) return\n    becomeFollower(raft, request.term, 0)\n', ''],
    ],
    by: 'late',
  },
  {
    name: 'unknown-counts-as-lack',
    bug: 0,
    harm: 'a replica that may have lost an entry testifies that it never was',
    file: 'round.ts',
    patches: [["recovery.tailKnown ? 'lack' : 'unknown'", "'lack'"]],
    by: 'two',
  },
  {
    name: 'lost-counts-as-lack',
    bug: 0,
    harm: 'a replica that is gone for good testifies against an entry that it held',
    file: 'round-decision.ts',
    patches: [
      [
        "const lacks = (voter: ReplicaId) => answers.get(voter) === 'lack'",
        "const lacks = (voter: ReplicaId) => lost.has(voter) || answers.get(voter) === 'lack'",
      ],
    ],
    by: 'goneOfFive',
  },
  {
    name: 'away-is-taken-for-lost',
    bug: 0,
    harm: 'a replica that is only away is taken for one that is gone for good, with what it holds',
    file: 'round-decision.ts',
    patches: [['testifies(voter) || lost.has(voter)', 'testifies(voter) || !answers.has(voter)']],
    by: 'two',
  },
  {
    name: 'recovering-vouch-for-each-other',
    bug: 0,
    harm: 'replicas that have lost an entry are taken for holders of it',
    file: 'fence.ts',
    patches: [
      [
        'progress === undefined || progress.fence !== undefined ? -1 : progress.match',
        'progress === undefined ? -1 : progress.fence === undefined ? progress.match : Infinity',
      ],
      [' || progress.reached < fence.index) continue', ') continue'],
      ['voter !== progress.id && vouchedIndex', 'vouchedIndex'],
    ],
    by: 'lost',
  },
  {
    name: 'no-fence',
    bug: 0,
    harm: 'a replica that has lost its tail votes again as soon as a leader hears it',
    file: 'fence.ts',
    patches: [
      [' || progress.reached < fence.index) continue', ') continue'],
      ['    if (!isQuorum(raft.membership.placed.configuration, vouches)) continue\n', ''],
    ],
    by: 'lost',
  },
  {
    name: 'unknown-tail-votes',
    bug: 0,
    harm: 'a replica elects by a log of which a part is gone',
    file: 'vote.ts',
    patches: [
      ['  if (!raft.recovery.tailKnown) return false\n  if (isInContact', '  if (isInContact'],
      ['  if (!raft.recovery.tailKnown) return false\n  if (raft.votedFor', '  if (raft.votedFor'],
    ],
    by: 'three',
  },
  {
    name: 'vote-by-clean-prefix',
    bug: 0,
    harm: 'a replica forgets in elections what it holds and cannot read',
    file: 'log.ts',
    patches: [
      [
        '    const ownTerm = this.lastTerm\n',
        '    if (this.entries.at(-1)?.missing) return true\n    const ownTerm = this.lastTerm\n',
      ],
    ],
    by: 'three',
  },
  {
    name: 'earlier-term-counted',
    bug: 1,
    harm: 'a leader counts copies of an entry of an earlier term as committed',
    file: 'replication.ts',
    patches: [['index <= log.commit || log.termAt(index) !== raft.term', 'index <= log.commit']],
    by: 'schedules',
    budget: 800,
  },
  {
    name: 'configuration-lost-on-restart',
    bug: 3,
    harm: 'a restarted replica counts by an old configuration',
    file: 'log.ts',
    patches: [['    for (const entry of this.entries) this.adoptConfiguration(entry)\n', '']],
    by: 'schedules',
    budget: 400,
  },
  {
    name: 'read-before-own-term',
    bug: 6,
    harm: 'a new leader answers reads that miss what was acknowledged',
    file: 'read-index.ts',
    patches: [
      ['leadership.serving ? raft.log.commit : -1', 'raft.log.commit'],
      ['waiting.length === 0 || !leadership.serving', 'waiting.length === 0'],
    ],
    by: 'schedules',
    budget: 400,
  },
  {
    name: 'window-leaks',
    bug: 8,
    harm: 'bytes that have arrived still count as on their way, until nothing is sent any more',
    file: 'progress.ts',
    patches: [['this.inflightBytes -= this.sizes.shift() as number', 'this.sizes.shift()']],
    by: 'schedules',
    budget: 100,
  },
  {
    name: 'pre-vote-takes-term',
    bug: 10,
    harm: 'asking whether an election could be won deposes a working leader',
    file: 'vote.ts',
    patches: [
      [
        '  } else if (request.pre) {\n',
        '  } else if (request.pre) {\n    if (request.term > raft.term) becomeFollower(raft, request.term, 0)\n',
      ],
    ],
    by: 'schedules',
    budget: 100,
  },
  {
    name: 'pre-vote-renews-contact',
    bug: 11,
    harm: 'replicas without a leader keep each other from electing one',
    file: 'vote.ts',
    patches: [
      [
        '  } else if (request.pre) {\n',
        '  } else if (request.pre) {\n    raft.contactMs = raft.nowMs\n',
      ],
    ],
    by: 'schedules',
    budget: 100,
  },
  {
    name: 'no-check-quorum',
    bug: 14,
    harm: 'a leader without a majority goes on and holds others in its lease',
    file: 'leader.ts',
    patches: [['  if (nowMs >= leadership.quorumDeadlineMs) {', '  if (nowMs < 0) {']],
    by: 'schedules',
    budget: 100,
  },
  {
    name: 'stale-completion',
    bug: 17,
    harm: 'the end of an old write makes entries count that were never written',
    file: 'persist.ts',
    patches: [
      [
        '  for (const earlier of persists.outstanding) {\n    earlier.lastIndex = Math.min(earlier.lastIndex, index)\n  }\n',
        '',
      ],
    ],
    by: 'schedules',
    budget: 800,
  },
  {
    name: 'truncated-configuration-kept',
    bug: 20,
    harm: 'a configuration stays in force whose entry is gone',
    file: 'configurations.ts',
    patches: [
      ['while (this.placed.length > 1 && this.latest.index > index) this.placed.pop()', ''],
    ],
    by: 'schedules',
    budget: 400,
  },
  {
    name: 'vote-before-sync',
    bug: 23,
    harm: 'a vote is forgotten in a power cut and given a second time',
    file: 'persist.ts',
    patches: [
      [
        '  sendOrHold(raft, to, reply, raft.persists.hardStateId)\n',
        '  sendOrHold(raft, to, reply, 0)\n',
      ],
    ],
    by: 'schedules',
    budget: 100,
  },
  {
    name: 'serves-before-own-term',
    bug: 24,
    harm: 'state machines are asked before the log they stand on is known to be complete',
    file: 'leader.ts',
    patches: [['    serving: false,\n', '    serving: true,\n']],
    by: 'schedules',
    budget: 400,
  },
  {
    name: 'half-is-a-majority',
    bug: 27,
    harm: 'two halves of a group decide without each other',
    file: 'quorum.ts',
    patches: [['return Math.floor(voters / 2) + 1', 'return Math.ceil(voters / 2)']],
    by: 'schedules',
    budget: 400,
  },
]
