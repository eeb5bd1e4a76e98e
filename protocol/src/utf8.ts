// Strings in and out of byte fields: header names, node ids, subjects, control lines. Short ASCII,
// which is nearly everything, is handled without TextEncoder and TextDecoder, whose calls cost more
// than the work. Lone surrogates become U+FFFD on every way, so lengths agree with what is written.

import { allocate } from './bytes.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const strictDecoder = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true })

/** Up to here a loop is faster than a call into native code. */
const loopMaxWrite = 24
const loopMaxRead = 8

/** Works on any Uint8Array, not only on a Buffer. */
const { latin1Slice } = Buffer.prototype as unknown as {
  latin1Slice(this: Uint8Array, start: number, end: number): string
}

export function utf8ByteLength(text: string): number {
  if (text.length > loopMaxWrite) return Buffer.byteLength(text)
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) >= 0x80) return Buffer.byteLength(text)
  }
  return text.length
}

/** Writes `text` and returns the position after it. The caller made room by `utf8ByteLength`. */
export function writeUtf8(bytes: Uint8Array, position: number, text: string): number {
  if (text.length > loopMaxWrite) return writeEncoded(bytes, position, text)
  for (let index = 0; index < text.length; index++) {
    const character = text.charCodeAt(index)
    if (character >= 0x80) return writeEncoded(bytes, position, text)
    bytes[position + index] = character
  }
  return position + text.length
}

function writeEncoded(bytes: Uint8Array, position: number, text: string): number {
  return position + encoder.encodeInto(text, bytes.subarray(position)).written
}

/** Bytes of a string on their own. */
export function utf8Bytes(text: string): Uint8Array {
  const bytes = allocate(utf8ByteLength(text))
  writeUtf8(bytes, 0, text)
  return bytes
}

/** Malformed sequences become U+FFFD. */
export function readUtf8(bytes: Uint8Array, start: number, end: number): string {
  return readAscii(bytes, start, end) ?? decoder.decode(bytes.subarray(start, end))
}

/** `undefined` when the bytes are not UTF-8. */
export function readStrictUtf8(bytes: Uint8Array, start: number, end: number): string | undefined {
  const ascii = readAscii(bytes, start, end)
  if (ascii !== undefined) return ascii
  try {
    return strictDecoder.decode(bytes.subarray(start, end))
  } catch {
    return undefined
  }
}

function readAscii(bytes: Uint8Array, start: number, end: number): string | undefined {
  for (let position = start; position < end; position++) {
    if (bytes[position]! >= 0x80) return undefined
  }
  if (end - start > loopMaxRead) return latin1Slice.call(bytes, start, end)
  let text = ''
  for (let position = start; position < end; position++) {
    text += String.fromCharCode(bytes[position]!)
  }
  return text
}
