// When a leader hands over to the partition's preferred leader (the first replica of its
// placement), so that leaderships stay as evenly spread as they were placed. Pure. A hand-over is
// planned and costs a few milliseconds, but only while the other side is up and has nearly the
// whole log, and not in the unrest right after an election.
import type { ReplicaId } from '@quorate/raft'

export interface Leadership {
  readonly leader: ReplicaId
  readonly preferred: ReplicaId
  /** Last index known to be on the preferred replica's disk. */
  readonly preferredMatch: number
  readonly lastIndex: number
  /** Since this replica became leader, or last tried to hand over. */
  readonly sinceLeaderMs: number
  /** False when the node of the preferred replica is known to be unreachable. Default true. */
  readonly preferredUp?: boolean
}

/** A group this young has hardly been used: its first leader is whoever woke first. */
const youngIndexes = 16
const settleYoungMs = 1000
const settleMs = 15_000
/** Entries that may still be on their way to a replica that keeps up under load. */
const lagMax = 256

export function shouldTransfer(leadership: Leadership): boolean {
  const { leader, preferred, preferredMatch, lastIndex, sinceLeaderMs } = leadership
  if (leader === preferred || leadership.preferredUp === false) return false
  const young = lastIndex <= youngIndexes
  if (sinceLeaderMs < (young ? settleYoungMs : settleMs)) return false
  return young ? preferredMatch >= lastIndex : lastIndex - preferredMatch <= lagMax
}
