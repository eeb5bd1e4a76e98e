// Variable-length integers of Kafka's records, through Numbers only.
//
//   varint  = zigzag of an int32 in groups of 7 bits, lowest first, bit 7 set on all but the last
//   varlong = the same of an int64; here within ±(2^53 - 1)
//   zigzag  = n >= 0 ? 2n : -2n - 1

import { QuorateError } from './error.ts'

export function varintByteLength(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  if (zigzag < 0x80) return 1
  if (zigzag < 0x4000) return 2
  if (zigzag < 0x20_0000) return 3
  return zigzag < 0x1000_0000 ? 4 : 5
}

export function varlongByteLength(value: number): number {
  // Zigzag would need 54 bits: count the magnitude, whose first group holds 6 bits beside the sign.
  let rest = Math.floor((value >= 0 ? value : -value - 1) / 0x40)
  let byteLength = 1
  for (; rest > 0; rest = Math.floor(rest / 0x80)) byteLength += 1
  return byteLength
}

/** Returns the position after the value. */
export function writeVarint(bytes: Uint8Array, position: number, value: number): number {
  let zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  let at = position
  while (zigzag >= 0x80) {
    bytes[at++] = (zigzag & 0x7f) | 0x80
    zigzag >>>= 7
  }
  bytes[at++] = zigzag
  return at
}

/** Returns the position after the value. */
export function writeVarlong(bytes: Uint8Array, position: number, value: number): number {
  const magnitude = value >= 0 ? value : -value - 1
  let group = (magnitude % 0x40) * 2 + (value < 0 ? 1 : 0)
  let rest = Math.floor(magnitude / 0x40)
  let at = position
  while (rest > 0) {
    bytes[at++] = group | 0x80
    group = rest % 0x80
    rest = Math.floor(rest / 0x80)
  }
  bytes[at++] = group
  return at
}

/** Reads integers and runs of bytes; every read past the end is QUORATE_CORRUPT_BATCH. */
export class VarintReader {
  readonly bytes: Uint8Array
  position: number

  constructor(bytes: Uint8Array, position = 0) {
    this.bytes = bytes
    this.position = position
  }

  get remaining(): number {
    return this.bytes.length - this.position
  }

  byte(): number {
    const byte = this.bytes[this.position]
    if (byte === undefined) throw corrupt('records end early')
    this.position += 1
    return byte
  }

  varint(): number {
    let byte = this.byte()
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1)
    let zigzag = byte & 0x7f
    for (let shift = 7; shift < 35; shift += 7) {
      byte = this.byte()
      if (shift === 28 && byte > 0x0f) throw corrupt('integer above 32 bits')
      zigzag |= (byte & 0x7f) << shift
      if (byte < 0x80) break
    }
    return (zigzag >>> 1) ^ -(zigzag & 1)
  }

  varlong(): number {
    let byte = this.byte()
    const negative = (byte & 1) === 1
    let magnitude = (byte & 0x7f) >>> 1
    for (let scale = 0x40; byte >= 0x80; scale *= 0x80) {
      byte = this.byte()
      magnitude += (byte & 0x7f) * scale
      if (magnitude > Number.MAX_SAFE_INTEGER || scale > Number.MAX_SAFE_INTEGER) {
        throw corrupt('integer above 2^53 - 1')
      }
    }
    return negative ? -magnitude - 1 : magnitude
  }

  /** The next `byteLength` bytes by reference. */
  take(byteLength: number): Uint8Array {
    if (byteLength > this.remaining) throw corrupt('records end early')
    const start = this.position
    this.position = start + byteLength
    return this.bytes.subarray(start, this.position)
  }
}

function corrupt(detail: string): QuorateError {
  return new QuorateError('QUORATE_CORRUPT_BATCH', detail)
}
