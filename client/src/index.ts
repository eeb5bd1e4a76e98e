// The client library of quorate. `connect` gives a client; `topic` describes what is sent and read.

export type {
  CanStopReply,
  ClusterMember,
  ClusterStatus,
  Compression,
  DeleteReply,
  ErrorCode,
  GiveUpReply,
  MoveReply,
  NodeAddReply,
  NodeStatus,
  Outcome,
  PartitionDescription,
  PartitionMove,
  RebalanceReply,
  RecordHeader,
  ReplicaDescription,
  TopicDescription,
  TopicSummary,
} from '@quorate/protocol'
export { QuorateError } from '@quorate/protocol'
export type {
  AddNodeOptions,
  CallSettings,
  CreateTopicOptions,
  OffsetsOptions,
  PartitionOffset,
  RebalanceOptions,
  ReplaceNodeOptions,
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
