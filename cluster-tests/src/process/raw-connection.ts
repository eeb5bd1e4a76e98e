// A NATS connection without a client library between: what a test or a benchmark writes reaches the
// node as it is, and every reply comes back, whoever it suits. It does not reconnect, route or
// retry. Writes of one turn leave as one gathered write, as the client's and the nodes' do.
import { randomUUID } from 'node:crypto'
import net from 'node:net'
import {
  apiSubject,
  type Chunks,
  decodeWriteReply,
  emptyChunks,
  encodeWriteRequest,
  maxControlLineBytes,
  maxPayloadBytes,
  type NatsMessage,
  NatsParser,
  natsWriter,
  type WriteItem,
  type WriteResult,
} from '@quorate/protocol'

type Answer = (reply: NatsMessage | undefined) => void

const writeSubject = apiSubject('write')

export class RawConnection {
  readonly #socket: net.Socket
  readonly #answers = new Map<string, Answer>()
  readonly #errors: string[] = []
  readonly #inbox = `_INBOX.${randomUUID()}.`
  #info: Readonly<Record<string, unknown>> = {}
  #requests = 0
  #corked = false
  /** Resolves when either end has closed. */
  readonly closed: Promise<void>

  private constructor(socket: net.Socket, ready: () => void) {
    this.#socket = socket
    const ignore = () => {}
    const parser = new NatsParser(
      'client',
      {
        info: (info) => {
          this.#info = info
          this.write(natsWriter.connect({ verbose: false, headers: true, no_responders: true }))
          this.write(natsWriter.sub(`${this.#inbox}*`, undefined, '1'))
          this.write(natsWriter.ping())
        },
        pong: ready,
        msg: (message) => this.#answered(message),
        error: (text) => this.#errors.push(text),
        ping: () => this.write(natsWriter.pong()),
        ok: ignore,
        protocolError: (kind, text) => socket.destroy(new Error(`${kind}: ${text}`)),
      },
      { maxPayloadBytes, maxControlLineBytes },
    )
    socket.on('data', (chunk) => parser.push(chunk))
    socket.on('error', ignore)
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        for (const answer of this.#answers.values()) answer(undefined)
        this.#answers.clear()
        resolve()
      })
    })
  }

  /** `address`: `host:port`. */
  static async connect(address: string): Promise<RawConnection> {
    const { hostname, port } = new URL(`tcp://${address}`)
    const socket = net.connect({ host: hostname, port: Number(port), noDelay: true })
    const ready = Promise.withResolvers<void>()
    const connection = new RawConnection(socket, ready.resolve)
    socket.once('error', ready.reject)
    await ready.promise
    return connection
  }

  /** What the node said of itself when the connection was opened. */
  get info(): Readonly<Record<string, unknown>> {
    return this.#info
  }

  /** Texts of all `-ERR` lines so far. */
  get errors(): readonly string[] {
    return this.#errors
  }

  /** Any bytes, also wrong ones. */
  write(bytes: Chunks | Uint8Array): void {
    if (!this.#corked) {
      this.#corked = true
      this.#socket.cork()
      setImmediate(() => {
        this.#corked = false
        this.#socket.uncork()
      })
    }
    if (bytes instanceof Uint8Array) this.#socket.write(bytes)
    else for (const piece of bytes.pieces) this.#socket.write(piece)
  }

  publish(subject: string, payload: Chunks = emptyChunks): void {
    this.write(natsWriter.pub(subject, undefined, undefined, payload))
  }

  /** `answer` is called once; with undefined when the connection closes before a reply. */
  ask(subject: string, payload: Chunks, answer: Answer): void {
    this.#requests += 1
    const token = String(this.#requests)
    this.#answers.set(token, answer)
    this.write(natsWriter.pub(subject, this.#inbox + token, undefined, payload))
  }

  /** Rejects without a reply in time, or when the connection closes first. */
  request(
    subject: string,
    payload: Chunks = emptyChunks,
    timeoutMs = 10_000,
  ): Promise<NatsMessage> {
    return new Promise((resolve, reject) => {
      const fail = (why: string) => {
        reject(new Error(`${subject}: ${why}; errors: ${this.#errors.join('; ')}`))
      }
      const timer = setTimeout(() => fail(`no reply in ${timeoutMs} ms`), timeoutMs)
      this.ask(subject, payload, (reply) => {
        clearTimeout(timer)
        if (reply === undefined) fail('the connection was closed')
        else resolve(reply)
      })
    })
  }

  /** One write request to this node, which must be the leader; no results when it closes first. */
  writeBatches(
    items: readonly WriteItem[],
    answer: (results: readonly WriteResult[] | undefined) => void,
  ): void {
    this.ask(writeSubject, encodeWriteRequest(items), (reply) => {
      answer(reply === undefined ? undefined : decodeWriteReply(reply.payload))
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #answered(message: NatsMessage & { readonly subject: string }): void {
    const token = message.subject.slice(this.#inbox.length)
    const answer = this.#answers.get(token)
    this.#answers.delete(token)
    answer?.(message)
  }
}
