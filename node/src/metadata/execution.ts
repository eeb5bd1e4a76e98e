// What carrying out one command gives: an answer, and what changed. The words execute.ts and the
// files it hands commands to have in common.
import type { ErrorCode } from '@quorate/protocol'
import type { CommandReply, NodeRecord, Tombstone, Topic } from './state.ts'

/** What changed, for those who act on it; absent when nothing did. */
export type MetadataChange =
  | { readonly kind: 'topic-created'; readonly topic: Topic }
  | { readonly kind: 'topic-deleted'; readonly topic: Topic; readonly tombstone: Tombstone }
  /** Where a node is. */
  | { readonly kind: 'node-changed'; readonly node: NodeRecord }
  | { readonly kind: 'node-added'; readonly node: NodeRecord }
  | { readonly kind: 'node-replaced'; readonly node: NodeRecord }
  | { readonly kind: 'node-leaving'; readonly node: NodeRecord }
  | { readonly kind: 'node-forgotten'; readonly node: NodeRecord }
  /** Places or tombstones of one partition, or of the metadata group (topic 0). */
  | { readonly kind: 'places-changed'; readonly topicId: number; readonly partition: number }
  | { readonly kind: 'rebalancing-changed'; readonly on: boolean }

export interface Execution {
  readonly reply: CommandReply
  readonly change?: MetadataChange
}

export interface EntryPlace {
  readonly index: number
  readonly appendTimeMs: number
}

export function refused(code: ErrorCode, detail: string): Execution {
  return { reply: { error: { code, detail } } }
}

/** Granted already: nothing is left to do. */
export const unchanged: Execution = { reply: {} }
