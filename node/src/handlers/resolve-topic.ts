// From a topic name to its metadata. A name this node does not know is looked up again after a
// linearizable read, so that a topic created through one node is known through every other; only
// then is it unknown, or created where the node is told to create topics on produce.
import { QuorateError } from '@quorate/protocol'
import { limits } from '../limits.ts'
import type { Broker, TopicResolution } from './broker.ts'

export interface ResolveOptions {
  /** The caller is about to produce: create the topic when the node may. */
  readonly forProduce: boolean
}

export function resolveTopic(
  broker: Broker,
  name: string,
  options: ResolveOptions,
  done: (resolution: TopicResolution) => void,
): void {
  const known = broker.metadata().topicByName(name)
  if (known !== undefined) {
    done({ topic: known })
    return
  }
  const deadlineMs = broker.monotonicMs() + limits.adminTimeoutMs
  broker.synchronize(deadlineMs, (outcome) => {
    if ('error' in outcome) {
      done({ error: outcome.error })
      return
    }
    const topic = broker.metadata().topicByName(name)
    if (topic !== undefined) done({ topic })
    else if (options.forProduce && broker.autoCreateTopics) createOnProduce(broker, name, done)
    else done({ error: unknownTopic(name) })
  })
}

export function unknownTopic(name: string): QuorateError {
  return new QuorateError(
    'QUORATE_UNKNOWN_TOPIC',
    `${name}; create it with: quorate topic create ${name}`,
  )
}

/** Three, or as many as there are nodes that stay. */
export function defaultReplicas(broker: Broker): number {
  return Math.min(
    3,
    broker
      .metadata()
      .nodes()
      .filter(({ leaving }) => !leaving).length,
  )
}

function createOnProduce(
  broker: Broker,
  name: string,
  done: (resolution: TopicResolution) => void,
): void {
  const deadlineMs = broker.monotonicMs() + limits.adminTimeoutMs
  const request = {
    kind: 'create-topic' as const,
    requestId: broker.requestId(),
    name,
    partitions: limits.autoCreatePartitions,
    replicas: defaultReplicas(broker),
    config: {},
  }
  broker.propose(request, deadlineMs, (outcome) => {
    // Somebody else may have created it meanwhile: what counts is that it exists now.
    broker.synchronize(deadlineMs, () => {
      const topic = broker.metadata().topicByName(name)
      if (topic !== undefined) done({ topic })
      else done({ error: 'error' in outcome ? outcome.error : unknownTopic(name) })
    })
  })
}
