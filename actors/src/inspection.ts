// The typed records an actor system emits about itself: one shape for traces, tests and the
// one-line-per-event log. Without an inspector no record is ever built. Records are observations:
// an inspector must not send, spawn or throw.

export type InspectionRecord =
  /** An incarnation begins: `create` and `started` have returned. */
  | (Origin & { readonly kind: 'spawned' })
  /** The actor has ended for good; `dropped` messages were still in its mailbox. */
  | (Origin & { readonly kind: 'stopped'; readonly dropped: number })
  /** `create`, `started`, `receive` or a `settle` threw; or a child's failure escalated to it. */
  | (Origin & { readonly kind: 'failed'; readonly error: unknown; readonly message?: unknown })
  /** As `spawned`, for incarnation 2 and later. */
  | (Origin & { readonly kind: 'restarted' })
  /** The message is about to be given to `receive`. */
  | (Origin & { readonly kind: 'message'; readonly message: unknown })
  /** A message was refused: the mailbox holds `capacity` messages. */
  | (Origin & { readonly kind: 'overflow'; readonly capacity: number; readonly message: unknown })
  /** The actor itself says that something changed. */
  | (Origin & {
      readonly kind: 'state'
      readonly change: string
      readonly detail?: Readonly<Record<string, unknown>>
    })
  /** A message from another node could not be delivered; `path` is where it was meant to go. */
  | (Origin & {
      readonly kind: 'undeliverable'
      readonly reason: 'unknown-actor' | 'unknown-type' | 'malformed'
      readonly type: string
      readonly error?: unknown
    })

interface Origin {
  /** Name of the system, which is the node's id in a broker. */
  readonly system: string
  readonly path: string
  /** Which life of the actor; 0 before the first one began. */
  readonly incarnation: number
  /** Monotonic clock. */
  readonly atMs: number
}

export type Inspector = (record: InspectionRecord) => void
