// The producer id: asked for when the first batch needs it, and again when a partition has used up
// the epochs of the old one. Ids come from committed blocks, so no two producers ever share one.
import { apiSubject } from '@quorate/protocol'
import { Backoff } from './backoff.ts'
import type { Calls } from './calls.ts'
import type { Environment } from './environment.ts'

export class Identity {
  readonly #environment: Environment
  readonly #calls: Calls
  readonly #backoff: Backoff
  readonly #ready: () => void
  #producerId: number | undefined
  /** Present while an id is on its way, or a pause after a failure lasts. */
  #cancel: (() => void) | undefined
  /** Why there is none yet. */
  lastError: Error | undefined

  constructor(environment: Environment, calls: Calls, ready: () => void) {
    const { random, limits } = environment
    this.#environment = environment
    this.#calls = calls
    this.#backoff = new Backoff(random, 'client/producer-id', limits.retryMs)
    this.#ready = ready
  }

  /** The current id. Without one it is asked for, and `ready` is called when asking again helps. */
  get(): number | undefined {
    if (this.#producerId === undefined && this.#cancel === undefined) this.#ask()
    return this.#producerId
  }

  /** The id is spent for some partition: the next `get` asks for another one. */
  discard(producerId: number): void {
    if (this.#producerId === producerId) this.#producerId = undefined
  }

  close(): void {
    this.#cancel?.()
    this.#cancel = () => {}
  }

  #ask(): void {
    const { limits } = this.#environment
    const options = { deadlineMs: limits.callDeadlineMs, repeatable: true }
    this.#cancel = this.#calls.call(apiSubject('producer'), {}, options, (error, reply) => {
      const id = (reply as { producerId?: unknown } | undefined)?.producerId
      if (!Number.isSafeInteger(id) || Number(id) < 0) {
        this.#failed(error ?? new Error('the reply names no producer id'))
        return
      }
      this.#cancel = undefined
      this.#producerId = Number(id)
      this.#backoff.reset()
      this.#ready()
    })
  }

  #failed(error: Error): void {
    const { host } = this.#environment
    this.lastError = error
    const timer = host.setTimer(() => {
      this.#cancel = undefined
      this.#ready()
    }, this.#backoff.next())
    this.#cancel = () => host.clearTimer(timer)
  }
}
