// What a node is started with, seen through: every message of another node as it is taken, what the
// messages say is committed, and every disk operation that changes something as it completes. Changes
// nothing on the way.
import { messageText } from '@quorate/raft/testing'
import type { MeshItem } from '../../mesh/frame-codec.ts'
import type { RaftItem } from '../../mesh/raft-codec.ts'
import type { MeshTap } from '../../mesh/tap.ts'
import type { NodeEnvironment } from '../../node-environment.ts'
import { groupKey } from '../../storage/log-entry.ts'
import { recordsText } from './records-text.ts'
import { TracedDisk } from './traced-disk.ts'

/** Tells of something that a node does or meets now. */
export type Tell = (event: string, fields: object) => void

export function tracedEnvironment(
  node: string,
  environment: NodeEnvironment,
  tell: Tell,
  nowMs: () => number,
): NodeEnvironment {
  const disk = new TracedDisk(environment.disk, nowMs, (text) => tell('disk', { node, text }))
  return { ...environment, disk, tap: tracedTap(node, environment.tap, tell) }
}

function tracedTap(node: string, tap: MeshTap | undefined, tell: Tell): MeshTap {
  /** By group. */
  const commits = new Map<string, number>()
  return {
    received: (from, item, deliver) => {
      const taken = (delivered: MeshItem): void => {
        tell('msg', { node, from, text: itemText(delivered) })
        const news = commitIn(delivered, commits)
        if (news !== undefined) tell('commit', { node, text: news })
        deliver(delivered)
      }
      if (tap === undefined) taken(item)
      else tap.received(from, item, taken)
    },
  }
}

function commitIn(item: MeshItem, commits: Map<string, number>): string | undefined {
  if (item.type !== 'raft' || !('commit' in item.message)) return undefined
  const key = groupKey(item.group)
  const { commit, term } = item.message
  if (commit <= (commits.get(key) ?? 0)) return undefined
  commits.set(key, commit)
  return `${key} up to ${commit}, by the leader of t${term}`
}

function recordsOf(message: RaftItem['message']): string {
  if (message.type !== 'append') return ''
  return recordsText(message.entries.flatMap(({ payload }) => payload.pieces))
}

function itemText(item: MeshItem): string {
  switch (item.type) {
    case 'raft':
      return `${groupKey(item.group)} ${messageText(item.message)}${recordsOf(item.message)}`
    case 'request':
      return `request ${item.id} ${item.subject} ${item.payload.byteLength} bytes`
    case 'reply': {
      const { outcome } = item
      const text =
        outcome instanceof Error ? outcome.message : `${outcome.payload.byteLength} bytes`
      return `reply ${item.id} ${text}`
    }
    case 'message':
      return `${item.kind} ${item.bytes.byteLength} bytes`
    case 'actor':
      return `actor ${item.envelope.type}`
  }
}
