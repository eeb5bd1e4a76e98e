// What nodes tell each other now and then: who leads, and what time it is. A new leader announces
// itself to every peer, and a peer whose link comes up is told everything led here. Hints only; a
// message lost is made up by the next one or by the client's own question. Carried by mesh messages
// of kind `leaders`, JSON.
import { type Chunks, chunksOf, joinChunks } from '@quorate/protocol'
import type { LeaderHint } from './leader-table.ts'

export interface Gossip {
  readonly hints: readonly LeaderHint[]
  /** Wall clock of the sender. */
  readonly wallMs: number
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export function encodeGossip(gossip: Gossip): Chunks {
  return chunksOf(encoder.encode(JSON.stringify(gossip)))
}

/**
 * Undefined for bytes that are no gossip. Hints that are not well formed, and those that name
 * another leader than the sender, are left out: a peer's mistake must not reach clients.
 */
export function decodeGossip(bytes: Chunks, fromNode: string): Gossip | undefined {
  let body: unknown
  try {
    body = JSON.parse(decoder.decode(joinChunks(bytes)))
  } catch {
    return undefined
  }
  if (typeof body !== 'object' || body === null) return undefined
  const { hints, wallMs } = body as Record<string, unknown>
  if (!Array.isArray(hints) || !Number.isSafeInteger(wallMs)) return undefined
  return { hints: hints.filter((hint) => isHintOf(hint, fromNode)), wallMs: wallMs as number }
}

function isHintOf(value: unknown, node: string): value is LeaderHint {
  if (typeof value !== 'object' || value === null) return false
  const hint = value as Record<string, unknown>
  return (
    isPosition(hint['topicId']) &&
    isPosition(hint['partition']) &&
    isPosition(hint['term']) &&
    hint['node'] === node
  )
}

function isPosition(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
