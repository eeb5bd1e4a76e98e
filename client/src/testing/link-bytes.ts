// A Link over byte links: the client side of the NATS protocol, spoken with protocol's own codec on
// whatever carries bytes. The simulator runs clients on its network through this; the byte link is
// declared by shape, so any network with the same calls fits. The next stop is the node's door.
import type { Host, Random, TimerHandle } from '@quorate/actors'
import type { Chunks, NatsDelivery } from '@quorate/protocol'
import {
  chunksOf,
  decodeHeaders,
  encodeHeaders,
  joinChunks,
  maxControlLineBytes,
  maxPayloadBytes,
  NatsParser,
  natsWriter,
} from '@quorate/protocol'
import type { Link, LinkMessage, LinkOpener, RequestFailure } from '../link.ts'

export interface ByteLink {
  write(bytes: Chunks | Uint8Array): void
  /** Sends what is written, then closes. */
  end(): void
  /** Closes at once. */
  destroy(): void
}

export interface ByteLinkHandlers {
  data(chunk: Uint8Array): void
  /** Called exactly once, also when the link could not be established. */
  closed(error?: Error): void
}

export interface ByteNetwork {
  connect(address: string, handlers: ByteLinkHandlers, open: (link: ByteLink) => void): void
}

const noRespondersCode = 503
const connectOptions = {
  verbose: false,
  pedantic: false,
  protocol: 1,
  headers: true,
  no_responders: true,
  lang: 'quorate',
  name: 'quorate-client',
}

export function byteLinkOpener(network: ByteNetwork, host: Host, random: Random): LinkOpener {
  return {
    open(address, events) {
      let link: BytesLink | undefined
      let error: Error | undefined
      network.connect(
        address,
        {
          data: (chunk) => link?.received(chunk),
          closed: (reason) => {
            if (link?.opened) link.ended(reason)
            else events.failed(error ?? reason ?? new Error(`${address} closed the connection`))
          },
        },
        (bytes) => {
          const inbox = `_INBOX.${random.integer('client/inbox', 2 ** 40).toString(36)}.`
          link = new BytesLink(address, bytes, host, inbox, {
            opened: (opened) => events.opened(opened),
            closed: (reason) => events.closed(reason),
            refused: (reason) => {
              error = reason
            },
          })
        },
      )
    },
  }
}

interface LinkEvents {
  opened(link: Link): void
  closed(error?: Error): void
  /** The other side said why it will not go on. */
  refused(error: Error): void
}

interface PendingRequest {
  readonly done: (failure: RequestFailure | undefined, reply: LinkMessage | undefined) => void
  timer: TimerHandle
}

class BytesLink implements Link {
  readonly address: string
  readonly #bytes: ByteLink
  readonly #host: Host
  readonly #inbox: string
  readonly #events: LinkEvents
  readonly #parser: NatsParser
  readonly #pending = new Map<string, PendingRequest>()
  readonly #subscriptions = new Map<string, (message: LinkMessage) => void>()
  #state: 'info' | 'pong' | 'open' | 'closed' = 'info'
  #nextToken = 1
  #nextSid = 1

