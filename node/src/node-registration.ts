// What a node tells the metadata group: where it is, which deleted topics it has removed, which of
// its replicas is lost, and what the groups it leads have become. Told again until it has been
// committed or the node stops. Knows nothing of how a request gets there (metadata-actor.ts).
import type { QuorateError } from '@quorate/protocol'
import type { Broker } from './handlers/broker.ts'
import { limits } from './limits.ts'
import type { MetadataRequest } from './metadata/metadata-request.ts'
import type { ReplicasNow } from './metadata/places.ts'
import type { GroupId } from './storage/log-entry.ts'

export interface Registrar {
  readonly broker: Broker
  readonly node: { readonly nodeId: string; readonly incarnation: string }
  readonly address: string
  readonly httpAddress: string
  stopping(): boolean
  /** Committed at this metadata index. */
  registered(index: number): void
  /** It never will be: what the metadata say contradicts it. */
  refused(request: MetadataRequest, error: Pick<QuorateError, 'code' | 'detail'>): void
}

export function registerNode(registrar: Registrar): void {
  const { broker, node, address, httpAddress } = registrar
  const requestId = broker.requestId()
  const request = { kind: 'register-node', requestId, ...node, address, httpAddress } as const
  tell(registrar, request, (index) => registrar.registered(index))
}

/** Files of a replica, or of all replicas of a deleted topic, are gone. */
export function confirmDrop(registrar: Registrar, topicId: number, replicaId?: number): void {
  const { broker, node } = registrar
  const { nodeId } = node
  const gone = { nodeId, topicId, ...(replicaId === undefined ? {} : { replicaId }) }
  tell(registrar, { kind: 'confirm-drop', requestId: broker.requestId(), ...gone }, () => {})
}

/** A replica here lost what it had promised: it is to be replaced. */
export function replaceReplica(registrar: Registrar, group: GroupId, replicaId: number): void {
  const { broker, node } = registrar
  const lost = { ...group, nodeId: node.nodeId, replicaId }
  const requestId = broker.requestId()
  tell(registrar, { kind: 'replace-replica', requestId, ...lost }, () => {})
}

/** The configuration of a group led here is what was wanted. `done` when that is settled. */
export function replicasChanged(
  registrar: Registrar,
  group: GroupId,
  now: ReplicasNow,
  done: () => void,
): void {
  const requestId = registrar.broker.requestId()
  tell(registrar, { kind: 'replicas-changed', requestId, ...group, ...now }, done)
}

/** The same request id each time: however often it gets there, it is carried out once. */
function tell(
  registrar: Registrar,
  request: MetadataRequest,
  committed: (index: number) => void,
): void {
  const { broker } = registrar
  if (registrar.stopping()) return
  broker.propose(request, broker.monotonicMs() + limits.adminTimeoutMs, (outcome) => {
    if ('error' in outcome) {
      broker.after(limits.registerRetryMs, () => tell(registrar, request, committed))
      return
    }
    const { index, reply } = outcome.value
    if (reply.error !== undefined) registrar.refused(request, reply.error)
    committed(index)
  })
}
