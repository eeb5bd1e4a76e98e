// Topics that come and go beside the traffic: one at a time is created, deleted, and created again
// under the same name, by one client. Keeps book of what must be there in the end. A name whose last
// request has an unknown outcome is left alone from then on: that request may still take effect.
import type { ListReply } from '@quorate/protocol'
import type { SimulatedCluster } from './cluster.ts'
import type { SimulatedClient } from './simulated-client.ts'

type Expected = 'present' | 'absent'

const deadlineMs = 5_000

export class TopicChurn {
  /** Requests that were answered with a definite result. */
  done = 0
  readonly #cluster: SimulatedCluster
  readonly #client: SimulatedClient
  readonly #expected = new Map<string, Expected>()
  #names = 0
  #running = false
  #open = false

  constructor(cluster: SimulatedCluster, client: SimulatedClient) {
    this.#cluster = cluster
    this.#client = client
  }

  /** No request is out. */
  get idle(): boolean {
    return !this.#open
  }

  start(): void {
    this.#running = this.#cluster.plan.workload.churnEveryMs > 0
    if (this.#running) this.#next(this.#newName())
  }

  stop(): void {
    this.#running = false
  }

  /** Compares with the topics there are; to be asked when nothing is out. */
  check(topics: ListReply['topics']): string[] {
    const present = new Set(topics.map(({ topic }) => topic))
    return [...this.#expected].flatMap(([name, expected]) => {
      if (present.has(name) === (expected === 'present')) return []
      return [`topic ${name} must be ${expected} and is not`]
    })
  }

  #newName(): string {
    this.#names += 1
    return `churn-${this.#names}`
  }

  #next(name: string): void {
    if (!this.#running) return
    const before = this.#expected.get(name) ?? 'absent'
    const verb = before === 'absent' ? 'create' : 'delete'
    const { replicas, churnEveryMs } = this.#cluster.plan.workload
    const body = verb === 'create' ? { partitions: 2, replicas } : undefined
    this.#expected.delete(name)
    this.#open = true
    this.#client.call(verb, name, body, { deadlineMs, repeatable: false }, (_reply, error) => {
      this.#open = false
      let known = true
      if (error === undefined) this.#expected.set(name, before === 'absent' ? 'present' : 'absent')
      else if (error.outcome === 'not-applied') this.#expected.set(name, before)
      else known = false
      if (known) this.done += 1
      const following = known ? name : this.#newName()
      this.#client.host.setTimer(() => this.#next(following), churnEveryMs)
    })
  }
}
