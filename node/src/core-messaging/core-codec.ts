// Bytes of a published message on its way to another node. A message larger than one frame goes in
// parts, in order:
//   first:  version u8 = 1 · flags u8 (bit 0 has reply, bit 1 has headers, bit 2 for queue groups
//           alone) · head length u32 ·
//           head { subject text16 · [reply text16] · queues u16 · { queue text16 }* ·
//           headers length u32 · body length u32 } · bytes of the body
//   later:  version u8 = 1 · flags u8 = 128 · bytes of the body
// The body is the header block followed by the payload; both stay references. `queues` names the
// queue groups of which the receiving node shall serve one member each; when they are too many for
// one head, copies with bit 2 name the rest. text16 = u16 length, UTF-8.
import {
  ChunkCursor,
  type Chunks,
  chunksOf,
  FieldReader,
  FieldWriter,
  QuorateError,
  sliceChunks,
  validSubject,
} from '@quorate/protocol'
import type { CoreMessage } from './subscription.ts'

/** Body bytes in one part: with its head it stays below the 1 MiB max_payload of NATS. */
export const partBodyBytes: number = 960 * 1024
/** Names of queue groups in one head, so that head and body stay below it together. */
const queuesBytesMax = 32 * 1024
/** A head that announces more is malformed: no door takes so large a message. */
export const bodyBytesMax: number = 16 * 1024 * 1024

const hasReply = 1
const hasHeaders = 2
const queuesAlone = 4
const isLater = 128
const laterPrefix = Uint8Array.of(1, isLater)

/** All parts of a message for one node, which serves its plain subscribers and these groups. */
export function encodeCore(message: CoreMessage, queues: readonly string[]): Chunks[] {
  const { headers, payload } = message
  const body = headers === undefined ? payload : chunksOf(headers, ...payload.pieces)
  const parts: Chunks[] = []
  let first = 0
  do {
    const end = endOfRun(queues, first)
    let prefix = encodeHead(message, queues.slice(first, end), first > 0, body.byteLength)
    let start = 0
    do {
      const partEnd = Math.min(start + partBodyBytes, body.byteLength)
      const whole = start === 0 && partEnd === body.byteLength
      const part = whole ? body : sliceChunks(body, start, partEnd)
      parts.push(chunksOf(prefix, ...part.pieces))
      prefix = laterPrefix
      start = partEnd
    } while (start < body.byteLength)
    first = end
  } while (first < queues.length)
  return parts
}

/** Queue names from `first` on that fit one head. */
function endOfRun(queues: readonly string[], first: number): number {
  let end = first
  for (let sizeBytes = 0; end < queues.length; end += 1) {
    sizeBytes += textBytes(queues[end]!)
    if (end > first && sizeBytes > queuesBytesMax) break
  }
  return end
}

/** An upper bound: UTF-8 takes at most three bytes for one unit of a string. */
function textBytes(text: string): number {
  return 2 + 3 * text.length
}

function encodeHead(
  { subject, reply, headers }: CoreMessage,
  queues: readonly string[],
  alone: boolean,
  bodyByteLength: number,
): Uint8Array {
  let capacity = fixedBytes + textBytes(subject) + textBytes(reply ?? '')
  for (const queue of queues) capacity += textBytes(queue)
  const head = new FieldWriter(capacity)
  const flags = (reply === undefined ? 0 : hasReply) + (headers === undefined ? 0 : hasHeaders)
  head.uint8(1)
  head.uint8(flags + (alone ? queuesAlone : 0))
  head.uint32(0)
  head.string(subject)
  if (reply !== undefined) head.string(reply)
  head.uint16(queues.length)
  for (const queue of queues) head.string(queue)
  head.uint32(headers?.byteLength ?? 0)
  head.uint32(bodyByteLength)
  const bytes = head.finish()
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(2, bytes.byteLength - prefixBytes)
  return bytes
}

