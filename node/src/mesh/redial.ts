// When to dial a peer again, and when its process must be gone. Pure. A link that was up is dialled
// again at once: refused means nobody listens there any more, so the peer is reported lost. An
// attempt that was accepted and broken off before the handshake says nothing (the listener of a
// dying process may close last), so it is repeated a few times without delay growing.
import type { MeshLimits } from './limits.ts'

/** How an attempt ended. */
export type DialEnd = 'refused' | 'broken-off' | 'failed'

export interface RedialDecision {
  readonly delayMs: number
  /** The peer was up before and refuses connections now. */
  readonly lost: boolean
}

const quickTries = 3
const quickDelayMs = 10
/** A link that breaks sooner may break each time: then it is not dialled without a pause. */
const steadyUpMs = 1_000

export class Redial {
  readonly #limits: Pick<MeshLimits, 'redialMinMs' | 'redialMaxMs'>
  /** Number in [0, bound). */
  readonly #draw: (bound: number) => number
  /** Above zero from the loss of a link until an attempt tells something. */
  #quickLeft = 0
  #pauseMs = 0
  /** The last life of the link was short, and nothing happened since. */
  #shortLived = false

  constructor(
    limits: Pick<MeshLimits, 'redialMinMs' | 'redialMaxMs'>,
    draw: (bound: number) => number,
  ) {
    this.#limits = limits
    this.#draw = draw
  }

  /** A link that was up for this long broke. */
  afterUp(upForMs: number): RedialDecision {
    this.#quickLeft = quickTries
    const steady = upForMs >= steadyUpMs
    // Pauses from before the link was up say nothing about it; only short lives in a row do.
    if (steady || !this.#shortLived) this.#pauseMs = 0
    this.#shortLived = !steady
    return { delayMs: steady ? 0 : this.#nextPauseMs(), lost: false }
  }

  after(end: DialEnd): RedialDecision {
    const quick = this.#quickLeft > 0
    this.#shortLived = false
    if (quick && end === 'broken-off') {
      this.#quickLeft -= 1
      return { delayMs: quickDelayMs, lost: false }
    }
    this.#quickLeft = 0
    return { delayMs: this.#nextPauseMs(), lost: quick && end === 'refused' }
  }

  /** Doubles up to the maximum; a quarter of it is random, so that nodes do not dial in step. */
  #nextPauseMs(): number {
    const { redialMinMs, redialMaxMs } = this.#limits
    this.#pauseMs = Math.min(Math.max(this.#pauseMs * 2, redialMinMs), redialMaxMs)
    const spreadMs = Math.floor(this.#pauseMs / 4)
    return this.#pauseMs - this.#draw(spreadMs + 1)
  }
}
