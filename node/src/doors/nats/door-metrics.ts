// The NATS door's and the router's counts as metrics, read at scrape.
import type { CoreRouter } from '../../core-messaging/router.ts'
import type { Metrics } from '../../observe/metrics.ts'
import type { NatsDoor } from './listener.ts'

export function registerDoorMetrics(metrics: Metrics, door: NatsDoor): void {
  const { counts } = door
  metrics.gauge('quorate_door_connections', 'Open connections, by who connected.', () => [
    { value: door.clients, labels: { kind: 'client' } },
    { value: door.peers, labels: { kind: 'peer' } },
    { value: door.connections - door.clients - door.peers, labels: { kind: 'unknown' } },
  ])
  metrics.counterRead('quorate_door_accepted_total', 'Connections accepted.', () => counts.accepted)
  metrics.counterRead('quorate_door_ended_total', 'Connections ended by the node.', () =>
    Object.entries(counts.ended).map(([reason, value]) => ({ value, labels: { reason } })),
  )
  metrics.counterRead('quorate_door_messages_total', 'Messages from and to clients.', () => [
    { value: counts.messagesIn, labels: { direction: 'in' } },
    { value: counts.messagesOut, labels: { direction: 'out' } },
  ])
  metrics.counterRead('quorate_door_message_bytes_total', 'Headers and payload of them.', () => [
    { value: counts.messageBytesIn, labels: { direction: 'in' } },
    { value: counts.messageBytesOut, labels: { direction: 'out' } },
  ])
  metrics.counterRead('quorate_door_requests_total', 'Requests on $Q. subjects.', () => [
    { value: counts.requests, labels: { result: 'taken' } },
    { value: counts.requestsDropped, labels: { result: 'no-reply-subject' } },
    { value: counts.requestsOverloaded, labels: { result: 'overloaded' } },
  ])
  metrics.gauge('quorate_door_requests_in_work', 'Requests not yet answered.', () => {
    return door.requestsInWork.count
  })
  metrics.gauge('quorate_door_request_bytes', 'Payload of requests not yet answered.', () => {
    return door.requestsInWork.bytes
  })
  metrics.counterRead(
    'quorate_door_permission_violations_total',
    'Publishes and subscriptions refused.',
    () => counts.permissionViolations,
  )
}

export function registerRouterMetrics(metrics: Metrics, router: CoreRouter): void {
  const { counts } = router
  metrics.counterRead(
    'quorate_core_messages_total',
    'NATS core messages, by what happened.',
    () => [
      { value: counts.published, labels: { event: 'published' } },
      { value: counts.delivered, labels: { event: 'delivered' } },
      { value: counts.sentToPeers, labels: { event: 'sent-to-peer' } },
      { value: counts.receivedFromPeers, labels: { event: 'received-from-peer' } },
      { value: counts.withoutInterest, labels: { event: 'without-interest' } },
      { value: counts.malformed, labels: { event: 'malformed' } },
    ],
  )
  metrics.gauge('quorate_core_subscriptions', 'Subscriptions of clients of this node.', () => {
    return router.subscriptions
  })
  metrics.gauge('quorate_core_peer_interest', 'Subjects that clients of peers want.', () => {
    return router.remoteWishes
  })
  metrics.counterRead('quorate_core_peer_interest_dropped_total', 'Beyond the limit.', () => {
    return router.droppedWishes
  })
}
