// Fixed fields and short strings of the binary requests: a writer that grows and a reader that
// refuses every read past the end with QUORATE_INVALID_REQUEST. Which message has which fields is
// written in api-codec.ts.

import { allocate, readInt64, readUint64, viewOf, writeInt64, writeUint64 } from './bytes.ts'
import { QuorateError } from './error.ts'
import { readUtf8, utf8ByteLength, writeUtf8 } from './utf8.ts'

const maxStringBytes = 0xffff

export class FieldWriter {
  #bytes: Uint8Array
  #view: DataView
  #position = 0

  /** `capacity` is a guess at the final size; a good one avoids a copy. */
  constructor(capacity: number) {
    this.#bytes = allocate(capacity)
    this.#view = viewOf(this.#bytes)
  }

  uint8(value: number): void {
    checkRange(value, 0xff)
    const start = this.#advance(1)
    this.#view.setUint8(start, value)
  }

  uint16(value: number): void {
    checkRange(value, 0xffff)
    const start = this.#advance(2)
    this.#view.setUint16(start, value)
  }

  uint32(value: number): void {
    checkRange(value, 0xffffffff)
    const start = this.#advance(4)
    this.#view.setUint32(start, value)
  }

  /** Within 2^53 - 1. */
  uint64(value: number): void {
    const start = this.#advance(8)
    writeUint64(this.#view, start, value)
  }

  /** Within ±(2^53 - 1). */
  int64(value: number): void {
    const start = this.#advance(8)
    writeInt64(this.#view, start, value)
  }

  string(text: string): void {
    const byteLength = utf8ByteLength(text)
    if (byteLength > maxStringBytes) {
      throw new QuorateError('QUORATE_INVALID_ARGUMENT', `string of ${byteLength} bytes`)
    }
    this.uint16(byteLength)
    const start = this.#advance(byteLength)
    writeUtf8(this.#bytes, start, text)
  }

  bytes(bytes: Uint8Array): void {
    const start = this.#advance(bytes.byteLength)
    this.#bytes.set(bytes, start)
  }

  /** What was written, by reference: the writer must not be used afterwards. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#position)
  }

  /** May replace bytes and view: call it before reading either. */
  #advance(byteLength: number): number {
    const start = this.#position
    const end = start + byteLength
    if (end > this.#bytes.byteLength) {
      const larger = allocate(Math.max(end, this.#bytes.byteLength * 2))
      larger.set(this.#bytes)
      this.#bytes = larger
      this.#view = viewOf(larger)
    }
    this.#position = end
    return start
  }
}

export class FieldReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #position = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = viewOf(bytes)
  }

  get remaining(): number {
    return this.#bytes.byteLength - this.#position
  }

  uint8(): number {
    return this.#view.getUint8(this.#advance(1))
  }

  uint16(): number {
    return this.#view.getUint16(this.#advance(2))
  }

  uint32(): number {
    return this.#view.getUint32(this.#advance(4))
  }

  uint64(): number {
    return this.#safe(readUint64)
  }

  int64(): number {
    return this.#safe(readInt64)
  }

  string(): string {
    const byteLength = this.uint16()
    const start = this.#advance(byteLength)
    return readUtf8(this.#bytes, start, start + byteLength)
  }

  #safe(read: (view: DataView, position: number) => number): number {
    const start = this.#advance(8)
    try {
      return read(this.#view, start)
    } catch (cause) {
      throw new QuorateError('QUORATE_INVALID_REQUEST', 'integer above 2^53 - 1', { cause })
    }
  }

  #advance(byteLength: number): number {
    const start = this.#position
    if (byteLength > this.remaining) {
      throw new QuorateError('QUORATE_INVALID_REQUEST', 'message is cut off')
    }
    this.#position = start + byteLength
    return start
  }
}

/** DataView would wrap around without a word. */
function checkRange(value: number, max: number): void {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new RangeError(`field of ${value}, at most ${max}`)
  }
}
