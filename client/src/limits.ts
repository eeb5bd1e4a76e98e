// Bounds and pauses of the client that are no options: how many, how long, how often. Each says
// what happens at the bound. Options with their defaults stand beside the call that takes them
// (connect.ts, producer.ts, stream.ts). Bounds shared with the nodes are in protocol.
import { maxPayloadBytes } from '@quorate/protocol'

export interface ClientLimits {
  /** Nodes the client stays connected to, so that another one can be asked at once. */
  readonly keptLinks: number
  /** A link that is not open by then counts as failed. */
  readonly openTimeoutMs: number
  /** A link on which a request timed out is closed when it has brought nothing for as long. */
  readonly deadLinkMs: number
  /** Pause before a link is opened again: doubles from the first to the last, with jitter. */
  readonly reopenMs: readonly [first: number, last: number]
  /** Pause before a refused request or an unhelpful route is tried again, in the same way. */
  readonly retryMs: readonly [first: number, last: number]
  /** A request without reply for this long makes the client ask another node who leads. */
  readonly silenceMs: number
  /** Partitions asked about one by one per round of silence; above it the topic's route is read. */
  readonly probedPartitions: number
  /** The first attempt of a small request; then another node is asked, for twice as long. */
  readonly callAttemptMs: number
  /** The same for a request whose node asks all others in turn and may wait for a silent one. */
  readonly gatheringAttemptMs: number
  /** One attempt to read a route; then another node is asked. */
  readonly routeAttemptMs: number
  /** All attempts of a small request without deadline of its own: QUORATE_TIMEOUT after that. */
  readonly callDeadlineMs: number
  /** A write request without reply by then is sent again. */
  readonly writeTimeoutMs: number
  /** Bytes of one write request. Room is left for header and framing below `maxPayloadBytes`. */
  readonly writeRequestBytes: number
  /** Batches of one producer and partition in flight: the broker remembers as many. */
  readonly batchesInFlight: number
  /**
   * Write requests of one producer in flight to one node above which batches that are not full
   * wait for a reply, so that one request carries many partitions.
   */
  readonly requestsPerNode: number
  /** Epochs are int16 on the wire: after the last one a partition gets another producer id. */
  readonly lastEpoch: number
  /** Sequences are int32 on the wire: far below the end a partition starts its next epoch. */
  readonly lastSequence: number
  /** What a record is charged in the buffer beside its bytes: its objects, and its promise. */
  readonly recordOverheadBytes: number
  /** A batch gathers no longer than this, so that its records share one deadline. */
  readonly gatherMs: number
  /** Sends of one producer that wait for buffer space: QUORATE_OVERLOADED above it. */
  readonly waitingSends: number
  /** How long a node may hold a fetch without new records. */
  readonly fetchWaitMs: number
  /** Bytes one fetch asks for; a node sends at least one batch, however large. */
  readonly fetchBytes: number
  /** Time to find topic and start position of a stream: its first error after that. */
  readonly streamStartMs: number
  /** A topic this client has just created may be unknown to a node for as long. */
  readonly createdTopicMs: number
}

export const defaultLimits: ClientLimits = {
  keptLinks: 2,
  openTimeoutMs: 3_000,
  deadLinkMs: 4_000,
  reopenMs: [25, 1_000],
  retryMs: [25, 500],
  silenceMs: 300,
  probedPartitions: 8,
  callAttemptMs: 2_000,
  gatheringAttemptMs: 4_000,
  routeAttemptMs: 1_000,
  callDeadlineMs: 10_000,
  writeTimeoutMs: 5_000,
  writeRequestBytes: maxPayloadBytes - 16 * 1024,
  batchesInFlight: 5,
  requestsPerNode: 8,
  lastEpoch: 32_767,
  lastSequence: 2_000_000_000,
  recordOverheadBytes: 256,
  gatherMs: 1_000,
  waitingSends: 1_000_000,
  fetchWaitMs: 5_000,
  fetchBytes: 512 * 1024,
  streamStartMs: 30_000,
  createdTopicMs: 3_000,
}
