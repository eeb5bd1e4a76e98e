// Gathers items for one peer and channel into frames. Heads are written into one slab per few
// frames, payloads are referenced, and nothing is written twice. Knows the layout of frames, not
// what items mean (raft-codec.ts, call-codec.ts). Previous stop: peer-link.ts, which sends what
// `finish` gives as one NATS message; the other end reads it with frame-reader.ts.
//
//   frame = crc uint32 | item+                     at most max_payload of the peer
//   item  = kind uint8 | length uint24 | body      length of the body; an item never spans frames
//   body  = head and payloads as the kind says     crc: CRC-32C of all that is no payload, in order
import { type Chunks, crc32c, viewOf, writeUint64 } from '@quorate/protocol'

export const frameCrcBytes = 4
export const itemHeadBytes = 4
/** Length field of an item. */
export const itemBytesMax = 0xff_ffff

/** Copying a payload piece this small costs less than one more piece in the gathered write. */
const copyBelowBytes = 512
const slabBytes = 16 * 1024

export class FrameWriter {
  /** View of the slab; heads are written through it at what `head` returned. */
  view: DataView
  #slab: Uint8Array
  /** Next free byte of the slab. What lies before it may be on its way to the socket. */
  #position = 0
  /** First byte of the slab that is not yet in `#pieces`. */
  #runStart = 0
  /** First head byte of the slab that is not yet in `#crc`. Invariant: at least `#runStart`. */
  #crcFrom = 0
  #crc = 0
  #pieces: Uint8Array[] = []
  /** Bytes of the frame in work; 0 between frames. */
  #frameBytes = 0
  #items = 0
  /** Where the frame's CRC goes. */
  #crcView: DataView
  #crcPosition = 0

  constructor() {
    this.#slab = new Uint8Array(slabBytes)
    this.view = viewOf(this.#slab)
    this.#crcView = this.view
  }

  /** Bytes of the frame in work, its CRC included; 0 when there is none. */
  get byteLength(): number {
    return this.#frameBytes
  }

  get items(): number {
    return this.#items
  }

  /** What the frame would take with one more item whose body has this many bytes. */
  sizeWith(bodyBytes: number): number {
    return Math.max(this.#frameBytes, frameCrcBytes) + itemHeadBytes + bodyBytes
  }

  /** Starts an item; exactly `bodyBytes` of heads and payloads must follow. */
  begin(kind: number, bodyBytes: number): void {
    if (bodyBytes > itemBytesMax) throw new Error(`item of ${bodyBytes} bytes`)
    if (this.#frameBytes === 0) {
      this.#crcPosition = this.#reserve(frameCrcBytes)
      this.#crcView = this.view
      this.#crcFrom = this.#position
      this.#crc = 0
    }
    // Reserving may change the view: first the position, then the view.
    const position = this.#reserve(itemHeadBytes)
    this.view.setUint32(position, kind * 0x100_0000 + bodyBytes)
    this.#items += 1
  }

  /** Room for the next `byteLength` bytes of head; returns their position in `view`. */
  head(byteLength: number): number {
    return this.#reserve(byteLength)
  }

  /** The head just reserved as bytes, for a writer of its own. */
  headBytes(position: number, byteLength: number): Uint8Array {
    return this.#slab.subarray(position, position + byteLength)
  }

  uint64(position: number, value: number): void {
    writeUint64(this.view, position, value)
  }

  /** Bytes by reference, not in the frame's CRC: what they hold has a checksum of its own. */
  payload(bytes: Chunks): void {
    if (bytes.byteLength === 0) return
    this.#hashHeads()
    for (const piece of bytes.pieces) {
      if (piece.byteLength < copyBelowBytes) {
        const position = this.#reservePayload(piece.byteLength)
        this.#slab.set(piece, position)
      } else {
        this.#closeRun()
        this.#pieces.push(piece)
        this.#frameBytes += piece.byteLength
      }
    }
    this.#crcFrom = this.#position
  }

  /** The frame in work; the next item begins another one. */
  finish(): Chunks {
    if (this.#frameBytes === 0) throw new Error('there is no frame to finish')
    this.#hashHeads()
    this.#closeRun()
    this.#crcView.setUint32(this.#crcPosition, this.#crc)
    const frame = { pieces: this.#pieces, byteLength: this.#frameBytes }
    this.#pieces = []
    this.#frameBytes = 0
    this.#items = 0
    return frame
  }

  #reserve(byteLength: number): number {
    if (this.#position + byteLength > this.#slab.byteLength) {
      if (this.#frameBytes > 0) this.#hashHeads()
      this.#newSlab(byteLength)
    }
    return this.#advance(byteLength)
  }

  #reservePayload(byteLength: number): number {
    if (this.#position + byteLength > this.#slab.byteLength) this.#newSlab(byteLength)
    return this.#advance(byteLength)
  }

  #advance(byteLength: number): number {
    const position = this.#position
    this.#position = position + byteLength
    this.#frameBytes += byteLength
    return position
  }

  #newSlab(byteLength: number): void {
    this.#closeRun()
    this.#slab = new Uint8Array(Math.max(slabBytes, byteLength))
    this.view = viewOf(this.#slab)
    this.#position = 0
    this.#runStart = 0
    this.#crcFrom = 0
  }

  #closeRun(): void {
    if (this.#position > this.#runStart) {
      this.#pieces.push(this.#slab.subarray(this.#runStart, this.#position))
      this.#runStart = this.#position
    }
  }

  #hashHeads(): void {
    if (this.#position > this.#crcFrom) {
      this.#crc = crc32c(this.#slab.subarray(this.#crcFrom, this.#position), this.#crc)
      this.#crcFrom = this.#position
    }
  }
}
