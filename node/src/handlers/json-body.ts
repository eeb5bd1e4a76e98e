// Small JSON bodies of control requests: parsed once, every field checked, a clear error otherwise.
import { type Chunks, joinChunks, QuorateError } from '@quorate/protocol'

export type JsonBody = Readonly<Record<string, unknown>>

const decoder = new TextDecoder()

export function invalidRequest(detail: string): QuorateError {
  return new QuorateError('QUORATE_INVALID_REQUEST', detail)
}

/** An empty payload is an empty object. */
export function jsonBody(payload: Chunks): JsonBody {
  if (payload.byteLength === 0) return {}
  let body: unknown
  try {
    body = JSON.parse(decoder.decode(joinChunks(payload)))
  } catch {
    throw invalidRequest('the body is not JSON')
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw invalidRequest('the body is not a JSON object')
  }
  return body as JsonBody
}

export function wholeNumber(body: JsonBody, name: string): number {
  const value = optionalWholeNumber(body, name)
  if (value === undefined) throw invalidRequest(`${name} is missing`)
  return value
}

/** As `optionalWholeNumber`; -1 stands for unlimited. */
export function optionalLimit(body: JsonBody, name: string): number | undefined {
  return body[name] === -1 ? -1 : optionalWholeNumber(body, name)
}

export function optionalWholeNumber(body: JsonBody, name: string): number | undefined {
  const value = body[name]
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw invalidRequest(`${name} is not a whole number from 0 on`)
  }
  return value
}
