// Reads hard.A and hard.B at start-up and decides for each pair which state is the newest. The rule:
// B is written only after A is synced, so a slot that is unreadable in one file is decided by the
// other, and the same slot unreadable in both is damage, never a torn write: term and vote of that
// replica are lost. A file that is gone as a whole is made again from the other. Next stop:
// hard-state-settle.ts writes what recovery decided; then hard-state.ts goes on.
import { QuorateError } from '@quorate/protocol'
import { replaceFileSync } from './checked-text.ts'
import type { Disk, DiskFile } from './disk.ts'
import {
  checkHardStateHeader,
  decodeSlot,
  encodeHeader,
  encodeSlot,
  extentBytes,
  hardStatePaths,
  pairBytes,
  type Slot,
  slotBytes,
  slotPosition,
} from './hard-state-format.ts'
import { readBytesSync } from './read-bytes.ts'
import type { WalIdentity } from './wal-file.ts'
import { blockBytes } from './wal-format.ts'

export interface RecoveredPair {
  readonly pair: number
  readonly slot: Slot
}

/** A pair of which a slot is unreadable wherever it is written. */
export interface DamagedPair {
  readonly pair: number
  /** The newest state that can be read; a newer one may have been promised. */
  readonly known: Slot | undefined
  readonly from: number
  readonly to: number
}

export interface RecoveredHardState {
  /** A, then B, open; in `read` mode those that are there. */
  readonly files: readonly DiskFile[]
  readonly pairs: readonly RecoveredPair[]
  readonly damaged: readonly DamagedPair[]
  /** Pairs that both files have room for. */
  readonly capacity: number
  /** Slots that were not readable, or older, in one file and are decided by the other. */
  readonly mended: number
  /** Files, or headers, that were made again from the other copy. */
  readonly repaired: readonly { readonly path: string; readonly reason: string }[]
}

/** `absent`: the whole file is gone. */
type FoundSlot = Slot | 'empty' | 'bad' | 'absent'

const letters = ['A', 'B'] as const

interface FoundFile {
  readonly path: string
  readonly bytes: Uint8Array
  /** What is wrong with the file as a whole. */
  readonly fault: string | undefined
  readonly isOther?: boolean
}

/** Two files that changed names hold everything; a copy of the other one may be older than it. */
function unlessSwapped(found: readonly FoundFile[]): FoundFile[] {
  const swapped = found.every(({ isOther }) => isOther === true)
  const none = new Uint8Array(0)
  return found.map((each) => (each.isOther === true && !swapped ? { ...each, bytes: none } : each))
}

/** Leaves both files open for writing, synced and in agreement. `read`: changes nothing. */
export function recoverHardStateSync(
  disk: Disk,
  folder: string,
  identity: WalIdentity,
  mode: 'read' | 'write',
): RecoveredHardState {
  const found = unlessSwapped(
    hardStatePaths(folder).map((path, position) => {
      return readWhole(disk, path, letters[position]!, identity)
    }),
  )
  const capacity = Math.max(...found.map(({ bytes }) => pairsIn(bytes)))
  const pairs: RecoveredPair[] = []
  const damaged: DamagedPair[] = []
  const repairs: Repair[][] = [[], []]
  for (let pair = 0; pair < capacity; pair += 1) {
    const slots = [0, 1].map((parity) => found.map(({ bytes }) => slotAt(bytes, pair, parity)))
    const newest = newestOf(slots)
    const parity = damagedParity(slots, newest)
    if (parity !== undefined) {
      const from = slotPosition(pair, parity)
      damaged.push({ pair, known: newest, from, to: from + slotBytes })
      continue
    }
    if (newest !== undefined) pairs.push({ pair, slot: newest })
    collectRepairs(slots, pair, newest, repairs)
  }
  const mended = repairs.reduce((sum, { length }) => sum + length, 0)
  const repaired = found.flatMap(({ path, fault }) =>
    fault === undefined ? [] : [{ path, reason: fault }],
  )
  if (mode === 'read') {
    const files = found.filter(({ path }) => disk.existsSync(path))
    return {
      files: files.map(({ path }) => disk.openSync(path, 'read')),
      pairs,
      damaged,
      capacity,
      mended,
      repaired,
    }
  }
  makeAgainSync(disk, found, identity)
  const files = found.map(({ path }) => disk.openSync(path, 'write'))
  writeRepairsSync(files, repairs)
  const room = Math.min(...files.map((file) => pairsOfSize(file.sizeSync())))
  return { files, pairs, damaged, capacity: room, mended, repaired }
}

