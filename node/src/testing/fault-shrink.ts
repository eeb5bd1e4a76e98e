// Makes a list of faults smaller: first faults are taken away, halves before quarters before single
// ones, then the times of what is left become round. Each candidate says where to go on when it fails
// too, so that nothing is tried twice. Knows nothing of running them.
import { fewer, type Piece } from '../laboratory/plan/fewer.ts'
import type { Fault } from './fault.ts'

/** Where shrinking goes on; a piece of 0 faults when only values are left. */
export interface FaultCursor extends Piece {
  readonly value: number
}

export interface FaultCandidate {
  readonly faults: readonly Fault[]
  readonly next: FaultCursor
}

export const firstFaultCursor: FaultCursor = {
  chunk: Number.POSITIVE_INFINITY,
  position: 0,
  value: 0,
}

/** Coarse steps, in order: what reads best and is most often enough comes first. */
const tamer: readonly ((fault: Fault) => Fault)[] = [
  (fault) => ({ ...fault, target: fault.target.replace(/:\d+$/, ':0') }),
  (fault) => ({ ...fault, atMs: 0 }),
  (fault) => ({ ...fault, atMs: Math.floor(fault.atMs / 1_000) * 1_000 }),
  (fault) => ({ ...fault, forMs: 100 }),
  (fault) => ({ ...fault, forMs: Math.min(fault.forMs, 1_000) }),
  (fault) => (fault.afterCalls === undefined ? fault : { ...fault, afterCalls: 1 }),
]

export function* simplerFaults(
  faults: readonly Fault[],
  from: FaultCursor,
): Generator<FaultCandidate> {
  for (const { left, next } of fewer(faults, from)) {
    yield { faults: left, next: { ...next, value: 0 } }
  }
  for (let value = from.value; value < faults.length * tamer.length; value += 1) {
    const position = value % faults.length
    const changed = tamer[Math.floor(value / faults.length)]!(faults[position]!)
    if (JSON.stringify(changed) === JSON.stringify(faults[position])) continue
    yield {
      faults: faults.with(position, changed),
      next: { chunk: 0, position: 0, value: value + 1 },
    }
  }
}
