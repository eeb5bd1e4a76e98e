// A timer an actor set under a name. From firing until it is received it waits in the mailbox; a
// cancel, a replacement or the end of the incarnation in between makes it vanish there, so an actor
// never sees a timer it has taken back.
import { Deferred, nothing } from './deferred.ts'
import type { Incarnation } from './incarnation.ts'

export class NamedTimer extends Deferred {
  readonly name: string
  message: unknown
  /** Taken back or replaced; it must not be received. */
  cancelled = false
  private readonly owner: Incarnation

  constructor(name: string, owner: Incarnation, message: unknown) {
    super()
    this.name = name
    this.owner = owner
    this.message = message
  }

  override fire(): void {
    this.owner.timerFired(this)
  }

  override take(): unknown {
    if (this.cancelled || !this.owner.alive) return nothing
    this.owner.timerTaken(this)
    return this.message
  }
}
