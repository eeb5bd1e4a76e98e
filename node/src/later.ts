// Runs closures after a delay, in the turn of one small actor: retries of handlers and of the node
// itself. One that throws is reported and takes no other with it.
import type { Actor, ActorContext } from '@quorate/actors'

export interface LaterMessage {
  readonly delayMs: number
  readonly run: () => void
}

interface Due {
  readonly due: () => void
}

export class Later implements Actor<LaterMessage | Due> {
  readonly #failed: (error: unknown) => void
  #timers = 0

  constructor(failed: (error: unknown) => void) {
    this.#failed = failed
  }

  receive(message: LaterMessage | Due, context: ActorContext<LaterMessage | Due>): void {
    if ('due' in message) {
      try {
        message.due()
      } catch (error) {
        this.#failed(error)
      }
      return
    }
    this.#timers += 1
    context.setTimer(`later-${this.#timers}`, message.delayMs, { due: message.run })
  }
}
