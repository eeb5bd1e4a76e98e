// The server side of one NATS connection, just enough to test a link: subscriptions of that
// connection, and a handler for what is published with a reply subject.
import type { Chunks, NatsMessage } from '@quorate/protocol'
import {
  chunksOf,
  encodeHeaders,
  joinChunks,
  maxControlLineBytes,
  maxPayloadBytes,
  NatsParser,
  natsWriter,
  subjectMatches,
} from '@quorate/protocol'

export interface MiniRequest {
  readonly subject: string
  readonly payload: string
  readonly headers: string
  reply(payload: string, headers?: Record<string, string>): void
  noResponders(): void
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export class MiniServer {
  connectOptions: Record<string, unknown> = {}
  readonly #write: (bytes: Chunks | Uint8Array) => void
  readonly #subscriptions = new Map<string, string>()
  readonly #parser: NatsParser
  readonly #serve: (request: MiniRequest) => void

  constructor(write: (bytes: Chunks | Uint8Array) => void, serve: (request: MiniRequest) => void) {
    this.#write = write
    this.#serve = serve
    this.#parser = new NatsParser(
      'server',
      {
        connect: (options) => {
          this.connectOptions = options
        },
        pub: (message) => this.#published(message),
        sub: (subject, _queue, sid) => this.#subscriptions.set(sid, subject),
        unsub: (sid) => this.#subscriptions.delete(sid),
        ping: () => write(natsWriter.pong()),
        pong: () => {},
        protocolError: (_kind, text) => {
          throw new Error(text)
        },
      },
      { maxPayloadBytes, maxControlLineBytes },
    )
    write(
      natsWriter.info({
        server_id: 'mini',
        server_name: 'mini',
        version: '2.10.0',
        proto: 1,
        headers: true,
        max_payload: maxPayloadBytes,
        host: '127.0.0.1',
        port: 0,
      }),
    )
  }

  received(chunk: Uint8Array): void {
    this.#parser.push(chunk)
  }

  get subjects(): string[] {
    return [...this.#subscriptions.values()]
  }

  publish(subject: string, payload: string, headers?: Record<string, string>): void {
    this.#deliver(subject, payload, headers === undefined ? undefined : encodeHeaders(headers))
  }

  write(bytes: Uint8Array): void {
    this.#write(bytes)
  }

  #published({ subject, reply, headers, payload }: NatsMessage): void {
    this.#serve({
      subject,
      payload: decoder.decode(joinChunks(payload)),
      headers: headers === undefined ? '' : decoder.decode(headers),
      reply: (text, fields) => {
        if (reply !== undefined) this.publish(reply, text, fields)
      },
      noResponders: () => {
        if (reply !== undefined) this.#deliver(reply, '', encodeHeaders({}, { code: 503 }))
      },
    })
  }

  #deliver(subject: string, payload: string, headers: Uint8Array | undefined): void {
    for (const [sid, pattern] of this.#subscriptions) {
      if (!subjectMatches(pattern, subject)) continue
      const bytes = chunksOf(encoder.encode(payload))
      this.#write(natsWriter.msg(subject, sid, undefined, headers, bytes))
    }
  }
}
