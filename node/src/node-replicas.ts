// Starts what replicates on a node: the actor of its metadata replica and the supervisor of its
// partitions, and wires what they tell (roles, health, topics) to who wants to know. Decides nothing.
import type { ActorRef, ActorSystem } from '@quorate/actors'
import type { Broker } from './handlers/broker.ts'
import type { Mesh } from './mesh/mesh.ts'
import { initialMetadata } from './metadata/initial.ts'
import type { MetadataMachine } from './metadata/machine.ts'
import { MetadataActor, type MetadataEvents } from './metadata/metadata-actor.ts'
import { meshForwarder } from './metadata/metadata-forwarder.ts'
import type { MetadataMessage } from './metadata/metadata-message.ts'
import type { NodeHealth } from './node-health.ts'
import type { NodeLeadership } from './node-leadership.ts'
import {
  confirmDrop,
  type Registrar,
  replaceReplica,
  replicasChanged,
} from './node-registration.ts'
import type { PartitionDirectory } from './partition/partition-directory.ts'
import { PartitionSupervisor, type SupervisorMessage } from './partition/partition-supervisor.ts'
import type { NodeProbe } from './probes.ts'
import { ApplyHistory } from './replication/apply-history.ts'
import { GroupNodes } from './replication/group-nodes.ts'
import type { RaftTiming } from './replication/raft-owner.ts'
import type { FetchEntries } from './replication/repair-driver.ts'
import type { IsGone } from './replication/replica-shell.ts'
import type { FetchState } from './replication/state-fetch.ts'
import { type GroupKey, groupKey, metadataGroup, metadataKey } from './storage/log-entry.ts'
import type { OpenedStorage, Storage } from './storage/storage.ts'

export interface ReplicaWiring {
  readonly system: ActorSystem
  readonly storage: Storage
  readonly probe: NodeProbe
  readonly opened: OpenedStorage
  readonly mesh: Mesh
  readonly directory: PartitionDirectory
  readonly leadership: NodeLeadership
  readonly health: NodeHealth
  readonly timing: RaftTiming
  /** Boot session of the process. */
  readonly session: number
  readonly admitsSnapshot: (bytes: number) => boolean
  readonly fetchEntries: FetchEntries
  readonly fetchState: FetchState
  readonly isGone: IsGone
  metadata(): MetadataMachine
  /** The metadata moved. `topicsChanged`: who acts on topics has to look. */
  metadataApplied(machine: MetadataMachine, topicsChanged: boolean): void
  broker(): Broker
  addressOf(node: string): string | undefined
  /** Built after the replicas. */
  tell(): Registrar
  event(name: string, fields: Readonly<Record<string, unknown>>): void
  failed(reason: string): void
}

export function spawnMetadata(wiring: ReplicaWiring): ActorRef<MetadataMessage> {
  const { system, storage, opened, mesh, timing, session } = wiring
  const { plan, nodeId } = opened.identity
  const nodes = new GroupNodes(() => wiring.metadata().metadataReplicas())
  const history = new ApplyHistory()
  const events = metadataEvents(wiring)
  let lost = lostMetadataReplica(opened)
  const create = () =>
    new MetadataActor({
      node: nodeId,
      nodes,
      history,
      session,
      storage,
      probe: wiring.probe,
      timing,
      initial: () => initialMetadata(plan),
      send: (...call) => mesh.sendRaft(...call),
      admitsSnapshot: wiring.admitsSnapshot,
      fetchEntries: wiring.fetchEntries,
      fetchState: wiring.fetchState,
      isGone: wiring.isGone,
      forwarder: meshForwarder(() => wiring.broker()),
      lost: () => lost,
      replaced: () => {
        lost = undefined
      },
      peers: () =>
        wiring
          .broker()
          .nodeIds()
          .filter((node) => node !== nodeId),
      isUp: (node) => node === nodeId || mesh.peerState(node) === 'up',
      events,
    })
  return system.spawn('metadata', create)
}

/** The latest one, when there is none in its place. */
function lostMetadataReplica({ groups, amnesiac }: OpenedStorage): number | undefined {
  if (groups.has(metadataKey)) return undefined
  const ids = amnesiac
    .filter(({ group }) => group.topicId === metadataGroup.topicId)
    .map(({ replicaId }) => replicaId)
  return ids.length === 0 ? undefined : Math.max(...ids)
}

function metadataEvents(wiring: ReplicaWiring): MetadataEvents {
  const { health } = wiring
  // After a restart of the actor the machine goes back to its checkpoint for a moment.
  let highest = 0
  let isBehind = false
  return {
    applied: (machine, topicsChanged) => {
      const { index } = machine.applied
      const wasBehind = isBehind
      isBehind = index < highest
      highest = Math.max(highest, index)
      wiring.metadataApplied(machine, !isBehind && (topicsChanged || wasBehind))
    },
    leaderChanged: (node, term) => {
      health.metadataLeader = { node, term }
    },
    retentionHeld: (reason) => health.retentionHeld(metadataKey, reason),
    event: (name, fields) => wiring.event(name, fields),
    halted: (reason) => wiring.failed(`metadata: ${reason}`),
  }
}

export function spawnSupervisor(wiring: ReplicaWiring): ActorRef<SupervisorMessage> {
  const { system, storage, opened, mesh, timing, session, leadership, health } = wiring
  const files = new Map<GroupKey, number>()
  for (const [key, { replicaId }] of opened.groups) {
    if (key !== metadataKey) files.set(key, replicaId)
  }
  const create = () =>
    new PartitionSupervisor(
      {
        node: opened.identity.nodeId,
        incarnation: opened.identity.incarnation,
        session,
        timing,
        storage,
        probe: wiring.probe,
        files,
        isLost: (group, replicaId) =>
          opened.amnesiac.some(
            (lost) => lost.replicaId === replicaId && groupKey(lost.group) === groupKey(group),
          ),
        executedIndex: opened.executedIndex,
        metadata: () => wiring.metadata(),
        send: (...call) => mesh.sendRaft(...call),
        admitsSnapshot: wiring.admitsSnapshot,
        fetchEntries: wiring.fetchEntries,
        fetchState: wiring.fetchState,
        isGone: wiring.isGone,
        addressOf: (node) => wiring.addressOf(node),
        trustedWallMs: () => leadership.trustedWallMs(),
        events: {
          leaderChanged: (hint) => leadership.observe(hint),
          retentionHeld: (key, reason) => health.retentionHeld(key, reason),
          event: (name, fields) => wiring.event(name, fields),
        },
        dropping: (group) => {
          leadership.dropped(group)
          health.dropped(group)
        },
        removed: (topicId, replicaId) => confirmDrop(wiring.tell(), topicId, replicaId),
        lost: (group, replicaId) => replaceReplica(wiring.tell(), group, replicaId),
        replicasChanged: (group, now, done) => replicasChanged(wiring.tell(), group, now, done),
      },
      wiring.directory,
    )
  return system.spawn('partitions', create)
}
