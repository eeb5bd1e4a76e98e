// Writes what recovery decided about replicas into the hard-state files before anything runs: slots
// of dropped replicas become free, terms are raised, unknown tails and lost replicas are noted.
// A is synced before B is written, as always. Synchronous. Previous stop: recovery.ts; next stop:
// hard-state.ts.
import { encodeSlot, type Slot, type SlotContent, slotPosition } from './hard-state-format.ts'
import type { RecoveredHardState } from './hard-state-recovery.ts'

export function settleHardStateSync(
  hard: RecoveredHardState,
  contents: ReadonlyMap<number, SlotContent>,
): RecoveredHardState {
  if (contents.size === 0) return hard
  const known = new Map(hard.pairs.map(({ pair, slot }) => [pair, slot]))
  for (const { pair, known: slot } of hard.damaged) if (slot !== undefined) known.set(pair, slot)
  const damaged = new Set(hard.damaged.map(({ pair }) => pair))
  const writes: { pair: number; slot: Slot; bytes: Uint8Array }[] = []
  for (const [pair, content] of contents) {
    // Both slots of a damaged pair, so that none of them stays unreadable.
    for (let count = damaged.has(pair) ? 2 : 1; count > 0; count -= 1) {
      const before = known.get(pair)
      const sequence = (before?.sequence ?? 0) + 1
      const previousCrc = before?.crc ?? 0
      const { bytes, crc } = encodeSlot(sequence, previousCrc, content)
      const slot = { sequence, previousCrc, content, crc }
      known.set(pair, slot)
      writes.push({ pair, slot, bytes })
    }
  }
  for (const file of hard.files) {
    for (const { pair, slot, bytes } of writes) {
      file.writeSync(bytes, slotPosition(pair, slot.sequence))
    }
    file.syncSync()
  }
  const pairs = [...known].map(([pair, slot]) => ({ pair, slot }))
  const left = hard.damaged.filter(({ pair }) => !contents.has(pair))
  const capacity = Math.max(hard.capacity, ...pairs.map(({ pair }) => pair + 1))
  return { ...hard, pairs, damaged: left, capacity }
}
