// The client on simulated parts, as product code: for quorate's own simulation and for users who
// run their programs in it.

export type { ClientParts } from '../connect-with.ts'
export { clientCore, connectWith } from '../connect-with.ts'
export type { PendingRecord } from '../core/batch.ts'
export type { ClientCore } from '../core/client-core.ts'
export type { FetchedBatch } from '../core/partition-reader.ts'
export { clientProbes } from '../core/probes.ts'
export type { ProducerCore, ProducerSettings } from '../core/producer-core.ts'
export type { ReaderCore, ReaderListener, ReaderSettings } from '../core/reader.ts'
export type { StartFrom } from '../core/start-finder.ts'
export { durationMs } from '../duration.ts'
export type { ClientLimits } from '../limits.ts'
export { defaultLimits } from '../limits.ts'
export type { Link, LinkMessage, LinkOpener, RequestFailure } from '../link.ts'
export type { ByteLink, ByteLinkHandlers, ByteNetwork } from './link-bytes.ts'
export { byteLinkOpener } from './link-bytes.ts'
