// Checks the two hard-state files slot by slot and tells damage from what a crash may leave: a change
// goes to the slot that does not hold the newest state, in A first and, when A is synced, in B. An
// unreadable slot anywhere else is damage. Reads whole files, changes nothing. Caller: verify.ts.
import { readFileSync } from './checked-text.ts'
import type { Disk } from './disk.ts'
import {
  checkHardStateHeader,
  decodeSlot,
  hardStatePaths,
  pairBytes,
  type Slot,
  slotBytes,
  slotPosition,
} from './hard-state-format.ts'
import type { VerifiedRange } from './verify.ts'
import type { WalIdentity } from './wal-file.ts'
import { blockBytes } from './wal-format.ts'

const kind = 'hard-state'

export function verifyHardState(
  disk: Disk,
  folder: string,
  identity: WalIdentity | undefined,
): VerifiedRange[] {
  const paths = hardStatePaths(folder)
  const contents = paths.map((path) => readFileSync(disk, path))
  return paths.flatMap((file, copy): VerifiedRange[] => {
    const bytes = contents[copy]
    if (bytes === undefined) return [{ kind, file, from: 0, to: 0, state: 'missing' }]
    const damage = [
      ...headerDamage(file, bytes, copy === 0 ? 'A' : 'B', identity),
      ...slotDamage(file, bytes, contents[1 - copy], copy === 0 ? 'A' : 'B'),
    ]
    if (damage.length > 0) return damage
    return [{ kind, file, from: 0, to: bytes.byteLength, state: 'good' }]
  })
}

function headerDamage(
  file: string,
  bytes: Uint8Array,
  letter: 'A' | 'B',
  identity: WalIdentity | undefined,
): VerifiedRange[] {
  if (identity === undefined) return []
  const fault =
    bytes.byteLength < blockBytes
      ? 'cut off'
      : checkHardStateHeader(bytes.subarray(0, blockBytes), letter, identity)
  if (fault === undefined) return []
  return [{ kind, file, from: 0, to: blockBytes, state: 'damaged', detail: `header: ${fault}` }]
}

function slotDamage(
  file: string,
  bytes: Uint8Array,
  other: Uint8Array | undefined,
  letter: 'A' | 'B',
): VerifiedRange[] {
  const damage: VerifiedRange[] = []
  const pairs = Math.floor((bytes.byteLength - blockBytes) / pairBytes)
  for (let pair = 0; pair < pairs; pair += 1) {
    for (const parity of [0, 1]) {
      if (slotAt(bytes, pair, parity) !== 'bad') continue
      const from = slotPosition(pair, parity)
      const state = mayBeTorn(bytes, other, pair, parity, letter) ? 'torn' : 'damaged'
      const detail = `slot ${parity} of pair ${pair}`
      damage.push({ kind, file, from, to: from + slotBytes, state, detail })
    }
  }
  return damage
}

/** Whether a crash in the middle of the pair's next change leaves this slot unreadable. */
function mayBeTorn(
  bytes: Uint8Array,
  other: Uint8Array | undefined,
  pair: number,
  parity: number,
  letter: 'A' | 'B',
): boolean {
  if (other === undefined) return false
  const here = sequenceOf(slotAt(bytes, pair, 1 - parity))
  const same = sequenceOf(slotAt(other, pair, parity))
  const across = sequenceOf(slotAt(other, pair, 1 - parity))
  if (here !== across || same === undefined) return false
  // A is written while B still holds the older state there; B when A holds the newer one.
  return letter === 'A' ? same < here! || same === 0 : same > here!
}

function slotAt(bytes: Uint8Array, pair: number, parity: number): Slot | 'empty' | 'bad' {
  const position = slotPosition(pair, parity)
  if (position + slotBytes > bytes.byteLength) return 'empty'
  return decodeSlot(bytes.subarray(position, position + slotBytes))
}

/** 0 for a slot that was never written. */
function sequenceOf(slot: Slot | 'empty' | 'bad'): number | undefined {
  if (slot === 'bad') return undefined
  return slot === 'empty' ? 0 : slot.sequence
}
