// Raft messages as items of a frame: fixed fields, 64-bit numbers as two halves, entries as the
// header they have on disk and their payload by reference. Decides nothing: damage of a payload is
// found by the replica that would write it. Previous stop: peer-link.ts when sending, frame-codec.ts
// when receiving; next: frame-writer.ts, and the replica's raft-host.
//
//   common         = topic uint64 | partition uint32 | from uint64 | to uint64 | term uint64
//   vote-request   = common | flags uint8 (1 pre, 2 transfer) | last index uint64 | last term uint64
//   vote-reply     = common | flags uint8 (1 pre, 2 granted) | session uint32
//   append         = common | previous (index uint64 | term uint64 | chain 2 × uint32)
//                    | commit uint64 | count uint32 | { entry header | payload }*
//   append-reply   = common | flags uint8 (1 success, 2 recovering) | match uint64 | hint term uint64
//                    | rejected uint64 | extent (index uint64 | term uint64) | session uint32
//                    | reached uint64
//   heartbeat      = common | commit uint64 | read uint64
//   heartbeat-reply= common | read uint64 | extent (index uint64 | term uint64) | session uint32
//                    | flags uint8 (2 recovering)
//   timeout-now    = common
//   snapshot, snapshot-reply: snapshot-codec.ts; hole-request and what follows: recovery-codec.ts
import type { AppendRequest, LogPoint, RaftMessage, ReplicaId } from '@quorate/raft'
import {
  decodeEntryHeader,
  entryHeaderBytes,
  entryOf,
  writeEntryHeader,
} from '../storage/entry-format.ts'
import { EntryType, type GroupId, type LogEntry } from '../storage/log-entry.ts'
import { damaged, type FrameReader } from './frame-reader.ts'
import type { FrameWriter } from './frame-writer.ts'
import { ItemKind } from './item-kind.ts'
import { readRecovery, recoveryLayouts, writeRecovery } from './recovery-codec.ts'
import {
  readSnapshot,
  readSnapshotReply,
  snapshotBytes,
  snapshotReplyBytes,
  writeSnapshot,
  writeSnapshotReply,
} from './snapshot-codec.ts'

type Message = RaftMessage<LogEntry>

export interface RaftItem {
  readonly type: 'raft'
  readonly group: GroupId
  readonly from: ReplicaId
  readonly to: ReplicaId
  readonly message: Message
}

const commonBytes = 36

const layouts: Readonly<
  Record<Message['type'], { readonly kind: ItemKind; readonly own: number }>
> = {
  'vote-request': { kind: ItemKind.voteRequest, own: 17 },
  'vote-reply': { kind: ItemKind.voteReply, own: 5 },
  append: { kind: ItemKind.append, own: 36 },
  'append-reply': { kind: ItemKind.appendReply, own: 53 },
  heartbeat: { kind: ItemKind.heartbeat, own: 16 },
  'heartbeat-reply': { kind: ItemKind.heartbeatReply, own: 29 },
  'timeout-now': { kind: ItemKind.timeoutNow, own: 0 },
  // snapshot-codec.ts takes room for its own fields.
  snapshot: { kind: ItemKind.snapshot, own: 0 },
  'snapshot-reply': { kind: ItemKind.snapshotReply, own: 0 },
  ...recoveryLayouts,
}

const knownTypes: ReadonlySet<number> = new Set(Object.values(EntryType))

/** Bytes of the item's body. */
export function raftBodyBytes(message: Message): number {
  let byteLength = commonBytes + layouts[message.type].own
  if (message.type === 'append') {
    for (const entry of message.entries) byteLength += entryHeaderBytes + entry.payload.byteLength
  } else if (message.type === 'snapshot') byteLength += snapshotBytes(message)
  else if (message.type === 'snapshot-reply') byteLength += snapshotReplyBytes
  return byteLength
}

export function writeRaft(
  writer: FrameWriter,
  group: GroupId,
  from: ReplicaId,
  to: ReplicaId,
  message: Message,
): void {
  const { kind, own } = layouts[message.type]
  writer.begin(kind, raftBodyBytes(message))
  const at = writer.head(commonBytes + own)
  writer.uint64(at, group.topicId)
  writer.view.setUint32(at + 8, group.partition)
  writer.uint64(at + 12, from)
  writer.uint64(at + 20, to)
  writer.uint64(at + 28, message.term)
  writeOwn(writer, at + commonBytes, message)
  if (message.type === 'append') writeEntries(writer, message.entries)
}

function writeOwn(writer: FrameWriter, at: number, message: Message): void {
  const { view } = writer
  switch (message.type) {
    case 'vote-request':
      view.setUint8(at, (message.pre ? 1 : 0) + (message.transfer ? 2 : 0))
      writer.uint64(at + 1, message.lastIndex)
      writer.uint64(at + 9, message.lastTerm)
      return
    case 'vote-reply':
      view.setUint8(at, (message.pre ? 1 : 0) + (message.granted ? 2 : 0))
      view.setUint32(at + 1, message.session)
      return
    case 'append':
      writer.uint64(at, message.previous.index)
      writer.uint64(at + 8, message.previous.term)
      view.setUint32(at + 16, message.previous.chain.high)
      view.setUint32(at + 20, message.previous.chain.low)
      writer.uint64(at + 24, message.commit)
      view.setUint32(at + 32, message.entries.length)
      return
    case 'append-reply':
      view.setUint8(at, (message.success ? 1 : 0) + (message.recovering ? 2 : 0))
      writer.uint64(at + 1, message.match)
      writer.uint64(at + 9, message.hintTerm)
      writer.uint64(at + 17, message.rejected)
      writer.uint64(at + 25, message.extent.index)
      writer.uint64(at + 33, message.extent.term)
      view.setUint32(at + 41, message.session)
      writer.uint64(at + 45, message.reached)
      return
    case 'heartbeat':
      writer.uint64(at, message.commit)
      writer.uint64(at + 8, message.read)
      return
    case 'heartbeat-reply':
      writer.uint64(at, message.read)
      writer.uint64(at + 8, message.extent.index)
      writer.uint64(at + 16, message.extent.term)
      view.setUint32(at + 24, message.session)
      view.setUint8(at + 28, message.recovering ? 2 : 0)
      return
    case 'timeout-now':
      return
    case 'snapshot':
      writeSnapshot(writer, message)
      return
    case 'snapshot-reply':
      writeSnapshotReply(writer, message)
      return
    default:
      writeRecovery(writer, at, message)
  }
}

