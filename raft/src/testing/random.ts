// Keyed randomness for tests: the n-th value for a purpose depends on (seed, purpose, n) alone, so
// that leaving out one decision does not change all others and failing schedules shrink well.
import type { Draw } from '../types.ts'

function hash(seed: number, text: string, count: number): number {
  let value = (seed ^ 0x9e3779b9) >>> 0
  for (let place = 0; place < text.length; place++) {
    value = Math.imul(value ^ text.charCodeAt(place), 0x01000193) >>> 0
  }
  value = Math.imul(value ^ count ^ (count >>> 15), 0x85ebca6b) >>> 0
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35) >>> 0
  return (value ^ (value >>> 16)) >>> 0
}

export function keyedDraw(seed: number): Draw {
  const counts = new Map<string, number>()
  return (purpose, bound) => {
    const count = (counts.get(purpose) ?? 0) + 1
    counts.set(purpose, count)
    return hash(seed, purpose, count) % bound
  }
}
