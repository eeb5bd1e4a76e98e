// The question between nodes of who is in the cluster: the answer names the metadata index it stands
// for, and whoever knows of a higher one does not listen. Asked by node-members.ts.
import { isMember, type Members } from '../storage/plan.ts'
import type { AnswerReader } from './node-answers.ts'

export const membersQuestion = 'members'

export const membersAnswer: AnswerReader<Members> = (answer) => {
  if (typeof answer !== 'object' || answer === null) return undefined
  const { index, nodes } = answer as Record<string, unknown>
  if (typeof index !== 'number' || !Number.isSafeInteger(index) || !Array.isArray(nodes)) {
    return undefined
  }
  return nodes.length > 0 && nodes.every(isMember) ? { index, nodes } : undefined
}
