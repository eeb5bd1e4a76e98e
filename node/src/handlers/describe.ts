// `describe`: one topic with the state of every replica, as each node itself reports it. A node that
// does not answer in time is listed as unreachable, never left out.
import { type ApiRequest, errorReply, jsonReply } from '../doors/api.ts'
import type { Topic, TopicPartition } from '../metadata/machine.ts'
import type { ReplicaPlace } from '../metadata/places.ts'
import type { ReplicaDescription } from '../partition/replica-description.ts'
import { answering } from './answering.ts'
import type { Broker, TopicResolution } from './broker.ts'
import { describeAnswer } from './node-answers.ts'
import { resolveTopic } from './resolve-topic.ts'
import { summaryOf } from './topics.ts'

export const describeQuestion = 'describe'

export function handleDescribe(broker: Broker, request: ApiRequest): void {
  const described = (resolution: TopicResolution) => {
    if ('error' in resolution) {
      request.respond(errorReply(resolution.error))
      return
    }
    const { topic } = resolution
    const nodes = [
      ...new Set(
        topic.partitions.flatMap((places) => membersOf(places).map(({ nodeId }) => nodeId)),
      ),
    ]
    gather(broker, nodes, topic, (known) => {
      request.respond(jsonReply(descriptionOf(broker, topic, known)))
    })
  }
  const done = answering(broker, request, described)
  resolveTopic(broker, request.topic!, { forProduce: false }, done)
}

/** States of this node's replicas of a topic. */
export function describeHere(
  broker: Broker,
  topicId: number,
  partitions: number,
  done: (replicas: ReplicaDescription[]) => void,
): void {
  const found: ReplicaDescription[] = []
  let open = 1
  const settle = () => {
    open -= 1
    if (open === 0) done(found)
  }
  for (let partition = 0; partition < partitions; partition++) {
    const replica = broker.partition({ topicId, partition })
    if (replica === undefined) continue
    open += 1
    const sent = replica.send({
      type: 'describe',
      respond: (description) => {
        found.push(description)
        settle()
      },
    })
    if (!sent) settle()
  }
  settle()
}

function gather(
  broker: Broker,
  nodes: readonly string[],
  topic: Topic,
  done: (known: ReplicaDescription[]) => void,
): void {
  const known: ReplicaDescription[] = []
  let open = nodes.length
  const settle = (replicas: readonly ReplicaDescription[]) => {
    known.push(...replicas)
    open -= 1
    if (open === 0) done(known)
  }
  const body = { topicId: topic.id, partitions: topic.partitions.length }
  for (const node of nodes) {
    if (node === broker.node) describeHere(broker, topic.id, topic.partitions.length, settle)
    else {
      broker.askNode(node, describeQuestion, body, describeAnswer(node), (outcome) => {
        settle('error' in outcome ? [] : outcome.value)
      })
    }
  }
}

function descriptionOf(broker: Broker, topic: Topic, known: readonly ReplicaDescription[]) {
  return {
    ...summaryOf(topic),
    partitionStates: topic.partitions.map((places) => {
      const { partition, removing } = places
      const hint = broker.leaders.get({ topicId: topic.id, partition })
      return {
        partition,
        leader: hint?.node ?? null,
        term: hint?.term ?? 0,
        removing: [...new Set(removing.map(({ nodeId }) => nodeId))],
        replicas: membersOf(places).map(({ nodeId, replicaId }) => {
          const state = known.find(
            (replica) => replica.node === nodeId && replica.partition === partition,
          )
          return state ?? { node: nodeId, replicaId, partition, role: 'unreachable' }
        }),
      }
    }),
  }
}

/** Those that are wanted, then those of before that still serve: a node runs one of them. */
function membersOf({ replicas, removing }: TopicPartition): readonly ReplicaPlace[] {
  const byNode = new Map([...removing, ...replicas].map((place) => [place.nodeId, place]))
  const wanted = new Set(replicas.map(({ nodeId }) => nodeId))
  return [...replicas, ...[...byNode.values()].filter(({ nodeId }) => !wanted.has(nodeId))]
}
