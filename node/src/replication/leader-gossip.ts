// How nodes tell each other who leads: a new leader announces itself to every peer, and a peer whose
// link comes up is told everything led here. Hints only; a message lost is made up by the next one
// or by the client's own question. Carried by mesh messages of kind `leaders`, JSON.
import { type Chunks, chunksOf, joinChunks } from '@quorate/protocol'
import type { LeaderHint } from './leader-table.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export function encodeHints(hints: readonly LeaderHint[]): Chunks {
  return chunksOf(encoder.encode(JSON.stringify(hints)))
}

/** Hints that are not well formed are left out: a peer's mistake must not reach clients. */
export function decodeHints(bytes: Chunks): LeaderHint[] {
  let body: unknown
  try {
    body = JSON.parse(decoder.decode(joinChunks(bytes)))
  } catch {
    return []
  }
  return Array.isArray(body) ? body.filter(isHint) : []
}

function isHint(value: unknown): value is LeaderHint {
  const hint = value as Partial<LeaderHint> | null
  return (
    typeof hint === 'object' &&
    hint !== null &&
    Number.isSafeInteger(hint.topicId) &&
    Number.isSafeInteger(hint.partition) &&
    Number.isSafeInteger(hint.term) &&
    typeof hint.node === 'string'
  )
}
