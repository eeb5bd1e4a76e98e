// Reads hard.A and hard.B at start-up, decides for each pair which state is the newest, and makes
// both files agree again. The rule: B is written only after A is synced, so a slot that is
// unreadable in one file is decided by the other, and the same slot unreadable in both is damage,
// never a torn write. Next stop: hard-state.ts, which goes on writing.
import { QuorateError } from '@quorate/protocol'
import type { Disk, DiskFile } from './disk.ts'
import {
  checkHardStateHeader,
  decodeSlot,
  encodeSlot,
  hardStatePaths,
  pairBytes,
  type Slot,
  slotBytes,
  slotPosition,
} from './hard-state-format.ts'
import type { WalIdentity } from './wal-file.ts'
import { blockBytes } from './wal-format.ts'

export interface RecoveredPair {
  readonly pair: number
  readonly slot: Slot
}

export interface RecoveredHardState {
  readonly files: readonly [DiskFile, DiskFile]
  readonly pairs: readonly RecoveredPair[]
  /** Pairs that both files have room for. */
  readonly capacity: number
}

type FoundSlot = Slot | 'empty' | 'bad'

/** Leaves both files open for writing, synced and in agreement. `readOnly`: changes nothing. */
export function recoverHardStateSync(
  disk: Disk,
  folder: string,
  identity: WalIdentity,
  options: { readonly readOnly?: boolean } = {},
): RecoveredHardState {
  const readOnly = options.readOnly === true
  const paths = hardStatePaths(folder)
  const files = paths.map((path) => open(disk, path, readOnly)) as [DiskFile, DiskFile]
  const contents = files.map((file, position) =>
    readWhole(file, position === 0 ? 'A' : 'B', identity),
  ) as [Uint8Array, Uint8Array]
  const capacity = Math.max(...contents.map((bytes) => pairsIn(bytes)))
  const pairs: RecoveredPair[] = []
  const repairs: [Repair[], Repair[]] = [[], []]
  for (let pair = 0; pair < capacity; pair += 1) {
    const found = [0, 1].map((parity) => contents.map((bytes) => slotAt(bytes, pair, parity)))
    const newest = decidePair(found as FoundSlot[][], pair, paths)
    if (newest !== undefined) pairs.push({ pair, slot: newest })
    collectRepairs(found as FoundSlot[][], pair, newest, repairs)
  }
  if (!readOnly) {
    files.forEach((file, position) => {
      for (const repair of repairs[position]!) file.writeSync(repair.bytes, repair.position)
      // Also without repairs: what was read may have been in the page cache only.
      file.syncSync()
    })
  }
  return { files, pairs, capacity: Math.min(...contents.map((bytes) => pairsIn(bytes))) }
}

interface Repair {
  readonly bytes: Uint8Array
  readonly position: number
}

/** `found[parity][file]`. */
function decidePair(
  found: readonly (readonly FoundSlot[])[],
  pair: number,
  paths: readonly string[],
): Slot | undefined {
  let newest: Slot | undefined
  for (const [parity, copies] of found.entries()) {
    if (copies.every((slot) => slot === 'bad')) {
      const position = slotPosition(pair, parity)
      throw damaged(paths.join(' and '), `bytes ${position}..${position + slotBytes}`)
    }
    for (const slot of copies) {
      if (slot === 'empty' || slot === 'bad') continue
      if (newest === undefined || slot.sequence > newest.sequence) newest = slot
    }
  }
  return newest
}

function collectRepairs(
  found: readonly (readonly FoundSlot[])[],
  pair: number,
  newest: Slot | undefined,
  repairs: readonly [Repair[], Repair[]],
): void {
  for (const [parity, copies] of found.entries()) {
    for (const [file, slot] of copies.entries()) {
      const position = slotPosition(pair, parity)
      const holdsNewest = newest !== undefined && newest.sequence % 2 === parity
      if (holdsNewest) {
        const same = slot !== 'bad' && slot !== 'empty' && slot.sequence === newest.sequence
        if (same) continue
        const { bytes } = encodeSlot(newest.sequence, newest.previousCrc, newest.content)
        repairs[file]!.push({ bytes, position })
      } else if (slot === 'bad') {
        // Left over from a torn write; it must not look like damage after the next one.
        repairs[file]!.push({ bytes: new Uint8Array(slotBytes), position })
      }
    }
  }
}

function open(disk: Disk, path: string, readOnly: boolean): DiskFile {
  if (!disk.existsSync(path)) throw damaged(path, 'the file is missing')
  return disk.openSync(path, readOnly ? 'read' : 'write')
}

function readWhole(file: DiskFile, letter: 'A' | 'B', identity: WalIdentity): Uint8Array {
  const bytes = new Uint8Array(file.sizeSync())
  const read = file.readSync(bytes, 0)
  if (read < blockBytes + pairBytes) throw damaged(file.path, `only ${read} bytes are left`)
  const fault = checkHardStateHeader(bytes.subarray(0, blockBytes), letter, identity)
  if (fault === 'unreadable') throw damaged(file.path, `bytes 0..${blockBytes}`)
  if (fault === 'foreign') throw damaged(file.path, 'it belongs to another node')
  if (fault === 'version') throw new QuorateError('QUORATE_FORMAT_VERSION', file.path)
  return bytes.subarray(0, read)
}

function pairsIn(bytes: Uint8Array): number {
  return Math.floor((bytes.byteLength - blockBytes) / pairBytes)
}

/** A file that was not extended yet holds nothing there. */
function slotAt(bytes: Uint8Array, pair: number, parity: number): FoundSlot {
  const position = slotPosition(pair, parity)
  if (position + slotBytes > bytes.byteLength) return 'empty'
  return decodeSlot(bytes.subarray(position, position + slotBytes))
}

function damaged(path: string, what: string): QuorateError {
  return new QuorateError('QUORATE_STORAGE_DAMAGED', `${path}: ${what}`)
}
