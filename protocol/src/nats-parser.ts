// Bytes of a NATS connection into events, for either side of it. Scans bytes without splitting
// strings, takes payloads by reference, and gives the same events however the bytes were cut.
// Decides only what the grammar says: which subjects are valid, who may publish and what an error
// does to the connection is the business of who listens. The other direction is nats-writer.ts.
//
//   line    = operation *( SP argument ) [CR] LF          ; operation in any case, SP or TAB
//   server reads
//     CONNECT json | PUB subject [reply] size | HPUB subject [reply] header-size size
//     SUB subject [queue] sid | UNSUB sid [max] | PING | PONG
//   client reads
//     INFO json | MSG subject sid [reply] size | HMSG subject sid [reply] header-size size
//     +OK | -ERR 'text' | PING | PONG
//   after PUB, HPUB, MSG and HMSG: size bytes and CR LF; header-size counts the first of them

import type { Chunks } from './chunks.ts'
import { joinChunks, sliceChunks } from './chunks.ts'
import type { Operation } from './nats-control-line.ts'
import { ControlLine } from './nats-control-line.ts'
import { PieceGatherer } from './piece-gatherer.ts'

export type ProtocolErrorKind = 'unknown-operation' | 'max-payload' | 'control-line' | 'malformed'

export interface NatsMessage {
  /** As sent, not checked: `validSubject` decides. */
  readonly subject: string
  readonly reply?: string
  /** The header block (nats-headers.ts); a part of the bytes pushed if it lies in one chunk. */
  readonly headers?: Uint8Array
  /** Refers to the bytes pushed: they must not be written to again. */
  readonly payload: Chunks
}

export interface NatsDelivery extends NatsMessage {
  readonly sid: string
}

interface EventsOfBoth {
  ping(): void
  pong(): void
  /** The stream cannot be trusted any more: nothing follows, the connection has to be closed. */
  protocolError(kind: ProtocolErrorKind, text: string): void
}

export interface NatsServerEvents extends EventsOfBoth {
  connect(options: Record<string, unknown>): void
  pub(message: NatsMessage): void
  sub(subject: string, queue: string | undefined, sid: string): void
  unsub(sid: string, max: number | undefined): void
}

export interface NatsClientEvents extends EventsOfBoth {
  info(info: Record<string, unknown>): void
  msg(message: NatsDelivery): void
  ok(): void
  error(text: string): void
}

export interface NatsParserLimits {
  /** Header block and payload of one message. */
  readonly maxPayloadBytes: number
  /** One control line without its line end. */
  readonly maxControlLineBytes: number
}

const lineFeed = 0x0a
const carriageReturn = 0x0d

export class NatsParser {
  readonly #server: NatsServerEvents | undefined
  readonly #client: NatsClientEvents | undefined
  readonly #limits: NatsParserLimits
  readonly #line: ControlLine = new ControlLine()
  #ended = false

  /** Beginning of a control line whose end has not come; allocated at the first such line. */
  #partial: Uint8Array | undefined
  #partialLength = 0

  /** Invariant: -1 while a control line is expected, else bytes of the payload in work. */
  #payloadBytes = -1
  /** -1: a message without header block. */
  #headerBytes = -1
  /** How much of the line end behind the payload has come. */
  #lineEndBytes = 0
  #subject = ''
  #sid = ''
  #reply: string | undefined
  readonly #payload: PieceGatherer = new PieceGatherer()

  constructor(role: 'server', events: NatsServerEvents, limits: NatsParserLimits)
  constructor(role: 'client', events: NatsClientEvents, limits: NatsParserLimits)
  constructor(
    role: 'server' | 'client',
    events: NatsServerEvents | NatsClientEvents,
    limits: NatsParserLimits,
  ) {
    if (role === 'server') this.#server = events as NatsServerEvents
    else this.#client = events as NatsClientEvents
    this.#limits = limits
  }

  /** Events are called before this returns, in the order of the bytes. */
  push(chunk: Uint8Array): void {
    let position = 0
    while (position < chunk.length && !this.#ended) {
      position =
        this.#payloadBytes === -1
          ? this.#readLine(chunk, position)
          : this.#readPayload(chunk, position)
    }
  }

  /** No event comes after this, also not for bytes already pushed. Allowed inside an event. */
  close(): void {
    this.#ended = true
  }

