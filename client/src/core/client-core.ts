// The client without promises: joins connections, routes, probes and calls, and passes what changes
// on to producers and readers. Runs as it is on real links (connect.ts) and simulated ones
// (testing/).
import type { QuorateError } from '@quorate/protocol'
import type { CallDone, CallOptions } from './calls.ts'
import { Calls } from './calls.ts'
import { Connections } from './connections.ts'
import type { CoreParts } from './delivery.ts'
import type { Environment } from './environment.ts'
import { SilenceProbe } from './probe.ts'
import type { ProducerSettings } from './producer-core.ts'
import { ProducerCore } from './producer-core.ts'
import type { ReaderListener, ReaderSettings } from './reader.ts'
import { ReaderCore } from './reader.ts'
import { Routing } from './routing.ts'

export class ClientCore {
  readonly environment: Environment
  readonly #connections: Connections
  readonly #routing: Routing
  readonly #probe: SilenceProbe
  readonly #calls: Calls
  readonly #parts: CoreParts
  readonly #producers = new Set<ProducerCore>()
  readonly #readers = new Set<ReaderCore>()

  /** `servers` are addresses `host:port`. */
  constructor(environment: Environment, servers: readonly string[]) {
    this.environment = environment
    this.#connections = new Connections(environment, servers, {
      opened: () => this.#linksChanged(),
      lost: () => this.#linksChanged(),
      leaderEvent: ({ topicId, partition, ...hint }) => {
        this.#routing.hint(topicId, partition, hint)
      },
    })
    this.#routing = new Routing(environment, this.#connections, {
      leaderChanged: (topicId, partition) => {
        for (const each of this.#users()) each.leaderChanged(topicId, partition)
      },
      routeRead: (route) => {
        for (const each of this.#users()) each.routeRead(route)
      },
      routeMissed: (topic) => {
        for (const each of this.#users()) each.wakeTopic(topic)
      },
      routeFailed: (topic, error) => {
        for (const each of this.#users()) each.topicFailed(topic, error)
      },
    })
    this.#probe = new SilenceProbe(environment, this.#connections, this.#routing)
    this.#calls = new Calls(environment, this.#connections)
    this.#parts = {
      environment,
      connections: this.#connections,
      routing: this.#routing,
      probe: this.#probe,
    }
  }

  /** Addresses with an open link, for tests and for people. */
  get openLinks(): readonly string[] {
    return this.#connections.openAddresses
  }

  /**
   * Done with the first open link, or with QUORATE_CONNECTION_FAILED when no server answers; then
   * it can be tried again.
   */
  start(done: (error?: QuorateError) => void): void {
    this.#connections.start(done)
  }

  producer(settings: ProducerSettings): ProducerCore {
    const producer: ProducerCore = new ProducerCore(this.#parts, this.#calls, settings, () => {
      this.#producers.delete(producer)
    })
    this.#producers.add(producer)
    return producer
  }

  reader(settings: ReaderSettings, listener: ReaderListener): ReaderCore {
    const reader: ReaderCore = new ReaderCore(this.#parts, this.#calls, settings, listener, () => {
      this.#readers.delete(reader)
    })
    this.#readers.add(reader)
    return reader
  }

  call(subject: string, body: unknown, options: CallOptions, done: CallDone): () => void {
    return this.#calls.call(subject, body, options, done)
  }

  /** This client created or deleted the topic: what it knew of the name is out of date. */
  topicCreated(topic: string): void {
    this.#routing.created(topic)
  }

  topicDeleted(topic: string): void {
    this.#routing.deleted(topic)
  }

  /** Ends everything at once. Producers that are to settle their records are closed before. */
  close(): void {
    for (const producer of [...this.#producers]) producer.destroy()
    for (const reader of [...this.#readers]) reader.close()
    this.#calls.close()
    this.#probe.close()
    this.#routing.close()
    this.#connections.close()
  }

  #users(): readonly (ProducerCore | ReaderCore)[] {
    return [...this.#producers, ...this.#readers]
  }

  #linksChanged(): void {
    this.#calls.resume()
    for (const each of this.#users()) each.wakeAll()
  }
}
