// One question that is out: a reference for exactly one reply, with a deadline. It belongs to the
// incarnation that asked and dies with it. The outcome goes into the asker's mailbox as a deferred
// message, so `settle` runs in the asker's own slot and its failures are the asker's.
import type { ActorRef } from './actor.ts'
import { Deferred, nothing } from './deferred.ts'
import type { Incarnation } from './incarnation.ts'

export type AskOutcome = { reply: unknown } | 'deadline-exceeded'

/** What the asked actor holds. Apart from `Ask`, which lies in mailboxes and is unwrapped there. */
class AskRef implements ActorRef<unknown> {
  /** `asker#17`: found by `system.find`, so that a reply can come back from another node. */
  readonly path: string
  readonly #ask: Ask

  constructor(path: string, ask: Ask) {
    this.path = path
    this.#ask = ask
  }

  /** False when the question is settled already or the asker's incarnation has ended. */
  send(message: unknown): boolean {
    return this.#ask.close({ reply: message })
  }

  reply(message: unknown): boolean {
    return this.#ask.close({ reply: message })
  }
}

export class Ask extends Deferred {
  readonly replyTo: ActorRef<unknown>
  private readonly asker: Incarnation
  private readonly settle: (outcome: AskOutcome) => unknown
  /** Absent while the question is open. */
  private outcome: AskOutcome | undefined

  constructor(path: string, asker: Incarnation, settle: (outcome: AskOutcome) => unknown) {
    super()
    this.replyTo = new AskRef(path, this)
    this.asker = asker
    this.settle = settle
  }

  override fire(): void {
    this.close('deadline-exceeded')
  }

  override take(): unknown {
    if (!this.asker.alive || this.outcome === undefined) return nothing
    return this.settle(this.outcome)
  }

  close(outcome: AskOutcome): boolean {
    if (this.outcome !== undefined || !this.asker.alive) return false
    this.outcome = outcome
    this.asker.closeAsk(this)
    return true
  }
}
