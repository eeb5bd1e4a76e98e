// Bounds of the NATS door: what one client, and all of them together, may cost the node. Every one
// has an answer that names it and a count in the door's metrics.

export interface NatsDoorLimits {
  /** Header block and payload of one message. Above: 'Maximum Payload Violation', closed. */
  readonly maxPayloadBytes: number
  /** One control line. Above: 'Maximum Control Line Exceeded', closed. */
  readonly maxControlLineBytes: number
  /** Clients at a time, peers not counted. Above: 'maximum connections exceeded', closed. */
  readonly clientsMax: number
  /** Connections beyond `clientsMax` that may be open so that peers always get in. */
  readonly connectionsReserve: number
  /** From accept to CONNECT. Later: 'Authentication Timeout', closed. */
  readonly connectDeadlineMs: number
  /** A connection silent for so long is sent a PING. */
  readonly pingIntervalMs: number
  /**
   * The same for a connection of another node, which sends more often than that by itself. One whose
   * machine lost power counts as connected no longer than until its PINGs have stayed unanswered.
   */
  readonly peerPingIntervalMs: number
  /** PINGs without any bytes in return before 'Stale Connection', closed. */
  readonly pingsMissedMax: number
  /** Outgoing bytes waiting for one client. Above: 'Slow Consumer', closed. */
  readonly backlogBytesMax: number
  /** Subscriptions of one client. Above: 'maximum subscriptions exceeded', the SUB is ignored. */
  readonly subscriptionsMax: number
  /** Requests of one client being worked on. At it the door stops reading from that client. */
  readonly requestsPerClientMax: number
  /** Their payload bytes. At it the door stops reading from that client. */
  readonly requestBytesPerClientMax: number
  /** Payload bytes of the requests of all clients. Above: QUORATE_OVERLOADED, not applied. */
  readonly requestBytesMax: number
  /** How long the last bytes, and the reason, of a closed connection may take to leave. */
  readonly closeDeadlineMs: number
}

const mebibyte = 1024 * 1024

export const defaultNatsDoorLimits: NatsDoorLimits = {
  maxPayloadBytes: mebibyte,
  maxControlLineBytes: 4096,
  clientsMax: 10_000,
  connectionsReserve: 64,
  connectDeadlineMs: 5_000,
  pingIntervalMs: 120_000,
  peerPingIntervalMs: 7_000,
  pingsMissedMax: 2,
  backlogBytesMax: 16 * mebibyte,
  subscriptionsMax: 100_000,
  requestsPerClientMax: 16_384,
  requestBytesPerClientMax: 64 * mebibyte,
  requestBytesMax: 512 * mebibyte,
  closeDeadlineMs: 2_000,
}
