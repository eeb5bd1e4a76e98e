// A message that is decided when it is received, not when it is put into the mailbox: a fired
// timer, a settled ask. Between the two its owner may cancel it or come to an end, and then it must
// not be seen. Cells unwrap it; actors never meet one.
import { Timer } from './timers.ts'

/** What `take` answers when there is nothing to receive any more. */
export const nothing: unique symbol = Symbol('nothing')

/** A timer too, because both kinds start as something that is due later. */
export abstract class Deferred extends Timer {
  /** The message to receive now, or `nothing`. Called at most once per arming. */
  abstract take(): unknown
}