  constructor(address: string, bytes: ByteLink, host: Host, inbox: string, events: LinkEvents) {
    this.address = address
    this.#bytes = bytes
    this.#host = host
    this.#inbox = inbox
    this.#events = events
    const limits = { maxPayloadBytes, maxControlLineBytes: maxControlLineBytes * 4 }
    this.#parser = new NatsParser(
      'client',
      {
        info: () => this.#greet(),
        msg: (delivery) => this.#delivered(delivery),
        ok: () => {},
        error: (text) => events.refused(new Error(text)),
        ping: () => this.#bytes.write(natsWriter.pong()),
        pong: () => this.#ponged(),
        protocolError: (_kind, text) => {
          events.refused(new Error(`unreadable bytes: ${text}`))
          this.#bytes.destroy()
        },
      },
      limits,
    )
  }

  /** Whether the opener was told about this link. */
  get opened(): boolean {
    return this.#state === 'open' || this.#state === 'closed'
  }

  received(chunk: Uint8Array): void {
    this.#parser.push(chunk)
  }

  publish(subject: string, payload: Uint8Array, headers?: Readonly<Record<string, string>>): void {
    this.#publish(subject, undefined, payload, headers)
  }

  request(
    subject: string,
    payload: Uint8Array,
    timeoutMs: number,
    done: PendingRequest['done'],
    headers?: Readonly<Record<string, string>>,
  ): void {
    const token = String(this.#nextToken)
    this.#nextToken += 1
    const timer = this.#host.setTimer(() => this.#finish(token, 'timeout', undefined), timeoutMs)
    this.#pending.set(token, { done, timer })
    if (this.#state === 'open') this.#publish(subject, this.#inbox + token, payload, headers)
    else this.#host.nextTurn(() => this.#finish(token, 'closed', undefined))
  }

  subscribe(subject: string, receive: (message: LinkMessage) => void): () => void {
    const sid = this.#subscribe(subject, receive)
    return () => {
      if (this.#subscriptions.delete(sid) && this.#state === 'open') {
        this.#bytes.write(natsWriter.unsub(sid))
      }
    }
  }

  close(): void {
    if (this.#state === 'closed') return
    this.#bytes.end()
    this.#host.nextTurn(() => this.ended())
  }

  ended(error?: Error): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#parser.close()
    for (const token of [...this.#pending.keys()]) this.#finish(token, 'closed', undefined)
    this.#events.closed(error)
  }

  #greet(): void {
    // A node may send INFO again later, when its cluster has changed.
    if (this.#state !== 'info') return
    this.#state = 'pong'
    this.#bytes.write(natsWriter.connect(connectOptions))
    this.#subscribe(`${this.#inbox}*`, (message) => this.#replied(message))
    this.#bytes.write(natsWriter.ping())
  }

  #ponged(): void {
    if (this.#state !== 'pong') return
    this.#state = 'open'
    this.#events.opened(this)
  }

  #subscribe(subject: string, receive: (message: LinkMessage) => void): string {
    const sid = String(this.#nextSid)
    this.#nextSid += 1
    this.#subscriptions.set(sid, receive)
    this.#bytes.write(natsWriter.sub(subject, undefined, sid))
    return sid
  }

  #publish(
    subject: string,
    reply: string | undefined,
    payload: Uint8Array,
    headers: Readonly<Record<string, string>> | undefined,
  ): void {
    if (this.#state !== 'open') return
    const block = headers === undefined ? undefined : encodeHeaders(headers)
    this.#bytes.write(natsWriter.pub(subject, reply, block, chunksOf(payload)))
  }

  #delivered({ sid, subject, headers, payload }: NatsDelivery): void {
    const receive = this.#subscriptions.get(sid)
    if (receive === undefined) return
    receive({ subject, headers: headerRecord(headers), payload: joinChunks(payload) })
  }

  #replied(message: LinkMessage): void {
    const token = message.subject.slice(this.#inbox.length)
    const refused = message.headers[statusHeader] === String(noRespondersCode)
    if (refused && message.payload.byteLength === 0) this.#finish(token, 'no-responders', undefined)
    else this.#finish(token, undefined, message)
  }

  #finish(
    token: string,
    failure: RequestFailure | undefined,
    reply: LinkMessage | undefined,
  ): void {
    const pending = this.#pending.get(token)
    if (pending === undefined) return
    this.#pending.delete(token)
    this.#host.clearTimer(pending.timer)
    pending.done(failure, reply)
  }
}

/** Not a possible header name on the wire: carries the status of the header block. */
const statusHeader = ':status'

function headerRecord(block: Uint8Array | undefined): Readonly<Record<string, string>> {
  if (block === undefined) return {}
  const { entries, status } = decodeHeaders(block)
  const record: Record<string, string> = {}
  for (const [name, value] of entries) record[name.toLowerCase()] ??= value
  if (status !== undefined) record[statusHeader] = String(status)
  return record
}
