// A node of the fake cluster and what passes between it and its links.
import type { ErrorCode, Verb } from '@quorate/protocol'
import { errorBody, headerNames, QuorateError } from '@quorate/protocol'
import type { FakeLink } from './fake-link.ts'

export interface FakeNode {
  readonly id: string
  readonly address: string
  /** Connections are refused. */
  down: boolean
  /** Connections stay, nothing is answered: a stopped process. */
  mute: boolean
  /** Requests that wait because the process is stopped. */
  paused: (() => void)[] | undefined
  /** What this node believes of leaders, by `topicId/partition`. */
  readonly view: Map<string, { leader: string | undefined; term: number }>
  readonly links: Set<FakeLink>
}

export interface FakeRequest {
  readonly node: FakeNode
  readonly verb: Verb
  readonly topic: string | undefined
  readonly payload: Uint8Array
}

export type Reply = { payload: Uint8Array; error?: ErrorCode }

const encoder = new TextEncoder()

export function failure(error: ErrorCode, detail?: string): Reply {
  const body = errorBody(new QuorateError(error, detail))
  return { error, payload: encoder.encode(JSON.stringify(body)) }
}

export const errorHeader = (reply: Reply): Record<string, string> =>
  reply.error === undefined ? {} : { [headerNames.error]: reply.error }
