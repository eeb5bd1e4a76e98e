// The last-resort round: a replica with a hole that knows no leader asks all voters about its first
// missing entry, and cuts its log there if the entry certainly never was committed. First it asks
// what they would answer, which changes nothing anywhere; only if that would decide, it takes the
// next term and asks again. An answer of the second kind is a promise: the replier has the term on
// disk, so no leader of an earlier term can still place the entry there and commit it. Answers count
// for that term only, and so does the decision. The rule itself is round-decision.ts.
import { enterTerm, persistTruncation, send, sendReply, sendReplyWhenAllStored } from './persist.ts'
import type { Raft } from './raft.ts'
import { followConfiguration } from './reconfigure.ts'
import { becomeFollower, isInContact, reportRole, restartElectionTimer } from './role.ts'
import { awaitedVoters, isNeverCommitted, type Testimony } from './round-decision.ts'
import type {
  Configuration,
  Holding,
  HoleReply,
  HoleRequest,
  RaftEntry,
  ReplicaId,
} from './types.ts'

export interface Round {
  readonly pre: boolean
  readonly index: number
  readonly entryTerm: number
  /** Second phase: requests have left, because the term is on disk. */
  announced: boolean
  /** The first answer of each voter counts. */
  readonly answers: Map<ReplicaId, Holding>
}

/** Who decides about the entry: those who were in force before it. */
function configurationOf<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  { index }: Round,
): Configuration {
  return raft.log.configurations.before(index)
}

function testimonyOf<Entry extends RaftEntry>(
  { recovery }: Raft<Entry>,
  { answers }: Round,
): Testimony {
  return { answers, lost: recovery.lost }
}

/** The election timer of a replica that may not campaign has run out. */
export function onTimeOutDamaged<Entry extends RaftEntry>(raft: Raft<Entry>): void {
  const { round } = raft.recovery
  becomeFollower(raft, raft.term, 0)
  restartElectionTimer(raft)
  if (raft.recovery.tailKnown) startRound(raft, round)
}

/** `last` is the round of the time-out before. */
function startRound<Entry extends RaftEntry>(raft: Raft<Entry>, last: Round | undefined): void {
  if (last !== undefined) {
    raft.recovery.waitsFor = awaitedVoters(configurationOf(raft, last), testimonyOf(raft, last))
  }
  // What is committed must be repaired, however long that takes: nobody is asked about it, nor about
  // what follows it. It may be a configuration, and then this replica does not know whom to ask.
  const entry = raft.log.firstMissingAfter(raft.log.base.index)
  if (entry !== undefined && entry.index > raft.log.commit) openRound(raft, true, entry)
}

function openRound<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  pre: boolean,
  { index, term }: { readonly index: number; readonly term: number },
): void {
  raft.probe.reached(pre ? 'raft.round-begun' : 'raft.round-in-term')
  const round: Round = { pre, index, entryTerm: term, announced: false, answers: new Map() }
  raft.recovery.round = round
  continueRound(raft, round)
}

/** Something was stored. */
export function resumeRound<Entry extends RaftEntry>(raft: Raft<Entry>): void {
  if (raft.recovery.round !== undefined) continueRound(raft, raft.recovery.round)
}

/** Requests of a term leave when it is on disk. */
function continueRound<Entry extends RaftEntry>(raft: Raft<Entry>, round: Round): void {
  const { pre, index, entryTerm } = round
  if (round.announced || (!pre && raft.persists.hardStateId !== 0)) return
  round.announced = true
  const term = pre ? raft.term + 1 : raft.term
  for (const peer of raft.membership.votingPeers) {
    send(raft, peer, { type: 'hole-request', pre, term, index, entryTerm })
  }
  answered(raft, round, raft.options.id, holdingOf(raft, index, entryTerm))
}

