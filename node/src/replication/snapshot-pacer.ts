// How fast this node sends snapshots, all groups and peers together, so that a peer that comes back
// after long does not take the network from produce. Pure: time goes in. What is not admitted is
// asked for again by the core after an election time-out, so the burst holds what flows until then.
import type { Clock } from '@quorate/actors'
import { limits } from '../limits.ts'

export class SnapshotPacer {
  readonly #clock: Clock
  #available = limits.snapshotBytesPerSecond
  #atMs: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#atMs = clock.monotonicMs()
  }

  admits(bytes: number): boolean {
    const nowMs = this.#clock.monotonicMs()
    const perSecond = limits.snapshotBytesPerSecond
    const gained = ((nowMs - this.#atMs) * perSecond) / 1000
    this.#available = Math.min(perSecond, this.#available + gained)
    this.#atMs = nowMs
    if (this.#available <= 0) return false
    // May go below 0: a piece larger than what is left is not starved by smaller ones.
    this.#available -= bytes
    return true
  }
}
