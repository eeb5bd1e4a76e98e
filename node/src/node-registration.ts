// What a node tells the metadata group about itself: where it is, and which deleted topics it has
// removed. Told again until it has been committed or the node stops. Knows nothing of how a request
// gets there (metadata-actor.ts).
import type { QuorateError } from '@quorate/protocol'
import type { Broker } from './handlers/broker.ts'
import { limits } from './limits.ts'
import type { MetadataRequest } from './metadata/metadata-request.ts'

export interface Registrar {
  readonly broker: Broker
  readonly node: { readonly nodeId: string; readonly incarnation: string }
  readonly address: string
  readonly httpAddress: string
  stopping(): boolean
  /** Committed at this metadata index. */
  registered(index: number): void
  /** It never will be: what is registered contradicts this node. */
  refused(error: Pick<QuorateError, 'code' | 'detail'>): void
}

export function registerNode(registrar: Registrar): void {
  const { broker, node, address, httpAddress } = registrar
  const requestId = broker.requestId()
  const request = { kind: 'register-node', requestId, ...node, address, httpAddress } as const
  tell(registrar, request, (index) => registrar.registered(index))
}

/** Its files of a deleted topic are gone. */
export function confirmDrop(registrar: Registrar, topicId: number): void {
  const { broker, node } = registrar
  const { nodeId } = node
  const requestId = broker.requestId()
  tell(registrar, { kind: 'confirm-drop', requestId, nodeId, topicId }, () => {})
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
    if (reply.error !== undefined) registrar.refused(reply.error)
    committed(index)
  })
}
