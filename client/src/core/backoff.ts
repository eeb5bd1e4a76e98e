// Pauses between attempts: doubling, bounded, with jitter in the upper half so that clients which
// failed together do not come back together.
import type { Random } from '@quorate/actors'

export class Backoff {
  readonly #random: Random
  readonly #purpose: string
  readonly #firstMs: number
  readonly #lastMs: number
  #nextMs: number

  constructor(random: Random, purpose: string, range: readonly [first: number, last: number]) {
    this.#random = random
    this.#purpose = purpose
    this.#firstMs = range[0]
    this.#lastMs = range[1]
    this.#nextMs = range[0]
  }

  /** The next pause. Invariant: between half of the current step and the whole of it. */
  next(): number {
    const stepMs = this.#nextMs
    this.#nextMs = Math.min(stepMs * 2, this.#lastMs)
    const halfMs = Math.ceil(stepMs / 2)
    return halfMs + this.#random.integer(this.#purpose, stepMs - halfMs + 1)
  }

  reset(): void {
    this.#nextMs = this.#firstMs
  }
}
