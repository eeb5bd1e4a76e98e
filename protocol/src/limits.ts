// Bounds of the protocol: what a client and a node may put into one message. Both sides check them,
// the sender before it sends and the receiver before it believes. Every bound here has a named
// error; bounds of queues and buffers inside a node or a client live in their own packages.

/**
 * Bytes of one NATS payload, header block included; a node states it as `max_payload` in INFO.
 * 1 MiB is the default of every NATS server and client. Above it: QUORATE_PAYLOAD_TOO_LARGE.
 */
export const maxPayloadBytes: number = 1024 * 1024

/**
 * Bytes of one encoded record batch. 64 KiB below `maxPayloadBytes`, so that a batch with its
 * entry header, frame header and request header always fits one message and never spans two.
 * Above it: QUORATE_BATCH_TOO_LARGE, and QUORATE_RECORD_TOO_LARGE when it is a single record.
 */
export const maxBatchBytes: number = 960 * 1024

/**
 * Records in one batch. An uncompressed batch holds fewer anyway; the bound is for compressed ones,
 * whose count is the sender's word. Above it: QUORATE_BATCH_TOO_LARGE.
 */
export const maxBatchRecords: number = 200_000

/**
 * Bytes of the records of one batch after decompression. A compressed batch is at most
 * `maxBatchBytes`, but what it inflates to is the sender's choice: 64 MiB bounds that.
 * Above it: QUORATE_CORRUPT_BATCH.
 */
export const maxDecompressedBytes: number = 64 * 1024 * 1024

/** Bytes of one NATS control line without its line end, the default of nats-server. */
export const maxControlLineBytes: number = 4096

/** Headers of one message that is decoded. Above it: QUORATE_INVALID_REQUEST. */
export const maxHeaders: number = 1000

/** Characters of a topic name. Above it: QUORATE_INVALID_TOPIC. */
export const maxTopicNameLength: number = 200

/** Batches in one write request. The length fields are bounded by `maxPayloadBytes` anyway. */
export const maxWriteItems: number = 65_535

/** Characters of an error's detail in a binary reply; the rest is cut off. */
export const maxDetailLength: number = 1024