function writeEntries(writer: FrameWriter, entries: readonly LogEntry[]): void {
  for (const entry of entries) {
    const at = writer.head(entryHeaderBytes)
    writeEntryHeader(writer.headBytes(at, entryHeaderBytes), entry)
    writer.payload(entry.payload)
  }
}

/** Undefined when the kind is none of Raft's. Throws on bytes that are no such message. */
export function readRaft(reader: FrameReader, kind: number): RaftItem | undefined {
  if (kind < ItemKind.voteRequest || kind > ItemKind.quarantine) return undefined
  const at = reader.head(commonBytes)
  const topicId = reader.uint64(at)
  const partition = reader.view.getUint32(at + 8)
  const from = reader.uint64(at + 12)
  const to = reader.uint64(at + 20)
  const term = reader.uint64(at + 28)
  if (from === 0 || to === 0) throw damaged('replica id 0')
  const message = readMessage(reader, kind, term)
  return { type: 'raft', group: { topicId, partition }, from, to, message }
}

function readMessage(reader: FrameReader, kind: number, term: number): Message {
  switch (kind) {
    case ItemKind.voteRequest: {
      const at = reader.head(layouts['vote-request'].own)
      const flags = flagsOf(reader, at, 3)
      const lastIndex = reader.uint64(at + 1)
      const lastTerm = reader.uint64(at + 9)
      const pre = (flags & 1) !== 0
      return { type: 'vote-request', pre, term, lastIndex, lastTerm, transfer: (flags & 2) !== 0 }
    }
    case ItemKind.voteReply: {
      const at = reader.head(layouts['vote-reply'].own)
      const flags = flagsOf(reader, at, 3)
      const session = reader.view.getUint32(at + 1)
      const pre = (flags & 1) !== 0
      return { type: 'vote-reply', pre, term, granted: (flags & 2) !== 0, session }
    }
    case ItemKind.append:
      return readAppend(reader, term)
    case ItemKind.appendReply: {
      const at = reader.head(layouts['append-reply'].own)
      const flags = flagsOf(reader, at, 3)
      return {
        type: 'append-reply',
        term,
        success: (flags & 1) !== 0,
        match: reader.uint64(at + 1),
        hintTerm: reader.uint64(at + 9),
        rejected: reader.uint64(at + 17),
        extent: extentAt(reader, at + 25),
        session: reader.view.getUint32(at + 41),
        reached: reader.uint64(at + 45),
        recovering: (flags & 2) !== 0,
      }
    }
    case ItemKind.heartbeat: {
      const at = reader.head(layouts.heartbeat.own)
      return { type: 'heartbeat', term, commit: reader.uint64(at), read: reader.uint64(at + 8) }
    }
    case ItemKind.heartbeatReply: {
      const at = reader.head(layouts['heartbeat-reply'].own)
      const session = reader.view.getUint32(at + 24)
      const extent = extentAt(reader, at + 8)
      const recovering = flagsOf(reader, at + 28, 2) === 2
      return { type: 'heartbeat-reply', term, read: reader.uint64(at), extent, session, recovering }
    }
    case ItemKind.snapshot:
      return readSnapshot(reader, term)
    case ItemKind.snapshotReply:
      return readSnapshotReply(reader, term)
    default:
      return readRecovery(reader, kind, term) ?? { type: 'timeout-now', term }
  }
}

function readAppend(reader: FrameReader, term: number): AppendRequest<LogEntry> {
  const at = reader.head(layouts.append.own)
  const { view } = reader
  const previous: LogPoint = {
    index: reader.uint64(at),
    term: reader.uint64(at + 8),
    chain: { high: view.getUint32(at + 16), low: view.getUint32(at + 20) },
  }
  const commit = reader.uint64(at + 24)
  const count = view.getUint32(at + 32)
  // An entry takes at least its header, so a false count cannot ask for much memory.
  if (count * entryHeaderBytes > reader.itemRemaining) throw damaged('count of entries')
  const entries: LogEntry[] = []
  for (let index = 1; index <= count; index++) {
    const entry = readEntry(reader)
    if (entry.index !== previous.index + index) throw damaged('entries are not consecutive')
    entries.push(entry)
  }
  return { type: 'append', term, previous, entries, commit }
}

function readEntry(reader: FrameReader): LogEntry {
  const at = reader.head(entryHeaderBytes)
  const header = decodeEntryHeader(reader.view, at)
  if (header === undefined || !knownTypes.has(header.type)) throw damaged('entry header')
  return entryOf(header, reader.payload(header.payloadBytes))
}

function flagsOf(reader: FrameReader, at: number, known: number): number {
  const flags = reader.view.getUint8(at)
  if ((flags & ~known) !== 0) throw damaged('unknown flags')
  return flags
}

function extentAt(reader: FrameReader, at: number): { index: number; term: number } {
  return { index: reader.uint64(at), term: reader.uint64(at + 8) }
}
