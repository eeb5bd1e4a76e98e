// What a replica answers the leader it follows, and the ack in particular: no further than its log
// is known to equal the leader's, is on disk, and can be read. The stop before is follower.ts, the
// stop after persist.ts, which holds the reply back until it is true.
import { sendReplyWhenStored } from './persist.ts'
import type { Raft } from './raft.ts'
import type { AppendReply, RaftEntry, ReplicaId } from './types.ts'

/** What every reply to a leader says of the one who replies. */
export function originOf<Entry extends RaftEntry>(
  raft: Raft<Entry>,
): Pick<AppendReply, 'extent' | 'session' | 'recovering'> {
  return {
    extent: { index: raft.log.lastIndex, term: raft.log.lastTerm },
    session: raft.options.session,
    recovering: !raft.recovery.tailKnown,
  }
}

/** Acks what this replica can read and has on disk of the log it shares with the leader. */
export function acknowledge<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  to: ReplicaId,
  reached: number,
): void {
  if (reached > raft.recovery.cleanThrough) raft.probe.reached('raft.ack-capped')
  const reply: AppendReply = {
    type: 'append-reply',
    term: raft.term,
    success: true,
    match: Math.min(reached, raft.recovery.cleanThrough),
    reached,
    hintTerm: 0,
    rejected: 0,
    // Written out: this is made for every append, and a spread makes another object.
    extent: { index: raft.log.lastIndex, term: raft.log.lastTerm },
    session: raft.options.session,
    recovering: !raft.recovery.tailKnown,
  }
  sendReplyWhenStored(raft, to, reply, reached)
}
