// Every error a user can meet, as one table: code, stable wire number, text, whether trying again
// can help, and what is known about the send it answers. Knows nothing of who raises an error or
// how it travels. docs/reference/errors.md holds the same table for readers; a test compares them.

/**
 * What is known about a send after its error.
 * - `applied`: the record is in the log, on a quorum of disks.
 * - `not-applied`: it is certain that the record is not in the log and never will be.
 * - `unknown`: it may be in the log, or still get there.
 * - `none`: the error says nothing about a send.
 */
export type Outcome = 'applied' | 'not-applied' | 'unknown' | 'none'

export interface ErrorRow {
  readonly code: ErrorCode
  /** uint16 on the wire. Never changed and never given to another code. */
  readonly number: number
  /** The same request, sent again later without any change, may succeed. */
  readonly retriable: boolean
  readonly outcome: Outcome
  /** A fact in one sentence without a full stop; a detail may follow after a colon. */
  readonly message: string
}

type Row = readonly [number, 'retriable' | 'final', Outcome, message: string]

// Grouped by what a reader looks for; numbers leave room in each group.
const rows = {
  // Topics
  QUORATE_UNKNOWN_TOPIC: [1, 'final', 'not-applied', 'there is no such topic'],
  QUORATE_TOPIC_EXISTS: [2, 'final', 'none', 'a topic of this name exists already'],
  QUORATE_INVALID_TOPIC: [3, 'final', 'not-applied', 'this is not a valid topic name'],
  QUORATE_NOT_ENOUGH_NODES: [
    4,
    'final',
    'none',
    'the cluster has fewer nodes than replicas asked for',
  ],

  // Leadership and availability
  QUORATE_NOT_LEADER: [20, 'retriable', 'not-applied', 'this node does not lead the partition'],
  QUORATE_NO_LEADER: [21, 'retriable', 'not-applied', 'the partition has no leader at the moment'],
  QUORATE_NO_QUORUM: [
    22,
    'retriable',
    'not-applied',
    'the leader has no contact to a quorum of replicas',
  ],
  QUORATE_UNKNOWN_OUTCOME: [
    23,
    'retriable',
    'unknown',
    'leadership was lost while the request was in flight',
  ],
  QUORATE_TIMEOUT: [24, 'retriable', 'unknown', 'no answer came before the deadline'],
  QUORATE_DELIVERY_TIMEOUT: [
    25,
    'final',
    'unknown',
    'the record was not acknowledged within the delivery deadline',
  ],
  QUORATE_OVERLOADED: [26, 'retriable', 'not-applied', 'a bounded queue is full'],
  QUORATE_SHUTTING_DOWN: [27, 'retriable', 'not-applied', 'the node is shutting down'],
  QUORATE_CONNECTION_FAILED: [
    28,
    'retriable',
    'not-applied',
    'no connection to the cluster could be made',
  ],
  QUORATE_CLOSED: [29, 'final', 'not-applied', 'this object is closed'],

  // Records, batches, producers, offsets
  QUORATE_RECORD_TOO_LARGE: [
    40,
    'final',
    'not-applied',
    'the record does not fit into a record batch',
  ],
  QUORATE_BATCH_TOO_LARGE: [41, 'final', 'not-applied', 'the record batch is larger than allowed'],
  QUORATE_CORRUPT_BATCH: [42, 'final', 'not-applied', 'the record batch is damaged or malformed'],
  QUORATE_PRODUCER_FENCED: [
    43,
    'final',
    'not-applied',
    'a newer epoch of this producer has written to the partition',
  ],
  QUORATE_OUT_OF_ORDER_SEQUENCE: [
    44,
    'final',
    'not-applied',
    'the batch does not continue the sequence of its producer',
  ],
  QUORATE_UNKNOWN_PRODUCER: [
    45,
    'final',
    'not-applied',
    'the partition does not know this producer, which must start at sequence 0',
  ],
  QUORATE_PRODUCER_TABLE_FULL: [
    46,
    'retriable',
    'not-applied',
    'the partition remembers as many producers as it may',
  ],
  QUORATE_OFFSET_OUT_OF_RANGE: [
    47,
    'final',
    'none',
    'the offset is outside of what the partition holds',
  ],
  QUORATE_DECODE_FAILED: [48, 'final', 'none', 'the record could not be decoded'],
  QUORATE_SCHEMA_INVALID: [
    49,
    'final',
    'not-applied',
    'the value does not match the schema of the topic',
  ],

  // Storage and identity
  QUORATE_DISK_FULL: [60, 'retriable', 'not-applied', 'the disk of the node is full'],
  QUORATE_STORAGE_FAILED: [
    61,
    'final',
    'unknown',
    'a write to disk failed and the node stops trusting it',
  ],
  QUORATE_STORAGE_DAMAGED: [62, 'final', 'none', 'stored data are damaged'],
  QUORATE_DATA_IN_USE: [63, 'final', 'none', 'another process uses this data folder'],
  QUORATE_DATA_NOT_FORMATTED: [64, 'final', 'none', 'the data folder is not formatted'],
  QUORATE_DATA_FOREIGN: [65, 'final', 'none', 'the folder holds files that are not ours'],
  QUORATE_DATA_EXISTS: [66, 'final', 'none', 'the folder holds data already'],
  QUORATE_FORMAT_VERSION: [67, 'final', 'none', 'the data were written by another format version'],
  QUORATE_WRONG_CLUSTER: [68, 'final', 'none', 'the other side belongs to another cluster'],
  QUORATE_WRONG_NODE: [69, 'final', 'none', 'the node is not the one that was expected'],

  // Requests and connections
  QUORATE_INVALID_ARGUMENT: [80, 'final', 'not-applied', 'an argument is not valid'],
  QUORATE_INVALID_REQUEST: [81, 'final', 'not-applied', 'the request cannot be understood'],
  QUORATE_UNKNOWN_SUBJECT: [
    82,
    'final',
    'not-applied',
    'there is no such subject in the quorate API',
  ],
  QUORATE_PERMISSION: [83, 'final', 'not-applied', 'this connection may not do that'],
  QUORATE_PAYLOAD_TOO_LARGE: [84, 'final', 'not-applied', 'the payload is larger than allowed'],
  QUORATE_UNSUPPORTED: [85, 'final', 'not-applied', 'this version does not support that'],
  QUORATE_INTERNAL: [86, 'final', 'unknown', 'a defect in quorate stopped the request'],

  // Starting a node
  QUORATE_PORT_IN_USE: [100, 'final', 'none', 'another process listens on this port'],
  QUORATE_INSECURE_BIND: [101, 'final', 'none', 'listening beyond this machine needs --insecure'],
  QUORATE_NODE_VERSION: [102, 'final', 'none', 'this version of Node.js is too old'],

  // Nodes of the cluster and places of replicas
  QUORATE_UNKNOWN_NODE: [110, 'final', 'none', 'the cluster has no such node'],
  QUORATE_NODE_EXISTS: [111, 'final', 'none', 'the cluster has a node of this id already'],
  QUORATE_NODE_LEAVING: [112, 'final', 'none', 'the node is leaving the cluster'],
  QUORATE_NODE_IN_USE: [113, 'final', 'none', 'the node is still part of the cluster'],
  QUORATE_MOVE_IN_FLIGHT: [
    114,
    'retriable',
    'none',
    'earlier moves of the partition are not finished',
  ],
  QUORATE_NODE_ALIVE: [115, 'final', 'none', 'the node is not gone'],
} as const