export function onHoleRequest<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  from: ReplicaId,
  request: HoleRequest,
): void {
  const { pre, index, entryTerm } = request
  const isOld = pre ? request.term <= raft.term : request.term < raft.term
  if (isOld || (pre && isInContact(raft))) {
    const { term } = raft
    const reply: HoleReply = {
      type: 'hole-reply',
      pre,
      term,
      index,
      entryTerm,
      holding: 'refused',
    }
    sendReply(raft, from, reply)
    return
  }
  // As with votes: while a leader is alive the request is ignored, term and all.
  if (request.term > raft.term && !pre) {
    if (isInContact(raft)) return
    becomeFollower(raft, request.term, 0)
  }
  const holding = holdingOf(raft, index, entryTerm)
  // What is said about the log must be true of the disk too, else a crash would bring it back.
  sendReplyWhenAllStored(raft, from, {
    type: 'hole-reply',
    pre,
    term: request.term,
    index,
    entryTerm,
    holding,
  })
}

function holdingOf<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  index: number,
  term: number,
): Holding {
  const { log, recovery } = raft
  // What an unknown tail held may also have replaced what is there now.
  const absent = recovery.tailKnown ? 'lack' : 'unknown'
  if (index <= log.base.index) {
    // Committed, and no longer in memory. Terms never fall, so an older term rules the entry out.
    if (log.base.term < term) return 'lack'
    return index <= recovery.cleanThrough ? 'have' : 'faulty'
  }
  const entry = log.entryAt(index)
  if (entry?.term !== term) return absent
  if (!entry.missing) return index <= recovery.cleanThrough ? 'have' : 'faulty'
  return isUndecided(raft, index) ? 'undecided' : 'faulty'
}

/** The hole an index lies in is named by its first index; between the two all is missing. */
function isUndecided<Entry extends RaftEntry>(raft: Raft<Entry>, index: number): boolean {
  let first = index
  while (raft.log.entryAt(first)?.missing) {
    if (raft.recovery.undecided.includes(first)) return true
    first--
  }
  return false
}

/** An answer of the own term, or one of the first phase about the next. */
export function onHoleReply<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  from: ReplicaId,
  reply: HoleReply,
): void {
  const { round } = raft.recovery
  if (round === undefined || !round.announced || reply.pre !== round.pre) return
  if (reply.index !== round.index || reply.entryTerm !== round.entryTerm) return
  if (reply.holding === 'refused' || reply.term !== raft.term + (round.pre ? 1 : 0)) return
  answered(raft, round, from, reply.holding)
}

function answered<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  round: Round,
  voter: ReplicaId,
  holding: Holding,
): void {
  if (round.answers.has(voter)) return
  round.answers.set(voter, holding)
  judge(raft, round)
}

/** These replicas are gone for good, and those named before stay so. */
export function onLost<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  replicas: readonly ReplicaId[],
): void {
  const { recovery } = raft
  if (replicas.every((replica) => recovery.lost.has(replica))) return
  recovery.lost = new Set([...recovery.lost, ...replicas])
  recovery.waitsFor = recovery.waitsFor.filter((voter) => !recovery.lost.has(voter))
  if (recovery.round?.announced) judge(raft, recovery.round)
}

/** Do the answers so far decide? */
function judge<Entry extends RaftEntry>(raft: Raft<Entry>, round: Round): void {
  const { log, recovery } = raft
  if (!isNeverCommitted(configurationOf(raft, round), testimonyOf(raft, round))) return
  const entry = log.entryAt(round.index)
  const isStillMissing = entry?.missing === true && entry.term === round.entryTerm
  if (!isStillMissing || round.index <= log.commit) {
    raft.probe.reached('raft.round-found')
    recovery.round = undefined
  } else if (round.pre) {
    enterTerm(raft, raft.term + 1, 0)
    reportRole(raft)
    openRound(raft, false, entry)
  } else {
    raft.probe.reached('raft.round-dropped')
    if (awaitsLost(raft, round)) raft.probe.reached('raft.round-without-lost')
    recovery.round = undefined
    recovery.waitsFor = []
    persistTruncation(raft, round.index - 1)
    followConfiguration(raft)
    raft.effects.push({ type: 'dropped', index: round.index })
  }
}

function awaitsLost<Entry extends RaftEntry>(raft: Raft<Entry>, round: Round): boolean {
  const { answers } = round
  return !isNeverCommitted(configurationOf(raft, round), { answers, lost: new Set() })
}
