// How a replica follows the configuration of its log: whom it tracks, counts and asks changes as
// soon as an entry with a configuration is appended, and back when it is truncated. The leader's
// duties are here too: refuse a change that may not be made now, leave a joint configuration, and
// make room when it is not among the voters any more. membership.ts holds what may follow what.
import { isJoint, isLegalStep, membershipOf, withoutOutgoing } from './membership.ts'
import { send } from './persist.ts'
import { Progress } from './progress.ts'
import { quorumsOf } from './quorum.ts'
import type { Leadership, Raft } from './raft.ts'
import { becomeFollower, reportConfiguration, restartElectionTimer } from './role.ts'
import { mostAdvanced } from './transfer.ts'
import type { Configuration, RaftEntry } from './types.ts'

export type ConfigurationProblem =
  | 'not-leader'
  /** A configuration of an earlier term might still come into force without this one's consent. */
  | 'own-term-not-committed'
  | 'change-in-flight'
  | 'illegal-step'

/** Why this configuration cannot be proposed now; undefined when it can. */
export function configurationProblem<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  next: Configuration,
): ConfigurationProblem | undefined {
  const { leadership, membership, log } = raft
  if (leadership === undefined) return 'not-leader'
  if (!leadership.serving) return 'own-term-not-committed'
  if (membership.placed.index > log.commit) return 'change-in-flight'
  return isLegalStep(membership.placed.configuration, next) ? undefined : 'illegal-step'
}

/** Throws on a configuration the host should not have proposed, or not in this company. */
export function assertProposable<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  next: Configuration,
  entries: readonly Entry[],
): void {
  const changes = entries.filter(({ configuration }) => configuration !== undefined).length
  const problem = changes > 1 ? 'change-in-flight' : configurationProblem(raft, next)
  if (problem !== undefined) throw new Error(`configuration proposed: ${problem}`)
}

/** Progress of each peer, of those known already as it is. */
export function trackPeers<Entry extends RaftEntry>(
  { membership, options, log, nowMs }: Raft<Entry>,
  known: readonly Progress[],
): Pick<Leadership, 'progress' | 'quorums'> {
  const progress = membership.peers.map(
    (peer) => known.find(({ id }) => id === peer) ?? new Progress(peer, log.lastIndex + 1, nowMs),
  )
  return { progress, quorums: quorumsOf(membership.placed.configuration, options.id, progress) }
}

/** The log has changed: if another configuration is in force, it counts from now on. */
export function followConfiguration<Entry extends RaftEntry>(raft: Raft<Entry>): void {
  const { latest } = raft.log.configurations
  if (raft.membership.placed === latest) return
  const wasVoter = raft.membership.isVoter
  const before = raft.log.configurations.before(latest.index)
  raft.membership = membershipOf(raft.options.id, latest, before)
  reportConfiguration(raft)
  const { leadership, membership } = raft
  if (leadership !== undefined) {
    Object.assign(leadership, trackPeers(raft, leadership.progress))
    const { transfer } = leadership
    const isThere = leadership.quorums.incoming.peers.some(({ id }) => id === transfer?.to)
    if (!isThere) leadership.transfer = undefined
  } else if (!wasVoter && membership.isVoter) {
    raft.probe.reached('raft.voter-from-learner')
    restartElectionTimer(raft)
  }
}

/**
 * Something was committed in the leader's own term. A joint configuration that is committed is left
 * by one proposal of the host. A leader whom the committed configuration does not count as voter
 * has done its duty: it hands over to the most advanced voter and falls silent.
 */
export function settleConfiguration<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  leadership: Leadership,
): void {
  const { configuration, index } = raft.membership.placed
  if (index > raft.log.commit) return
  if (isJoint(configuration)) {
    if (leadership.leftJointIndex === index) return
    leadership.leftJointIndex = index
    const isOthers = raft.log.termAt(index) !== raft.term
    if (isOthers) raft.probe.reached('raft.joint-left-by-another')
    raft.effects.push({
      type: 'propose-configuration',
      configuration: withoutOutgoing(configuration),
    })
  } else if (!raft.membership.isVoter) {
    raft.probe.reached('raft.leader-left')
    const successor = mostAdvanced(raft, leadership)
    if (successor !== undefined) send(raft, successor.id, { type: 'timeout-now', term: raft.term })
    becomeFollower(raft, raft.term, 0)
  }
}
