// Rare branches of the core that a simulation counts, and choices it may make for the core. Each
// choice is one that a correct replica may always make. The probe is a parameter of createRaft; the
// core knows nobody else who could answer.

export const raftProbes = {
  reached: {
    'raft.append-refused': 'an append does not follow the log; the refusal carries a hint',
    'raft.entries-truncated': 'a conflicting, uncommitted end of a log is cut off',
    'raft.late-refusal-ignored': 'a refusal says nothing new about the peer any more',
    'raft.old-term-not-counted':
      'a majority holds an entry of an earlier term, which commits nothing',
    'raft.entries-read-back': 'a peer needs entries that have left memory',
    'raft.vote-refused-in-contact': 'a vote is not given because a leader is alive',
    'raft.rival-waited-for': 'a pre-candidate refuses an equal rival with a lower id',
    'raft.pre-vote-lost': 'a majority would not vote for the pre-candidate',
    'raft.election-lost': 'a majority did not vote for the candidate',
    'raft.quorum-lost': 'a leader steps down because a majority is silent',
    'raft.elected-by-transfer': 'a replica leads that was asked to by the leader before',
    'raft.transfer-expired': 'the replica that was to lead did not get there in time',
    'raft.reads-refused': 'a leader steps down with reads waiting',
    'raft.read-before-serving': 'a read waits for the first commit of its leader',
    'raft.session-unproven': 'a reply of another boot session is not believed yet',
    'raft.session-proven': 'a peer has restarted, and what was known of it is forgotten',
    'raft.snapshot-started': 'a peer needs entries that no longer exist here',
    'raft.snapshot-resumed': 'a snapshot on its way had to be asked for again',
    'raft.snapshot-installed': 'a log starts from the snapshot of a leader',
    'raft.ack-capped': 'an ack ends before the first hole of the log',
    'raft.hand-over-damaged': 'a leader with a hole hands over',
    'raft.fence-raised': 'a peer counts for nothing because its tail is unknown',
    'raft.quarantined': 'a peer has lost what it acked, without saying so',
    'raft.fence-passed': 'a majority of others vouches for all that a peer may have lost',
    'raft.tail-recovered': 'a replica knows its tail again',
    'raft.tail-unknown': 'a replica learns from its leader that its tail is unknown',
    'raft.round-begun': 'without a leader all voters are asked about a missing entry',
    'raft.round-in-term': 'the first answers would decide: all are asked again, in the next term',
    'raft.round-dropped': 'a missing entry certainly never was committed',
    'raft.round-without-lost': 'it could not be decided before a voter was known to be lost',
    'raft.round-found': 'a round ends because the entry is here again, or was committed',
    'raft.joint-left-by-another': 'a leader leaves a joint configuration that another one entered',
    'raft.voter-from-learner': 'a replica that could not vote is a voter now',
    'raft.leader-left': 'a leader that is no voter any more hands over',
  },
  provoke: {
    'raft.election-timeout-shortest': 'the election time-out is the shortest allowed one',
    'raft.election-timeout-long': 'the election time-out is twice the longest usual one',
    'raft.campaign-at-once': 'a lost connection to the leader leads to a campaign at once',
    'raft.pre-vote-refused': 'a pre-vote is refused that might have been given',
    'raft.append-one-entry': 'an append carries one entry',
    'raft.append-left-out': 'a peer gets no append now, as if only a minimal quorum were fed',
    'raft.window-given-up': 'a peer is probed again although its window is fine',
    'raft.heartbeat-left-out': 'a peer gets no heartbeat this time',
    'raft.commit-later': 'a follower leaves the commit index of an append for the next message',
    'raft.snapshot-chunk-small': 'a piece of a snapshot has 100 bytes',
  },
} as const

export interface RaftProbe {
  reached(branch: keyof typeof raftProbes.reached): void
  provoke(site: keyof typeof raftProbes.provoke): boolean
}

export const noRaftProbe: RaftProbe = {
  reached: () => {},
  provoke: () => false,
}
