// Pre-candidate and candidate: how a replica tries to become leader. First it asks whether a
// majority would vote for it (thesis 9.6), without touching its term; only then it takes the next
// term, votes for itself, and asks for votes once both are on disk. Voters answer in vote.ts; a
// winner goes on in leader.ts.
import { becomeLeader } from './leader.ts'
import { enterTerm, send } from './persist.ts'
import { tally } from './quorum.ts'
import type { Candidacy, Raft } from './raft.ts'
import { becomeFollower, reportRole, restartElectionTimer } from './role.ts'
import type { RaftEntry, ReplicaId, VoteReply } from './types.ts'

function requestVotes<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  pre: boolean,
  transfer: boolean,
): void {
  const term = pre ? raft.term + 1 : raft.term
  const { lastIndex, lastTerm } = raft.log
  for (const peer of raft.membership.votingPeers) {
    send(raft, peer, { type: 'vote-request', pre, term, lastIndex, lastTerm, transfer })
  }
}

/** The election timer has run out. */
export function campaign<Entry extends RaftEntry>(raft: Raft<Entry>): void {
  raft.role = 'pre-candidate'
  raft.leader = 0
  raft.candidacy = { startedMs: raft.nowMs, transfer: false, announced: true, votes: new Map() }
  restartElectionTimer(raft)
  reportRole(raft)
  requestVotes(raft, true, false)
  count(raft, raft.candidacy, raft.options.id, true)
}

/** Takes the next term. Requests leave in `announce`, when term and vote are on disk. */
export function startElection<Entry extends RaftEntry>(raft: Raft<Entry>, transfer: boolean): void {
  raft.role = 'candidate'
  raft.leader = 0
  enterTerm(raft, raft.term + 1, raft.options.id)
  raft.candidacy = { startedMs: raft.nowMs, transfer, announced: false, votes: new Map() }
  restartElectionTimer(raft)
  reportRole(raft)
}

/**
 * Something was stored: if term and vote are on disk now, the election may begin, and voters get a
 * whole election time-out to answer.
 */
export function announce<Entry extends RaftEntry>(raft: Raft<Entry>, candidacy: Candidacy): void {
  if (candidacy.announced || raft.persists.hardStateId !== 0) return
  candidacy.announced = true
  restartElectionTimer(raft)
  requestVotes(raft, false, candidacy.transfer)
  count(raft, candidacy, raft.options.id, true)
}

/** A reply of the own term, or a granted pre-vote for the next. */
export function onVoteReply<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  from: ReplicaId,
  message: VoteReply,
): void {
  const { candidacy } = raft
  if (candidacy === undefined || message.pre !== (raft.role === 'pre-candidate')) return
  if (message.pre && message.granted && message.term !== raft.term + 1) return
  count(raft, candidacy, from, message.granted)
}

/** The first answer of each voter counts. */
function count<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  candidacy: Candidacy,
  voter: ReplicaId,
  granted: boolean,
): void {
  if (candidacy.votes.has(voter)) return
  candidacy.votes.set(voter, granted)
  const result = tally(raft.membership.placed.configuration, candidacy.votes)
  if (result === 'lost') {
    raft.probe.reached(raft.role === 'candidate' ? 'raft.election-lost' : 'raft.pre-vote-lost')
    becomeFollower(raft, raft.term, 0)
  } else if (result === 'won') {
    if (raft.role === 'pre-candidate') startElection(raft, false)
    else {
      if (candidacy.transfer) raft.probe.reached('raft.elected-by-transfer')
      becomeLeader(raft)
    }
  }
}
