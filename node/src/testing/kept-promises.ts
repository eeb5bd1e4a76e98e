// Whether what clients were promised about their records is what lies on the disks: an acknowledged
// record is on a quorum of them at its offset; no value is stored more often than it was sent, and none
// whose every send was refused for certain. Records are known by the places that acks name, and counted
// by content, so values may repeat. Only what is committed counts: an offset up to one that a client was
// told of, with a content that a quorum of disks holds.
import { groupKey } from '../storage/log-entry.ts'
import type { StoredPartition } from './stored-records.ts'

/** What clients know of one topic. */
export interface PromisedTopic {
  readonly topic: string
  readonly topicId: number
  readonly replicas: number
  readonly sends: readonly PromisedSend[]
  /** By partition: the highest offset that was acknowledged or read. */
  readonly known: ReadonlyMap<number, number>
}

export interface PromisedSend {
  readonly outcome: 'acked' | 'failed' | 'unknown'
  /** -1: not known. */
  readonly partition: number
  readonly offset: number
  /** Undefined: its bytes were never made. */
  readonly content: string | undefined
}

type Stored = ReadonlyMap<string, StoredPartition>

/** `damaged`: so many nodes lost part of their files on purpose. */
export function brokenPromises(
  topics: readonly PromisedTopic[],
  stored: Stored,
  damaged: number,
): string[] {
  return topics.flatMap((topic) => [...gone(topic, stored, damaged), ...tooMany(topic, stored)])
}

function gone({ topic, topicId, replicas, sends }: PromisedTopic, stored: Stored, damaged: number) {
  const wanted = Math.max(quorumOf(replicas) - damaged, 1)
  const found: string[] = []
  for (const { outcome, partition, offset, content } of sends) {
    if (outcome !== 'acked') continue
    const { startOffset = 0, copies } = stored.get(groupKey({ topicId, partition })) ?? {}
    if (offset < startOffset) continue
    const here = copies?.get(offset) ?? new Map<string, number>()
    const count = content === undefined ? Math.max(0, ...here.values()) : (here.get(content) ?? 0)
    if (count >= wanted) continue
    const other = content !== undefined && count === 0 && here.size > 0
    const why = other ? 'another record is there' : `it is on ${count} disks, not ${wanted}`
    found.push(`lost-write: acknowledged at ${topic}/${partition}@${offset}: ${why}`)
  }
  return found
}

function tooMany({ topic, topicId, replicas, sends, known }: PromisedTopic, stored: Stored) {
  const quorum = quorumOf(replicas)
  const places = new Map<string, string[]>()
  for (const [partition, highest] of known) {
    const { copies } = stored.get(groupKey({ topicId, partition })) ?? {}
    for (const [offset, contents] of copies ?? []) {
      for (const [content, count] of contents) {
        if (offset > highest || count < quorum) continue
        const place = `${topic}/${partition}@${offset}`
        const others = places.get(content)
        if (others === undefined) places.set(content, [place])
        else others.push(place)
      }
    }
  }
  const found: string[] = []
  for (const [content, { allowed, refused }] of countsOf(sends)) {
    const at = places.get(content) ?? []
    if (at.length <= allowed) continue
    const name = allowed === 0 ? 'aborted-read' : 'duplicate'
    const sent = `sent ${allowed + refused} times, ${refused} of them refused`
    found.push(`${name}: one value, ${sent}, is stored ${at.length} times: ${at.join(', ')}`)
  }
  return found
}

/** How often each content may be stored. What is stored and was sent by nobody here is not judged. */
function countsOf(sends: readonly PromisedSend[]) {
  const counts = new Map<string, { allowed: number; refused: number }>()
  for (const { outcome, content } of sends) {
    if (content === undefined) continue
    const count = counts.get(content) ?? { allowed: 0, refused: 0 }
    if (outcome === 'failed') count.refused += 1
    else count.allowed += 1
    counts.set(content, count)
  }
  return counts
}

function quorumOf(replicas: number): number {
  return Math.floor(replicas / 2) + 1
}
