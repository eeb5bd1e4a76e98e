// What a node shows at /metrics: read from their owners at scrape, so that no hot path pays for it.
// Names are part of docs/reference/metrics.md.
import type { CoreRouter } from '../core-messaging/router.ts'
import { registerDoorMetrics, registerRouterMetrics } from '../doors/nats/door-metrics.ts'
import type { NatsDoor } from '../doors/nats/listener.ts'
import type { Mesh } from '../mesh/mesh.ts'
import type { DamageReport, Storage } from '../storage/storage.ts'
import type { Metrics } from './metrics.ts'

export interface NodeMetricSources {
  readonly storage: Storage
  readonly mesh: Mesh
  readonly door: NatsDoor
  readonly router: CoreRouter
  leading(): number
  replicas(): number
  elections(): number
  actors(): { readonly actors: number; readonly delivered: number; readonly refused: number }
}

export function registerNodeMetrics(metrics: Metrics, sources: NodeMetricSources): void {
  registerDoorMetrics(metrics, sources.door)
  registerRouterMetrics(metrics, sources.router)
  metrics.gauge('quorate_partition_leaders', 'Partitions this node leads.', sources.leading)
  metrics.gauge('quorate_partition_replicas', 'Partition replicas on this node.', sources.replicas)
  metrics.counterRead(
    'quorate_raft_elections_won_total',
    'Elections won by replicas of this node.',
    sources.elections,
  )
  registerActorMetrics(metrics, sources)
  registerMeshMetrics(metrics, sources.mesh)
  registerStorageMetrics(metrics, sources.storage)
}

function registerActorMetrics(metrics: Metrics, { actors }: NodeMetricSources): void {
  metrics.gauge('quorate_actors', 'Actors that are alive.', () => actors().actors)
  metrics.counterRead('quorate_actor_messages_total', 'Messages to actors, by result.', () => [
    { value: actors().delivered, labels: { result: 'delivered' } },
    { value: actors().refused, labels: { result: 'refused' } },
  ])
}

function registerMeshMetrics(metrics: Metrics, mesh: Mesh): void {
  const perLink = (value: (link: ReturnType<Mesh['metrics']>['links'][number]) => number) => () =>
    mesh.metrics().links.map((link) => ({
      value: value(link),
      labels: { peer: link.node, channel: link.channel },
    }))
  metrics.gauge(
    'quorate_mesh_link_up',
    'Whether the link to a peer stands.',
    perLink(({ up }) => (up ? 1 : 0)),
  )
  metrics.gauge(
    'quorate_mesh_queued_bytes',
    'Bytes that wait for a link.',
    perLink(({ queuedBytes }) => queuedBytes),
  )
  metrics.counterRead(
    'quorate_mesh_frames_total',
    'Frames sent to a peer.',
    perLink(({ frames }) => frames),
  )
  metrics.counterRead(
    'quorate_mesh_bytes_total',
    'Bytes of frames sent to a peer.',
    perLink(({ bytes }) => bytes),
  )
  metrics.counterRead(
    'quorate_mesh_dropped_total',
    'Items not sent to a peer.',
    perLink(
      ({ droppedDown, droppedFull, droppedLarge }) => droppedDown + droppedFull + droppedLarge,
    ),
  )
}

function registerStorageMetrics(metrics: Metrics, storage: Storage): void {
  const counter = (name: string, help: string, read: () => number) =>
    metrics.counterRead(`quorate_${name}_total`, help, read)
  const gauge = (name: string, help: string, read: () => number) =>
    metrics.gauge(`quorate_${name}`, help, read)
  counter('wal_batches', 'Synced writes of the WAL.', () => storage.metrics().walBatches)
  counter('wal_bytes', 'Bytes written to the WAL.', () => storage.metrics().walBytes)
  counter('wal_entries', 'Log entries written to the WAL.', () => storage.metrics().walEntries)
  gauge('wal_files', 'WAL files in use.', () => storage.metrics().walFiles)
  gauge('wal_pending_bytes', 'Bytes that wait for the WAL.', () => storage.metrics().pendingBytes)
  counter('segment_bytes', 'Bytes moved to segments.', () => storage.metrics().segmentBytes)
  gauge('log_cache_bytes', 'Bytes of log entries in memory.', () => storage.metrics().cachedBytes)
  counter('scrub_bytes', 'Bytes read again to find damage.', () => storage.metrics().scrub.bytes)
  counter('scrub_cycles', 'Times that all segments and checkpoints were checked.', () => {
    return storage.metrics().scrub.cycles
  })
  counter('scrub_damage', 'Damaged ranges that checks have found.', () => {
    return storage.metrics().scrub.damage
  })
  gauge('scrub_position_ratio', 'Share of the files that the present check has done.', () => {
    return storage.metrics().scrub.position
  })
  gauge(
    'scrub_cycle_start_seconds',
    'When the last complete check began, in seconds since 1970; 0 before there is one.',
    () => storage.metrics().scrub.cycleStartedMs / 1000,
  )
  registerDamageMetrics(metrics, storage)
  gauge('disk_full', 'Whether produce is refused for want of disk.', () =>
    storage.metrics().diskFull ? 1 : 0,
  )
  metrics.gauge('quorate_disk_free_bytes', 'Free bytes of the volume of the data folder.', () => {
    const value = storage.metrics().diskFreeBytes
    return value === undefined ? [] : [{ value }]
  })
}

function registerDamageMetrics(metrics: Metrics, storage: Storage): void {
  const inState = (state: DamageReport['state']) =>
    storage.damage().filter((report) => report.state === state)
  const entriesOf = ({ firstIndex, lastIndex }: DamageReport) =>
    firstIndex === undefined || lastIndex === undefined ? 0 : lastIndex - firstIndex + 1
  const sum = (state: DamageReport['state']) =>
    inState(state).reduce((total, report) => total + entriesOf(report), 0)
  metrics.gauge('quorate_storage_holes', 'Damaged ranges that are not repaired.', () => {
    return inState('faulty').length
  })
  metrics.gauge('quorate_storage_missing_entries', 'Log entries in damaged ranges.', () => {
    return sum('faulty')
  })
  metrics.gauge('quorate_storage_unknown_tails', 'Replicas that do not know their own end.', () => {
    return inState('unknown-tail').length
  })
  metrics.counterRead(
    'quorate_storage_repaired_entries_total',
    'Log entries that were unreadable and are not any more: fetched from other nodes, or read again.',
    () => sum('repaired'),
  )
}
