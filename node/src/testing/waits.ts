// Promises that the test, or one life of a process, waits for: each promise that a simulated part gives
// to user code passes through here. So the driver knows whether the test waits for the cluster, a
// person can be told what for, and a crashed process never hears of anything again.

interface Pending {
  readonly what: string
  readonly sinceMs: number
  /** It will settle by itself at a known time. */
  readonly timed: boolean
  readonly reject: (error: unknown) => void
}

export interface WaitsListener {
  nowMs(): number
  /** Something is waited for. */
  began(): void
  /** A promise has settled; false: the code behind it must not hear of it. */
  settled(): boolean
}

export class Waits {
  readonly #listener: WaitsListener
  readonly #pending = new Set<Pending>()
  #silent = false

  constructor(listener: WaitsListener) {
    this.#listener = listener
  }

  get waiting(): boolean {
    return this.#pending.size > 0
  }

  /** Some wait ends at a time that is known. */
  get timed(): boolean {
    return [...this.#pending].some(({ timed }) => timed)
  }

  /** What is waited for, oldest first, in one line. */
  get text(): string {
    return [...this.#pending].map(({ what, sinceMs }) => `${what} since ${sinceMs} ms`).join(', ')
  }

  track<Result>(
    what: string,
    promise: PromiseLike<Result>,
    options: { readonly timed?: boolean } = {},
  ): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      const sinceMs = Math.floor(this.#listener.nowMs())
      const pending: Pending = { what, sinceMs, timed: options.timed === true, reject }
      const settle = (finish: () => void): void => {
        if (this.#pending.delete(pending) && this.#listener.settled()) finish()
      }
      if (!this.#silent) this.#pending.add(pending)
      this.#listener.began()
      promise.then(
        (result) => settle(() => resolve(result)),
        (error: unknown) => settle(() => reject(error)),
      )
    })
  }

  /** Rejects everything that is waited for. */
  fail(error: unknown): void {
    const pending = [...this.#pending]
    this.#pending.clear()
    for (const { reject } of pending) reject(error)
  }

  /** Nothing that is waited for ever settles. */
  silence(): void {
    this.#silent = true
    this.#pending.clear()
  }
}
