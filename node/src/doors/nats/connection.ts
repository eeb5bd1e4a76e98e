// One NATS connection: greeting, CONNECT, keep-alive, errors and its end. Who connected decides who
// gets the rest: a client's messages go to client-session.ts, a proven peer's frames to the mesh.
// A throw while the bytes of one connection are read ends that connection and no other. Previous
// stop: the Network's link; next stop: client-session.ts or the MeshAcceptor.
import { type NatsMessage, NatsParser, natsWriter, type ProtocolErrorKind } from '@quorate/protocol'
import type { ByteLink, LinkHandlers } from '../../mesh/network.ts'
import { ClientSession } from './client-session.ts'
import type { DoorContext, EndReason } from './door-context.ts'
import type { AcceptedPeer } from './mesh-acceptor.ts'

/** `waiting`: no CONNECT yet. `ending`: the last bytes are on their way out. */
type State =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'client'; readonly session: ClientSession }
  | { readonly kind: 'peer'; readonly peer: AcceptedPeer }
  | { readonly kind: 'ending'; readonly deadlineMs: number }
  | { readonly kind: 'closed' }

const errorTexts: Readonly<Record<ProtocolErrorKind, string>> = {
  'unknown-operation': 'Unknown Protocol Operation',
  'max-payload': 'Maximum Payload Violation',
  'control-line': 'Maximum Control Line Exceeded',
  malformed: 'Parser Error',
}

export class NatsConnection implements LinkHandlers {
  readonly #context: DoorContext
  readonly #link: ByteLink
  readonly #clientId: number
  readonly #nonce: string
  readonly #parser: NatsParser
  readonly #gone: (connection: NatsConnection) => void
  readonly #acceptedMs: number
  #state: State = { kind: 'waiting' }
  #heardMs: number
  /** PINGs since the last byte. */
  #pingsMissed = 0

  constructor(
    context: DoorContext,
    link: ByteLink,
    clientId: number,
    nonce: string,
    gone: (connection: NatsConnection) => void,
  ) {
    this.#context = context
    this.#link = link
    this.#clientId = clientId
    this.#nonce = nonce
    this.#gone = gone
    this.#acceptedMs = context.monotonicMs()
    this.#heardMs = this.#acceptedMs
    this.#parser = this.#createParser()
    this.#sendInfo({})
  }

  data(chunk: Uint8Array): void {
    this.#heardMs = this.#context.monotonicMs()
    this.#pingsMissed = 0
    try {
      this.#parser.push(chunk)
    } catch (error) {
      this.#fail(error)
    }
  }

