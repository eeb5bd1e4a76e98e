// Reads what a peer answered to a question between nodes: bytes of another process, perhaps of
// another version, so every field is looked at before anybody relies on it. What cannot be read is
// an answer nobody got: its outcome is unknown.
import { errorOfBody, QuorateError } from '@quorate/protocol'
import type { ApiReply } from '../doors/api.ts'
import type { CommandReply } from '../metadata/machine.ts'
import type { Outcome, ProposalResult } from '../metadata/metadata-message.ts'
import type { ReplicaDescription } from '../partition/replica-description.ts'
import { jsonBody } from './json-body.ts'
import type { NodeStatus } from './status.ts'

/** The answer as its asker knows it; undefined when it is none. */
export type AnswerReader<Answer> = (answer: unknown) => Answer | undefined

/** Never throws. */
export function readAnswer<Answer>(reply: ApiReply, read: AnswerReader<Answer>): Outcome<Answer> {
  try {
    const body = jsonBody(reply.payload)
    const error = errorOfBody(body)
    if (error !== undefined) return { error }
    const value = read(body['answer'])
    if (value !== undefined) return { value }
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error
  }
  return { error: new QuorateError('QUORATE_UNKNOWN_OUTCOME', 'a peer gave no readable answer') }
}

export const indexAnswer: AnswerReader<number> = (answer) => (isWhole(answer) ? answer : undefined)

export const proposalAnswer: AnswerReader<ProposalResult> = (answer) => {
  if (!isObject(answer) || !isWhole(answer['index'])) return undefined
  const reply = commandReply(answer['reply'])
  return reply === undefined ? undefined : { index: answer['index'], reply }
}

function commandReply(value: unknown): CommandReply | undefined {
  if (!isObject(value)) return undefined
  const { topicId, replicaId, firstId, count } = value
  const error = errorOfBody(value)
  if ('error' in value && error === undefined) return undefined
  return {
    ...(error === undefined ? {} : { error: { code: error.code, detail: detailIn(value) } }),
    ...(isWhole(topicId) ? { topicId } : {}),
    ...(isWhole(replicaId) ? { replicaId } : {}),
    ...(isWhole(firstId) ? { firstId } : {}),
    ...(isWhole(count) ? { count } : {}),
  }
}

function detailIn({ error }: Readonly<Record<string, unknown>>): string {
  const detail = isObject(error) ? error['detail'] : undefined
  return typeof detail === 'string' ? detail : ''
}

/** What `node` says of itself: what it leaves out is shown as missing, not trusted. */
export function statusAnswer(node: string): AnswerReader<NodeStatus> {
  return (answer) =>
    isObject(answer) && answer['node'] === node ? (answer as unknown as NodeStatus) : undefined
}

export function describeAnswer(node: string): AnswerReader<readonly ReplicaDescription[]> {
  return (answer) => {
    if (!Array.isArray(answer)) return undefined
    const replicas: unknown[] = answer
    return replicas.filter(
      (replica): replica is ReplicaDescription =>
        isObject(replica) && replica['node'] === node && isWhole(replica['partition']),
    )
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
