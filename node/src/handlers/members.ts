// The question between nodes of who is in the cluster: the answer names the metadata index it stands
// for, and whoever knows of a higher one does not listen. Asked by node-members.ts.
import { membersOf } from '../storage/members-file.ts'
import type { Members } from '../storage/plan.ts'
import type { AnswerReader } from './node-answers.ts'

export const membersQuestion = 'members'

export const membersAnswer: AnswerReader<Members> = (answer) =>
  typeof answer === 'object' && answer !== null
    ? membersOf(answer as Record<string, unknown>)
    : undefined
