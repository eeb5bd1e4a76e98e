// The client library of quorate. `connect` gives a client; `topic` describes what is sent and read.

export type {
  ClusterStatus,
  Compression,
  DeleteReply,
  ErrorCode,
  NodeStatus,
  Outcome,
  PartitionDescription,
  RecordHeader,
  ReplicaDescription,
  TopicDescription,
  TopicSummary,
} from '@quorate/protocol'
export { QuorateError } from '@quorate/protocol'
export type {
  CallSettings,
  CreateTopicOptions,
  OffsetsOptions,
  PartitionOffset,
} from './admin.ts'
export { Admin } from './admin.ts'
export { Client } from './client.ts'
export type { Codec, CodecName } from './codec.ts'
export type { ConnectOptions } from './connect.ts'
export { connect } from './connect.ts'
export type { Duration } from './duration.ts'
export { DecodeFailedError, OffsetOutOfRangeError } from './errors.ts'
export type { ProducerOptions } from './producer.ts'
export { Producer } from './producer.ts'
export type { SendOptions, SendResult } from './send.ts'
export type { StreamFrom, StreamOptions, StreamRecord } from './stream.ts'
export { RecordStream } from './stream.ts'
export type {
  BytesTopicOptions,
  Key,
  SchemaTopicOptions,
  TextTopicOptions,
  Topic,
  TopicOptions,
} from './topic.ts'
export { topic } from './topic.ts'
