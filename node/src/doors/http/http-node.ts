// The HTTP door's sockets, on node:http. Everything it says is decided in routes.ts; here are only
// bounds on what one visitor can cost. Never takes part in a message's path.
import { createServer, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { QuorateError } from '@quorate/protocol'
import { formatAddress, parseAddress } from '../../mesh/address.ts'
import type { EventLog } from '../../observe/log.ts'
import { answerHttp, type HttpAnswer, type HttpSources, textAnswer } from './routes.ts'

export interface HttpDoor {
  /** `host:port` really bound. */
  readonly address: string
  /** Ends every connection. */
  close(): void
}

export interface HttpDoorOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly address: string
  readonly sources: HttpSources
  readonly log: EventLog
}

const connectionsMax = 256
const requestTimeoutMs = 10_000
const headerBytesMax = 8 * 1024

/**
 * Calls `done` once: with the open door, or with QUORATE_PORT_IN_USE or another QuorateError.
 * Throws QUORATE_INVALID_ARGUMENT when the address is none.
 */
export function openHttpDoor(
  options: HttpDoorOptions,
  done: (error: QuorateError | undefined, door?: HttpDoor) => void,
): void {
  const { address, sources, log } = options
  const server = createServer(
    {
      maxHeaderSize: headerBytesMax,
      requestTimeout: requestTimeoutMs,
      headersTimeout: requestTimeoutMs,
      keepAliveTimeout: requestTimeoutMs,
    },
    (request, response) => {
      // A body is of no use to any route: it is read and dropped, bounded by the time-out.
      request.resume()
      const head = request.method === 'HEAD'
      send(response, safely(request.method ?? '', request.url ?? '', sources, log), head)
    },
  )
  server.maxConnections = connectionsMax
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => refuse(error, socket))
  const failed = (error: NodeJS.ErrnoException): void => done(listenError(error, address))
  server.once('error', failed)
  const { host, port } = parseAddress(address)
  server.listen(port, host, () => {
    server.off('error', failed)
    server.on('error', (error) => log.error('http.failed', { error }))
    done(undefined, { address: addressOf(server), close: () => closeServer(server) })
  })
}

function safely(method: string, url: string, sources: HttpSources, log: EventLog): HttpAnswer {
  try {
    return answerHttp(method, url, sources)
  } catch (error) {
    log.error('http.answer-failed', { error, url })
    return textAnswer(
      500,
      'the node could not answer; its log says why (event http.answer-failed)\n',
    )
  }
}

function send(response: ServerResponse, answer: HttpAnswer, head: boolean): void {
  const length = String(new TextEncoder().encode(answer.body).byteLength)
  response.writeHead(answer.status, { ...answer.headers, 'content-length': length })
  response.end(head ? undefined : answer.body)
}

/** Bytes that are no HTTP request, or a head beyond the bounds. */
function refuse(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const status =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? 431
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? 408
        : 400
  const reason = `${STATUS_CODES[status]}: this port speaks HTTP and serves health and metrics\n`
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\n` +
      `content-type: text/plain; charset=utf-8\r\ncontent-length: ${reason.length}\r\n\r\n${reason}`,
  )
}

function listenError(error: NodeJS.ErrnoException, address: string): QuorateError {
  const detail = `HTTP on ${address}`
  if (error.code === 'EADDRINUSE') {
    return new QuorateError('QUORATE_PORT_IN_USE', detail, { cause: error })
  }
  const reason = `${detail}: ${error.message}`
  return new QuorateError('QUORATE_INVALID_ARGUMENT', reason, { cause: error })
}

function addressOf(server: Server): string {
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error('listening without a port')
  return formatAddress(bound.address, bound.port)
}

function closeServer(server: Server): void {
  server.close()
  server.closeAllConnections()
}
