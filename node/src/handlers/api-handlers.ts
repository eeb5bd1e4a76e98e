// One function per verb of the API, free of any door. Decides which handler answers; a handler that
// throws a QuorateError is answered by the door with that error.
import { QuorateError, type Verb, validTopicName } from '@quorate/protocol'
import type { ApiHandler, ApiRequest } from '../doors/api.ts'
import type { Broker } from './broker.ts'
import { handleDescribe } from './describe.ts'
import { handleFetch } from './fetch.ts'
import { handleGiveUp } from './give-up.ts'
import {
  handleCanStop,
  handleMove,
  handleNodeAdd,
  handleNodeRemove,
  handleNodeReplace,
  handleRebalance,
} from './membership.ts'
import { handleOffsets } from './offsets.ts'
import { handleProduce } from './produce.ts'
import { ProducerIds } from './producer.ts'
import { handleLeader, handleRoute } from './route.ts'
import { handleStatus } from './status.ts'
import { handleCreate, handleDelete, handleList } from './topics.ts'
import { handleWrite } from './write.ts'

export function apiHandlers(broker: Broker, wallMs: () => number): ApiHandler {
  const producerIds = new ProducerIds()
  const handlers: Readonly<Record<Verb, (request: ApiRequest) => void>> = {
    produce: (request) => handleProduce(broker, request, wallMs),
    write: (request) => handleWrite(broker, request),
    fetch: (request) => handleFetch(broker, request),
    route: (request) => handleRoute(broker, request),
    offsets: (request) => handleOffsets(broker, request),
    create: (request) => handleCreate(broker, request),
    delete: (request) => handleDelete(broker, request),
    list: (request) => handleList(broker, request),
    describe: (request) => handleDescribe(broker, request),
    status: (request) => handleStatus(broker, request),
    producer: (request) => producerIds.handle(broker, request),
    leader: (request) => handleLeader(broker, request),
    'node-add': (request) => handleNodeAdd(broker, request),
    'node-replace': (request) => handleNodeReplace(broker, request),
    'node-remove': (request) => handleNodeRemove(broker, request),
    move: (request) => handleMove(broker, request),
    rebalance: (request) => handleRebalance(broker, request),
    'can-stop': (request) => handleCanStop(broker, request),
    'node-give-up': (request) => handleGiveUp(broker, request),
  }
  return (request) => {
    if (request.topic !== undefined && !validTopicName(request.topic)) {
      throw new QuorateError('QUORATE_INVALID_TOPIC', request.topic)
    }
    handlers[request.verb](request)
  }
}
