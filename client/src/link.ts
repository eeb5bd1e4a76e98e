// The narrow waist between the client's core and a NATS connection. The real link wraps
// @nats-io/transport-node (link-nats.ts); the simulated one is in testing/. One link is one
// connection to one node: reconnecting and routing are the core's business, not the link's.

export interface LinkMessage {
  readonly subject: string
  /** Lower-case names; first value of each. */
  readonly headers: Readonly<Record<string, string>>
  readonly payload: Uint8Array
}

export type RequestFailure = 'no-responders' | 'timeout' | 'closed'

export interface Link {
  /** `host:port` this link was opened to. */
  readonly address: string
  publish(subject: string, payload: Uint8Array, headers?: Readonly<Record<string, string>>): void
  /** Calls `done` exactly once. After `timeoutMs` without reply the failure is `'timeout'`. */
  request(
    subject: string,
    payload: Uint8Array,
    timeoutMs: number,
    done: (failure: RequestFailure | undefined, reply: LinkMessage | undefined) => void,
    headers?: Readonly<Record<string, string>>,
  ): void
  /** Returns the function that ends the subscription. */
  subscribe(subject: string, receive: (message: LinkMessage) => void): () => void
  /** Ends the connection; `closed` of the opener is called. */
  close(): void
}

export interface LinkOpener {
  /** Calls exactly one of `opened` and `failed`; `closed` once after `opened`. */
  open(
    address: string,
    events: {
      opened(link: Link): void
      failed(error: Error): void
      closed(error?: Error): void
    },
  ): void
}
