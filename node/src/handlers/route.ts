// `route` and `leader`: where a client finds the partitions of a topic. Leaders are hints with their
// terms; the client follows the highest it has seen.
import type { Route } from '@quorate/protocol'
import { type ApiRequest, errorReply, jsonReply } from '../doors/api.ts'
import type { Topic } from '../metadata/machine.ts'
import { answering } from './answering.ts'
import type { Broker, TopicResolution } from './broker.ts'
import { jsonBody, wholeNumber } from './json-body.ts'
import { leaderHint } from './leader-hint.ts'
import { resolveTopic } from './resolve-topic.ts'

/** Body `{ "create": true }`: the client is about to produce. */
export function handleRoute(broker: Broker, request: ApiRequest): void {
  const forProduce = jsonBody(request.payload)['create'] === true
  const done = answering(broker, request, (resolution: TopicResolution) => {
    if ('error' in resolution) request.respond(errorReply(resolution.error))
    else request.respond(jsonReply(routeOf(broker, resolution.topic)))
  })
  resolveTopic(broker, request.topic!, { forProduce }, done)
}

function routeOf(broker: Broker, topic: Topic): Route {
  return {
    topic: topic.name,
    topicId: topic.id,
    partitions: topic.partitions.map(({ partition, replicas }) => {
      const hint = broker.leaders.get({ topicId: topic.id, partition })
      return {
        partition,
        term: hint?.term ?? 0,
        replicas: replicas.map(({ nodeId }) => nodeId),
        ...(hint?.node === undefined ? {} : { leader: hint.node }),
      }
    }),
    nodes: broker.nodeIds().flatMap((id) => {
      const address = broker.addressOf(id)
      return address === undefined ? [] : [{ id, address }]
    }),
  }
}

export function handleLeader(broker: Broker, request: ApiRequest): void {
  const body = jsonBody(request.payload)
  const group = { topicId: wholeNumber(body, 'topicId'), partition: wholeNumber(body, 'partition') }
  const hint = leaderHint(broker, group)
  const term = broker.leaders.get(group)?.term ?? 0
  request.respond(
    jsonReply(
      hint === undefined ? { term } : { leader: { node: hint.node, address: hint.address }, term },
    ),
  )
}
