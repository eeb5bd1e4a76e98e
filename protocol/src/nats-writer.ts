// NATS protocol lines and messages as bytes. Payloads are referenced, not copied, unless the whole
// message is small: then it becomes one piece, because a gathered write of many tiny pieces costs
// more than copying them. Reading them again is nats-parser.ts.

import { allocate } from './bytes.ts'
import type { Chunks } from './chunks.ts'
import { QuorateError } from './error.ts'
import { smallPieceBytes } from './piece-gatherer.ts'
import { utf8ByteLength, utf8Bytes, writeUtf8 } from './utf8.ts'

const crlf = utf8Bytes('\r\n')
const pingLine = utf8Bytes('PING\r\n')
const pongLine = utf8Bytes('PONG\r\n')
const okLine = utf8Bytes('+OK\r\n')

/** A space or line break inside an argument would be read as something else by the other side. */
function argument(text: string): string {
  if (text === '' || /[\s\0]/.test(text)) {
    throw new QuorateError('QUORATE_INVALID_ARGUMENT', `NATS argument ${JSON.stringify(text)}`)
  }
  return text
}

function optional(text: string | undefined): string {
  return text === undefined ? '' : ` ${argument(text)}`
}

export const natsWriter: {
  info(info: object): Uint8Array
  connect(options: object): Uint8Array
  pub(
    subject: string,
    reply: string | undefined,
    headers: Uint8Array | undefined,
    payload: Chunks,
  ): Chunks
  msg(
    subject: string,
    sid: string,
    reply: string | undefined,
    headers: Uint8Array | undefined,
    payload: Chunks,
  ): Chunks
  sub(subject: string, queue: string | undefined, sid: string): Uint8Array
  unsub(sid: string, max?: number): Uint8Array
  ping(): Uint8Array
  pong(): Uint8Array
  ok(): Uint8Array
  error(text: string): Uint8Array
} = {
  info: (info) => utf8Bytes(`INFO ${JSON.stringify(info)}\r\n`),
  connect: (options) => utf8Bytes(`CONNECT ${JSON.stringify(options)}\r\n`),
  pub: (subject, reply, headers, payload) =>
    message('PUB', `${argument(subject)}${optional(reply)}`, headers, payload),
  msg: (subject, sid, reply, headers, payload) =>
    message('MSG', `${argument(subject)} ${argument(sid)}${optional(reply)}`, headers, payload),
  sub: (subject, queue, sid) =>
    utf8Bytes(`SUB ${argument(subject)}${optional(queue)} ${argument(sid)}\r\n`),
  unsub: (sid, max) => utf8Bytes(`UNSUB ${argument(sid)}${max === undefined ? '' : ` ${max}`}\r\n`),
  ping: () => pingLine,
  pong: () => pongLine,
  ok: () => okLine,
  error: (text) => utf8Bytes(`-ERR '${text.replace(/[\r\n']/g, ' ')}'\r\n`),
}

function message(
  operation: 'PUB' | 'MSG',
  addresses: string,
  headers: Uint8Array | undefined,
  payload: Chunks,
): Chunks {
  const headerBytes = headers?.byteLength ?? 0
  const size = headerBytes + payload.byteLength
  const line =
    headers === undefined
      ? `${operation} ${addresses} ${size}\r\n`
      : `H${operation} ${addresses} ${headerBytes} ${size}\r\n`
  const lineBytes = utf8ByteLength(line)
  if (headers !== undefined && headerBytes >= smallPieceBytes) {
    const head = allocate(lineBytes)
    writeUtf8(head, 0, line)
    return behind([head, headers], payload)
  }
  const small = payload.byteLength < smallPieceBytes
  const head = allocate(lineBytes + headerBytes + (small ? payload.byteLength + 2 : 0))
  let position = writeUtf8(head, 0, line)
  if (headers !== undefined) head.set(headers, position)
  if (!small) return behind([head], payload)
  position += headerBytes
  for (const piece of payload.pieces) {
    head.set(piece, position)
    position += piece.byteLength
  }
  head.set(crlf, position)
  return { pieces: [head], byteLength: head.byteLength }
}

function behind(head: Uint8Array[], payload: Chunks): Chunks {
  let byteLength = payload.byteLength + crlf.byteLength
  for (const piece of head) byteLength += piece.byteLength
  return { pieces: [...head, ...payload.pieces, crlf], byteLength }
}