/** Version, flags and head length of a first part. */
const prefixBytes = 6
/** The prefix, the count of queues and the two lengths at the end. */
const fixedBytes = prefixBytes + 10

interface Head {
  /** Plain subscribers have got it by another copy. */
  readonly queuesAlone: boolean
  readonly subject: string
  readonly reply: string | undefined
  readonly queues: readonly string[]
  /** Undefined without a header block. */
  readonly headersByteLength: number | undefined
  readonly bodyByteLength: number
}

export interface ArrivedCore {
  readonly message: CoreMessage
  readonly queues: readonly string[]
  readonly queuesAlone: boolean
}

/** Puts the parts from one peer together. One per peer; a new one after each `peerDown`. */
export class CoreAssembler {
  #head: Head | undefined
  #pieces: Uint8Array[] = []
  #byteLength = 0

  /** The message when `bytes` completes one. `'malformed'` voids the parts before it. */
  push(bytes: Chunks): ArrivedCore | 'incomplete' | 'malformed' {
    const cursor = new ChunkCursor(bytes)
    const [version, flags] = cursor.remaining < 2 ? [] : cursor.takeJoined(2)
    if (version !== 1 || flags === undefined) return this.#malformed()
    if (flags !== isLater) this.#reset(readHead(cursor, flags))
    const head = this.#head
    if (head === undefined) return this.#malformed()
    const body = cursor.take(cursor.remaining)
    // A part without a byte would let a peer send parts for ever.
    if (body.byteLength === 0 && flags === isLater) return this.#malformed()
    this.#pieces.push(...body.pieces)
    this.#byteLength += body.byteLength
    if (this.#byteLength > head.bodyByteLength) return this.#malformed()
    if (this.#byteLength < head.bodyByteLength) return 'incomplete'
    const arrived = toMessage(head, { pieces: this.#pieces, byteLength: this.#byteLength })
    this.#reset(undefined)
    return arrived
  }

  #malformed(): 'malformed' {
    this.#reset(undefined)
    return 'malformed'
  }

  #reset(head: Head | undefined): void {
    this.#head = head
    this.#pieces = []
    this.#byteLength = 0
  }
}

function readHead(cursor: ChunkCursor, flags: number): Head | undefined {
  if (flags > hasReply + hasHeaders + queuesAlone || cursor.remaining < 4) return undefined
  const headByteLength = new FieldReader(cursor.takeJoined(4)).uint32()
  if (headByteLength > cursor.remaining) return undefined
  try {
    return readHeadFields(new FieldReader(cursor.takeJoined(headByteLength)), flags)
  } catch (error) {
    if (error instanceof QuorateError) return undefined
    throw error
  }
}

function readHeadFields(reader: FieldReader, flags: number): Head | undefined {
  const subject = reader.string()
  const reply = (flags & hasReply) === 0 ? undefined : reader.string()
  const queues: string[] = []
  for (let count = reader.uint16(); count > 0; count -= 1) queues.push(reader.string())
  const headers = reader.uint32()
  const bodyByteLength = reader.uint32()
  if (!validSubject(subject) || (reply !== undefined && !validSubject(reply))) return undefined
  if (headers > bodyByteLength || bodyByteLength > bodyBytesMax || reader.remaining > 0) {
    return undefined
  }
  const headersByteLength = (flags & hasHeaders) === 0 ? undefined : headers
  if (headersByteLength === undefined && headers > 0) return undefined
  const alone = (flags & queuesAlone) !== 0
  return { queuesAlone: alone, subject, reply, queues, headersByteLength, bodyByteLength }
}

function toMessage(head: Head, body: Chunks): ArrivedCore {
  const { subject, reply, queues, headersByteLength } = head
  const cursor = new ChunkCursor(body)
  const headers = headersByteLength === undefined ? undefined : cursor.takeJoined(headersByteLength)
  const payload = cursor.take(cursor.remaining)
  return { message: { subject, reply, headers, payload }, queues, queuesAlone: head.queuesAlone }
}
