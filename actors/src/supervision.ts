// How long a failed actor pauses before it is rebuilt: doubling from the first pause up to a
// longest one, and short again after a failure-free stretch. What to do with a failure is decided
// in cell.ts by the actor's settings.
import type { ActorSettings } from './limits.ts'

/** Beyond this the doubled pause is above any allowed maximum. */
const maxDoublings = 31

export class Backoff {
  private readonly settings: ActorSettings
  /** Failures in a row, the first of which came less than the longest pause after a start. */
  private failures = 0
  private startedMs = 0

  constructor(settings: ActorSettings) {
    this.settings = settings
  }

  started(nowMs: number): void {
    this.startedMs = nowMs
  }

  /** Pause before the restart that follows this failure. */
  nextDelayMs(nowMs: number): number {
    const { restartDelayMs, restartDelayMaxMs } = this.settings
    if (nowMs - this.startedMs >= restartDelayMaxMs) this.failures = 0
    const doublings = Math.min(this.failures, maxDoublings)
    this.failures += 1
    return Math.min(restartDelayMs * 2 ** doublings, restartDelayMaxMs)
  }
}
