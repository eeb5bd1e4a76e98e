// Reads one frame front to back, whatever pieces it came in: heads as contiguous bytes (copied only
// where they straddle pieces), payloads by reference. Total: every read is checked against the item
// and the frame, and the CRC is known to hold before anything of the frame is used. Counterpart of
// frame-writer.ts, which has the layout. Previous stop: the door; next: raft-codec.ts, call-codec.ts.
import { type Chunks, crc32c, QuorateError, readUint64, viewOf } from '@quorate/protocol'
import { frameCrcBytes, itemHeadBytes } from './frame-writer.ts'

export class FrameReader {
  /** View in which `head` found its bytes; valid until the next call. */
  view: DataView
  readonly #pieces: readonly Uint8Array[]
  #index = 0
  #piece: Uint8Array
  #pieceView: DataView
  /** Next byte of the piece. */
  #within = 0
  /** Bytes of the frame that were not read. */
  #frameRemaining: number
  /** Bytes of the item in work that were not read. */
  #itemRemaining = 0
  #crc = 0
  /** First head byte of the piece that is not yet in `#crc`. */
  #crcFrom = 0
  readonly #statedCrc: number

  constructor(frame: Chunks) {
    this.#pieces = frame.pieces
    this.#piece = frame.pieces[0] ?? new Uint8Array(0)
    this.#pieceView = viewOf(this.#piece)
    this.view = this.#pieceView
    this.#frameRemaining = frame.byteLength
    const position = this.#take(frameCrcBytes)
    this.#statedCrc = this.view.getUint32(position)
    // What was hashed up to here is the CRC itself, and nothing else.
    this.#crc = 0
    this.#crcFrom = this.#within
  }

  /** Kind of the next item; undefined at the end of an undamaged frame. */
  next(): number | undefined {
    if (this.#itemRemaining !== 0) throw damaged('item is longer than its fields')
    if (this.#frameRemaining === 0) {
      this.#hashHeads()
      if (this.#crc !== this.#statedCrc) throw damaged('checksum')
      return undefined
    }
    const position = this.#take(itemHeadBytes)
    const head = this.view.getUint32(position)
    this.#itemRemaining = head & 0xff_ffff
    if (this.#itemRemaining > this.#frameRemaining) throw damaged('item is longer than its frame')
    return head >>> 24
  }

  get itemRemaining(): number {
    return this.#itemRemaining
  }

  /** The next `byteLength` bytes of head; returns their position in `view`. */
  head(byteLength: number): number {
    if (byteLength > this.#itemRemaining) throw damaged('item is cut off')
    this.#itemRemaining -= byteLength
    return this.#take(byteLength)
  }

  uint64(position: number): number {
    return readUint64(this.view, position)
  }

  payload(byteLength: number): Chunks {
    if (byteLength > this.#itemRemaining) throw damaged('payload is cut off')
    this.#itemRemaining -= byteLength
    this.#frameRemaining -= byteLength
    this.#hashHeads()
    const pieces: Uint8Array[] = []
    let wanted = byteLength
    while (wanted > 0) {
      if (this.#within === this.#piece.byteLength) this.#nextPiece()
      const start = this.#within
      const end = Math.min(start + wanted, this.#piece.byteLength)
      if (end > start) {
        const whole = start === 0 && end === this.#piece.byteLength
        pieces.push(whole ? this.#piece : this.#piece.subarray(start, end))
      }
      wanted -= end - start
      this.#within = end
      this.#crcFrom = end
    }
    return { pieces, byteLength }
  }

  /** Invariant of the callers: `byteLength` bytes of the frame remain, or this throws. */
  #take(byteLength: number): number {
    if (byteLength > this.#frameRemaining) throw damaged('frame is cut off')
    this.#frameRemaining -= byteLength
    const position = this.#within
    if (position + byteLength <= this.#piece.byteLength) {
      this.#within = position + byteLength
      this.view = this.#pieceView
      return position
    }
    const joined = new Uint8Array(byteLength)
    let filled = 0
    while (filled < byteLength) {
      if (this.#within === this.#piece.byteLength) this.#nextPiece()
      const end = Math.min(this.#within + byteLength - filled, this.#piece.byteLength)
      joined.set(this.#piece.subarray(this.#within, end), filled)
      filled += end - this.#within
      this.#within = end
    }
    this.view = viewOf(joined)
    return 0
  }

  #nextPiece(): void {
    this.#hashHeads()
    this.#index += 1
    const piece = this.#pieces[this.#index]
    if (piece === undefined) throw new Error('pieces are shorter than their length')
    this.#piece = piece
    this.#pieceView = viewOf(piece)
    this.#within = 0
    this.#crcFrom = 0
  }

  #hashHeads(): void {
    if (this.#within > this.#crcFrom) {
      this.#crc = crc32c(this.#piece.subarray(this.#crcFrom, this.#within), this.#crc)
      this.#crcFrom = this.#within
    }
  }
}

export function damaged(what: string): QuorateError {
  return new QuorateError('QUORATE_INVALID_REQUEST', `mesh frame: ${what}`)
}