  #readLine(chunk: Uint8Array, start: number): number {
    const end = chunk.indexOf(lineFeed, start)
    if (end === -1) {
      this.#keep(chunk, start, chunk.length)
      return chunk.length
    }
    if (this.#partialLength === 0) {
      this.#parseLine(chunk, start, end)
    } else if (this.#keep(chunk, start, end)) {
      const length = this.#partialLength
      this.#partialLength = 0
      this.#parseLine(this.#partial!, 0, length)
    }
    return end + 1
  }

  /** One byte above the limit may be the CR of a line that is just within it. */
  #keep(chunk: Uint8Array, start: number, end: number): boolean {
    const { maxControlLineBytes } = this.#limits
    const length = this.#partialLength + end - start
    if (length > maxControlLineBytes + 1) {
      this.#failLineTooLong()
      return false
    }
    this.#partial ??= new Uint8Array(maxControlLineBytes + 1)
    this.#partial.set(chunk.subarray(start, end), this.#partialLength)
    this.#partialLength = length
    return true
  }

  #parseLine(bytes: Uint8Array, start: number, lineEnd: number): void {
    const end = lineEnd > start && bytes[lineEnd - 1] === carriageReturn ? lineEnd - 1 : lineEnd
    if (end - start > this.#limits.maxControlLineBytes) {
      this.#failLineTooLong()
      return
    }
    const operation = this.#line.parse(bytes, start, end)
    if (operation === 'ping' || operation === 'pong') {
      const events = this.#server ?? this.#client!
      events[operation]()
      return
    }
    const known =
      this.#server === undefined
        ? this.#clientOperation(operation, this.#client!)
        : this.#serverOperation(operation, this.#server)
    if (!known) this.#fail('unknown-operation', excerpt(bytes, start, end))
  }

  /** `false` when a client sends no such operation. */
  #serverOperation(operation: Operation | undefined, events: NatsServerEvents): boolean {
    switch (operation) {
      case 'pub':
        this.#beginMessage(false, false)
        return true
      case 'hpub':
        this.#beginMessage(true, false)
        return true
      case 'sub':
        this.#subscribe(events)
        return true
      case 'unsub':
        this.#unsubscribe(events)
        return true
      case 'connect': {
        const options = this.#line.json()
        if (!this.#lineIsMalformed('CONNECT')) events.connect(options)
        return true
      }
      default:
        return false
    }
  }

  /** `false` when a server sends no such operation. */
  #clientOperation(operation: Operation | undefined, events: NatsClientEvents): boolean {
    switch (operation) {
      case 'msg':
        this.#beginMessage(false, true)
        return true
      case 'hmsg':
        this.#beginMessage(true, true)
        return true
      case 'ok':
        events.ok()
        return true
      case 'error': {
        const text = this.#line.rest()
        if (!this.#lineIsMalformed('-ERR')) events.error(text.replace(/^'(.*)'$/, '$1'))
        return true
      }
      case 'info': {
        const info = this.#line.json()
        if (!this.#lineIsMalformed('INFO')) events.info(info)
        return true
      }
      default:
        return false
    }
  }

  /** subject [sid] [reply] [header-size] size: of the arguments only the reply may be missing. */
  #beginMessage(hasHeaders: boolean, hasSid: boolean): void {
    const line = this.#line
    const count = line.countArguments()
    const least = 2 + (hasHeaders ? 1 : 0) + (hasSid ? 1 : 0)
    if (count !== least && count !== least + 1) {
      this.#fail('malformed', 'number of arguments of a message')
      return
    }
    this.#subject = line.subject()
    this.#sid = hasSid ? line.text(1) : ''
    this.#reply = count === least ? undefined : line.text(hasSid ? 2 : 1)
    const size = line.number(count - 1)
    const headerBytes = hasHeaders ? line.number(count - 2) : -1
    if (headerBytes > size) line.malformed = true
    if (this.#lineIsMalformed('a message')) return
    if (size > this.#limits.maxPayloadBytes) {
      this.#fail('max-payload', `${size} of ${this.#limits.maxPayloadBytes} bytes`)
      return
    }
    this.#headerBytes = headerBytes
    this.#payloadBytes = size
    this.#lineEndBytes = 0
  }

  #subscribe(events: NatsServerEvents): void {
    const line = this.#line
    const count = line.countArguments()
    if (count !== 2 && count !== 3) line.malformed = true
    const subject = line.text(0)
    const queue = count === 3 ? line.text(1) : undefined
    const sid = line.text(count - 1)
    if (!this.#lineIsMalformed('SUB')) events.sub(subject, queue, sid)
  }

  #unsubscribe(events: NatsServerEvents): void {
    const line = this.#line
    const count = line.countArguments()
    if (count !== 1 && count !== 2) line.malformed = true
    const sid = line.text(0)
    const max = count === 2 ? line.number(1) : undefined
    if (!this.#lineIsMalformed('UNSUB')) events.unsub(sid, max)
  }

  #readPayload(chunk: Uint8Array, start: number): number {
    let position = start
    const missing = this.#payloadBytes - this.#payload.byteLength
    if (missing > 0) {
      position = Math.min(start + missing, chunk.length)
      const whole = start === 0 && position === chunk.length
      this.#payload.add(whole ? chunk : chunk.subarray(start, position))
    }
    for (; position < chunk.length; position++) {
      if (chunk[position] !== (this.#lineEndBytes === 0 ? carriageReturn : lineFeed)) {
        this.#fail('malformed', 'payload is longer than its size')
        break
      }
      this.#lineEndBytes += 1
      if (this.#lineEndBytes === 2) {
        this.#endMessage()
        return position + 1
      }
    }
    return position
  }

  #endMessage(): void {
    const all = this.#payload.finish()
    const headerBytes = this.#headerBytes
    const message = {
      subject: this.#subject,
      ...(this.#reply === undefined ? undefined : { reply: this.#reply }),
      ...(headerBytes < 0 ? undefined : { headers: joinChunks(sliceChunks(all, 0, headerBytes)) }),
      payload: headerBytes < 0 ? all : sliceChunks(all, headerBytes),
    }
    this.#payloadBytes = -1
    if (this.#server === undefined) this.#client!.msg({ ...message, sid: this.#sid })
    else this.#server.pub(message)
  }

  #lineIsMalformed(what: string): boolean {
    if (this.#line.malformed) this.#fail('malformed', `arguments of ${what}`)
    return this.#line.malformed
  }

  #failLineTooLong(): void {
    this.#fail('control-line', `more than ${this.#limits.maxControlLineBytes} bytes`)
  }

  #fail(kind: ProtocolErrorKind, text: string): void {
    this.#ended = true
    const events = this.#server ?? this.#client!
    events.protocolError(kind, text)
  }
}

/** The beginning of a line for a message to people: printable ASCII, at most 32 characters. */
function excerpt(bytes: Uint8Array, start: number, end: number): string {
  let text = ''
  for (let position = start; position < Math.min(end, start + 32); position++) {
    const byte = bytes[position]!
    text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.'
  }
  return text
}
