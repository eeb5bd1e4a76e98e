// The seam between core messaging and the mesh. The router says what goes to which node, the mesh
// carries it; neither knows the other's format. Bytes are made and read by interest-codec.ts and
// core-codec.ts.
import type { Chunks } from '@quorate/protocol'

/** `interest`: which subjects a node's clients want. `core`: one published message, or a part. */
export type PeerKind = 'interest' | 'core'

export interface PeerTransport {
  /**
   * Hands bytes to the mesh; never blocks, never throws. Between two nodes everything sent while
   * the peer is up arrives in the order sent, **across both kinds**: a reply must not overtake the
   * interest in it. What cannot be sent is lost, and then `peerDown` follows.
   */
  send(toNode: string, kind: PeerKind, bytes: Chunks): void
}

/** What the mesh calls on the router. */
export interface PeerEvents {
  /** The peer can be reached; everything sent before is void. */
  peerUp(node: string): void
  peerDown(node: string): void
  receive(fromNode: string, kind: PeerKind, bytes: Chunks): void
}
