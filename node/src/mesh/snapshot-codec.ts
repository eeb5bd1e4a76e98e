// Pieces of a snapshot as items of a frame, part of raft-codec.ts. The data is passed by reference
// and has a checksum of its own in the head: what was damaged on the way closes the link, and is
// not found only when the snapshot is whole.
//
//   snapshot       = common | point (index uint64 | term uint64 | chain 2 × uint32)
//                    | offset uint64 | total bytes uint64 | data crc uint32 | data length uint32
//                    | voters uint16 | outgoing uint16 | learners uint16 | { replica id uint64 }*
//                    | data
//   snapshot-reply = common | index uint64 | received uint64 | session uint32
import { chunksOf, crc32c, joinChunks } from '@quorate/protocol'
import type { Configuration, SnapshotChunk, SnapshotReply } from '@quorate/raft'
import { damaged, type FrameReader } from './frame-reader.ts'
import type { FrameWriter } from './frame-writer.ts'

const fixedBytes = 54
export const snapshotReplyBytes = 20

/** Bytes of the item behind its common fields. */
export function snapshotBytes({ snapshot, data }: SnapshotChunk): number {
  const { voters, outgoing = [], learners = [] } = snapshot.configuration
  const members = voters.length + outgoing.length + learners.length
  return fixedBytes + 8 * members + data.byteLength
}

export function writeSnapshot(writer: FrameWriter, message: SnapshotChunk): void {
  const { snapshot, offset, totalBytes, data } = message
  const { voters, outgoing = [], learners = [] } = snapshot.configuration
  const members = [...voters, ...outgoing, ...learners]
  const at = writer.head(fixedBytes + 8 * members.length)
  const { view } = writer
  writer.uint64(at, snapshot.index)
  writer.uint64(at + 8, snapshot.term)
  view.setUint32(at + 16, snapshot.chain.high)
  view.setUint32(at + 20, snapshot.chain.low)
  writer.uint64(at + 24, offset)
  writer.uint64(at + 32, totalBytes)
  view.setUint32(at + 40, crc32c(data))
  view.setUint32(at + 44, data.byteLength)
  view.setUint16(at + 48, voters.length)
  view.setUint16(at + 50, outgoing.length)
  view.setUint16(at + 52, learners.length)
  members.forEach((member, position) => {
    writer.uint64(at + fixedBytes + 8 * position, member)
  })
  writer.payload(chunksOf(data))
}

export function readSnapshot(reader: FrameReader, term: number): SnapshotChunk {
  const at = reader.head(fixedBytes)
  const { view } = reader
  const point = {
    index: reader.uint64(at),
    term: reader.uint64(at + 8),
    chain: { high: view.getUint32(at + 16), low: view.getUint32(at + 20) },
  }
  const offset = reader.uint64(at + 24)
  const totalBytes = reader.uint64(at + 32)
  const crc = view.getUint32(at + 40)
  const dataBytes = view.getUint32(at + 44)
  const counts = [view.getUint16(at + 48), view.getUint16(at + 50), view.getUint16(at + 52)]
  const configuration = readConfiguration(reader, counts)
  const data = joinChunks(reader.payload(dataBytes))
  if (crc32c(data) !== crc) throw damaged('snapshot data')
  const snapshot = { ...point, configuration }
  return { type: 'snapshot', term, snapshot, offset, totalBytes, data }
}

/** Empty lists are absent: a configuration that is not joint has no other half. */
function readConfiguration(reader: FrameReader, counts: readonly number[]): Configuration {
  const [voters = [], outgoing = [], learners = []] = counts.map((count) => {
    const at = reader.head(8 * count)
    return Array.from({ length: count }, (_, position) => reader.uint64(at + 8 * position))
  })
  return {
    voters,
    ...(outgoing.length === 0 ? {} : { outgoing }),
    ...(learners.length === 0 ? {} : { learners }),
  }
}

export function writeSnapshotReply(writer: FrameWriter, message: SnapshotReply): void {
  const at = writer.head(snapshotReplyBytes)
  writer.uint64(at, message.index)
  writer.uint64(at + 8, message.received)
  writer.view.setUint32(at + 16, message.session)
}

export function readSnapshotReply(reader: FrameReader, term: number): SnapshotReply {
  const at = reader.head(snapshotReplyBytes)
  return {
    type: 'snapshot-reply',
    term,
    index: reader.uint64(at),
    received: reader.uint64(at + 8),
    session: reader.view.getUint32(at + 16),
  }
}
