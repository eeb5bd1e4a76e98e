// When is it certain that an entry never was committed? The rule of the last-resort round, apart
// from messages, terms and time: round.ts collects the answers, all of one term.
import { votersOf } from './membership.ts'
import { everyVoter, isQuorum } from './quorum.ts'
import type { Configuration, Holding, ReplicaId } from './types.ts'

export type Answers = ReadonlyMap<ReplicaId, Holding>

/**
 * The asker's own answer is among them. Committed would mean synced by a majority. So it never was
 * when a majority lacks it, and never will be: these have promised the term. Nor, as far as anybody
 * can tell from the disks, when every voter has answered, none has a good copy, and none has ever
 * finished writing it. In a joint configuration both halves must say so. A replica that does not
 * know its own end has not answered.
 *
 * The configuration is the one in force before the entry: configuration entries change one step at
 * a time, each committed before the next, so committing this entry took a majority of these voters
 * (leaving a joint configuration: of one half of it) whatever configuration came with or after it.
 */
export function isNeverCommitted(configuration: Configuration, answers: Answers): boolean {
  // A replica that joined later does not know who was in force before its first configuration.
  if (configuration.voters.length === 0) return false
  const lacks = (voter: ReplicaId) => answers.get(voter) === 'lack'
  if (isQuorum(configuration, lacks)) return true
  return everyVoter(configuration, (voter) => lacks(voter) || answers.get(voter) === 'undecided')
}

/** Whose answer is missing; if all have answered, who holds a copy that could still decide. */
export function awaitedVoters(configuration: Configuration, answers: Answers): ReplicaId[] {
  const all = votersOf(configuration)
  const silent = all.filter((voter) => {
    const answer = answers.get(voter)
    return answer === undefined || answer === 'unknown' || answer === 'refused'
  })
  if (silent.length > 0) return silent
  return all.filter((voter) => answers.get(voter) === 'have' || answers.get(voter) === 'faulty')
}
