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
 * know its own end is no witness that the entry never was, so it is none of the majority; but it has
 * answered that it has no copy. Were it not so, a power cut could leave two torn writes and nobody to
 * decide about them, for only a leader can tell the third where its log ends.
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
  const without: readonly (Holding | undefined)[] = ['lack', 'undecided', 'unknown']
  return everyVoter(configuration, (voter) => without.includes(answers.get(voter)))
}

/** Whose answer is missing; if all have answered, who holds a copy that could still decide. */
export function awaitedVoters(configuration: Configuration, answers: Answers): ReplicaId[] {
  const all = votersOf(configuration)
  const silent = all.filter((voter) => {
    const answer = answers.get(voter)
    return answer === undefined || answer === 'refused'
  })
  if (silent.length > 0) return silent
  return all.filter((voter) => answers.get(voter) === 'have' || answers.get(voter) === 'faulty')
}
