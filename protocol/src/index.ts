// What a quorate client and a quorate node say to each other. Pure codecs and tables: no IO, no
// clock, no randomness. A produced record passes record-codec (producer) → record-batch (every
// stop) → api-codec and nats-writer (wire) → nats-parser (door).

export type { FetchReply, FetchRequest, WriteItem, WriteResult } from './api-codec.ts'
export {
  decodeFetchReply,
  decodeFetchRequest,
  decodeWriteReply,
  decodeWriteRequest,
  encodeFetchReply,
  encodeFetchRequest,
  encodeWriteReply,
  encodeWriteRequest,
} from './api-codec.ts'
export type {
  CanStopReply,
  ClusterMember,
  ClusterStatus,
  CreateRequest,
  CriticalGroup,
  DeleteReply,
  ErrorBody,
  GiveUpReply,
  GroupName,
  LeaderEvent,
  LeaderHint,
  LeaderReply,
  LeaderRequest,
  ListReply,
  MoveInFlight,
  MoveReply,
  MoveRequest,
  NodeAddReply,
  NodeAddRequest,
  NodeAddress,
  NodeDamage,
  NodeOfLeader,
  NodeRequest,
  NodeState,
  NodeStatus,
  OffsetsReply,
  OffsetsRequest,
  PartitionDescription,
  PartitionMove,
  ProduceReply,
  ProducerReply,
  RebalanceReply,
  RebalanceRequest,
  ReplicaDescription,
  ReplicaState,
  Route,
  RoutePartition,
  RouteRequest,
  TopicDescription,
  TopicSummary,
  UnderReplicated,
  UnreachableReplica,
} from './api-types.ts'
export { errorBody, errorOfBody } from './api-types.ts'
export { allocate, readInt64, readUint64, viewOf, writeInt64, writeUint64 } from './bytes.ts'
export { ChunkCursor } from './chunk-cursor.ts'
export type { Chunks } from './chunks.ts'
export { chunksOf, emptyChunks, joinChunks, sliceChunks } from './chunks.ts'
export type { Compression } from './compression.ts'
export { crc32c } from './crc32c.ts'
export type { ErrorCode, ErrorRow, Outcome, QuorateErrorOptions } from './error.ts'
export { errorByCode, errorByNumber, errorTable, isErrorCode, QuorateError } from './error.ts'
export { FieldReader, FieldWriter } from './fields.ts'
export {
  maxBatchBytes,
  maxBatchRecords,
  maxControlLineBytes,
  maxDecompressedBytes,
  maxDetailLength,
  maxHeaders,
  maxPayloadBytes,
  maxTopicNameLength,
  maxWriteItems,
} from './limits.ts'
export type { HeaderSource, NatsHeaders, NatsStatus } from './nats-headers.ts'
export { decodeHeaders, encodeHeaders } from './nats-headers.ts'
export type {
  NatsClientEvents,
  NatsDelivery,
  NatsMessage,
  NatsParserLimits,
  NatsServerEvents,
  ProtocolErrorKind,
} from './nats-parser.ts'
export { NatsParser } from './nats-parser.ts'
export { natsWriter } from './nats-writer.ts'
export { murmur2, partitionForKey } from './partitioner.ts'
export type { BatchHeader, SplitBatch } from './record-batch.ts'
export {
  batchCrcFrom,
  batchHeaderBytes,
  readBatchHeader,
  splitBatches,
  stampBatch,
  validateBatch,
} from './record-batch.ts'
export type { BatchFields, DecodedRecord, RecordHeader, RecordInput } from './record-codec.ts'
export { decodeBatch, encodeBatch, recordByteLength } from './record-codec.ts'
export type { ApiSubject, Verb, VerbRow } from './subjects.ts'
export {
  apiPrefix,
  apiSubject,
  headerNames,
  isReserved,
  leaderEventSubject,
  parseApiSubject,
  subjectMatches,
  validPattern,
  validSubject,
  validTopicName,
  verbTable,
} from './subjects.ts'
