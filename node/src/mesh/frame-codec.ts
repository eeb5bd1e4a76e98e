// A whole frame into its items. All or nothing: bytes that are not what `FrameWriter` made give one
// QuorateError and no item. Previous stop: the door's connection; next: mesh.ts, which hands each
// item to whom it belongs.
import { type Chunks, QuorateError } from '@quorate/protocol'
import { type CallItem, readCall } from './call-codec.ts'
import { damaged, FrameReader } from './frame-reader.ts'
import { type RaftItem, readRaft } from './raft-codec.ts'

export type MeshItem = RaftItem | CallItem

/** Throws QUORATE_INVALID_REQUEST. */
export function decodeFrame(frame: Chunks): MeshItem[] {
  try {
    const reader = new FrameReader(frame)
    const items: MeshItem[] = []
    for (let kind = reader.next(); kind !== undefined; kind = reader.next()) {
      const item = readRaft(reader, kind) ?? readCall(reader, kind)
      if (item === undefined) throw damaged(`unknown item kind ${kind}`)
      items.push(item)
    }
    return items
  } catch (error) {
    if (error instanceof QuorateError) throw error
    // A number above 2^53 - 1 in a field.
    if (error instanceof RangeError) throw damaged(error.message)
    throw error
  }
}
