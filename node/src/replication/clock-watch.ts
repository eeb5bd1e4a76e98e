// Whether this node's wall clock can be trusted with retiring records by age. Peers tell theirs now
// and then; what they would show now is reckoned with the monotonic clock, so a jump of the own
// clock is seen at once. A node far from the median of all retires nothing by age. Fed by gossip.
import type { Clock } from '@quorate/actors'
import { limits } from '../limits.ts'

interface Heard {
  readonly wallMs: number
  readonly atMonotonicMs: number
}

export class ClockWatch {
  readonly #clock: Clock
  /** Called when trust begins and ends. */
  readonly #changed: (trusted: boolean, skewMs: number) => void
  readonly #peers = new Map<string, Heard>()
  #trusted = true

  constructor(clock: Clock, changed: (trusted: boolean, skewMs: number) => void) {
    this.#clock = clock
    this.#changed = changed
  }

  heard(node: string, wallMs: number): void {
    this.#peers.set(node, { wallMs, atMonotonicMs: this.#clock.monotonicMs() })
  }

  /** Its clock may be set while nobody hears it. */
  lost(node: string): void {
    this.#peers.delete(node)
  }

  /** The wall clock, or undefined while it is too far from the median of all clocks known here. */
  trustedWallMs(): number | undefined {
    const wallMs = this.#clock.wallMs()
    const skewMs = wallMs - this.#medianMs(wallMs)
    const trusted = Math.abs(skewMs) <= limits.retentionClockSkewMsMax
    if (trusted !== this.#trusted) {
      this.#trusted = trusted
      this.#changed(trusted, skewMs)
    }
    return trusted ? wallMs : undefined
  }

  #medianMs(ownMs: number): number {
    const nowMs = this.#clock.monotonicMs()
    const clocks = [ownMs]
    for (const { wallMs, atMonotonicMs } of this.#peers.values()) {
      clocks.push(wallMs + nowMs - atMonotonicMs)
    }
    clocks.sort((one, other) => one - other)
    const upper = clocks[clocks.length >> 1]!
    const lower = clocks[(clocks.length - 1) >> 1]!
    return (lower + upper) / 2
  }
}
