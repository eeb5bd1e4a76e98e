// Checkpoints: the state of a group's machine at an index, as a file of its own, so that a restart
// applies only what came later. Replaced never, written whole under a temporary name; an unreadable
// one is passed over for an older one. Knows nothing of what the state means. Layout:
// docs/reference/storage-format.md.
import { crc32c, readUint64, viewOf, writeUint64 } from '@quorate/protocol'
import type { Chain } from '@quorate/raft'
import { readFileSync } from './checked-text.ts'
import type { Disk } from './disk.ts'
import { formatVersion } from './format-version.ts'
import type { SegmentOwner } from './segment.ts'
import { readHex, writeHex } from './wal-format.ts'

export interface Checkpoint {
  readonly index: number
  readonly term: number
  /** Of the log up to and including `index`. */
  readonly chain: Chain
  readonly state: Uint8Array
}

const magic = 0x5143_4b50
const preludeBytes = 96
/** Each chunk of the state has a CRC of its own, so that a damaged one can be named. */
const chunkBytes = 256 * 1024

export function encodeCheckpoint(owner: SegmentOwner, checkpoint: Checkpoint): Uint8Array {
  const { state } = checkpoint
  const chunks = Math.ceil(state.byteLength / chunkBytes)
  const headerBytes = preludeBytes + 4 * chunks
  const bytes = new Uint8Array(headerBytes + state.byteLength)
  const view = viewOf(bytes)
  view.setUint32(0, magic)
  view.setUint32(8, formatVersion)
  view.setUint32(12, headerBytes)
  writeHex(view, 16, owner.identity.clusterId)
  writeHex(view, 24, owner.identity.incarnation)
  writeUint64(view, 32, owner.group.topicId)
  view.setUint32(40, owner.group.partition)
  view.setUint32(44, chunkBytes)
  writeUint64(view, 48, owner.replicaId)
  writeUint64(view, 56, checkpoint.index)
  writeUint64(view, 64, checkpoint.term)
  view.setUint32(72, checkpoint.chain.high)
  view.setUint32(76, checkpoint.chain.low)
  writeUint64(view, 80, state.byteLength)
  view.setUint32(88, chunks)
  for (let chunk = 0; chunk < chunks; chunk += 1) {
    const from = chunk * chunkBytes
    view.setUint32(preludeBytes + 4 * chunk, crc32c(state.subarray(from, from + chunkBytes)))
  }
  bytes.set(state, headerBytes)
  view.setUint32(4, crc32c(bytes.subarray(8, headerBytes)))
  return bytes
}

/** Undefined when damaged or of another replica; `version` for another format. */
export function decodeCheckpoint(
  owner: SegmentOwner,
  bytes: Uint8Array,
): Checkpoint | 'version' | undefined {
  if (bytes.byteLength < preludeBytes) return undefined
  const view = viewOf(bytes)
  const headerBytes = view.getUint32(12)
  if (view.getUint32(0) !== magic || headerBytes < preludeBytes) return undefined
  if (headerBytes > bytes.byteLength) return undefined
  if (view.getUint32(4) !== crc32c(bytes.subarray(8, headerBytes))) return undefined
  if (view.getUint32(8) !== formatVersion) return 'version'
  if (!isOf(owner, view)) return undefined
  const state = bytes.subarray(headerBytes)
  const chunks = view.getUint32(88)
  if (state.byteLength !== readUint64(view, 80)) return undefined
  for (let chunk = 0; chunk < chunks; chunk += 1) {
    const from = chunk * view.getUint32(44)
    const crc = crc32c(state.subarray(from, from + view.getUint32(44)))
    if (crc !== view.getUint32(preludeBytes + 4 * chunk)) return undefined
  }
  return {
    index: readUint64(view, 56),
    term: readUint64(view, 64),
    chain: { high: view.getUint32(72), low: view.getUint32(76) },
    state,
  }
}

function isOf(owner: SegmentOwner, view: DataView): boolean {
  return (
    readHex(view, 16) === owner.identity.clusterId &&
    readHex(view, 24) === owner.identity.incarnation &&
    readUint64(view, 32) === owner.group.topicId &&
    view.getUint32(40) === owner.group.partition &&
    readUint64(view, 48) === owner.replicaId
  )
}

export function readCheckpointSync(
  disk: Disk,
  path: string,
  owner: SegmentOwner,
): Checkpoint | 'version' | undefined {
  const bytes = readFileSync(disk, path)
  return bytes === undefined ? undefined : decodeCheckpoint(owner, bytes)
}
