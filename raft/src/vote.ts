// The voter's side of an election, the same in every role (paper 5.2, 5.4.1, thesis 4.2.3 and 9.6).
// A pre-vote is an opinion: it changes nothing here, neither on disk nor in memory. A vote is a
// promise: it is on disk before the reply leaves. candidate.ts is the other side.
import { persistHardState, sendReply } from './persist.ts'
import type { Raft } from './raft.ts'
import { becomeFollower, isInContact } from './role.ts'
import type { RaftEntry, ReplicaId, VoteRequest } from './types.ts'

function reply<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  to: ReplicaId,
  request: VoteRequest,
  granted: boolean,
): void {
  sendReply(raft, to, {
    type: 'vote-reply',
    pre: request.pre,
    term: request.pre && granted ? request.term : raft.term,
    granted,
    session: raft.options.session,
  })
}

export function onVoteRequest<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  from: ReplicaId,
  request: VoteRequest,
): void {
  const isOld = request.pre ? request.term <= raft.term : request.term < raft.term
  if (isOld) {
    reply(raft, from, request, false)
  } else if (request.pre) {
    reply(raft, from, request, wouldVote(raft, from, request))
  } else if (request.term > raft.term && isInContact(raft) && !request.transfer) {
    // Ignored, term and all: a leader is alive. If it is not able to lead, it will step down.
    raft.probe.reached('raft.vote-refused-in-contact')
  } else {
    if (request.term > raft.term) becomeFollower(raft, request.term, 0)
    reply(raft, from, request, vote(raft, from, request))
  }
}

/** Pre-vote: would a vote be given if asked for now? */
function wouldVote<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  from: ReplicaId,
  request: VoteRequest,
): boolean {
  // Entries it has acked may be gone: its log does not tell who is up to date (recovery.ts).
  if (!raft.recovery.tailKnown) return false
  if (isInContact(raft) || !raft.log.isUpToDate(request.lastIndex, request.lastTerm)) return false
  if (isRivalToWaitFor(raft, from, request)) {
    raft.probe.reached('raft.rival-waited-for')
    return false
  }
  return !raft.probe.provoke('raft.pre-vote-refused')
}

/**
 * Two replicas that notice a dead leader together would grant each other the pre-vote and then
 * split the votes. So a pre-candidate refuses an equal rival with a lower id. Not if the rival has
 * refused it, for then its own round cannot be won with that vote; and only for one heartbeat
 * interval after its own start: a rival that alone reaches a majority gets through then.
 */
function isRivalToWaitFor<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  from: ReplicaId,
  request: VoteRequest,
): boolean {
  const { candidacy, log, options } = raft
  if (raft.role !== 'pre-candidate' || candidacy === undefined) return false
  const isEqual = request.lastIndex === log.lastIndex && request.lastTerm === log.lastTerm
  const isFresh = raft.nowMs - candidacy.startedMs < options.heartbeatMs
  const hasRefused = candidacy.votes.get(from) === false
  return isEqual && isFresh && !hasRefused && options.id > from
}

function vote<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  from: ReplicaId,
  request: VoteRequest,
): boolean {
  if (!raft.recovery.tailKnown) return false
  if (raft.votedFor === from) return true
  if (raft.votedFor !== 0 || raft.leader !== 0) return false
  if (!raft.log.isUpToDate(request.lastIndex, request.lastTerm)) return false
  raft.votedFor = from
  raft.recovery.round = undefined
  persistHardState(raft)
  raft.electionDeadlineMs = raft.nowMs + raft.electionTimeoutMs
  return true
}
