// Configurations as values: who takes part, which change may follow which, and what one replica has
// to know of the configuration in force. Voters change through a joint configuration only (paper 6),
// learners at once; whoever becomes voter was a learner before. Pure, and knows nothing of logs or
// roles: configurations.ts keeps those of a log, reconfigure.ts makes a replica follow them.
import type { Configuration, ReplicaId } from './types.ts'

/** A configuration and the index of its entry. */
export interface PlacedConfiguration {
  readonly index: number
  readonly configuration: Configuration
}

/** The configuration in force, as one replica sees it. */
export interface Membership {
  readonly placed: PlacedConfiguration
  /** All others, learners last: whoever is to have the log. */
  readonly peers: readonly ReplicaId[]
  /** The other voters of both halves: whoever is asked for votes. */
  readonly votingPeers: readonly ReplicaId[]
  readonly isVoter: boolean
  /** Was this replica a voter in the configuration before? */
  readonly wasVoter: boolean
}

export interface ConfigurationTarget {
  readonly voters: readonly ReplicaId[]
  readonly learners: readonly ReplicaId[]
}

const nobody: readonly ReplicaId[] = []

export function isReplicaId(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0
}

export function isJoint(configuration: Configuration): boolean {
  return configuration.outgoing !== undefined
}

/** Voters of both halves, each once. */
export function votersOf({ voters, outgoing }: Configuration): readonly ReplicaId[] {
  return outgoing === undefined ? voters : [...new Set([...voters, ...outgoing])]
}

export function learnersOf(configuration: Configuration): readonly ReplicaId[] {
  return configuration.learners ?? nobody
}

export function membershipOf(
  id: ReplicaId,
  placed: PlacedConfiguration,
  before: Configuration,
): Membership {
  const { configuration } = placed
  const voters = votersOf(configuration)
  const votingPeers = voters.filter((voter) => voter !== id)
  const learners = learnersOf(configuration).filter((learner) => learner !== id)
  return {
    placed,
    peers: [...votingPeers, ...learners],
    votingPeers,
    isVoter: voters.includes(id),
    wasVoter: votersOf(before).includes(id),
  }
}

/** What makes this no configuration at all, in words. */
export function disorderOf(configuration: Configuration): string | undefined {
  const { voters, outgoing } = configuration
  const learners = learnersOf(configuration)
  for (const list of [voters, outgoing ?? nobody, learners]) {
    if (!list.every(isReplicaId)) return 'every id is an integer above 0'
    if (new Set(list).size !== list.length) return 'the ids of a list are distinct'
  }
  const all = votersOf(configuration)
  if (learners.some((learner) => all.includes(learner))) return 'no learner is a voter'
  const hasEmptyHalf = voters.length === 0 || outgoing?.length === 0
  if (hasEmptyHalf && (voters.length > 0 || outgoing !== undefined || learners.length > 0)) {
    return 'there are voters'
  }
  return undefined
}

export function isSameSet(one: readonly ReplicaId[], other: readonly ReplicaId[]): boolean {
  return one.length === other.length && one.every((id) => other.includes(id))
}

function withLearners(
  halves: Omit<Configuration, 'learners'>,
  learners: readonly ReplicaId[],
): Configuration {
  return learners.length === 0 ? halves : { ...halves, learners }
}

/** The configuration that follows a joint one. */
export function withoutOutgoing(joint: Configuration): Configuration {
  return withLearners({ voters: joint.voters }, learnersOf(joint))
}

/** May `next` follow `current` in a log? Any two majorities of neighbours share a replica then. */
export function isLegalStep(current: Configuration, next: Configuration): boolean {
  if (disorderOf(next) !== undefined || next.voters.length === 0) return false
  const learners = learnersOf(current)
  const hasSameVoters = isSameSet(current.voters, next.voters)
  if (isJoint(current)) {
    return !isJoint(next) && hasSameVoters && isSameSet(learners, learnersOf(next))
  }
  if (next.outgoing === undefined) return hasSameVoters
  const areKnown = next.voters.every((id) => current.voters.includes(id) || learners.includes(id))
  return areKnown && !hasSameVoters && isSameSet(current.voters, next.outgoing)
}

/**
 * The next configuration on the way to a target; undefined when it is reached, when a joint one has
 * to be left first (which happens by itself), and for a target without voters. Voters to be become
 * learners first: whether they have caught up is for the caller to wait for.
 */
export function nextConfiguration(
  current: Configuration,
  target: ConfigurationTarget,
): Configuration | undefined {
  if (isJoint(current) || target.voters.length === 0) return undefined
  const { voters } = current
  const wanted = [...target.voters, ...target.learners].filter((id) => !voters.includes(id))
  const learners = [...new Set(wanted)]
  if (!isSameSet(learners, learnersOf(current))) return withLearners({ voters }, learners)
  if (isSameSet(voters, target.voters)) return undefined
  const staying = learners.filter((id) => !target.voters.includes(id))
  return withLearners({ voters: target.voters, outgoing: voters }, staying)
}
