// What a door asks of the handlers and what they answer, free of any door's protocol. A door turns
// its own bytes into an ApiRequest; requests forwarded by a peer arrive in the same shape. Decides
// which subjects are requests and what an error looks like. Previous stop: a door's connection or
// the mesh; next stop: node/src/handlers.
import {
  type Chunks,
  chunksOf,
  errorBody,
  headerNames,
  leaderEventSubject,
  parseApiSubject,
  QuorateError,
  type Verb,
} from '@quorate/protocol'

export interface ReadonlyHeaders {
  /** First value under the name, whatever its case. */
  get(name: string): string | undefined
  /** In the order sent, names as sent. */
  readonly entries: readonly (readonly [name: string, value: string])[]
}

export interface ApiReply {
  readonly headers?: Readonly<Record<string, string>>
  readonly payload: Chunks
}

export interface ApiRequest {
  /** As sent, for forwarding it unchanged. */
  readonly subject: string
  readonly verb: Verb
  /** Present exactly for verbs that name a topic; what the client wrote, not checked. */
  readonly topic?: string
  readonly headers: ReadonlyHeaders | undefined
  readonly payload: Chunks
  /** Monotonic time after which nobody waits for the reply; absent when the asker gave none. */
  readonly deadlineMs?: number
  /** A request of a peer is never forwarded again. */
  readonly origin: 'client' | 'peer'
  /**
   * To be called once, now or later, also when nobody waits: until then the request counts as in
   * work and keeps its door from taking more. Further calls change nothing.
   */
  respond(reply: ApiReply): void
}

export type ApiHandler = (request: ApiRequest) => void

/** A request before its subject is understood. */
export interface ApiCall {
  readonly subject: string
  readonly headers: ReadonlyHeaders | undefined
  readonly payload: Chunks
  readonly deadlineMs?: number
  readonly origin: 'client' | 'peer'
}

const encoder = new TextEncoder()

export function jsonReply(body: unknown, headers?: Readonly<Record<string, string>>): ApiReply {
  const payload = chunksOf(encoder.encode(JSON.stringify(body)))
  return headers === undefined ? { payload } : { headers, payload }
}

/** The error as plain clients see it: a JSON body, and the code alone in header `q-error`. */
export function errorReply(error: QuorateError): ApiReply {
  return jsonReply(errorBody(error), { [headerNames.error]: error.code })
}

/**
 * Gives a call on a `$Q.` subject to the handler. Answers it itself when the subject names no
 * request, or when the handler throws: then `failed` gets what was thrown. Invariant: `respond` is
 * called at most once.
 */
export function serveApi(
  call: ApiCall,
  handler: ApiHandler,
  respond: (reply: ApiReply) => void,
  failed: (error: unknown) => void,
): void {
  const parsed = parseApiSubject(call.subject)
  if (parsed === undefined) {
    respond(errorReply(unknownSubject(call.subject)))
    return
  }
  let answered = false
  const once = (reply: ApiReply): void => {
    if (answered) return
    answered = true
    try {
      respond(reply)
    } catch (error) {
      // Runs in the turn of whoever had the answer: the asker's connection is not its business.
      failed(error)
    }
  }
  try {
    handler({ ...call, ...parsed, respond: once })
  } catch (error) {
    if (error instanceof QuorateError) {
      once(errorReply(error))
      return
    }
    // A throw after the handler passed the request on may hide an applied write.
    once(errorReply(new QuorateError('QUORATE_INTERNAL')))
    failed(error)
  }
}

function unknownSubject(subject: string): QuorateError {
  const hint = subject === leaderEventSubject ? ': nodes publish on it, clients subscribe' : ''
  return new QuorateError('QUORATE_UNKNOWN_SUBJECT', `${subject}${hint}`)
}
