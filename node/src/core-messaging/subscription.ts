// One client's wish for messages on a pattern, and the message it gets. Shared vocabulary of the
// router and the doors: a door owns its subscriptions and writes deliveries to its link.
import type { Chunks } from '@quorate/protocol'

export interface CoreMessage {
  readonly subject: string
  readonly reply: string | undefined
  /** The header block as it arrived, `NATS/1.0` line included; nobody between the ends reads it. */
  readonly headers: Uint8Array | undefined
  readonly payload: Chunks
}

export interface Subscription {
  /** Identity of the client: all its subscriptions and its publishing have the same. */
  readonly owner: object
  readonly pattern: string
  readonly queue: string | undefined
  /**
   * Called while a message is handed round: it may subscribe and unsubscribe, it must not throw.
   * It may come once more after `unsubscribe`, when that happens in the same round.
   */
  deliver(message: CoreMessage): void
}

/** Who publishes; absent for messages made by this node or carried here by a peer. */
export interface Publisher {
  readonly owner: object
  /** False: the publisher's own subscriptions get nothing. */
  readonly echo: boolean
}
