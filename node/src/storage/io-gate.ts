// Bounds background IO: reads of old entries and segment writes share a few places, because each
// one more in the thread pool slows the WAL (two outstanding double its latency, sixteen make it
// eight times). Waiting work starts in order. Knows nothing of what the work is.

export class IoGate {
  readonly #limit: number
  #running = 0
  readonly #waiting: ((release: () => void) => void)[] = []

  constructor(limit: number) {
    this.#limit = limit
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** Runs `start` at once or later; it calls `release` exactly once when its IO has completed. */
  run(start: (release: () => void) => void): void {
    if (this.#running >= this.#limit) {
      this.#waiting.push(start)
      return
    }
    this.#start(start)
  }

  #start(start: (release: () => void) => void): void {
    this.#running += 1
    start(() => {
      this.#running -= 1
      const next = this.#waiting.shift()
      if (next !== undefined) this.#start(next)
    })
  }
}
