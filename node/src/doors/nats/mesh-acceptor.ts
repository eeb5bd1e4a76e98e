// The seam between the NATS door and the mesh: how an incoming connection proves that it is a
// peer, and where its frames go afterwards. The door knows nothing of proofs and frames; the mesh
// knows nothing of NATS connections. Previous stop: connection.ts; next stop: the mesh's acceptor.
import type { Chunks, QuorateError } from '@quorate/protocol'

/** What the mesh gives for a connection whose proof it accepted. */
export interface AcceptedPeer {
  /** Fields of the second INFO line, which carries the proof of this side. */
  readonly info: Readonly<Record<string, unknown>>
  /** Names the peer in logs and metrics, e.g. `n2/bulk`. */
  readonly peerLabel: string
  /**
   * A PUB on `$Q.mesh.…` arrived. Payload by reference, in the order sent. A throw closes this
   * connection and no other.
   */
  frame(payload: Chunks): void
  /** The connection is gone. Called exactly once; no frame follows. */
  closed(): void
}

export interface MeshAcceptor {
  /**
   * Judges a CONNECT whose JSON has `quorate_mesh`. `nonce` is the one in this connection's INFO.
   * `close` ends the connection at once, e.g. when a newer one of the same peer took its place; it
   * may be called any time after `accept` has returned.
   */
  accept(
    connect: Readonly<Record<string, unknown>>,
    nonce: string,
    close: () => void,
  ): { readonly refused: QuorateError } | AcceptedPeer
}
