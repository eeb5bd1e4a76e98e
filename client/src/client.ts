// The connected client a program holds: makes producers and streams, knows them, and ends them.
// Decides nothing about routing or delivery: core/client-core.ts does.
import { QuorateError } from '@quorate/protocol'
import { Admin } from './admin.ts'
import type { ClientCore } from './core/client-core.ts'
import type { ProducerOptions } from './producer.ts'
import { Producer, producerSettings } from './producer.ts'
import type { StreamOptions } from './stream.ts'
import { RecordStream, readerSettings } from './stream.ts'
import type { Topic } from './topic.ts'

export class Client implements AsyncDisposable {
  readonly admin: Admin
  readonly #core: ClientCore
  readonly #producers = new Set<Producer>()
  readonly #streams = new Set<{ fail(error: unknown): void }>()
  #closing: Promise<void> | undefined

  constructor(core: ClientCore) {
    this.#core = core
    this.admin = new Admin(core)
  }

  /** Cheap, but not free: keep one for as long as records are sent. */
  producer(options: ProducerOptions = {}): Producer {
    this.#checkOpen()
    const { host } = this.#core.environment
    const core = this.#core.producer(producerSettings(options))
    const now = () => host.wallMs()
    const producer = new Producer(core, now, (ended) => this.#producers.delete(ended))
    this.#producers.add(producer)
    return producer
  }

  /** Begins to read at once; leaving the loop ends it. Two streams know nothing of each other. */
  stream<Value>(topic: Topic<never, Value>, options: StreamOptions = {}): RecordStream<Value> {
    this.#checkOpen()
    const settings = readerSettings(topic.name, options)
    const stream = new RecordStream(this.#core, topic, settings, options.signal, (ended) => {
      this.#streams.delete(ended)
    })
    this.#streams.add(stream)
    return stream
  }

  /**
   * Settles the records of all producers, then ends: streams throw QUORATE_CLOSED. With an aborted
   * signal it ends at once, and unsettled records reject with QUORATE_CLOSED. Closing twice is fine.
   */
  close(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    this.#closing ??= this.#close(options.signal)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(signal: AbortSignal | undefined): Promise<void> {
    const options = signal === undefined ? {} : { signal }
    await Promise.allSettled([...this.#producers].map((producer) => producer.close(options)))
    for (const stream of [...this.#streams]) {
      stream.fail(new QuorateError('QUORATE_CLOSED', 'client'))
    }
    this.#core.close()
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new QuorateError('QUORATE_CLOSED', 'client')
  }
}