export type ErrorCode = keyof typeof rows

export const errorTable: readonly ErrorRow[] = Object.entries<Row>(rows).map(
  ([code, [number, retry, outcome, message]]) => ({
    code: code as ErrorCode,
    number,
    retriable: retry === 'retriable',
    outcome,
    message,
  }),
)

const byCode = new Map<string, ErrorRow>(errorTable.map((each) => [each.code, each]))
const byNumber = new Map<number, ErrorRow>(errorTable.map((each) => [each.number, each]))

export function isErrorCode(text: string): text is ErrorCode {
  return byCode.has(text)
}

export function errorByCode(code: ErrorCode): ErrorRow {
  return byCode.get(code)!
}

/** The code of a wire number; `undefined` for one that a newer version may have added. */
export function errorByNumber(number: number): ErrorCode | undefined {
  return byNumber.get(number)?.code
}

export interface QuorateErrorOptions {
  readonly cause?: unknown
  /** Replaces the outcome of the table where more is known, e.g. after earlier attempts. */
  readonly outcome?: Outcome | undefined
}

/** The only error that leaves quorate on bad input, bad state or bad luck. */
export class QuorateError extends Error {
  override readonly name: string = 'QuorateError'
  readonly code: ErrorCode
  readonly retriable: boolean
  readonly outcome: Outcome
  readonly detail: string | undefined

  constructor(code: ErrorCode, detail?: string, options: QuorateErrorOptions = {}) {
    const row = errorByCode(code)
    super(
      detail === undefined ? row.message : `${row.message}: ${detail}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    )
    this.code = code
    this.retriable = row.retriable
    this.outcome = options.outcome ?? row.outcome
    this.detail = detail
  }
}
