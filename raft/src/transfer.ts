// Leadership transfer (thesis 3.10): bring one voter up to date, then tell it to campaign at once.
// The host admits no new proposals meanwhile (`inspectRaft().transferring`). A transfer that has not
// deposed this leader within one election timeout is given up, whatever became of the target.
import { send } from './persist.ts'
import type { Progress } from './progress.ts'
import type { Leadership, Raft } from './raft.ts'
import type { RaftEntry, ReplicaId } from './types.ts'

/** Among the voters of the newer half: one of the older half would soon have to go again. */
export function mostAdvanced<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  leadership: Leadership,
): Progress | undefined {
  let best: Progress | undefined
  for (const progress of leadership.quorums.incoming.peers) {
    const isHeard = raft.nowMs - progress.heardMs < raft.options.electionTimeoutMinMs
    if (
      isHeard &&
      progress.fence === undefined &&
      (best === undefined || progress.match > best.match)
    )
      best = progress
  }
  return best
}

/** `to` is a voter, or 0 for the most advanced one. Replaces a transfer to another target. */
export function onTransfer<Entry extends RaftEntry>(raft: Raft<Entry>, to: ReplicaId): void {
  const { leadership } = raft
  if (leadership === undefined) return
  const target =
    to === 0
      ? mostAdvanced(raft, leadership)
      : leadership.quorums.incoming.peers.find((progress) => progress.id === to)
  if (target === undefined || target.id === leadership.transfer?.to) return
  const deadlineMs = raft.nowMs + raft.options.electionTimeoutMaxMs
  leadership.transfer = { to: target.id, deadlineMs }
  continueTransfer(raft, leadership, target)
}

/** Called when the target has acked and with each heartbeat: the message may have been lost. */
export function continueTransfer<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  leadership: Leadership,
  progress: Progress,
): void {
  if (leadership.transfer?.to !== progress.id || progress.match !== raft.log.lastIndex) return
  send(raft, progress.id, { type: 'timeout-now', term: raft.term })
}

export function expireTransfer<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  leadership: Leadership,
): void {
  if (leadership.transfer === undefined || raft.nowMs < leadership.transfer.deadlineMs) return
  raft.probe.reached('raft.transfer-expired')
  leadership.transfer = undefined
}