/** Both files lost: room for the first pairs, which recovery fills. */
function makeAgainSync(disk: Disk, found: readonly FoundFile[], identity: WalIdentity): void {
  for (const [position, { path, fault }] of found.entries()) {
    if (fault === undefined) continue
    const own = found[position]!.bytes
    const other = found[1 - position]!.bytes
    const source = own.byteLength > 0 ? own : other
    const bytes = new Uint8Array(Math.max(source.byteLength, blockBytes + extentBytes))
    bytes.set(source)
    bytes.set(encodeHeader(letters[position]!, identity))
    replaceFileSync(disk, path, bytes)
  }
}

interface Repair {
  readonly bytes: Uint8Array
  readonly position: number
}

function writeRepairsSync(
  files: readonly DiskFile[],
  repairs: readonly (readonly Repair[])[],
): void {
  files.forEach((file, position) => {
    for (const repair of repairs[position]!) file.writeSync(repair.bytes, repair.position)
    // Also without repairs: what was read may have been in the page cache only.
    file.syncSync()
  })
}

/** `slots[parity][file]`. */
function newestOf(slots: readonly (readonly FoundSlot[])[]): Slot | undefined {
  let newest: Slot | undefined
  for (const slot of slots.flat()) {
    if (typeof slot === 'string') continue
    if (newest === undefined || slot.sequence > newest.sequence) newest = slot
  }
  return newest
}

/** The parity of a state that was written and can be read nowhere. */
function damagedParity(
  slots: readonly (readonly FoundSlot[])[],
  newest: Slot | undefined,
): number | undefined {
  for (const [parity, copies] of slots.entries()) {
    const there = copies.filter((slot) => slot !== 'absent')
    if (there.length > 0 && there.every((slot) => slot === 'bad')) return parity
    // Both slots are in use from the second state on: zeros are not what was written.
    const inUse = (newest?.sequence ?? 0) > 1
    if (inUse && copies.every((slot) => typeof slot === 'string')) return parity
  }
  return undefined
}

function collectRepairs(
  slots: readonly (readonly FoundSlot[])[],
  pair: number,
  newest: Slot | undefined,
  repairs: readonly Repair[][],
): void {
  for (const [parity, copies] of slots.entries()) {
    for (const [file, slot] of copies.entries()) {
      const position = slotPosition(pair, parity)
      const holdsNewest = newest !== undefined && newest.sequence % 2 === parity
      if (holdsNewest) {
        if (typeof slot === 'object' && slot.sequence === newest.sequence) continue
        repairs[file]!.push({ bytes: encodeOf(newest), position })
      } else if (slot === 'bad' || slot === 'empty') {
        // The other copy, so that the slot does not look damaged after the next torn write.
        const other = copies.find((copy) => typeof copy === 'object')
        if (other !== undefined) repairs[file]!.push({ bytes: encodeOf(other), position })
        else if (slot === 'bad') repairs[file]!.push({ bytes: new Uint8Array(slotBytes), position })
      }
    }
  }
}

function encodeOf({ sequence, previousCrc, content }: Slot): Uint8Array {
  return encodeSlot(sequence, previousCrc, content).bytes
}

function readWhole(disk: Disk, path: string, letter: 'A' | 'B', identity: WalIdentity): FoundFile {
  const lost = (fault: string): FoundFile => ({ path, bytes: new Uint8Array(0), fault })
  if (!disk.existsSync(path)) return lost('the file is missing')
  const file = disk.openSync(path, 'read')
  const whole = new Uint8Array(file.sizeSync())
  const bytes = whole.subarray(0, readBytesSync(file, whole, 0))
  file.close()
  if (bytes.byteLength < blockBytes + pairBytes)
    return lost(`only ${bytes.byteLength} bytes are left`)
  const fault = checkHardStateHeader(bytes.subarray(0, blockBytes), letter, identity)
  if (fault === 'version') throw new QuorateError('QUORATE_FORMAT_VERSION', path)
  if (fault === 'foreign') return lost('it belongs to another node')
  if (fault === 'letter') {
    return { path, bytes, fault: 'it is the other file of the two', isOther: true }
  }
  // Each slot vouches for itself.
  return { path, bytes, fault: fault === undefined ? undefined : `bytes 0..${blockBytes}` }
}

function pairsIn(bytes: Uint8Array): number {
  return pairsOfSize(bytes.byteLength)
}

function pairsOfSize(size: number): number {
  return Math.max(Math.floor((size - blockBytes) / pairBytes), 0)
}

/** A file that was not extended yet holds nothing there. */
function slotAt(bytes: Uint8Array, pair: number, parity: number): FoundSlot {
  if (bytes.byteLength === 0) return 'absent'
  const position = slotPosition(pair, parity)
  if (position + slotBytes > bytes.byteLength) return 'empty'
  return decodeSlot(bytes.subarray(position, position + slotBytes))
}
