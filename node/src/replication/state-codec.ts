// What a replica asks others when the state at its log start is lost, and the answer: a piece of the
// file a peer has of a state, by its place in the log. Nothing is believed here but lengths; the asker
// holds the place against its own log (state-fetch.ts). Previous stop: the mesh.
import {
  type Chunks,
  chunksOf,
  emptyChunks,
  joinChunks,
  readUint64,
  viewOf,
  writeUint64,
} from '@quorate/protocol'
import type { LogPoint } from '@quorate/raft'
import type { GroupKey } from '../storage/log-entry.ts'

/** A question between nodes, answered in bytes. */
export const stateQuestion = 'state'

/** A state after some index of this range; `offset`: bytes of it that have come already. */
export interface StateWanted {
  readonly group: GroupKey
  readonly fromIndex: number
  readonly lastIndex: number
  readonly offset: number
}

export interface StatePiece {
  readonly point: LogPoint
  readonly totalBytes: number
  readonly data: Uint8Array
}

/** Undefined when it is none. */
export function readStateWanted(body: Readonly<Record<string, unknown>>): StateWanted | undefined {
  const { group, fromIndex, lastIndex, offset } = body
  if (typeof group !== 'string') return undefined
  if (!isCount(fromIndex) || !isCount(lastIndex) || !isCount(offset)) return undefined
  return { group, fromIndex, lastIndex, offset }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

// index uint64 | term uint64 | chain 2 × uint32 | length of the whole state uint64 | bytes of it
const headerBytes = 32

/** Undefined: this node has no such state. */
export function encodeStatePiece(piece: StatePiece | undefined): Chunks {
  if (piece === undefined) return emptyChunks
  const header = new Uint8Array(headerBytes)
  const view = viewOf(header)
  writeUint64(view, 0, piece.point.index)
  writeUint64(view, 8, piece.point.term)
  view.setUint32(16, piece.point.chain.high)
  view.setUint32(20, piece.point.chain.low)
  writeUint64(view, 24, piece.totalBytes)
  return chunksOf(header, piece.data)
}

export function decodeStatePiece(chunks: Chunks): StatePiece | undefined {
  const bytes = joinChunks(chunks)
  if (bytes.byteLength < headerBytes) return undefined
  const view = viewOf(bytes)
  const chain = { high: view.getUint32(16), low: view.getUint32(20) }
  return {
    point: { index: readUint64(view, 0), term: readUint64(view, 8), chain },
    totalBytes: readUint64(view, 24),
    data: bytes.subarray(headerBytes),
  }
}
