// Builds a payload out of what arrives. Pieces are kept by reference; only small neighbours are
// copied together, so that a sender who drips single bytes cannot turn a megabyte of payload into
// a million objects.

import type { Chunks } from './chunks.ts'
import { emptyChunks } from './chunks.ts'

/** Below this, copying costs less than carrying one more piece through every later write. */
export const smallPieceBytes: number = 512
const slabBytes = 4096

export class PieceGatherer {
  #pieces: Uint8Array[] = []
  #byteLength = 0
  /** Invariant: when set, the last piece is its beginning, `#slabUsed` bytes long. */
  #slab: Uint8Array | undefined
  #slabUsed = 0

  get byteLength(): number {
    return this.#byteLength
  }

  add(piece: Uint8Array): void {
    this.#byteLength += piece.byteLength
    const small = piece.byteLength < smallPieceBytes && this.#pieces.length > 0
    if (small && this.#joinsLast(piece)) return
    this.#slab = undefined
    this.#pieces.push(piece)
  }

  #joinsLast(piece: Uint8Array): boolean {
    const last = this.#pieces.length - 1
    const previous = this.#pieces[last]!
    if (this.#slab === undefined) {
      if (previous.byteLength >= smallPieceBytes) return false
      this.#slab = new Uint8Array(slabBytes)
      this.#slab.set(previous)
      this.#slabUsed = previous.byteLength
    }
    const end = this.#slabUsed + piece.byteLength
    if (end > slabBytes) return false
    this.#slab.set(piece, this.#slabUsed)
    this.#slabUsed = end
    this.#pieces[last] = this.#slab.subarray(0, end)
    return true
  }

  /** Hands over what was gathered and starts anew. */
  finish(): Chunks {
    if (this.#byteLength === 0) return emptyChunks
    const gathered = { pieces: this.#pieces, byteLength: this.#byteLength }
    this.#pieces = []
    this.#byteLength = 0
    this.#slab = undefined
    return gathered
  }
}
