// Prepares a list of byte pieces for one gathered write: small neighbours are copied together into
// a slab, large ones stay references, and the list never grows beyond what one system call takes.
// Knows nothing of what the bytes mean. Used by the WAL (wal-batch.ts) and the segment writer.

/** Pieces below this are copied: below it a copy is cheaper than another buffer in the list. */
export const copyBelowBytes = 512

/** The kernel takes 1,024 buffers in one writev; more would become several writes. */
export const piecesMax = 1_000

const slabBytes = 64 * 1024

/**
 * Collects pieces in order. The slabs belong to the gatherer and are used again after `reset`, so
 * the pieces must not be read after the write they were gathered for has completed.
 */
export class Gatherer {
  readonly pieces: Uint8Array[] = []
  byteLength = 0
  readonly #slabs: Uint8Array[] = []
  #slab: Uint8Array
  #slabIndex = 0
  /** Slab bytes in use, and where the open small piece began (equal: none is open). */
  #used = 0
  #openFrom = 0

  constructor() {
    this.#slab = new Uint8Array(slabBytes)
    this.#slabs.push(this.#slab)
  }

  /** Room for more pieces than this call's caller may add in one go. */
  hasRoomFor(pieces: number): boolean {
    return this.pieces.length + pieces + 1 < piecesMax
  }

  add(piece: Uint8Array): void {
    const { byteLength } = piece
    if (byteLength === 0) return
    if (byteLength < copyBelowBytes) {
      this.reserve(byteLength).set(piece)
      return
    }
    this.#closeOpen()
    this.pieces.push(piece)
    this.byteLength += byteLength
  }

  /** Slab bytes for the caller to fill at once; they follow what was added before. */
  reserve(byteLength: number): Uint8Array {
    if (this.#used + byteLength > this.#slab.byteLength) this.#nextSlab(byteLength)
    const reserved = this.#slab.subarray(this.#used, this.#used + byteLength)
    this.#used += byteLength
    this.byteLength += byteLength
    return reserved
  }

  /** Ends the list; nothing may be added until `reset`. */
  finish(): readonly Uint8Array[] {
    this.#closeOpen()
    return this.pieces
  }

  reset(): void {
    this.pieces.length = 0
    this.byteLength = 0
    this.#slabIndex = 0
    this.#slab = this.#slabs[0]!
    this.#used = 0
    this.#openFrom = 0
  }

  #closeOpen(): void {
    if (this.#used === this.#openFrom) return
    this.pieces.push(this.#slab.subarray(this.#openFrom, this.#used))
    this.#openFrom = this.#used
  }

  #nextSlab(byteLength: number): void {
    this.#closeOpen()
    this.#slabIndex += 1
    let next = this.#slabs[this.#slabIndex]
    if (next === undefined || next.byteLength < byteLength) {
      next = new Uint8Array(Math.max(slabBytes, byteLength))
      this.#slabs[this.#slabIndex] = next
    }
    this.#slab = next
    this.#used = 0
    this.#openFrom = 0
  }
}

/** One list of at most `piecesMax` pieces: neighbours are copied together when there are more. */
export function fewEnough(pieces: readonly Uint8Array[]): readonly Uint8Array[] {
  if (pieces.length <= piecesMax) return pieces
  const perPiece = Math.ceil(pieces.length / piecesMax)
  const merged: Uint8Array[] = []
  for (let from = 0; from < pieces.length; from += perPiece) {
    merged.push(join(pieces.slice(from, from + perPiece)))
  }
  return merged
}

function join(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0]!
  let byteLength = 0
  for (const piece of pieces) byteLength += piece.byteLength
  const joined = new Uint8Array(byteLength)
  let position = 0
  for (const piece of pieces) {
    joined.set(piece, position)
    position += piece.byteLength
  }
  return joined
}
