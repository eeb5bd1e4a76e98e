// One entry of a group's log, as the node carries it from admission to disk, peers and readers.
// The payload is never copied: it is the run of chunks that arrived, or a slice of what is stored.
import type { Chunks } from '@quorate/protocol'
import type { RaftEntry } from '@quorate/raft'

/** Numbers are stored on disk and sent to peers: never renumber. */
export const EntryType = {
  /** A Kafka RecordBatch v2 with base offset and leader epoch stamped. */
  records: 1,
  /** The first entry of a leader's term; empty. */
  termStart: 2,
  /** A command of the metadata group, JSON. */
  metadata: 3,
  /** Records below an index are retired (retention), JSON `LogStart`. */
  logStart: 4,
  /** Who votes and who learns from here on, JSON (configuration-entry.ts). */
  configuration: 5,
} as const
export type EntryType = (typeof EntryType)[keyof typeof EntryType]

export interface LogEntry extends RaftEntry {
  /** Only index and term are known, and the chain of the last one of a damaged range. */
  readonly missing?: true
  readonly type: EntryType
  /** Leader's wall clock, raised to the previous entry's. Milliseconds since 1970. */
  readonly appendTimeMs: number
  readonly payload: Chunks
  /**
   * Records: CRC-32C of the first 21 bytes of the batch, which hold the batch's own CRC over the
   * rest, so the payload is hashed once. Other types: CRC-32C of the payload.
   */
  readonly payloadCrc: number
  /** First offset of a record batch; -1 for entries without records. */
  readonly baseOffset: number
  /** Offset after the last record of the batch; -1 for entries without records. */
  readonly nextOffset: number
}

/** Identity of a Raft group: the metadata group is { topicId: 0, partition: 0 }. */
export interface GroupId {
  /** Index of the metadata entry that created the topic. Never reused. */
  readonly topicId: number
  readonly partition: number
}

/** `topicId-partition`, the form used as map key, folder name and in logs. */
export type GroupKey = string

export function groupKey(group: GroupId): GroupKey {
  return `${group.topicId}-${group.partition}`
}

export function parseGroupKey(key: GroupKey): GroupId {
  const dash = key.indexOf('-')
  return { topicId: Number(key.slice(0, dash)), partition: Number(key.slice(dash + 1)) }
}

export const metadataGroup: GroupId = { topicId: 0, partition: 0 }
export const metadataKey: GroupKey = groupKey(metadataGroup)
