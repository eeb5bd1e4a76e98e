// Bounds and times of the mesh, with unit, default and what happens at the bound. Nothing else in
// this folder holds a number that an operator might ask about.
import { maxPayloadBytes } from '@quorate/protocol'

export interface MeshLimits {
  /**
   * Bytes of one frame; the peer's `max_payload` bounds it too. A larger item is not sent: a request
   * is refused with QUORATE_PAYLOAD_TOO_LARGE, anything else is dropped and counted.
   */
  readonly frameBytesMax: number
  /** Bytes waiting for one control link, as below; above it Raft messages are dropped and counted. */
  readonly controlQueueBytesMax: number
  /**
   * Bytes waiting for one bulk link; an empty one takes any one item. Above it appends and replies are dropped and counted, requests
   * are refused with QUORATE_OVERLOADED, and a lost message of core messaging closes the link.
   */
  readonly bulkQueueBytesMax: number
  /** Messages the mailbox of one link holds; above it the same as above. */
  readonly linkMailboxMessages: number
  /** Requests without an answer, to all peers together; above it QUORATE_OVERLOADED. */
  readonly outstandingRequestsMax: number
  /** From the first byte of a connection to the peer's proof. */
  readonly handshakeMs: number
  /** Time between PINGs on a control link. */
  readonly controlPingMs: number
  /** A control link that brings no byte for this long is closed. A multiple of `controlPingMs`. */
  readonly controlSilentMs: number
  readonly bulkPingMs: number
  /** Longer than for control: a busy peer may stop reading bulk for a while. */
  readonly bulkSilentMs: number
  /** First pause between attempts to connect; doubled each time. */
  readonly redialMinMs: number
  readonly redialMaxMs: number
}

export const defaultMeshLimits: MeshLimits = {
  frameBytesMax: maxPayloadBytes,
  controlQueueBytesMax: 4 * 1024 * 1024,
  bulkQueueBytesMax: 32 * 1024 * 1024,
  linkMailboxMessages: 100_000,
  outstandingRequestsMax: 10_000,
  handshakeMs: 2_000,
  controlPingMs: 500,
  controlSilentMs: 2_000,
  bulkPingMs: 5_000,
  bulkSilentMs: 20_000,
  redialMinMs: 50,
  redialMaxMs: 1_000,
}
