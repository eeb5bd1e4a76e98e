// One direction of a proxied connection: bytes and the end, in their order, no faster than the other
// end takes them, and later when the link is slow. Previous stop: tcp-proxy.ts, which says what passes.
import type net from 'node:net'

export interface Link {
  passes(): boolean
  /** How long the piece that came now is kept. */
  delayMs(): number
}

interface Piece {
  /** Undefined: the end. */
  readonly bytes: Uint8Array | undefined
  readonly dueMs: number
}

export class ProxyDirection {
  readonly #from: net.Socket
  readonly #to: net.Socket
  readonly #link: Link
  #kept: Piece[] = []
  #timer: NodeJS.Timeout | undefined
  #full = false

  constructor(from: net.Socket, to: net.Socket, link: Link) {
    this.#from = from
    this.#to = to
    this.#link = link
    from.on('data', (bytes) => this.#take(bytes))
    // A socket that is paused still notices its end; then `close` follows, and that is remembered.
    from.on('end', () => this.#take(undefined))
    to.on('drain', () => {
      this.#full = false
      this.resume()
    })
    to.on('close', () => clearTimeout(this.#timer))
  }

  /** The link passes again, or the other end takes more. */
  resume(): void {
    if (!this.#link.passes() || this.#full) return
    this.#deliver()
    if (!this.#full) this.#from.resume()
  }

  #take(bytes: Uint8Array | undefined): void {
    const nowMs = performance.now()
    const last = this.#kept.at(-1)
    const dueMs = Math.max(last?.dueMs ?? 0, nowMs + this.#link.delayMs())
    this.#kept.push({ bytes, dueMs })
    this.#deliver()
  }

  #deliver(): void {
    clearTimeout(this.#timer)
    while (this.#link.passes() && !this.#full) {
      const piece = this.#kept[0]
      if (piece === undefined) return
      const waitMs = piece.dueMs - performance.now()
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.resume(), Math.ceil(waitMs))
        return
      }
      this.#kept.shift()
      if (piece.bytes === undefined) this.#to.end()
      else if (!this.#to.write(piece.bytes)) {
        this.#full = true
        this.#from.pause()
      }
    }
  }
}
