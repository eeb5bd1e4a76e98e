// What came back on a request, read with suspicion: JSON that may be none, errors by their code.
// Knows nothing of what the request was.
import type { LeaderEvent, LeaderReply, Route } from '@quorate/protocol'
import { errorOfBody, headerNames, QuorateError } from '@quorate/protocol'
import type { LinkMessage } from '../link.ts'

const decoder = new TextDecoder()
const encoder = new TextEncoder()

/** `undefined` when the bytes are no JSON. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes)) as unknown
  } catch {
    return undefined
  }
}

export function jsonBytes(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value))
}

/** The error of a reply whose header says that it is one. */
export function errorOfReply(reply: LinkMessage): QuorateError | undefined {
  const code = reply.headers[headerNames.error]
  if (code === undefined) return undefined
  const error = errorOfBody(parseJson(reply.payload))
  return error ?? new QuorateError('QUORATE_INTERNAL', `error reply ${code} without a body`)
}

const fields = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0

export function isLeaderEvent(value: unknown): value is LeaderEvent {
  const event = fields(value)
  return (
    event !== undefined &&
    isCount(event['topicId']) &&
    isCount(event['partition']) &&
    isCount(event['term']) &&
    typeof event['node'] === 'string' &&
    typeof event['address'] === 'string'
  )
}

export function isLeaderReply(value: unknown): value is LeaderReply {
  const reply = fields(value)
  if (reply === undefined || !isCount(reply['term'])) return false
  if (reply['leader'] === undefined) return true
  const leader = fields(reply['leader'])
  return typeof leader?.['node'] === 'string' && typeof leader['address'] === 'string'
}

export function isRoute(value: unknown): value is Route {
  const route = fields(value)
  if (route === undefined || !isCount(route['topicId'])) return false
  const { partitions, nodes } = route
  if (!Array.isArray(partitions) || partitions.length === 0 || !Array.isArray(nodes)) return false
  return (
    partitions.every((each, index) => {
      const row = fields(each)
      return row?.['partition'] === index && isCount(row['term'])
    }) &&
    nodes.every((each) => {
      const row = fields(each)
      return typeof row?.['id'] === 'string' && typeof row['address'] === 'string'
    })
  )
}
