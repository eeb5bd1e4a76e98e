// Byte links between processes. Two implementations ship: TCP (network-node.ts) and the simulated
// one (testing/simulated-network.ts), whose faults cut, delay and half-send. Knows nothing of the
// protocol above. Callbacks run on a later turn, never from inside the call that caused them.
import type { Chunks } from '@quorate/protocol'

export interface LinkHandlers {
  /** Bytes arrived. The receiver may keep the chunk; it is never written again. */
  data(chunk: Uint8Array): void
  /** Called exactly once, also after `destroy`. `error` is absent on an orderly end. */
  closed(error?: Error): void
  /** `backlogBytes` has fallen to zero after it was above it. */
  drained?(): void
}

export interface ByteLink {
  /** Address of the other end, for people. */
  readonly peer: string
  /** Gathers; everything written in one turn leaves in one system call. */
  write(bytes: Chunks | Uint8Array): void
  /** Bytes written and not yet taken by the operating system. */
  readonly backlogBytes: number
  /** Stops reading from the other end until `resume`; back-pressure. */
  pause(): void
  resume(): void
  /** Sends what is written, then closes. */
  end(): void
  /** Closes at once; what is not yet sent is lost. */
  destroy(): void
}

export interface Listener {
  /** `host:port` really bound (port 0 resolved). */
  readonly address: string
  close(): void
}

export interface Network {
  /** Calls `accept` for each incoming link; it returns the handlers for that link. */
  listen(
    address: string,
    accept: (link: ByteLink) => LinkHandlers,
    done: (error: Error | undefined, listener: Listener) => void,
  ): void
  /**
   * Opens a link. `open` is called once it is established, or `handlers.closed(error)` when it
   * cannot be: a refused connection has an error whose `code` is `ECONNREFUSED`.
   */
  connect(
    address: string,
    handlers: LinkHandlers,
    open: (link: ByteLink) => void,
    options?: { readonly timeoutMs?: number },
  ): void
}
