// What all connections of the door share: the node's identity as INFO shows it, the router, the
// handlers, the bounds and the counts. Built by listener.ts, read by connection.ts and
// client-session.ts; nothing here decides anything.

import type { LocalSubscriptions } from '../../core-messaging/local-subscriptions.ts'
import type { CoreRouter } from '../../core-messaging/router.ts'
import type { EventLog } from '../../observe/log.ts'
import type { ApiHandler } from '../api.ts'
import type { NatsDoorLimits } from './limits.ts'
import type { MeshAcceptor } from './mesh-acceptor.ts'

/** Why the door ended a connection; the label of a metric. */
export type EndReason =
  | 'protocol-error'
  | 'slow-consumer'
  | 'stale'
  | 'connect-timeout'
  | 'connections-full'
  | 'peer-refused'
  | 'peer-violation'
  | 'peer-replaced'
  | 'failed'
  | 'shutdown'

export interface DoorCounts {
  accepted: number
  messagesIn: number
  messageBytesIn: number
  messagesOut: number
  messageBytesOut: number
  requests: number
  /** Requests that cannot be answered and are no fire-and-forget produce. */
  requestsDropped: number
  requestsOverloaded: number
  permissionViolations: number
  readonly ended: Record<EndReason, number>
}

export interface DoorContext {
  readonly limits: NatsDoorLimits
  /** INFO without what differs per connection. */
  readonly info: Readonly<Record<string, unknown>>
  readonly router: CoreRouter
  /** Subscriptions on `$Q.` subjects: served by this node alone, never announced to peers. */
  readonly events: LocalSubscriptions
  readonly api: ApiHandler
  readonly acceptor: MeshAcceptor | undefined
  readonly log: EventLog
  readonly counts: DoorCounts
  /** Requests of all clients in work; `bytes` is their payload. */
  readonly requestsInWork: { count: number; bytes: number }
  monotonicMs(): number
  /** Clients that have sent CONNECT. */
  clients: number
  peers: number
}
