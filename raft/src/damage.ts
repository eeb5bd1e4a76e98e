// Damage that comes and goes while a replica runs: the host's list of holes has changed. What cannot
// be read is not acked, what is repaired is acked at once, and a leader whose own log stays damaged
// hands over. The stop before is the host's storage, the stops after are reply.ts and transfer.ts.
import { capHeldAcks } from './persist.ts'
import type { Leadership, Raft } from './raft.ts'
import { followConfiguration } from './reconfigure.ts'
import { assertNoneMissing } from './recovery.ts'
import { acknowledge } from './reply.ts'
import { becomeFollower } from './role.ts'
import { onTransfer } from './transfer.ts'
import type { RaftEntry } from './types.ts'

export function onHoles<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  cleanThrough: number,
  undecided: readonly number[],
): void {
  const { recovery, log, leadership, options, nowMs } = raft
  assertNoneMissing(log.entries, cleanThrough)
  const isBetter = cleanThrough > recovery.cleanThrough
  recovery.cleanThrough = cleanThrough
  recovery.undecided = undecided
  if (cleanThrough === Infinity) recovery.waitsFor = []
  else {
    capHeldAcks(raft, cleanThrough)
    if (raft.candidacy !== undefined) becomeFollower(raft, raft.term, 0)
  }
  if (leadership !== undefined) {
    const isDue = leadership.handoverMs < Infinity
    leadership.handoverTried &&= cleanThrough < Infinity
    if (cleanThrough === Infinity) leadership.handoverMs = Infinity
    else if (!isDue) leadership.handoverMs = nowMs + options.electionTimeoutMinMs
  } else if (isBetter) ackAgain(raft)
}

/** What is repaired counts at once, without waiting for the leader's next append. */
function ackAgain<Entry extends RaftEntry>(raft: Raft<Entry>): void {
  const { recovery, leader } = raft
  if (leader === 0 || recovery.agreedTerm !== raft.term) return
  acknowledge(raft, leader, recovery.agreedIndex)
}

/** Entries of other terms or chains than the missing ones are left alone: the log has moved on. */
export function onRepaired<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  entries: readonly Entry[],
): void {
  for (const entry of entries) if (!entry.missing) raft.log.fill(entry)
  followConfiguration(raft)
}

/**
 * A leader with holes cannot feed every peer and does not count itself. Unless it is repaired within
 * an election time-out it hands over, and if nobody can take over, it steps down.
 */
export function handOverDamaged<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  leadership: Leadership,
): void {
  const { nowMs, options } = raft
  if (nowMs < leadership.handoverMs) return
  raft.probe.reached('raft.hand-over-damaged')
  if (leadership.handoverTried) {
    becomeFollower(raft, raft.term, 0)
    return
  }
  leadership.handoverTried = true
  leadership.handoverMs = nowMs + options.electionTimeoutMaxMs
  onTransfer(raft, 0)
}
