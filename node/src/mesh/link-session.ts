// One connection to a peer from its first byte to the proven handshake, seen from the dialling side.
// Turns bytes into what peer-link.ts decides on. Knows the two INFO lines and CONNECT, nothing of
// frames: the accepting side sends none over this connection.
import { isErrorCode, NatsParser, natsWriter, QuorateError } from '@quorate/protocol'
import {
  doorNonceOf,
  judgeAnswer,
  type MeshAnswer,
  type MeshChannel,
  type MeshHello,
  type MeshSelf,
  makeHello,
  meshVersion,
} from './handshake.ts'
import type { ByteLink } from './network.ts'

export interface SessionOptions {
  readonly self: MeshSelf
  readonly node: string
  readonly registeredIncarnation: string
  readonly channel: MeshChannel
  /** This side's nonce. */
  readonly nonce: string
}

export interface SessionEvents {
  /** The peer has proven itself; it takes messages up to this size. */
  proven(answer: MeshAnswer, payloadBytesMax: number): void
  /** The connection is of no use any more. */
  failed(error: QuorateError): void
}

/** The peer's door sends nothing but control lines here. INFO is the longest. */
const parserLimits = { maxPayloadBytes: 1024, maxControlLineBytes: 16 * 1024 }

export class LinkSession {
  readonly #link: ByteLink
  readonly #options: SessionOptions
  readonly #events: SessionEvents
  readonly #parser: NatsParser
  #doorNonce: string | undefined
  #hello: MeshHello | undefined
  #payloadBytesMax = 0
  #proven = false
  #ended = false

  constructor(link: ByteLink, options: SessionOptions, events: SessionEvents) {
    this.#link = link
    this.#options = options
    this.#events = events
    const broken = (text: string): void =>
      this.#fail(new QuorateError('QUORATE_INVALID_REQUEST', `from ${options.node}: ${text}`))
    this.#parser = new NatsParser(
      'client',
      {
        info: (info) => this.#info(info),
        msg: () => broken('a message nobody subscribed to'),
        ok: () => {},
        error: (text) => this.#fail(errorOf(text)),
        ping: () => link.write(natsWriter.pong()),
        pong: () => {},
        protocolError: (kind, text) => broken(`${kind}: ${text}`),
      },
      parserLimits,
    )
  }

  push(chunk: Uint8Array): void {
    if (!this.#ended) this.#parser.push(chunk)
  }

  #info(info: Readonly<Record<string, unknown>>): void {
    if (this.#proven) return
    if (this.#hello === undefined) this.#greet(info)
    else this.#judge(this.#hello, info)
  }

  #greet(info: Readonly<Record<string, unknown>>): void {
    const { self, node, channel, nonce } = this.#options
    const doorNonce = doorNonceOf(info)
    const payloadBytesMax = info['max_payload']
    if (doorNonce === undefined || typeof payloadBytesMax !== 'number') {
      this.#fail(new QuorateError('QUORATE_PERMISSION', `${node} offers no mesh handshake`))
      return
    }
    this.#doorNonce = doorNonce
    this.#payloadBytesMax = payloadBytesMax
    this.#hello = makeHello(self, node, channel, nonce, doorNonce)
    const connect = {
      verbose: false,
      pedantic: false,
      echo: false,
      headers: true,
      protocol: 1,
      lang: 'quorate',
      version: String(meshVersion),
      name: `${self.nodeId}/${channel}`,
      quorate_mesh: this.#hello,
    }
    this.#link.write(natsWriter.connect(connect))
  }

  #judge(hello: MeshHello, info: Readonly<Record<string, unknown>>): void {
    const claimed = info['quorate_mesh']
    if (claimed === undefined) return
    const { self, registeredIncarnation } = this.#options
    const answer = judgeAnswer(self, registeredIncarnation, hello, claimed, this.#doorNonce ?? '')
    if (answer instanceof QuorateError) {
      this.#fail(answer)
      return
    }
    this.#proven = true
    this.#events.proven(answer, this.#payloadBytesMax)
  }

  #fail(error: QuorateError): void {
    if (this.#ended) return
    this.#ended = true
    this.#parser.close()
    this.#events.failed(error)
  }
}

/** A refusal begins with its code; a plain NATS server has none. */
function errorOf(text: string): QuorateError {
  const code = /^QUORATE_[A-Z_]+/.exec(text)?.[0] ?? ''
  const detail = text.slice(code.length).replace(/^[:\s]+/, '')
  if (isErrorCode(code)) return new QuorateError(code, `refused by the peer: ${detail}`)
  return new QuorateError('QUORATE_CONNECTION_FAILED', text)
}
