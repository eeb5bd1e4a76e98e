// The topic that a run sends to: made once, and described as often as somebody must know where its
// replicas are. Keeps asking where an answer is needed to go on.
import type { TopicDescription, TopicSummary } from '@quorate/protocol'
import type { SimulatedCluster } from './cluster.ts'
import type { SimulatedClient } from './simulated-client.ts'
import { topicName } from './workload.ts'

const askAgainMs = 500
const followMs = 1_000
const createOptions = { deadlineMs: 10_000, repeatable: false }
const askOptions = { deadlineMs: 5_000, repeatable: true }

export class TopicUnderTest {
  readonly #cluster: SimulatedCluster
  readonly #client: SimulatedClient

  constructor(cluster: SimulatedCluster, client: SimulatedClient) {
    this.#cluster = cluster
    this.#client = client
  }

  create(): void {
    const { partitions, replicas } = this.#cluster.plan.workload
    const { segmentBytes, retentionBytes } = this.#cluster.plan.settings
    const retention = retentionBytes === 0 ? {} : { retentionBytes }
    const body = { partitions, replicas, segmentBytes, ...retention }
    this.#client.call<TopicSummary>('create', topicName, body, createOptions, (_reply, error) => {
      // An attempt whose outcome was unknown may have made it.
      if (error === undefined || error.code === 'QUORATE_TOPIC_EXISTS') this.#find()
      else this.#client.host.setTimer(() => this.create(), askAgainMs)
    })
  }

  /** Tells the cluster again and again where the replicas are, while they move. */
  follow(): void {
    this.#find()
    this.#client.host.setTimer(() => this.follow(), followMs)
  }

  ask(done: (description: TopicDescription | undefined) => void): void {
    this.#client.call<TopicDescription>('describe', topicName, undefined, askOptions, done)
  }

  #find(): void {
    this.ask((description) => {
      if (description === undefined) {
        this.#client.host.setTimer(() => this.#find(), askAgainMs)
        return
      }
      const { topicId, partitionStates } = description
      const members = partitionStates.map(({ replicas }) => replicas.map(({ node }) => node))
      this.#cluster.topic = { id: topicId, members }
    })
  }
}

/** Where each partition begins. */
export function noteStarts(
  { partitionStates }: TopicDescription,
  starts: Map<number, number>,
): void {
  for (const { partition, replicas } of partitionStates) {
    const own = replicas.map((each) => ('startOffset' in each ? each.startOffset : 0))
    starts.set(partition, Math.max(...own))
  }
}
