// Reads a run of chunks from front to back in time linear in pieces, without joining them. Codecs
// take small fields as joined bytes and payloads by reference. Knows nothing of what it reads.

import type { Chunks } from './chunks.ts'
import { emptyChunks, joinChunks } from './chunks.ts'

export class ChunkCursor {
  readonly #pieces: readonly Uint8Array[]
  /** Invariant: the next byte is `pieces[index][within]`, or nothing remains. */
  #index = 0
  #within = 0
  #remaining: number

  constructor(bytes: Chunks | Uint8Array) {
    this.#pieces = bytes instanceof Uint8Array ? [bytes] : bytes.pieces
    this.#remaining = bytes.byteLength
  }

  get remaining(): number {
    return this.#remaining
  }

  /** The next bytes by reference. Throws RangeError when fewer remain. */
  take(byteLength: number): Chunks {
    if (byteLength < 0 || byteLength > this.#remaining) {
      throw new RangeError(`take ${byteLength} of ${this.#remaining} bytes`)
    }
    if (byteLength === 0) return emptyChunks
    this.#remaining -= byteLength
    const pieces: Uint8Array[] = []
    let wanted = byteLength
    while (wanted > 0) {
      const piece = this.#pieces[this.#index]!
      const end = Math.min(this.#within + wanted, piece.byteLength)
      if (end > this.#within) {
        const whole = this.#within === 0 && end === piece.byteLength
        pieces.push(whole ? piece : piece.subarray(this.#within, end))
      }
      wanted -= end - this.#within
      this.#within = end
      if (end === piece.byteLength) {
        this.#index += 1
        this.#within = 0
      }
    }
    return { pieces, byteLength }
  }

  /** The next bytes in one buffer: by reference when they lie in one piece, else a copy. */
  takeJoined(byteLength: number): Uint8Array {
    return joinChunks(this.take(byteLength))
  }

  /** Like `takeJoined`, and the cursor stays where it is. */
  peekJoined(byteLength: number): Uint8Array {
    const index = this.#index
    const within = this.#within
    const remaining = this.#remaining
    const bytes = this.takeJoined(byteLength)
    this.#index = index
    this.#within = within
    this.#remaining = remaining
    return bytes
  }
}
