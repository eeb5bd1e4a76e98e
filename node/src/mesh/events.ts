// What the mesh tells the node. Raft messages, requests and messages come synchronously out of the
// door's turn; whoever receives them puts them into a mailbox. Nothing here is called from inside a
// call into the mesh, except by `accept`.
import type { Chunks, ErrorCode, QuorateError } from '@quorate/protocol'
import type { RaftMessage, ReplicaId } from '@quorate/raft'
import type { GroupId, LogEntry } from '../storage/log-entry.ts'
import type { HeaderList, MeshMessageKind, MeshReply } from './call-codec.ts'
import type { MeshChannel } from './handshake.ts'

export interface PeerRequest {
  readonly fromNode: string
  readonly subject: string
  readonly headers: HeaderList | undefined
  readonly payload: Chunks
  /** Monotonic time after which the asker has given up. */
  readonly deadlineMs: number
  /** Once, now or later; further calls change nothing. */
  respond(outcome: MeshReply | QuorateError): void
}

export interface MeshEvents {
  raft(
    group: GroupId,
    fromReplica: ReplicaId,
    toReplica: ReplicaId,
    message: RaftMessage<LogEntry>,
    fromNode: string,
    session: number,
  ): void
  request(request: PeerRequest): void
  /** In the order sent, of all kinds together, while the peer is up. */
  message(fromNode: string, kind: MeshMessageKind, bytes: Chunks): void
  /** All four links between the two nodes stand, and belong to one life of each. */
  peerUp(nodeId: string): void
  /** One of them broke. What was sent since `peerUp` may be lost from here on. */
  peerDown(nodeId: string): void
  /** The control link broke and the peer refused a new one: its process is gone. */
  connectionLost(nodeId: string): void
  /**
   * A node with the cluster's secret was refused, since it is not the one that is known here, or none is:
   * who is in the cluster may have changed without this node. Again with each of its tries.
   */
  strangerRefused(): void
  /** A proven peer says it is reached elsewhere; the mesh dials there from now on. */
  addressChanged(nodeId: string, address: string): void
  log(record: MeshLogRecord): void
}

/** For the log; `event` names are stable. Who comes in or is refused is logged by the door. */
export interface MeshLogRecord {
  readonly event:
    | 'mesh.link-up'
    | 'mesh.link-down'
    | 'mesh.link-failed'
    | 'mesh.connection-lost'
    | 'mesh.damaged-frame'
    | 'mesh.item-too-large'
    | 'mesh.address-changed'
  readonly node?: string
  readonly channel?: MeshChannel
  readonly code?: ErrorCode
  readonly detail?: string
}
