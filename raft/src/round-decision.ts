// When is it certain that an entry never was committed? The rule of the last-resort round, apart
// from messages, terms and time: round.ts collects the answers, all of one term.
import { votersOf } from './membership.ts'
import { everyVoter, isQuorum } from './quorum.ts'
import type { Configuration, Holding, ReplicaId } from './types.ts'

export interface Testimony {
  /** Of one term; the asker's own is among them. */
  readonly answers: ReadonlyMap<ReplicaId, Holding>
  /** Gone for good, so that they will never answer, whatever they said before. */
  readonly lost: ReadonlySet<ReplicaId>
}

/**
 * Committed would mean synced by a majority. So it never was when a majority lacks it, and never
 * will be: these have promised the term. Nor, as far as anybody can tell from the disks, when every
 * voter has answered, none has a good copy, and none has ever finished writing it. In a joint
 * configuration both halves must say so.
 *
 * A replica that does not know its own end, or is lost for good, is no witness that the entry never
 * was, so it is none of the majority; but it has no copy, and cannot help an older leader to commit
 * one. Were it not so, a power cut could leave torn writes and nobody to decide about them: only a
 * leader can tell a replica where its log ends, and only a leader can replace one that is lost. The
 * others must be a majority, without which nobody could lead anyhow: then each commit of the entry
 * would have needed one of them, and these have all said that they never finished writing it.
 *
 * The configuration is the one in force before the entry: configuration entries change one step at
 * a time, each committed before the next, so committing this entry took a majority of these voters
 * (leaving a joint configuration: of one half of it) whatever configuration came with or after it.
 */
export function isNeverCommitted(
  configuration: Configuration,
  { answers, lost }: Testimony,
): boolean {
  // A replica that joined later does not know who was in force before its first configuration.
  if (configuration.voters.length === 0) return false
  const lacks = (voter: ReplicaId) => answers.get(voter) === 'lack'
  if (isQuorum(configuration, lacks)) return true
  const testifies = (voter: ReplicaId) => {
    const answer = answers.get(voter)
    return !lost.has(voter) && (answer === 'lack' || answer === 'undecided')
  }
  const isWithout = (voter: ReplicaId) =>
    testifies(voter) || lost.has(voter) || answers.get(voter) === 'unknown'
  return everyVoter(configuration, isWithout) && isQuorum(configuration, testifies)
}

/**
 * Whose answer is missing; if all have answered, who holds a copy that could still decide; if nobody
 * does, who would have to testify.
 */
export function awaitedVoters(
  configuration: Configuration,
  { answers, lost }: Testimony,
): ReplicaId[] {
  const all = votersOf(configuration)
  const left = all.filter((voter) => !lost.has(voter))
  const silent = left.filter((voter) => {
    const answer = answers.get(voter)
    return answer === undefined || answer === 'refused'
  })
  if (silent.length > 0) return silent
  const holders = left.filter((voter) => ['have', 'faulty'].includes(answers.get(voter) ?? ''))
  if (holders.length > 0) return holders
  return all.filter((voter) => lost.has(voter) || answers.get(voter) === 'unknown')
}
