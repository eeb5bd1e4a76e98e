// The real link: one NATS connection to one node. The library's own reconnecting and server
// discovery are off, because routing is the core's business. Requests share one inbox subscription;
// their time-outs are timers of the host. The next stop is the door of the node.

import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node'
import { connect, createInbox, headers as natsHeaders } from '@nats-io/transport-node'
import type { Host, TimerHandle } from '@quorate/actors'
import type { Link, LinkMessage, LinkOpener, RequestFailure } from './link.ts'

/** Two lost pings in a row close a connection whose other end is gone without a word. */
const pingIntervalMs = 10_000
const maxPingsOut = 2
const openTimeoutMs = 5_000
const noRespondersCode = 503

export function natsLinkOpener(host: Host): LinkOpener {
  return {
    open(address, events) {
      connect({
        servers: address,
        reconnect: false,
        ignoreClusterUpdates: true,
        noAsyncTraces: true,
        timeout: openTimeoutMs,
        pingInterval: pingIntervalMs,
        maxPingOut: maxPingsOut,
        name: 'quorate-client',
      }).then(
        (connection) => {
          const link = new NatsLink(address, connection, host)
          connection.closed().then(
            (error) => {
              link.ended()
              events.closed(error instanceof Error ? error : undefined)
            },
            (error: Error) => {
              link.ended()
              events.closed(error)
            },
          )
          events.opened(link)
        },
        (error: unknown) => {
          events.failed(error instanceof Error ? error : new Error(String(error)))
        },
      )
    },
  }
}

interface PendingRequest {
  readonly done: (failure: RequestFailure | undefined, reply: LinkMessage | undefined) => void
  timer: TimerHandle
}

class NatsLink implements Link {
  readonly address: string
  readonly #connection: NatsConnection
  readonly #host: Host
  readonly #inbox = `${createInbox()}.`
  readonly #pending = new Map<string, PendingRequest>()
  #nextToken = 1

  constructor(address: string, connection: NatsConnection, host: Host) {
    this.address = address
    this.#connection = connection
    this.#host = host
    connection.subscribe(`${this.#inbox}*`, {
      callback: (error, message) => {
        if (error === null) this.#replied(message)
      },
    })
  }

  publish(subject: string, payload: Uint8Array, headers?: Readonly<Record<string, string>>): void {
    try {
      this.#connection.publish(subject, payload, optionsOf(headers))
    } catch {
      // A closed connection says so by its own event; a publish never reports.
    }
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
    try {
      const reply = `${this.#inbox}${token}`
      this.#connection.publish(subject, payload, { ...optionsOf(headers), reply })
    } catch {
      this.#host.nextTurn(() => this.#finish(token, 'closed', undefined))
    }
  }

  subscribe(subject: string, receive: (message: LinkMessage) => void): () => void {
    const subscription = this.#connection.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) receive(linkMessage(message))
      },
    })
    return () => subscription.unsubscribe()
  }

  close(): void {
    void this.#connection.close()
  }

  ended(): void {
    for (const token of [...this.#pending.keys()]) this.#finish(token, 'closed', undefined)
  }

  #replied(message: Msg): void {
    const token = message.subject.slice(this.#inbox.length)
    const failed = message.data.length === 0 && message.headers?.code === noRespondersCode
    if (failed) this.#finish(token, 'no-responders', undefined)
    else if (this.#pending.has(token)) this.#finish(token, undefined, linkMessage(message))
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

function linkMessage(message: Msg): LinkMessage {
  return {
    subject: message.subject,
    headers: message.headers === undefined ? {} : headerRecord(message.headers),
    payload: message.data,
  }
}

function headerRecord(headers: MsgHdrs): Readonly<Record<string, string>> {
  const record: Record<string, string> = {}
  for (const [name, values] of headers) record[name.toLowerCase()] ??= values[0] ?? ''
  return record
}

function optionsOf(headers: Readonly<Record<string, string>> | undefined): {
  headers?: MsgHdrs
} {
  if (headers === undefined) return {}
  const encoded = natsHeaders()
  for (const [name, value] of Object.entries(headers)) encoded.set(name, value)
  return { headers: encoded }
}
