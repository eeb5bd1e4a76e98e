// Everything in a frame that is no Raft message: forwarded requests, their replies, and bytes that
// other parts exchange through the mesh. An item is made before it is queued, so that what cannot
// be encoded fails at its caller. Previous stop: mesh.ts when sending, frame-codec.ts when receiving;
// next: frame-writer.ts, and the request table, a handler or the core router.
//
//   request = id uint64 | time-out ms uint32 | subject text16 | headers | payload
//   reply   = id uint64 | asker's session uint32 | error uint16 (0 none) | outcome uint8
//             | detail text16 | headers | payload
//   actor   = flags uint8 (1 reply) | path text16 | type text16 | payload
//   interest, core, leaders = payload
//   headers = count uint16 | { name text16 | value text16 }*        text16 = length uint16 | UTF-8
//   request, reply and actor begin with the length of what stands before the payload, uint32
import type { RemoteEnvelope } from '@quorate/actors'
import {
  type Chunks,
  emptyChunks,
  errorByCode,
  errorByNumber,
  FieldReader,
  FieldWriter,
  type Outcome,
  QuorateError,
} from '@quorate/protocol'
import { damaged, type FrameReader } from './frame-reader.ts'
import type { FrameWriter } from './frame-writer.ts'
import { ItemKind } from './item-kind.ts'

/** Ordered among each other on the bulk link. */
export type MeshMessageKind = 'interest' | 'core' | 'leaders'

export interface MeshReply {
  readonly headers?: Readonly<Record<string, string>>
  readonly payload: Chunks
}

/** An item ready to be written: `head` is copied, `payload` referenced. */
export interface PreparedItem {
  readonly kind: ItemKind
  readonly head: Uint8Array
  readonly payload: Chunks
}

export interface RequestItem {
  readonly type: 'request'
  readonly id: number
  readonly timeoutMs: number
  readonly subject: string
  readonly headers: HeaderList | undefined
  readonly payload: Chunks
}

export interface ReplyItem {
  readonly type: 'reply'
  readonly id: number
  /** Boot session of the asker: a restarted node counts its requests from 1 again. */
  readonly session: number
  readonly outcome: QuorateError | MeshReply
}

export interface MessageItem {
  readonly type: 'message'
  readonly kind: MeshMessageKind
  readonly bytes: Chunks
}

export interface ActorItem {
  readonly type: 'actor'
  readonly envelope: RemoteEnvelope
}

export type CallItem = RequestItem | ReplyItem | MessageItem | ActorItem

/** Headers of a request in the order sent, names as sent. */
export class HeaderList {
  readonly entries: readonly (readonly [name: string, value: string])[]

  constructor(entries: readonly (readonly [name: string, value: string])[]) {
    this.entries = entries
  }

  /** First value under the name, whatever its case. */
  get(name: string): string | undefined {
    const wanted = name.toLowerCase()
    return this.entries.find(([each]) => each.toLowerCase() === wanted)?.[1]
  }
}

const outcomes: readonly Outcome[] = ['applied', 'not-applied', 'unknown', 'none']
const messageKinds: Readonly<Record<MeshMessageKind, ItemKind>> = {
  interest: ItemKind.interest,
  core: ItemKind.core,
  leaders: ItemKind.leaders,
}
const messageKindOf = new Map(
  Object.entries(messageKinds).map(([name, kind]) => [kind, name as MeshMessageKind]),
)
const headLengthBytes = 4
const noHead = new Uint8Array(0)
const timeoutMsMax = 0xffff_ffff
/** Characters of an error's detail that travel; the rest is cut off. */
const detailLengthMax = 1024

/** Throws QUORATE_INVALID_ARGUMENT when a header or the subject is too long. */
export function prepareRequest(
  id: number,
  timeoutMs: number,
  subject: string,
  headers: Iterable<readonly [name: string, value: string]>,
  payload: Chunks,
): PreparedItem {
  const writer = new FieldWriter(64 + subject.length)
  writer.uint64(id)
  writer.uint32(Math.min(Math.max(0, Math.ceil(timeoutMs)), timeoutMsMax))
  writer.string(subject)
  writeHeaders(writer, headers)
  return { kind: ItemKind.request, head: writer.finish(), payload }
}

/** Throws QUORATE_INVALID_ARGUMENT when a header is too long. */
export function prepareReply(
  id: number,
  session: number,
  outcome: QuorateError | MeshReply,
): PreparedItem {
  const error = outcome instanceof QuorateError ? outcome : undefined
  const reply = outcome instanceof QuorateError ? undefined : outcome
  const writer = new FieldWriter(64)
  writer.uint64(id)
  writer.uint32(session)
  writer.uint16(error === undefined ? 0 : errorByCode(error.code).number)
  writer.uint8(error === undefined ? 0 : outcomes.indexOf(error.outcome))
  writer.string(error?.detail?.slice(0, detailLengthMax) ?? '')
  writeHeaders(writer, Object.entries(reply?.headers ?? {}))
  return { kind: ItemKind.reply, head: writer.finish(), payload: reply?.payload ?? emptyChunks }
}

