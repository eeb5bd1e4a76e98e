// Byte links over TCP: the real Network. Everything written to a link in one turn leaves in one
// gathered write: pieces below 512 bytes are copied together, larger ones go by reference. Knows
// nothing of the protocol above. Previous stop of outgoing bytes: a door connection or peer-link.ts;
// of incoming bytes: the operating system. Listed among the files that may touch node:net.
import net from 'node:net'
import type { Chunks } from '@quorate/protocol'
import { formatAddress, parseAddress } from './address.ts'
import type { ByteLink, LinkHandlers, Listener, Network } from './network.ts'

export interface NetworkOptions {
  /** Accepting failed after listening had begun, e.g. no file descriptors are left. */
  readonly acceptFailed?: (error: Error) => void
}

/** Copying a piece this small costs less than one more entry in the gathered write. */
const copyBelowBytes = 512
/** Up to here copies come out of Node's shared pool; a piece left waiting pins at most that pool. */
const pooledCopyBytes = 4096
const noListener: Listener = { address: '', close: () => {} }

export function networkOfNode(options: NetworkOptions = {}): Network {
  return {
    listen: (address, accept, done) => listen(address, accept, done, options),
    connect,
  }
}

function listen(
  address: string,
  accept: (link: ByteLink) => LinkHandlers,
  done: (error: Error | undefined, listener: Listener) => void,
  options: NetworkOptions,
): void {
  const server = net.createServer({ noDelay: true }, (socket) => {
    const link = new TcpLink(socket, peerOf(socket))
    link.attach(accept(link))
  })
  const failed = (error: Error): void => done(error, noListener)
  try {
    const { host, port } = parseAddress(address)
    server.once('error', failed)
    server.listen({ host, port }, () => {
      server.off('error', failed)
      server.on('error', (error) => options.acceptFailed?.(error))
      const bound = server.address() as net.AddressInfo
      done(undefined, {
        address: formatAddress(host, bound.port),
        close: () => server.close(),
      })
    })
  } catch (error) {
    process.nextTick(failed, error as Error)
  }
}

function connect(
  address: string,
  handlers: LinkHandlers,
  open: (link: ByteLink) => void,
  options: { readonly timeoutMs?: number } = {},
): void {
  let socket: net.Socket
  try {
    socket = net.connect({ ...parseAddress(address), noDelay: true })
  } catch (error) {
    process.nextTick(() => handlers.closed(error as Error))
    return
  }
  const link = new TcpLink(socket, address)
  link.attach(handlers)
  let timer: NodeJS.Timeout | undefined
  if (options.timeoutMs !== undefined) {
    timer = setTimeout(() => {
      const error = new Error(`no connection to ${address} within ${options.timeoutMs} ms`)
      socket.destroy(Object.assign(error, { code: 'ETIMEDOUT' }))
    }, options.timeoutMs)
    socket.once('close', () => clearTimeout(timer))
  }
  socket.once('connect', () => {
    clearTimeout(timer)
    open(link)
  })
}

function peerOf(socket: net.Socket): string {
  return formatAddress(socket.remoteAddress ?? 'unknown', socket.remotePort ?? 0)
}

class TcpLink implements ByteLink {
  readonly peer: string
  readonly #socket: net.Socket
  readonly #flush = (): void => this.#flushPending()
  /** Written in this turn and not yet handed to the socket. Invariant: empty between turns. */
  #pending: Uint8Array[] = []
  #pendingBytes = 0
  #drained: (() => void) | undefined

  constructor(socket: net.Socket, peer: string) {
    this.#socket = socket
    this.peer = peer
  }

  attach(handlers: LinkHandlers): void {
    const socket = this.#socket
    let failure: Error | undefined
    if (handlers.drained !== undefined) {
      this.#drained = () => {
        if (this.backlogBytes === 0 && !socket.destroyed) handlers.drained?.()
      }
    }
    socket.on('data', (chunk: Uint8Array) => handlers.data(chunk))
    socket.on('error', (error) => {
      failure = error
    })
    socket.on('close', () => {
      this.#pending = []
      this.#pendingBytes = 0
      handlers.closed(failure)
    })
  }

  get backlogBytes(): number {
    return this.#pendingBytes + this.#socket.writableLength
  }

  write(bytes: Chunks | Uint8Array): void {
    if (!this.#socket.writable) return
    // The end of the current callback is the end of the actors' turn, so one write gathers it all.
    if (this.#pending.length === 0) process.nextTick(this.#flush)
    if (bytes instanceof Uint8Array) this.#pending.push(bytes)
    else for (const piece of bytes.pieces) this.#pending.push(piece)
    this.#pendingBytes += bytes.byteLength
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    this.#flushPending()
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #flushPending(): void {
    const pieces = this.#pending
    if (pieces.length === 0) return
    this.#pending = []
    this.#pendingBytes = 0
    const socket = this.#socket
    if (!socket.writable) return
    const gathered = gather(pieces, socket.writableLength === 0)
    const last = gathered.length - 1
    socket.cork()
    for (let index = 0; index < last; index++) socket.write(gathered[index]!)
    // Only the last write's completion can leave nothing behind.
    if (this.#drained === undefined) socket.write(gathered[last]!)
    else socket.write(gathered[last]!, this.#drained)
    socket.uncork()
  }
}

/**
 * Runs of small pieces become one copy each; large pieces pass. `atOnce`: the bytes go to the
 * operating system now. Otherwise they may wait for long, and a copy must not pin a shared pool.
 */
function gather(pieces: Uint8Array[], atOnce: boolean): Uint8Array[] {
  if (pieces.length === 1) return pieces
  const gathered: Uint8Array[] = []
  let runStart = 0
  let runBytes = 0
  for (let index = 0; index <= pieces.length; index++) {
    const piece = pieces[index]
    if (piece !== undefined && piece.byteLength < copyBelowBytes) {
      runBytes += piece.byteLength
      continue
    }
    if (index - runStart === 1) gathered.push(pieces[runStart]!)
    else if (index > runStart) gathered.push(copyRun(pieces, runStart, index, runBytes, atOnce))
    if (piece !== undefined) gathered.push(piece)
    runStart = index + 1
    runBytes = 0
  }
  return gathered
}

function copyRun(
  pieces: readonly Uint8Array[],
  start: number,
  end: number,
  sizeBytes: number,
  atOnce: boolean,
): Uint8Array {
  const pooled = atOnce && sizeBytes <= pooledCopyBytes
  const copy = pooled ? Buffer.allocUnsafe(sizeBytes) : Buffer.allocUnsafeSlow(sizeBytes)
  let position = 0
  for (let index = start; index < end; index++) {
    const piece = pieces[index]!
    copy.set(piece, position)
    position += piece.byteLength
  }
  return copy
}
