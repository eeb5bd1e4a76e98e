// The node's side of the mesh: where its peers are, and where what they say goes. Raft messages go
// to the replica they name, requests to the same handlers a client reaches, questions between nodes
// to node-requests.ts. Decides nothing about links (mesh/).
import { type ActorRef, type ActorSystem, noProbe } from '@quorate/actors'
import { QuorateError } from '@quorate/protocol'
import type { CoreRouter } from './core-messaging/router.ts'
import { type ApiHandler, serveApi } from './doors/api.ts'
import type { Broker } from './handlers/broker.ts'
import { jsonBody } from './handlers/json-body.ts'
import { answerNode, internalPrefix } from './handlers/node-requests.ts'
import type { MeshEvents, PeerRequest } from './mesh/events.ts'
import type { MeshLimits } from './mesh/limits.ts'
import { createMesh, type Mesh } from './mesh/mesh.ts'
import type { MetadataMessage } from './metadata/metadata-message.ts'
import type { NodeEnvironment } from './node-environment.ts'
import type { GivenUpNodes } from './node-given-up.ts'
import type { NodeLeadership } from './node-leadership.ts'
import type { NodeMembers } from './node-members.ts'
import type { PartitionDirectory } from './partition/partition-directory.ts'
import { entriesQuestion } from './replication/repair-codec.ts'
import { type RepairServerOptions, serveEntries } from './replication/repair-server.ts'
import { stateQuestion } from './replication/state-codec.ts'
import { type StateServerOptions, serveState } from './replication/state-server.ts'
import { metadataGroup } from './storage/log-entry.ts'
import type { OpenedStorage } from './storage/storage.ts'

export interface MeshWiring {
  readonly environment: NodeEnvironment
  readonly system: ActorSystem
  readonly opened: Pick<OpenedStorage, 'identity' | 'secret'>
  readonly members: NodeMembers
  readonly givenUp: GivenUpNodes
  /** What others are told. */
  readonly address: string
  /** Addresses that replace what is known of peers. */
  readonly pinned: ReadonlyMap<string, string>
  readonly limits: Partial<MeshLimits> | undefined
  readonly router: CoreRouter
  readonly directory: PartitionDirectory
  readonly leadership: NodeLeadership
  readonly handler: ApiHandler
  /** What may be sent to replicas that have lost something. */
  readonly entries: RepairServerOptions & StateServerOptions
  /** Asked for when they are needed: they are built after the mesh. */
  metadata(): ActorRef<MetadataMessage>
  broker(): Broker
}

export function createNodeMesh(wiring: MeshWiring): Mesh {
  const { environment, system, opened, members, address, pinned } = wiring
  const { identity, secret } = opened
  const { network, host, session } = environment
  const { nodeId, incarnation, clusterId } = identity
  const others = members
    .all()
    .nodes.filter((node) => node.nodeId !== nodeId && !wiring.givenUp.has(node.nodeId))
  const peers = new Map(
    others.map((node) => {
      const given = pinned.get(node.nodeId)
      const peer = { address: given ?? node.address, incarnation: node.incarnation }
      return [node.nodeId, { ...peer, pinned: given !== undefined }] as const
    }),
  )
  return createMesh({
    network,
    system,
    clock: host,
    self: { nodeId, incarnation, clusterId, secret, session, address },
    peers,
    nonce: () => environment.nonce(),
    probe: environment.probe ?? noProbe,
    events: meshEvents(wiring),
    limits: wiring.limits,
    tap: environment.tap,
  })
}

function meshEvents(wiring: MeshWiring): MeshEvents {
  const { router, directory, leadership, members, metadata } = wiring
  const { log } = wiring.environment
  return {
    raft: (group, from, toReplica, message, node) => {
      if (group.topicId === metadataGroup.topicId) {
        metadata().send({ type: 'raft', from, node, message })
        return
      }
      const replica = directory.get(group)
      if (replica?.replicaId === toReplica) replica.ref?.send({ type: 'raft', from, node, message })
    },
    request: (request) => servePeer(wiring, request),
    message: (fromNode, kind, bytes) => {
      if (kind === 'leaders') leadership.heard(fromNode, bytes)
      else router.receive(fromNode, kind, bytes)
    },
    peerUp: (node) => {
      router.peerUp(node)
      leadership.peerUp(node)
      members.ask(wiring.broker(), node)
    },
    strangerRefused: () => members.askAgain(wiring.broker(), leadership.peersUp),
    peerDown: (node) => {
      router.peerDown(node)
      leadership.peerDown(node)
    },
    connectionLost: (node) => {
      log.warn('mesh.connection-lost', { peer: node })
      metadata().reply({ type: 'connection-lost', node })
      for (const partition of directory.running())
        partition.reply({ type: 'connection-lost', node })
    },
    // The mesh itself dials the new address; clients learn it from metadata.
    addressChanged: () => {},
    log: ({ event, node: peer, ...fields }) => {
      if (event !== 'mesh.connection-lost') log.info(event, { peer, ...fields })
    },
  }
}

function servePeer(wiring: MeshWiring, request: PeerRequest): void {
  const { subject, headers, payload, deadlineMs } = request
  const defect = (error: unknown) => wiring.broker().defect(subject, error)
  if (!subject.startsWith(internalPrefix)) {
    const call = { subject, headers, payload, deadlineMs, origin: 'peer' } as const
    serveApi(call, wiring.handler, request.respond, defect)
    return
  }
  try {
    const question = subject.slice(internalPrefix.length)
    if (question === entriesQuestion) {
      serveEntries(wiring.entries, jsonBody(payload), request.respond)
      return
    }
    if (question === stateQuestion) {
      serveState(wiring.entries, jsonBody(payload), request.respond)
      return
    }
    answerNode(wiring.broker(), wiring.metadata(), question, jsonBody(payload), request.respond)
  } catch (error) {
    if (error instanceof QuorateError) request.respond(error)
    else {
      request.respond(new QuorateError('QUORATE_INTERNAL'))
      defect(error)
    }
  }
}