export function prepareMessage(kind: MeshMessageKind, bytes: Chunks): PreparedItem {
  return { kind: messageKinds[kind], head: noHead, payload: bytes }
}

export function prepareActor(envelope: RemoteEnvelope): PreparedItem {
  const writer = new FieldWriter(64)
  writer.uint8(envelope.reply ? 1 : 0)
  writer.string(envelope.path)
  writer.string(envelope.type)
  return { kind: ItemKind.actor, head: writer.finish(), payload: envelope.body }
}

function writeHeaders(
  writer: FieldWriter,
  headers: Iterable<readonly [name: string, value: string]>,
): void {
  const entries = [...headers]
  if (entries.length > 0xffff) {
    throw new QuorateError('QUORATE_INVALID_ARGUMENT', `${entries.length} headers`)
  }
  writer.uint16(entries.length)
  for (const [name, value] of entries) {
    writer.string(name)
    writer.string(value)
  }
}

/** Bytes of the item's body. */
export function preparedBodyBytes({ kind, head, payload }: PreparedItem): number {
  const framed = messageKindOf.has(kind) ? 0 : headLengthBytes
  return framed + head.byteLength + payload.byteLength
}

export function writePrepared(writer: FrameWriter, item: PreparedItem): void {
  const { kind, head, payload } = item
  writer.begin(kind, preparedBodyBytes(item))
  if (!messageKindOf.has(kind)) {
    const at = writer.head(headLengthBytes + head.byteLength)
    writer.view.setUint32(at, head.byteLength)
    writer.headBytes(at + headLengthBytes, head.byteLength).set(head)
  }
  writer.payload(payload)
}

/** Undefined when the kind is none of these. Throws on bytes that are no such item. */
export function readCall(reader: FrameReader, kind: number): CallItem | undefined {
  const messageKind = messageKindOf.get(kind as ItemKind)
  if (messageKind !== undefined) {
    return { type: 'message', kind: messageKind, bytes: reader.payload(reader.itemRemaining) }
  }
  switch (kind) {
    case ItemKind.request:
      return readRequest(reader)
    case ItemKind.reply:
      return readReply(reader)
    case ItemKind.actor:
      return readActor(reader)
    default:
      return undefined
  }
}

function headOf(reader: FrameReader): FieldReader {
  const lengthAt = reader.head(headLengthBytes)
  const headBytes = reader.view.getUint32(lengthAt)
  const at = reader.head(headBytes)
  const { view } = reader
  return new FieldReader(new Uint8Array(view.buffer, view.byteOffset + at, headBytes))
}

function endOf(head: FieldReader): void {
  if (head.remaining > 0) throw damaged('head is longer than its fields')
}

function readRequest(reader: FrameReader): RequestItem {
  const head = headOf(reader)
  const id = head.uint64()
  const timeoutMs = head.uint32()
  const subject = head.string()
  const entries = readHeaders(head)
  endOf(head)
  const headers = entries.length === 0 ? undefined : new HeaderList(entries)
  const payload = reader.payload(reader.itemRemaining)
  return { type: 'request', id, timeoutMs, subject, headers, payload }
}

function readReply(reader: FrameReader): ReplyItem {
  const head = headOf(reader)
  const id = head.uint64()
  const session = head.uint32()
  const number = head.uint16()
  const outcome = outcomes[head.uint8()]
  const detail = head.string()
  const entries = readHeaders(head)
  endOf(head)
  if (outcome === undefined) throw damaged('outcome')
  const payload = reader.payload(reader.itemRemaining)
  if (number === 0) {
    const headers = entries.length === 0 ? {} : { headers: Object.fromEntries(entries) }
    return { type: 'reply', id, session, outcome: { ...headers, payload } }
  }
  const code = errorByNumber(number)
  const error =
    code === undefined
      ? new QuorateError('QUORATE_INTERNAL', `error ${number} of a newer version`, { outcome })
      : new QuorateError(code, detail === '' ? undefined : detail, { outcome })
  return { type: 'reply', id, session, outcome: error }
}

function readActor(reader: FrameReader): ActorItem {
  const head = headOf(reader)
  const flags = head.uint8()
  const path = head.string()
  const type = head.string()
  endOf(head)
  if (flags > 1) throw damaged('unknown flags')
  const body = reader.payload(reader.itemRemaining)
  return { type: 'actor', envelope: { path, type, reply: flags === 1, body } }
}

function readHeaders(head: FieldReader): [name: string, value: string][] {
  const count = head.uint16()
  const entries: [string, string][] = []
  for (let index = 0; index < count; index++) entries.push([head.string(), head.string()])
  return entries
}