  drained(): void {
    if (this.#state.kind === 'client') this.#state.session.checkFlow()
  }

  closed(): void {
    if (this.#state.kind === 'closed') return
    this.#leave({ kind: 'closed' })
    this.#gone(this)
  }

  /** Called about once a second. */
  sweep(nowMs: number): void {
    const { limits } = this.#context
    const state = this.#state
    if (state.kind === 'ending') {
      if (nowMs >= state.deadlineMs) this.#link.destroy()
      return
    }
    if (state.kind === 'waiting') {
      if (nowMs - this.#acceptedMs >= limits.connectDeadlineMs) {
        this.end('connect-timeout', 'Authentication Timeout')
      }
      return
    }
    if (state.kind === 'client') state.session.checkFlow()
    const intervalMs = state.kind === 'peer' ? limits.peerPingIntervalMs : limits.pingIntervalMs
    if (nowMs - this.#heardMs < intervalMs * (this.#pingsMissed + 1)) return
    if (this.#pingsMissed >= limits.pingsMissedMax) {
      this.end('stale', 'Stale Connection')
      return
    }
    this.#pingsMissed += 1
    this.#link.write(natsWriter.ping())
  }

  /** Tells the client why, then closes. Nothing is read any more. */
  end(reason: EndReason, text: string): void {
    if (this.#state.kind === 'ending' || this.#state.kind === 'closed') return
    const { counts, limits } = this.#context
    counts.ended[reason] += 1
    this.#parser.close()
    this.#leave({
      kind: 'ending',
      deadlineMs: this.#context.monotonicMs() + limits.closeDeadlineMs,
    })
    this.#link.write(natsWriter.error(text))
    this.#link.end()
  }

  #createParser(): NatsParser {
    const events = {
      connect: (options: Record<string, unknown>) => this.#connect(options),
      pub: (message: NatsMessage) => this.#publish(message),
      sub: (subject: string, queue: string | undefined, sid: string) =>
        this.#client()?.subscribe(subject, queue, sid),
      unsub: (sid: string, max: number | undefined) => this.#client()?.unsubscribe(sid, max),
      ping: () => this.#link.write(natsWriter.pong()),
      pong: () => {},
      protocolError: (kind: ProtocolErrorKind, text: string) => this.#protocolError(kind, text),
    }
    return new NatsParser('server', events, this.#context.limits)
  }

  #sendInfo(more: Readonly<Record<string, unknown>>): void {
    const own = { client_id: this.#clientId, nonce: this.#nonce }
    this.#link.write(natsWriter.info({ ...this.#context.info, ...own, ...more }))
  }

  #connect(options: Readonly<Record<string, unknown>>): void {
    if (this.#state.kind === 'client' && !('quorate_mesh' in options)) {
      this.#state.session.configure(options)
    } else if (this.#state.kind !== 'waiting') {
      this.end('protocol-error', 'Second CONNECT')
    } else if ('quorate_mesh' in options) {
      this.#connectPeer(options)
    } else {
      this.#connectClient(options)
    }
  }

  #connectClient(options: Readonly<Record<string, unknown>>): void {
    const context = this.#context
    if (context.clients >= context.limits.clientsMax) {
      context.log.warn('door.connections-full', { clients: context.clients })
      this.end('connections-full', 'maximum connections exceeded')
      return
    }
    context.clients += 1
    const end = (reason: EndReason, text: string): void => this.end(reason, text)
    const session = new ClientSession(context, this.#link, this.#clientId, end)
    this.#state = { kind: 'client', session }
    session.configure(options)
  }

  #connectPeer(options: Readonly<Record<string, unknown>>): void {
    const { acceptor, log } = this.#context
    if (acceptor === undefined) {
      this.end('peer-refused', 'QUORATE_PERMISSION: this node takes no peers')
      return
    }
    const close = (): void => this.end('peer-replaced', 'Connection Replaced')
    const verdict = acceptor.accept(options, this.#nonce, close)
    if ('refused' in verdict) {
      const { code, message } = verdict.refused
      log.warn('door.peer-refused', { from: this.#link.peer, code, reason: message })
      this.end('peer-refused', `${code}: ${message}`)
      return
    }
    log.info('door.peer-accepted', { from: this.#link.peer, peer: verdict.peerLabel })
    this.#context.peers += 1
    this.#state = { kind: 'peer', peer: verdict }
    this.#sendInfo(verdict.info)
  }

  #publish(message: NatsMessage): void {
    if (this.#state.kind !== 'peer') {
      this.#client()?.publish(message)
    } else if (message.subject.startsWith('$Q.mesh.')) {
      this.#state.peer.frame(message.payload)
    } else {
      this.end('peer-violation', `Permissions Violation for Publish to "${message.subject}"`)
    }
  }

  /** The session of a client; anyone else who asks for one breaks the protocol and is closed. */
  #client(): ClientSession | undefined {
    if (this.#state.kind === 'client') return this.#state.session
    if (this.#state.kind === 'waiting') this.end('protocol-error', 'CONNECT expected')
    else this.end('peer-violation', 'Permissions Violation for Subscription')
    return undefined
  }

  #protocolError(kind: ProtocolErrorKind, text: string): void {
    this.#context.log.warn('door.protocol-error', { from: this.#link.peer, kind, text })
    this.end('protocol-error', errorTexts[kind])
  }

  /** A defect of ours: this connection cannot be trusted any more. */
  #fail(error: unknown): void {
    this.#context.log.error('door.connection-failed', { from: this.#link.peer, error })
    this.end('failed', 'Internal Server Error')
  }

  #leave(next: State): void {
    const previous = this.#state
    this.#state = next
    const { log } = this.#context
    try {
      if (previous.kind === 'client') {
        this.#context.clients -= 1
        previous.session.close()
      } else if (previous.kind === 'peer') {
        this.#context.peers -= 1
        previous.peer.closed()
      }
    } catch (error) {
      log.error('door.connection-failed', { from: this.#link.peer, error })
    }
  }
}
