// A client of the NATS door that speaks its protocol as bytes: CONNECT, SUB, PUB and HPUB, nothing of
// the client library. Requests are answered on an inbox; the test lets time pass until they are.
import {
  apiSubject,
  type Chunks,
  chunksOf,
  decodeFetchReply,
  decodeHeaders,
  decodeWriteReply,
  encodeBatch,
  encodeFetchRequest,
  encodeHeaders,
  encodeWriteRequest,
  type FetchReply,
  joinChunks,
  NatsParser,
  natsWriter,
  type Verb,
  type WriteResult,
} from '@quorate/protocol'
import type { ByteLink, Network } from '../../src/mesh/network.ts'
import type { TestCluster } from './cluster.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export interface Answer {
  readonly text: string
  readonly payload: Uint8Array
  readonly error: string | undefined
}

export interface Pending {
  answer: Answer | undefined
}

export interface Batch {
  readonly topicId: number
  readonly partition: number
  readonly values: readonly string[]
  readonly producerId?: number
  readonly epoch?: number
  readonly sequence?: number
}

// biome-ignore lint/suspicious/noExplicitAny: replies are looked at field by field
type Json = any

export class TestClient {
  /** Messages to subscriptions of the test, in order. */
  readonly heard: { readonly subject: string; readonly text: string }[] = []
  readonly #cluster: TestCluster
  readonly #inbox: string
  readonly #pending = new Map<string, Pending>()
  #link: ByteLink | undefined
  #closed = false
  #inboxes = 0

  /** `name`: of this client alone, so that its answers are. */
  constructor(cluster: TestCluster, name: string, network: Network, address: string) {
    this.#cluster = cluster
    this.#inbox = `_INBOX.${name}`
    let isGreeted = false
    const parser = new NatsParser(
      'client',
      {
        info: () => {},
        msg: ({ subject, headers, payload }) => this.#message(subject, headers, payload),
        ok: () => {},
        error: (text) => this.heard.push({ subject: '-ERR', text }),
        ping: () => this.#link!.write(natsWriter.pong()),
        pong: () => {
          isGreeted = true
        },
        protocolError: (kind, text) => {
          throw new Error(`${kind}: ${text}`)
        },
      },
      { maxPayloadBytes: 2 ** 20, maxControlLineBytes: 4096 },
    )
    network.connect(
      address,
      {
        data: (chunk) => parser.push(chunk),
        closed: () => {
          this.#closed = true
        },
      },
      (link) => {
        this.#link = link
        link.write(natsWriter.connect({ verbose: false, headers: true, no_responders: true }))
        link.write(natsWriter.sub(`${this.#inbox}.*`, undefined, '1'))
        link.write(natsWriter.ping())
      },
    )
    cluster.until('the client is connected', () => isGreeted)
  }

  get closed(): boolean {
    return this.#closed
  }

  subscribe(subject: string, queue?: string): void {
    this.#inboxes += 1
    this.#link!.write(natsWriter.sub(subject, queue, `s${this.#inboxes}`))
  }

  publish(subject: string, text: string): void {
    this.#link!.write(natsWriter.pub(subject, undefined, undefined, chunksOf(encoder.encode(text))))
  }

  /** Sends a request; its answer comes when time passes. */
  ask(subject: string, payload: Chunks, headers?: Readonly<Record<string, string>>): Pending {
    this.#inboxes += 1
    const inbox = `${this.#inbox}.${this.#inboxes}`
    const pending: Pending = { answer: undefined }
    this.#pending.set(inbox, pending)
    const block = headers === undefined ? undefined : encodeHeaders(headers)
    this.#link!.write(natsWriter.pub(subject, inbox, block, payload))
    return pending
  }

  askJson(verb: Verb, topic: string | undefined, body: unknown = {}): Pending {
    return this.ask(apiSubject(verb, topic), chunksOf(encoder.encode(JSON.stringify(body))))
  }

  wait(pending: Pending, forMs = 15_000): Answer {
    this.#cluster.until('an answer', () => pending.answer !== undefined, forMs)
    return pending.answer!
  }

  call(verb: Verb, topic: string | undefined, body: unknown = {}): Json {
    return JSON.parse(this.wait(this.askJson(verb, topic, body)).text)
  }

  /** Creates a topic, and waits until each of its partitions has a leader; returns its id. */
  create(topic: string, options: object = {}): number {
    const { topicId } = this.call('create', topic, { partitions: 1, ...options })
    this.#cluster.until(`${topic} has leaders`, () => {
      const { partitions } = this.call('route', topic)
      return partitions.every(({ leader }: { leader?: string }) => leader !== undefined)
    })
    return topicId
  }

  askProduce(topic: string, value: string, headers?: Readonly<Record<string, string>>): Pending {
    return this.ask(apiSubject('produce', topic), chunksOf(encoder.encode(value)), headers)
  }

  produce(topic: string, value: string, headers?: Readonly<Record<string, string>>): Json {
    return JSON.parse(this.wait(this.askProduce(topic, value, headers)).text)
  }

  askWrite(batches: readonly Batch[]): Pending {
    return this.ask(
      apiSubject('write', undefined),
      encodeWriteRequest(
        batches.map(
          ({ topicId, partition, values, producerId = -1, epoch = -1, sequence = -1 }) => {
            const records = values.map((value) => ({
              key: null,
              value: encoder.encode(value),
              timestampMs: 1,
            }))
            const fields = { producerId, producerEpoch: epoch, baseSequence: sequence }
            return { topicId, partition, batch: chunksOf(encodeBatch(records, fields)) }
          },
        ),
      ),
    )
  }

  write(...batches: readonly Batch[]): WriteResult[] {
    return writeResults(this.wait(this.askWrite(batches)))
  }

  askFetch(
    topicId: number,
    partition: number,
    offset: number,
    more: { readonly waitMs?: number; readonly maxBytes?: number } = {},
  ): Pending {
    const { waitMs = 0, maxBytes = 65_536 } = more
    const request = encodeFetchRequest({ topicId, partition, offset, maxBytes, waitMs })
    return this.ask(apiSubject('fetch', undefined), request)
  }

  fetch(...query: Parameters<TestClient['askFetch']>): FetchReply {
    return fetchReply(this.wait(this.askFetch(...query)))
  }

  #message(subject: string, headers: Uint8Array | undefined, payload: Chunks): void {
    const bytes = joinChunks(payload)
    const text = decoder.decode(bytes)
    const pending = this.#pending.get(subject)
    if (pending === undefined) {
      this.heard.push({ subject, text })
      return
    }
    this.#pending.delete(subject)
    const decoded = headers === undefined ? undefined : decodeHeaders(headers)
    const error = decoded?.status === undefined ? decoded?.get('q-error') : `${decoded.status}`
    if (pending.answer !== undefined) throw new Error(`a second answer on ${subject}`)
    pending.answer = { text, payload: bytes, error }
  }
}

export function writeResults({ payload }: Answer): WriteResult[] {
  return decodeWriteReply(chunksOf(payload))
}

export function fetchReply({ payload }: Answer): FetchReply {
  return decodeFetchReply(chunksOf(payload))
}
