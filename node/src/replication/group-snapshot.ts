// A group's snapshot in bytes, as a leader sends it to a replica that needs more than the log still
// holds: the machine's state at log start, the place in the log it belongs to, and a committed
// configuration with the nodes of its members. Checked before any of it is used. Knows nothing of
// what the state means. Made by snapshot-source.ts; read by snapshot-intake.ts.
//
//   header = magic uint32 | CRC of the header's other bytes uint32 | format version uint32
//            | length of the configuration uint32 | index uint64 | term uint64 | chain 2 × uint32
//            | end offset uint64 | append time uint64 | length of the state uint64
//            | configuration (as in its log entry) | CRC uint32 of each 64 KiB of the state
//   then the state
import { chunksOf, crc32c, joinChunks, readUint64, viewOf, writeUint64 } from '@quorate/protocol'
import type { Configuration } from '@quorate/raft'
import type { LogMark } from '../storage/storage.ts'
import {
  type DecodedConfiguration,
  decodeConfiguration,
  encodeConfiguration,
  type NodeOf,
} from './configuration-entry.ts'

export interface GroupSnapshot {
  /** The last index removed from the log: the state is that after it. */
  readonly mark: LogMark
  /** Committed, and at least as new as the one in force at `mark`. */
  readonly configuration: Configuration
  readonly state: Uint8Array
}

const magic = 0x5153_4e50
const formatVersion = 1
const fixedBytes = 64
const blockBytes = 64 * 1024

/** Throws a plain Error when the node of a member is not known. */
export function encodeSnapshot(snapshot: GroupSnapshot, nodeOf: NodeOf): Uint8Array {
  const { mark, state } = snapshot
  const configuration = joinChunks(encodeConfiguration(snapshot.configuration, nodeOf))
  const blocksFrom = fixedBytes + configuration.byteLength
  const blocks = Math.ceil(state.byteLength / blockBytes)
  const headerBytes = blocksFrom + 4 * blocks
  const bytes = new Uint8Array(headerBytes + state.byteLength)
  const view = viewOf(bytes)
  view.setUint32(0, magic)
  view.setUint32(8, formatVersion)
  view.setUint32(12, configuration.byteLength)
  writeUint64(view, 16, mark.index)
  writeUint64(view, 24, mark.term)
  view.setUint32(32, mark.chain.high)
  view.setUint32(36, mark.chain.low)
  writeUint64(view, 40, mark.endOffset)
  writeUint64(view, 48, mark.appendTimeMs)
  writeUint64(view, 56, state.byteLength)
  bytes.set(configuration, fixedBytes)
  for (let block = 0; block < blocks; block += 1) {
    view.setUint32(blocksFrom + 4 * block, crcOfBlock(state, block))
  }
  bytes.set(state, headerBytes)
  view.setUint32(4, crc32c(bytes.subarray(8, headerBytes)))
  return bytes
}

/** Undefined when these are not the bytes of a snapshot of this version. */
export function decodeSnapshot(
  bytes: Uint8Array,
): (GroupSnapshot & Pick<DecodedConfiguration, 'nodes'>) | undefined {
  if (bytes.byteLength < fixedBytes) return undefined
  const view = viewOf(bytes)
  if (view.getUint32(0) !== magic || view.getUint32(8) !== formatVersion) return undefined
  const blocksFrom = fixedBytes + view.getUint32(12)
  if (blocksFrom > bytes.byteLength || view.getUint32(56) !== 0) return undefined
  const stateBytes = view.getUint32(60)
  const blocks = Math.ceil(stateBytes / blockBytes)
  const headerBytes = blocksFrom + 4 * blocks
  if (headerBytes + stateBytes !== bytes.byteLength) return undefined
  if (view.getUint32(4) !== crc32c(bytes.subarray(8, headerBytes))) return undefined
  const state = bytes.subarray(headerBytes)
  for (let block = 0; block < blocks; block += 1) {
    if (view.getUint32(blocksFrom + 4 * block) !== crcOfBlock(state, block)) return undefined
  }
  const decoded = decodeConfiguration(chunksOf(bytes.subarray(fixedBytes, blocksFrom)))
  if (decoded === undefined) return undefined
  const mark = {
    index: readUint64(view, 16),
    term: readUint64(view, 24),
    chain: { high: view.getUint32(32), low: view.getUint32(36) },
    endOffset: readUint64(view, 40),
    appendTimeMs: readUint64(view, 48),
  }
  return { mark, ...decoded, state }
}

function crcOfBlock(state: Uint8Array, block: number): number {
  return crc32c(state.subarray(block * blockBytes, (block + 1) * blockBytes))
}
