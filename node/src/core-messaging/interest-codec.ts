// Bytes of an interest message between two nodes:
//   version u8 = 1 · kind u8 (0 change, 1 reset, 2 part, 3 ask) · sequence u32 ·
//   changes: { action u8 (bit 0 wanted, bit 1 has queue) · pattern text16 · [queue text16] }*
// `reset` begins a full set and voids what was known, `part` goes on with it, `change` is the next
// step after the set or another change, `ask` requests a full set. text16 = u16 length, UTF-8.
import {
  type Chunks,
  chunksOf,
  FieldReader,
  FieldWriter,
  joinChunks,
  QuorateError,
  validPattern,
} from '@quorate/protocol'

export interface InterestChange {
  readonly wanted: boolean
  readonly pattern: string
  readonly queue: string | undefined
}

export interface InterestMessage {
  readonly kind: 'change' | 'reset' | 'part' | 'ask'
  /** Number of the sender's last change that is contained. */
  readonly sequence: number
  readonly changes: readonly InterestChange[]
}

const kinds = ['change', 'reset', 'part', 'ask'] as const

export function encodeInterest(message: InterestMessage): Chunks {
  const writer = new FieldWriter(headBytes + message.changes.reduce(addBytes, 0))
  writer.uint8(1)
  writer.uint8(kinds.indexOf(message.kind))
  writer.uint32(message.sequence)
  for (const { wanted, pattern, queue } of message.changes) {
    writer.uint8((wanted ? 1 : 0) + (queue === undefined ? 0 : 2))
    writer.string(pattern)
    if (queue !== undefined) writer.string(queue)
  }
  return chunksOf(writer.finish())
}

const headBytes = 6

/** An upper bound: UTF-8 takes at most three bytes for one unit of a string. */
function addBytes(sizeBytes: number, { pattern, queue }: InterestChange): number {
  return sizeBytes + 3 + 3 * pattern.length + (queue === undefined ? 0 : 2 + 3 * queue.length)
}

/** Undefined for anything `encodeInterest` does not make. */
export function decodeInterest(bytes: Chunks): InterestMessage | undefined {
  try {
    return readInterest(new FieldReader(joinChunks(bytes)))
  } catch (error) {
    if (error instanceof QuorateError) return undefined
    throw error
  }
}

function readInterest(reader: FieldReader): InterestMessage | undefined {
  const version = reader.uint8()
  const kind = kinds[reader.uint8()]
  const sequence = reader.uint32()
  if (version !== 1 || kind === undefined) return undefined
  const changes: InterestChange[] = []
  while (reader.remaining > 0) {
    const action = reader.uint8()
    const pattern = reader.string()
    const queue = action >= 2 ? reader.string() : undefined
    if (action > 3 || !validPattern(pattern) || queue?.includes(' ')) return undefined
    changes.push({ wanted: action % 2 === 1, pattern, queue })
  }
  return { kind, sequence, changes }
}
